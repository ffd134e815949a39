"""The names of all transforms, and how a spec becomes a transform."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any, get_args

from hf_augment.errors import unknown

TRANSFORMS = {
    "abstract": "hf_augment.transforms.abstract:Abstract",
    "adversarial": "hf_augment.transforms.adversarial:Adversarial",
    "antonym": "hf_augment.transforms.antonym:Antonym",
    "back_translate": "hf_augment.transforms.back_translate:BackTranslate",
    "case": "hf_augment.transforms.case:Case",
    "compose": "hf_augment.compose:Compose",
    "contraction": "hf_augment.transforms.contraction:Contraction",
    "eda": "hf_augment.transforms.eda:Eda",
    "entity_swap": "hf_augment.transforms.entity_swap:EntitySwap",
    "generate": "hf_augment.transforms.generate:Generate",
    "homoglyph": "hf_augment.transforms.homoglyph:Homoglyph",
    "infill": "hf_augment.transforms.infill:Infill",
    "keyboard": "hf_augment.transforms.keyboard:Keyboard",
    "masked_lm": "hf_augment.transforms.masked_lm:MaskedLM",
    "mention_swap": "hf_augment.transforms.mention_swap:MentionSwap",
    "noise_word": "hf_augment.transforms.noise_word:NoiseWord",
    "ocr": "hf_augment.transforms.ocr:Ocr",
    "one_of": "hf_augment.compose:OneOf",
    "prompt": "hf_augment.transforms.prompt:Prompt",
    "punctuation": "hf_augment.transforms.punctuation:Punctuation",
    "random_crop": "hf_augment.transforms.random_crop:RandomCrop",
    "random_delete": "hf_augment.transforms.random_delete:RandomDelete",
    "random_insert": "hf_augment.transforms.random_insert:RandomInsert",
    "random_swap": "hf_augment.transforms.random_swap:RandomSwap",
    "sentence_swap": "hf_augment.transforms.sentence_swap:SentenceSwap",
    "similar_sentence": "hf_augment.transforms.similar_sentence:SimilarSentence",
    "similar_word": "hf_augment.transforms.similar_word:SimilarWord",
    "sometimes": "hf_augment.compose:Sometimes",
    "spelling": "hf_augment.transforms.spelling:Spelling",
    "split_word": "hf_augment.transforms.split_word:SplitWord",
    "synonym": "hf_augment.transforms.synonym:Synonym",
    "tfidf": "hf_augment.transforms.tfidf:TfIdf",
    "translate": "hf_augment.transforms.translate:Translate",
    "typo": "hf_augment.transforms.typo:Typo",
}

_ADVICE = "For one of your own, write its import path: 'my_package.my_module:MyTransform'."


def transform_class(name: str) -> type:
    """Return the class behind a registry name or an import path such as `my_package.my_module:MyTransform`."""
    path = TRANSFORMS.get(name, name) if isinstance(name, str) else ""
    module, _, attribute = path.partition(":")
    if not module or not attribute:
        raise ValueError(unknown("transform", name, TRANSFORMS, _ADVICE))
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"Could not import the transform {name!r}: {error}. It is looked for in the environment of the running "
            "Python; install the package that holds it there, or check the path 'package.module:Class'."
        ) from error
    if not hasattr(found, "to_spec"):
        raise ValueError(f"{path} is no transform: expected a subclass of hf_augment.Transform, got {found!r}.")
    return found


def build(spec: Mapping[str, Any]) -> Any:
    """
    Make a transform from its spec, e.g. `build({"name": "random_swap", "rate": 0.1})`.

    Args:
        spec (`Mapping`): `name`, the transform's parameters, and, if it was written by `to_spec`, its `version`.
            A parameter that is itself a spec, or a list of specs, is built too.

    Raises:
        `ValueError`: Unknown name or parameter, or a version other than the installed one.
        `TypeError`: A parameter of the wrong type, or a spec that is no mapping.
    """
    if not isinstance(spec, Mapping) or "name" not in spec:
        raise TypeError(f"Expected a transform's spec such as {{'name': 'random_swap', 'rate': 0.1}}, got {spec!r}.")
    spec = dict(spec)
    name = spec.pop("name")
    cls = transform_class(name)
    version = spec.pop("version", cls.version)
    if version != cls.version:
        raise ValueError(
            f"The spec of {name!r} was written by its version {version}, installed is version {cls.version}, which "
            f"writes other texts. Install the release that wrote it, or drop 'version' to take the installed one."
        )
    parameters = [field.name for field in dataclasses.fields(cls)]
    for key in spec:
        if key not in parameters:
            raise ValueError(f"{name!r}: " + unknown("parameter", key, parameters))
    return cls(**spec)


def holds_transforms(expected: Any) -> bool:
    """Return whether a declared type is a transform, or a container of some."""
    return hasattr(expected, "to_spec") or any(map(holds_transforms, get_args(expected)))


def build_nested(value: Any) -> Any:
    """Make transforms of the specs in a value; transforms stay."""
    if isinstance(value, Mapping):
        return build(value) if "name" in value else {key: build_nested(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [build_nested(item) for item in value]
    return value
