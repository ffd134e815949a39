"""The `preprocess` block: what is done to every text first."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreprocessConfig:
    """
    What is done to every text before anything else; nothing unless asked.

    Args:
        strip_html (`bool`): Take tags out and resolve entities; a bare `<` stays.
        unicode_nfc (`bool`): Compose characters (Unicode NFC).
        whitespace (`bool`): One space for each run of white space, none at the ends.
        lower_case (`bool`): Lower-case.
    """

    strip_html: bool = False
    unicode_nfc: bool = False
    whitespace: bool = False
    lower_case: bool = False
