"""The report in headless Chromium: how it is laid out, that it is quiet, and the review by keys."""

import json

import pytest

from hf_augment.selection.by_hand import read_decisions
from hf_augment.study.page import page
from tests import made_up_study, tiny_browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(tiny_browser.PATH is None, reason="needs the program chromium, which is not installed here"),
]

# Elements that reach beyond the screen, but for those that scroll in a box of their own.
BEYOND = """[...document.querySelectorAll("main *, header *")].filter((e) => {
  const box = e.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !e.closest(".scroll, pre, svg, .results thead, .unseen");
}).map((e) => e.outerHTML.slice(0, 200))"""

# The least contrast of a text with what lies behind it, over all that is seen, and where it is.
CONTRAST = """(() => {
  const light = (color) => {
    const part = color.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255);
    const [r, g, b] = part.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const opaque = (color) => !/, 0\\)$|transparent/.test(color);
  let least = [99, ""];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode()); ) {
    const of = node.parentElement;
    if (!node.data.trim() || !of.checkVisibility() || of.closest("script, title")) continue;
    let behind = of;
    while (behind && !opaque(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    const style = getComputedStyle(of);
    const front = light(of.closest("svg") ? style.fill : style.color);
    const back = light(getComputedStyle(behind ?? document.body).backgroundColor);
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < least[0]) least = [ratio, of.outerHTML.slice(0, 200)];
  }
  return least;
})()"""


@pytest.fixture(scope="module")
def browser():
    found = tiny_browser.Browser()
    yield found
    found.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The report of a study whose every kind of text is evil somewhere."""
    study = made_up_study.study()
    study["verdict"] += " " + made_up_study.EVIL[1]
    evil = dict(zip(("eda", "masked_lm"), made_up_study.EVIL, strict=False))
    written = json.dumps(study)
    for name, text in evil.items():
        written = written.replace(json.dumps(name), json.dumps(text))
    study = json.loads(written)
    study["selection"][made_up_study.EVIL[0]]["dropped"][made_up_study.EVIL[-1]] = 7
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(study), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_is_quiet_and_can_be_read(browser, file, width, dark):
    browser.open(file, width, dark=dark)
    assert browser.run("document.documentElement.scrollWidth") <= width
    browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(BEYOND) == []
    ratio, where = browser.run(CONTRAST)
    assert ratio >= 4.5, where
    assert browser.run("window.evil") is None
    assert browser.complaints() == []
    assert browser.requests() == [file.as_uri()]
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") != dark


def test_evil_text_is_shown_and_not_run(browser, file):
    browser.open(file, 1280)
    browser.run("document.querySelectorAll('.card').forEach((each) => { each.hidden = false; })")
    said = browser.run("document.body.innerText")
    for text in made_up_study.EVIL[:5]:
        assert text in said
    assert browser.run("document.scripts.length") == 2
    assert browser.run("document.querySelectorAll('img, iframe, [onload], [onerror], [onfocus]').length") == 0
    assert browser.run("window.evil") is None


def test_even_a_script_that_got_in_would_not_run(browser, file, tmp_path):
    broken = tmp_path / "report.html"
    html = file.read_text(encoding="utf-8")
    broken.write_text(html.replace("<main>", "<main><script>window.evil = 9</script>"), encoding="utf-8")
    browser.open(broken, 1280)
    assert browser.run("window.evil") is None
    assert "Content Security Policy" in json.dumps(browser.complaints())


def shown(browser) -> tuple[str, str, str]:
    return tuple(
        browser.run(f"document.querySelector('[data-part=\"{part}\"]').textContent")
        for part in ("where", "decided", "count")
    )


def cards(browser) -> list[int]:
    return browser.run(
        "[...document.querySelectorAll('.card')].flatMap((card, i) => (card.checkVisibility() ? [i] : []))"
    )


def test_the_keys_decide_and_the_file_is_what_select_reads(browser, file, tmp_path):
    browser.open(file, 1280)
    browser.run("localStorage.clear()")
    browser.open(file, 1280)
    ids = browser.run("JSON.parse(document.getElementById('review-data').textContent).ids")
    assert len(ids) == 17
    assert cards(browser) == [0]
    browser.press("a")  # outside the review no key decides
    assert shown(browser) == ("1 of 17", "not decided", "0 of 17 decided: 0 accepted, 0 rejected")
    browser.run("document.getElementById('review').focus()")
    for key in ("a", "r", "r", "u", "ArrowRight", "A", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        browser.press(key)
    assert cards(browser) == [1]
    assert shown(browser) == ("2 of 17", "rejected", "3 of 17 decided: 2 accepted, 1 rejected")

    browser.open(file, 390)  # what was decided is still there, and the first row without a decision is shown
    assert shown(browser) == ("3 of 17", "not decided", "3 of 17 decided: 2 accepted, 1 rejected")
    browser.run("document.getElementById('review').focus()")
    browser.press("u")  # nothing to take back on a row without a decision
    assert shown(browser)[2].startswith("3 of 17")
    browser.run("document.querySelector('[data-part=\"reject\"]').click()")
    assert cards(browser) == [3]

    browser.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.run("document.querySelector('[data-part=\"save\"]').click()")
    saved = tmp_path / "decisions.json"
    browser.wait(lambda: saved.is_file() and saved.read_text(encoding="utf-8").endswith("}\n"))
    found = read_decisions(saved)
    assert found.made_from == made_up_study.study()["review"]["made_from"]
    assert found.decisions == {ids[0]: "accept", ids[1]: "reject", ids[2]: "reject", ids[3]: "accept"}
    assert browser.complaints() == []
    assert {address.split(":")[0] for address in browser.requests()} <= {"file", "blob"}


def test_all_can_be_reached_with_the_keyboard(browser, file):
    browser.open(file, 1280)
    reached = set()
    for _ in range(60):
        browser.press("Tab")
        reached.add(browser.run("document.activeElement.id || document.activeElement.dataset.part || ''"))
        outline = browser.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", browser.run("document.activeElement.outerHTML.slice(0, 100)")
        if {"review", "accept", "reject", "next"} <= reached:
            return
    raise AssertionError(f"Sixty tabs reached only {sorted(reached)}.")


def test_without_scripts_all_rows_can_be_read(browser, file):
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(file, 1280)
        assert cards(browser) == list(range(17))
        assert not browser.run("document.querySelector('.buttons').checkVisibility()")
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


def test_what_is_printed_is_light_and_has_no_buttons(browser, file):
    browser.open(file, 1280, dark=True)
    browser.send("Emulation.setEmulatedMedia", media="print", features=[])
    try:
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not browser.run("document.querySelector('nav').checkVisibility()")
        browser.run("dispatchEvent(new Event('beforeprint'))")
        assert browser.run("[...document.querySelectorAll('details')].every((each) => each.open)")
    finally:
        browser.send("Emulation.setEmulatedMedia", media="", features=[])
