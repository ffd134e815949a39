"""The `preprocess` block: what is done to every text first."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreprocessConfig:
    """
    What is done to every text before anything else; nothing unless asked.

    Args:
        strip_html (`bool`): Take tags out and resolve entities; a bare `<` stays.
        sanitise (`bool`): Take invisible characters out and write lookalike letters as those that they stand for.
        unicode_nfc (`bool`): Compose characters (Unicode NFC).
        whitespace (`bool`): One space for each run of white space, none at the ends.
        lower_case (`bool`): Lower-case.
    """

    strip_html: bool = False
    sanitise: bool = False
    unicode_nfc: bool = False
    whitespace: bool = False
    lower_case: bool = False
