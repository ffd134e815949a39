"""Makes `hf augment` run an installed hf-augment: `hf` looks for extensions in a folder of its own."""

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hf_augment.record import read_json, write_json

NAME = "hf-augment"
OWNER = "local"  # no owner on GitHub: this one was not installed from there


def register(root: Path | None = None) -> Path:
    """
    Write the manifest by which `hf augment ...` finds this installation.

    Args:
        root (`Path`, *optional*): The folder of extensions; by default that of the installed `huggingface_hub`.

    Returns:
        `Path`: The manifest.

    Raises:
        `FileNotFoundError`: No script `hf-augment` belongs to this Python.
        `FileExistsError`: The extension was installed from GitHub by `hf extensions install`, or nobody can tell.
        `RuntimeError`: The installed `huggingface_hub` has no extensions, or would not read the manifest.
    """
    script = Path(sys.executable).with_name(NAME)
    found = str(script) if script.is_file() else shutil.which(NAME)
    if not found:
        raise FileNotFoundError(
            f"There is no script {NAME} beside {sys.executable}. Install it there: {sys.executable} -m pip install "
            "hf-augment."
        )
    root = root or _root()
    file = root / NAME / "manifest.json"
    held = file.read_bytes() if file.exists() else None
    if held is not None:
        _refuse_foreign(file)
    write_json(file, manifest(found, datetime.now(UTC).isoformat()))
    try:
        _check(file)
    except Exception:
        if held is None:
            file.unlink()
        else:
            file.write_bytes(held)
        raise
    return file


def manifest(script: str, now: str) -> dict[str, Any]:
    """
    Return what `hf` reads of an extension.

    Args:
        script (`str`): What it runs.
        now (`str`): The time, in ISO 8601.
    """
    return {
        "owner": OWNER,
        "repo": NAME,
        "repo_id": f"{OWNER}/{NAME}",
        "short_name": NAME.removeprefix("hf-"),
        "executable_path": script,
        "type": "python",
        "installed_at": now,
        "description": "Text data augmentation with language models",
        "commit_sha": None,
    }


def _root() -> Path:
    try:
        from huggingface_hub.cli.extensions import EXTENSIONS_ROOT
    except ImportError as error:
        raise RuntimeError(
            "The installed huggingface_hub has no extensions that we know. Call hf-augment itself, or upgrade it: "
            "pip install -U huggingface_hub."
        ) from error
    return Path(EXTENSIONS_ROOT).expanduser()


def _refuse_foreign(file: Path) -> None:
    """Raise a `FileExistsError` if a manifest is not ours, or damaged: then another installation may lie beside it."""
    held = read_json(file)
    if isinstance(held, dict) and (held.get("owner"), held.get("repo")) == (OWNER, NAME):
        return
    known = isinstance(held, dict) and held.get("repo_id")
    said = (
        f"hf augment is installed from {known} already" if known else f"{file} is what {NAME} register did not write"
    )
    raise FileExistsError(f"{said}. Run hf extensions remove augment first.")


def _check(file: Path) -> None:
    """Let `hf`'s own reader read the manifest: its format is not a public one."""
    from huggingface_hub.cli.extensions import ExtensionManifest

    try:
        ExtensionManifest.load(file.parent)
    except Exception as error:
        raise RuntimeError(
            f"The installed huggingface_hub reads manifests of another form ({error}). Call hf-augment itself."
        ) from error
