"""Where the checkpoint of a classifier lies: the default sentence encoder is found as selection finds it."""

from pathlib import Path

from hf_augment.engine.encoder import ENCODER, locate_encoder
from hf_augment.engine.resources import identity, locate


def locate_classifier(reference: str, revision: str | None = None) -> Path:
    """
    Find the folder of a checkpoint.

    Args:
        reference (`str`): As for `locate`; the default encoder of selection needs no Hub where it is installed.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.
    """
    if reference == ENCODER:
        return locate_encoder(reference, revision)
    return locate(reference, revision)


def classifier_identity(classifier: str, encoder: str, revision: str | None = None) -> str:
    """
    Return what decides a classifier before it is trained; what the LSTM and `"seq2seq"` know comes from the rows.

    Args:
        classifier (`str`): `"lstm"`, `"features"`, `"seq2seq"`, or as for `locate_classifier`.
        encoder (`str`): What `"features"` embeds with.
        revision (`str`, *optional*): A commit, branch or tag on the Hub.
    """
    if classifier in ("lstm", "seq2seq"):
        return classifier
    if classifier == "features":
        return f"features of {identity(str(locate_encoder(encoder, revision)))}"
    return identity(str(locate_classifier(classifier, revision)))
