import asyncio
import json
import os
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
from datasets import Dataset, load_from_disk

from hf_augment import Augment, Prompt
from hf_augment.candidates import augment
from hf_augment.engine import endpoint as endpoint_module
from hf_augment.engine.servers import key_for, retry_after
from hf_augment.recipe import load_recipe
from hf_augment.run import start_record
from hf_augment.streams import row_key, stream
from hf_augment.transform import Declined, Row, Written, for_now
from tests.faulty_proxy import ALL_TEN_PERCENT, completion, obedient, serve

SECRET = "sk-very-secret-key"


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", os.environ)  # map(num_proc=2) leaves a copy, which no monkeypatch puts right
    monkeypatch.setattr(endpoint_module, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(endpoint_module, "LONGEST_WAIT", 0.002)
    monkeypatch.setenv("HF_AUGMENT_CACHE", str(tmp_path / "cache"))
    for name in ("HF_AUGMENT_API_KEY", "OPENAI_API_KEY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def rows(count: int) -> list[Row]:
    return [Row(f"This is the row with the number {i}.", "positive" if i % 2 else "negative") for i in range(count)]


def write(prompt: Prompt, given: list[Row]) -> list:
    return prompt.apply(given, [stream(0, "prompt", row_key(row.text), 1) for row in given])


def ask(url: str, count: int = 1, **settings) -> list:
    return write(Prompt(model="m", endpoint=url, **{"retries": 3, "timeout": 20.0, **settings}), rows(count))


def always(*answer):
    return lambda body: answer if len(answer) > 1 else answer[0]


def test_every_row_gets_its_answer_and_as_many_are_asked_at_once_as_allowed(monkeypatch):
    barrier = threading.Barrier(3, timeout=20)  # three have to be there at the same time, or nobody gets on
    outcome, together, most = endpoint_module._Run._outcome, [], []

    def answer(body):
        barrier.wait()
        return obedient(body)

    async def watched(self, conversation):
        together.append(conversation)
        most.append(len(together))
        found = await outcome(self, conversation)
        together.remove(conversation)
        return found

    monkeypatch.setattr(endpoint_module._Run, "_outcome", watched)
    with serve(answer) as (url, server):
        found = ask(url, 24, concurrency=3)
    assert len({outcome.text for outcome in found}) == 24
    assert {type(outcome) for outcome in found} == {Written}
    assert max(most) == 3
    assert len(server.bodies) == 24


def test_what_is_sent():
    with serve(obedient) as (url, server):
        ask(url, 2, temperature=0.5, top_p=0.9, max_new_tokens=30, extra={"stop": ["\n"], "top_k": 5})
        ask(url, 1, extra={"seed": None, "temperature": None})
    body = server.bodies[0]
    assert body["model"] == "m"
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.5, 0.9, 30)
    assert (body["stop"], body["top_k"]) == (["\n"], 5)
    assert "stream" not in body or body["stream"] is False
    assert body["messages"][-1]["role"] == "user"
    assert len({body["seed"] for body in server.bodies[:2]}) == 2
    assert not {"seed", "temperature"} & set(server.bodies[2])


FAULTY = 60


@pytest.mark.slow
def test_with_all_faults_no_row_is_lost_none_doubled_and_none_asked_again(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    given = Dataset.from_dict({"text": [row.text for row in rows(FAULTY)], "id": list(range(FAULTY))})
    given.save_to_disk(tmp_path / "rows")
    given = load_from_disk(tmp_path / "rows")
    with serve(obedient, ALL_TEN_PERCENT) as (url, server):
        prompt = Prompt(model="m", endpoint=url, timeout=1.5, retries=20, concurrency=32)
        augment = Augment(prompt, text="text", copies=2)
        first = given.map(augment, batched=True, batch_size=30, load_from_cache_file=False)[:]
        calls = len(server.bodies)
        second = given.map(augment, batched=True, batch_size=17, load_from_cache_file=False)[:]
        assert len(server.bodies) == calls, "the second run asked the server"
        spent = prompt.spent()
    assert second == first
    assert Counter(zip(first["id"], first["copy"], strict=True)) == {
        (i, c): 1 for i in range(FAULTY) for c in range(3)
    }
    assert set(first["declined"]) == {""}
    assert len(set(first["text"])) == 3 * FAULTY
    assert min(server.happened.values()) > 0
    assert len(server.happened) == 5, server.happened
    failed = server.happened.total() - server.happened["answered"]
    assert spent["retries"] >= failed, "more on a busy machine, where an answer may come too late"
    assert (spent["calls"], spent["repairs"]) == (2 * FAULTY + spent["retries"], 0)
    assert spent["prompt_tokens"] == 100 * 2 * FAULTY


@pytest.mark.slow
def test_two_processes_share_what_they_were_told(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    given = Dataset.from_dict({"text": [row.text for row in rows(40)]})
    with serve(obedient) as (url, server):
        prompt = Prompt(model="m", endpoint=url)
        augment = Augment(prompt, text="text")
        found = given.map(augment, batched=True, batch_size=10, num_proc=2)
        assert set(found["declined"]) == {""}
        assert len(server.bodies) == 40
        assert given.map(augment, batched=True)["text"][:] == found["text"][:]
        assert len(server.bodies) == 40
        assert prompt.spent()["prompt_tokens"] == 40 * 100


def test_the_url_is_no_part_of_the_identity_and_the_revision_is(monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    with serve(obedient) as (one, server), serve(obedient) as (other, elsewhere):
        found = ask(one, 3)
        assert ask(other, 3, concurrency=2, retries=1, timeout=5.0) == found
        assert not elsewhere.bodies
        ask(other, 3, revision="2026-11")
        assert len(elsewhere.bodies) == 3
    assert one not in json.dumps(Prompt(model="m", endpoint=one).identity())
    assert len(server.bodies) == 3


def test_a_running_event_loop_is_no_obstacle():
    async def notebook(url):
        return ask(url, 3)

    with serve(obedient) as (url, _):
        assert {type(outcome) for outcome in asyncio.run(notebook(url))} == {Written}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (always(429, {}, b"slow down"), "status 429"),
        (always(503, {}, b""), "status 503"),
        (always(200, {}, b'{"choices": [{"mess'), "a broken answer or connection (JSONDecodeError)"),
        (always(200, {}, b'{"error": "the model is loading"}'), "a broken answer or connection"),
        (always(200, {}, b"[]"), "a broken answer or connection"),
    ],
)
def test_what_stays_broken_is_declined_and_asked_again_next_time(monkeypatch, answer, reason):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    with serve(answer) as (url, server):
        (outcome,) = ask(url, retries=2)
        assert outcome.passing
        assert outcome.reason.startswith(f"for now: the endpoint did not answer: {reason}")
        assert len(server.bodies) == 3
        server.answer = obedient
        assert isinstance(ask(url, retries=2)[0], Written)


@pytest.mark.slow
def test_silence_ends_after_the_timeout():
    with serve(obedient, {"silent": 1.0}) as (url, _):
        prompt = Prompt(model="m", endpoint=url, retries=1, timeout=1.5)
        assert write(prompt, rows(1)) == [for_now("the endpoint did not answer: nothing within 1.5 s")]
        assert prompt.spent()["calls"] == 2


def test_nobody_there():
    with serve(obedient) as (url, _):
        pass
    (outcome,) = ask(url, retries=1)
    assert outcome == for_now("the endpoint did not answer: a broken answer or connection (ConnectError)")


def test_an_endpoint_that_answers_nobody_stops_the_run_and_keeps_what_it_said(monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    monkeypatch.setattr(endpoint_module._Run, "stop", lambda self: None)  # as late as a thread can be
    seen = Counter()

    def answer(body):
        seen["questions"] += 1
        return obedient(body) if seen["questions"] <= 5 else (500, {}, b"")

    with serve(answer) as (url, server):
        with pytest.raises(
            ConnectionError, match=r"did not answer 10 rows in a row \(status 500\).*run the same again"
        ):
            ask(url, 30, concurrency=1, retries=0)
        assert len(server.bodies) == 15
        server.answer = obedient
        assert {type(outcome) for outcome in ask(url, 30, concurrency=1, retries=0)} == {Written}
        assert len(server.bodies) == 15 + 25


def test_answers_that_come_beside_an_error_are_kept(monkeypatch):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    monkeypatch.setattr(endpoint_module._Run, "stop", lambda self: None)  # so that all of them come after it

    def answer(body):
        return (401, {}, b"no") if "number 0." in body["messages"][0]["content"] else obedient(body)

    with serve(answer) as (url, server):
        with pytest.raises(PermissionError):
            ask(url, 6, concurrency=6)
        assert len(server.bodies) == 6
        server.answer = obedient
        ask(url, 6)
        assert len(server.bodies) == 7


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (
            401,
            {"error": {"message": f"Incorrect API key provided: {SECRET}"}},
            PermissionError,
            r"\(401\).*: \*\*\* Set",
        ),
        (403, {"detail": "not for you"}, PermissionError, r"\(403\): not for you Set HF_AUGMENT_API_KEY to a key"),
        (404, {"message": "no such model"}, ValueError, r"\(404\): no such model Check the URL .* 'm'"),
        (
            400,
            {"error": {"message": "unknown field 'seed'"}},
            ValueError,
            r"unknown field 'seed' .*None leaves it out",
        ),
        (418, "I am a teapot", ValueError, r"\(418\): I am a teapot"),
    ],
)
def test_a_refusal_stops_the_run_and_says_what_the_server_said(monkeypatch, status, body, kind, message):
    monkeypatch.setenv("HF_AUGMENT_API_KEY", SECRET)
    content = (json.dumps(body) if isinstance(body, dict) else body).encode()
    with serve(always(status, {}, content)) as (url, server):
        with pytest.raises(kind, match=message) as caught:
            ask(url, 3, concurrency=1)
        assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_row_that_the_server_will_not_take_is_declined_and_the_others_go_on():
    def answer(body):
        if "number 0." in body["messages"][0]["content"]:
            return 400, {}, b'{"error": {"message": "maximum context length is 10 tokens"}}'
        return obedient(body)

    with serve(answer) as (url, server):
        alone = ask(url, 1)
        assert len(server.bodies) == 2, "the row, and a question that any server takes"
        first, *others = ask(url, 5, concurrency=1)
    refused = Declined("the endpoint refused the row: maximum context length is 10 tokens", passing=True)
    assert alone == [refused]
    assert first == refused
    assert {type(outcome) for outcome in others} == {Written}


def test_retry_after_is_honoured_by_all_rows(monkeypatch):
    waits, seen, clock = [], Counter(), Counter()
    sleep = asyncio.sleep

    async def note(seconds):
        waits.append(seconds)
        clock["ahead"] += seconds
        await sleep(0)

    def answer(body):
        seen["questions"] += 1
        return (429, {"Retry-After": "30"}, b"") if seen["questions"] == 1 else obedient(body)

    monkeypatch.setattr(endpoint_module, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": note}))
    monkeypatch.setattr(endpoint_module, "time", SimpleNamespace(monotonic=lambda: clock["ahead"]))
    with serve(answer) as (url, _):
        found = ask(url, 2, concurrency=1)
    assert {type(outcome) for outcome in found} == {Written}
    assert any(29 < wait <= 33 for wait in waits), waits


def test_a_wait_of_hours_is_left_to_the_next_run():
    with serve(always(429, {"Retry-After": "7200"}, b"")) as (url, server):
        (outcome,) = ask(url, 1)
        assert outcome == for_now("the endpoint did not answer: status 429")
        assert len(server.bodies) == 1


def test_the_same_recipe_again_asks_for_what_the_server_did_not_answer(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_AUGMENT_REMEMBER", "1")
    lines = "".join(f"A text with the number {i}.,{'ab'[i % 2]}\n" for i in range(8))
    (tmp_path / "rows.csv").write_text("text,label\n" + lines, encoding="utf-8")
    down = lambda body: (500, {}, b"") if any(f"number {i}" in str(body) for i in (1, 3, 5, 7)) else obedient(body)  # noqa: E731
    with serve(down) as (url, server):
        (tmp_path / "ask.yaml").write_text(
            f"output: {tmp_path}/out\ndata: {{path: {tmp_path}/rows.csv, validation_share: 0.25, test_split: null}}\n"
            f"augment: {{pipeline: [{{name: prompt, model: m, endpoint: '{url}', retries: 0}}]}}\n",
            encoding="utf-8",
        )

        def run() -> list[str]:
            recipe = load_recipe(str(tmp_path / "ask.yaml"))
            dataset = augment(recipe, start_record(recipe, str(tmp_path / "ask.yaml"), []))
            return [reason for reason in dataset["train"]["declined"] if reason]

        assert run() == ["for now: the endpoint did not answer: status 500"] * 3  # the fourth is for validation
        server.answer = obedient
        asked = len(server.bodies)
        assert run() == []
        assert len(server.bodies) == asked + 3
        run()
        assert len(server.bodies) == asked + 3


def test_retry_after_comes_as_a_number_or_a_date():
    assert retry_after(None) is None
    assert retry_after("1.5") == 1.5
    assert retry_after("-3") == 0
    assert retry_after("soon") is None
    assert retry_after("inf") is None
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("Wed, 21 Oct 2399 07:28:00 GMT") > 1e9


def test_an_answer_that_cannot_be_read_is_asked_for_once_more():
    def answer(body):
        return obedient(body) if len(body["messages"]) > 1 else completion("Sure! Here is a text.")

    with serve(answer) as (url, server):
        (outcome,) = ask(url)
        assert isinstance(outcome, Written)
    first, second = server.bodies
    assert second["messages"][:-2] == first["messages"]
    said, complaint = second["messages"][-2:]
    assert said == {"role": "assistant", "content": "Sure! Here is a text."}
    assert complaint["content"].startswith("The answer holds no JSON object. Answer again")
    assert second["seed"] != first["seed"]


def test_and_then_declined(caplog):
    caplog.set_level("INFO", "hf_augment")
    with serve(always(completion("Sure! Here is a text."))) as (url, server):
        prompt = Prompt(model="m", endpoint=url)
        assert write(prompt, rows(1)) == [Declined("the answer holds no JSON object")]
        assert len(server.bodies) == 2
        spent = prompt.spent()
        assert (spent["calls"], spent["repairs"], spent["retries"]) == (2, 1, 0)
        assert (spent["prompt_tokens"], spent["completion_tokens"]) == (200, 40)
    assert "m took 2 calls (0 retries, 1 repairs), 200 prompt and 40 completion tokens" in caplog.text


def test_answers_without_content_or_count():
    with serve(always(completion(None, "length", None))) as (url, server):
        prompt = Prompt(model="m", endpoint=url)
        assert write(prompt, rows(1)) == [Declined("the answer was cut before its end")]
        assert prompt.spent()["uncounted"] == 2
        assert server.bodies[1]["messages"][-2]["content"] == "{}"


def test_counts_survive_the_process_and_add_up():
    with serve(obedient) as (url, _):
        prompt = Prompt(model="m", endpoint=url)
        write(prompt, rows(3))
        write(prompt, rows(2))
        assert Prompt(model="m", endpoint="http://localhost:1").spent()["calls"] == 5
        assert Prompt(model="other", endpoint=url).spent()["calls"] == 0


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://router.huggingface.co/v1", "hf_login"),
        ("https://huggingface.co/api", "hf_login"),
        ("http://router.huggingface.co/v1", None),
        ("https://huggingface.co.evil.org/v1", None),
        ("https://evilhuggingface.co/v1", None),
        ("https://someone.hf.space/v1", None),
        ("https://api.openai.com/v1", "sk-openai"),
        ("http://api.openai.com/v1", None),
        ("https://api.openai.com@evil.org/v1", None),
        ("http://127.0.0.1:8000/v1", None),
    ],
)
def test_no_key_goes_where_it_does_not_belong(monkeypatch, url, key):
    monkeypatch.setenv("HF_TOKEN", "hf_login")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    assert key_for(url) == key
    monkeypatch.setenv("HF_AUGMENT_API_KEY", "mine")
    assert key_for(url) == "mine"


def test_the_login_of_the_hub_stays_at_home(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_login")
    with serve(obedient) as (url, server):
        ask(url)
    assert "hf_login" not in str(server.headers)


def test_stopping_early_lets_go_of_the_rest():
    def answer(body):
        if len(server.bodies) > 5:
            server.closed.wait(60)  # so that a reader who is late stops early all the same
        return obedient(body)

    with serve(answer) as (url, server):
        prompt = Prompt(model="m", endpoint=url, concurrency=1)
        given = rows(200)
        writing = prompt.write(given, [stream(0, "prompt", row_key(row.text), 1) for row in given])
        next(writing)
        writing.close()
        assert "hf_augment.endpoint" not in {thread.name for thread in threading.enumerate()}
        assert len(server.bodies) <= 6
