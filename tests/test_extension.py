"""`hf augment` finds an installed hf-augment by the manifest that `hf-augment register` writes."""

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hf_augment.extension import NAME, manifest, register

ROOT = Path(__file__).parent.parent
PYTHON = Path(sys.executable)


@pytest.fixture
def home(tmp_path) -> dict[str, str]:
    """An environment with a home of its own, where `hf` looks for extensions, and a script beside a Python."""
    return {**os.environ, "HOME": str(tmp_path), "HF_HUB_DISABLE_UPDATE_CHECK": "1", "PYTHONPATH": str(ROOT)}


def hf(home: dict[str, str], *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "huggingface_hub.cli.hf", *words]
    return subprocess.run(command, env=home, capture_output=True, text=True, check=False)


def test_the_manifest_is_one_that_hf_reads(tmp_path):
    from huggingface_hub.cli.extensions import MANIFEST_FILENAME, ExtensionManifest

    now = datetime.now(UTC)
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / MANIFEST_FILENAME).write_text(json.dumps(manifest("/bin/x", now.isoformat())), encoding="utf-8")
    found = ExtensionManifest.load(folder)
    assert (found.short_name, found.executable_path, found.type) == ("augment", "/bin/x", "python")
    assert found.installed_at == now
    found.save(folder)
    assert json.loads((folder / MANIFEST_FILENAME).read_text()) == manifest("/bin/x", now.isoformat())


def test_what_hf_needs_of_the_project_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == NAME
    assert "version" in project  # static: an archive from GitHub has no git metadata to read one from
    assert project["scripts"][NAME] == "hf_augment.cli:main"
    assert not (ROOT / NAME).exists()  # a file of that name would be installed as a shell script
    said = next(line for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("description"))
    assert said.count('"') == 2  # what `hf` reads line by line


@pytest.mark.slow
def test_hf_augment_works_once_it_is_registered(home, tmp_path, monkeypatch):
    script = tmp_path / "bin" / NAME
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m hf_augment.cli "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    before = hf(home, "augment", "list")
    assert before.returncode != 0
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    root = tmp_path / ".local" / "share" / "hf" / "extensions"
    assert register(root) == root / NAME / "manifest.json"
    register(root)  # again, after an update
    monkeypatch.undo()
    done = hf(home, "augment", "list")
    assert done.returncode == 0, done.stderr
    assert "random_swap" in done.stdout
    refused = hf(home, "augment", "preview", "nowhere.yaml", "--set", "seed=1")
    assert refused.returncode == 2  # our exit code, and our arguments
    assert "error: No file 'nowhere.yaml'" in refused.stderr
    assert "augment" in hf(home, "--help").stdout
    assert "augment" in hf(home, "extensions", "list").stdout


def test_the_command_says_where_the_manifest_is(home, tmp_path):
    script = tmp_path / NAME
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    script.chmod(0o755)
    home["PATH"] = f"{tmp_path}:{home['PATH']}"  # for a Python that has no such script beside it
    command = [sys.executable, "-m", "hf_augment.cli", "register"]
    done = subprocess.run(command, env=home, cwd=ROOT, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)
    assert Path(done.stdout.strip()).is_file()


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A folder of extensions, with another installation's environment in ours."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / NAME).write_text("", encoding="utf-8")
    root = tmp_path / "extensions"
    (root / NAME / "venv").mkdir(parents=True)
    return root


def test_one_from_github_is_not_replaced(root):
    theirs = json.dumps({**manifest("/bin/x", "now"), "owner": "someone", "repo_id": "someone/hf-augment"})
    (root / NAME / "manifest.json").write_text(theirs, encoding="utf-8")
    with pytest.raises(FileExistsError, match="installed from someone/hf-augment already"):
        register(root)
    assert (root / NAME / "manifest.json").read_text(encoding="utf-8") == theirs


@pytest.mark.parametrize("held", ['{"owner": "us", "repo_id": "us/hf-aug', "[]", "{}", '{"owner": null}', "\xff"])
def test_one_whose_manifest_is_not_ours_to_read_is_not_replaced(held, root):
    file = root / NAME / "manifest.json"
    file.write_bytes(held.encode("latin-1"))
    with pytest.raises(
        FileExistsError, match=r"what hf-augment register did not write.*Run hf extensions remove augment"
    ):
        register(root)
    assert file.read_bytes() == held.encode("latin-1")


@pytest.mark.parametrize("before", [None, "ours"])
def test_a_manifest_that_hf_cannot_read_leaves_everything_as_it_was(before, root, monkeypatch):
    from huggingface_hub.cli.extensions import ExtensionManifest

    def refuse(folder: Path) -> None:
        raise TypeError("another form")

    file = root / NAME / "manifest.json"
    held = None
    if before:
        held = register(root).read_bytes()
    monkeypatch.setattr(ExtensionManifest, "load", refuse)
    with pytest.raises(RuntimeError, match="reads manifests of another form"):
        register(root)
    assert (file.read_bytes() if file.exists() else None) == held
    assert (root / NAME / "venv").is_dir()
    assert not list((root / NAME).glob("*.tmp"))


def test_without_a_script_it_is_said_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="There is no script hf-augment beside"):
        register(tmp_path / "extensions")
