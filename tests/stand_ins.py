"""Models for golden cases that nothing embedded can play: `"stand_in:NAME"` in a case's parameters is made on the spot."""

import importlib
import os
from pathlib import Path
from typing import Any

PREFIX = "stand_in:"
MAKERS: dict[str, str] = {  # name → "module:function"; the function writes a folder, equal bytes each time
    "wavering": "tests.tiny_classifier:wavering",
    "chat": "tests.tiny_chat:chat",
    "chat_pool": "tests.tiny_chat:pool",
    "mentions": "tests.tiny_pool:mentions",
    "pool_encoder": "tests.tiny_pool:encoder",
    "similar_pool": "tests.tiny_pool:pool",
    "tfidf_table": "tests.tiny_pool:table",
    "translator": "tests.tiny_seq2seq:translator",
    "back_translator": "tests.tiny_seq2seq:back_translator",
    "abstractor": "tests.tiny_chains:abstractor",
    "infiller": "tests.tiny_chains:infiller",
    "tiny_bert": "tests.tiny_masked:bert",
}


def resolve(params: Any) -> Any:
    """Replace every stand-in in a case's parameters by the folder that holds it, made once a test run."""
    if isinstance(params, dict):
        return {name: resolve(value) for name, value in params.items()}
    if isinstance(params, list):
        return [resolve(value) for value in params]
    if isinstance(params, str) and params.startswith(PREFIX):
        return str(_made(params.removeprefix(PREFIX)))
    return params


def _made(name: str) -> Path:
    folder = Path(os.environ["HF_HOME"]) / "stand_ins" / name
    if not folder.exists():
        module, _, function = MAKERS[name].partition(":")
        unfinished = folder.with_name(f"{name}.{os.getpid()}")
        unfinished.mkdir(parents=True)
        getattr(importlib.import_module(module), function)(unfinished)
        unfinished.rename(folder)
    return folder
