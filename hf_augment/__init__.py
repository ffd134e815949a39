"""Text data augmentation with language models, native to Hugging Face datasets."""

from typing import TYPE_CHECKING

from hf_augment.registry import TRANSFORMS, build

if TYPE_CHECKING:
    from hf_augment.augment import Augment
    from hf_augment.blocks import SelectConfig
    from hf_augment.edits import Edit, EditTransform
    from hf_augment.model_transform import ModelEditTransform, ModelTransform
    from hf_augment.planning import plan
    from hf_augment.publish.pushing import push
    from hf_augment.selection.select import select
    from hf_augment.transform import Declined, Row, Transform, Written

__version__ = "0.1.0"

_CORE = {
    "Augment": "hf_augment.augment",
    "Declined": "hf_augment.transform",
    "Edit": "hf_augment.edits",
    "EditTransform": "hf_augment.edits",
    "ModelEditTransform": "hf_augment.model_transform",
    "ModelTransform": "hf_augment.model_transform",
    "Row": "hf_augment.transform",
    "SelectConfig": "hf_augment.blocks",
    "Transform": "hf_augment.transform",
    "Written": "hf_augment.transform",
    "plan": "hf_augment.planning",
    "push": "hf_augment.publish.pushing",
    "select": "hf_augment.selection.select",
}
_HOME = {**_CORE, **{path.split(":")[1]: path.split(":")[0] for path in TRANSFORMS.values()}}

__all__ = ["TRANSFORMS", "build", *_HOME]  # noqa: PLE0604 - names, read from the registry


def __getattr__(name: str):
    # Imported at first use, so that `import hf_augment` and the command line start at once.
    if name not in _HOME:
        raise AttributeError(f"module 'hf_augment' has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__():
    return sorted({*globals(), *_HOME})
