"""What stands behind a reference to a model: where it lies, what it is, and one copy of it a process."""

import functools
import hashlib
import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from hf_augment.engine.digests import check_sums, file_identity
from hf_augment.engine.prompt import PROMPT_FILE, PromptFormat
from hf_augment.errors import unknown

EMBEDDED = "embedded:"
SHELF = Path(__file__).parent.parent / "embedded"
_PIECES = ("*.model", "*.spm", "bpe.codes")  # SentencePiece and the like; Marian has a source.spm and a target.spm
_FETCHED = ("*.json", "*.safetensors", "*.txt", *_PIECES, "chat_template.jinja")  # never a pickle, never code
DECISIVE = (
    *("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", PROMPT_FILE),
    *("tokenizer*.json", "vocab.*", "*vocab*.json", "merges.txt", "special_tokens_map.json", "added_tokens.json"),
    *_PIECES,
    "chat_template.jinja",
)


class CausalLM(NamedTuple):
    """
    A causal language model, ready to write.

    Args:
        model (`PreTrainedModel`): In evaluation mode, in fp32.
        tokenizer (`PreTrainedTokenizerBase`): Its tokenizer.
        prompt ([`PromptFormat`], *optional*): How it was asked in training; `None` for a model not trained by us.
    """

    model: Any
    tokenizer: Any
    prompt: PromptFormat | None


_loaded: dict[tuple[str, str], CausalLM] = {}


def locate(reference: str, revision: str | None = None) -> Path:
    """
    Find the folder behind a reference, downloading it if it is on the Hub.

    Args:
        reference (`str`): `embedded:NAME`, a folder, or the id of a model on the Hub, of which only weights in
            safetensors, configuration and tokenizer are fetched.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `FileNotFoundError`: Nothing is there.
        `ValueError`: What ships with the package is not as it was shipped.
    """
    if reference.startswith(EMBEDDED):
        return _embedded(reference)
    folder = Path(reference).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise NotADirectoryError(
            f"{reference!r} is a file. Expected the folder that holds it: {str(folder.parent)!r}."
        )
    return _fetch(reference, revision)


def _embedded(reference: str) -> Path:
    folders = sorted(path.name for path in SHELF.iterdir() if path.is_dir() and path.name[0] not in "._")
    name = reference.removeprefix(EMBEDDED)
    if name not in folders:
        raise FileNotFoundError(unknown("embedded resource", reference, [EMBEDDED + folder for folder in folders]))
    check_sums(SHELF / name, DECISIVE)
    return SHELF / name


@functools.lru_cache(maxsize=256)  # a branch stands still while a process runs, and hashing an Augment asks no server
def _fetch(reference: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    from huggingface_hub.utils import validate_repo_id

    nothing = f"There is no folder {reference!r} (looked in {str(Path.cwd())!r}), and "
    if reference.count("/") > 1 or reference.startswith((".", "~")) or "\\" in reference:
        raise FileNotFoundError(nothing + "no model on the Hub has such a name. Check the path, or train it first.")
    try:
        validate_repo_id(reference)
        found = snapshot_download(reference, revision=revision, allow_patterns=_FETCHED, ignore_patterns=["*/*"])
    except HFValidationError as error:
        raise FileNotFoundError(nothing + f"it is no name of a model on the Hub: {error}") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        at = "" if revision is None else f" at revision {revision!r}"
        raise FileNotFoundError(
            nothing + f"no model of that name{at} came from the Hub: {' '.join(str(error).split())} Check the path or "
            "the id; for a private model, log in with `hf auth login`."
        ) from error
    return Path(found)


def identity(reference: str, revision: str | None = None) -> str:
    """
    Return the SHA-256 of what decides a model's outputs: equal for a folder, its copy, and its copy on the Hub.

    Weights, configuration, tokenizer and prompt format count, by name and content; README, training records,
    checkpoints and other subfolders do not. In a folder without `config.json`, which is no model (a retrieval
    pool), every file counts but the README.

    Args:
        reference (`str`): As for `locate`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Returns:
        `str`: 64 hexadecimal digits.
    """
    folder = locate(reference, revision)
    names = [name for name in sorted(os.listdir(folder)) if not name.startswith(".") and name != "README.md"]
    if "config.json" in names:
        names = [name for name in names if any(fnmatchcase(name, pattern) for pattern in DECISIVE)]
    files = [(name, folder / name) for name in names if (folder / name).is_file()]
    if not files:
        raise FileNotFoundError(f"The folder {str(folder)!r} of {reference!r} is empty. Train or download it again.")
    whole = hashlib.sha256()
    for name, file in files:
        whole.update(f"{name}\0{file_identity(file)}\n".encode())
    return whole.hexdigest()


def load_causal_lm(reference: str, revision: str | None = None) -> CausalLM:
    """
    Load a causal language model in fp32, once for each content and process; forked workers find their parent's.

    Args:
        reference (`str`): As for `locate`.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.

    Raises:
        `FileNotFoundError`: Nothing is there, or no weights in safetensors are.
    """
    one_thread_in_workers()
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    key = (identity(reference, revision), device)
    if key not in _loaded:
        _loaded[key] = _load(locate(reference, revision), device)
    return _loaded[key]


def _load(folder: Path, device: str) -> CausalLM:
    model, tokenizer = read_lm(folder)
    return CausalLM(model.to(device).eval(), tokenizer, PromptFormat.load(folder))


def read_lm(folder: Path, objective: str = "causal") -> tuple[Any, Any]:
    """
    Read model and tokenizer from a folder: in fp32, from safetensors only, and without running code that lies there.

    Args:
        folder (`Path`): Where they lie.
        objective (`str`, *optional*, defaults to `"causal"`): `"causal"` or `"masked"`.

    Raises:
        `FileNotFoundError`: The folder holds no weights in safetensors.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

    require_safetensors(folder)
    safely = {"trust_remote_code": False, "local_files_only": True}
    kind = AutoModelForMaskedLM if objective == "masked" else AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, **safely)
    return model, AutoTokenizer.from_pretrained(folder, **safely)


def require_safetensors(folder: Path) -> None:
    """Raise a `FileNotFoundError` if a folder holds no weights in safetensors, and say what it holds."""
    if not any(folder.glob("*.safetensors")):
        raise FileNotFoundError(
            f"The folder {str(folder)!r} holds no weights in safetensors, the one format that we load, because the "
            f"others can run code. It holds {sorted(os.listdir(folder))}. Convert them with "
            "https://huggingface.co/spaces/safetensors/convert or model.save_pretrained(folder)."
        )


def one_thread_in_workers() -> None:
    """
    Leave torch one thread in a worker of `Dataset.map`; to be called before its first operation there.

    A forked worker waits for ever for the threads of its parent, which were not forked with it, and several workers
    that each take all cores are slower than one thread each.
    """
    import multiprocess  # what datasets forks with; the standard library's module does not see those workers

    if multiprocess.parent_process() is not None:
        import torch

        torch.set_num_threads(1)
