"""
Make `keyboards.json`: for each keyboard layout, the letters next to each letter key.

    python scripts/make_keyboards.py hf_augment/embedded/words/keyboards.json
"""

import argparse
import json
from pathlib import Path

# The rows of each layout from the top: digits (only where some of these keys hold letters), then the three letter
# rows. Each starts at its leftmost key: "1", "q", "a" and "z" on an English board. "_" is a key without a letter.
LAYOUTS = {
    "de": ["__________ß", "qwertzuiopü", "asdfghjklöä", "yxcvbnm"],
    "el": ["", "_ςερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ"],
    "en": ["", "qwertyuiop", "asdfghjkl", "zxcvbnm"],
    "es": ["", "qwertyuiop", "asdfghjklñ", "zxcvbnm"],
    "fr": ["_é____è_çà", "azertyuiop", "qsdfghjklmù", "wxcvbn"],
    "he": ["", "__קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ"],
    "it": ["___________ì", "qwertyuiopè", "asdfghjklòàù", "zxcvbnm"],
    "nl": ["", "qwertyuiop", "asdfghjkl", "zxcvbnm"],
    "pl": ["", "qwertyuiop", "asdfghjkl", "zxcvbnm"],
    "ru": ["", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"],
    "tr": ["", "qwertyuıopğü", "asdfghjklşi", "zxcvbnmöç"],
    "uk": ["", "йцукенгшщзхї", "фівапролджєґ", "ячсмитьбю"],
}
# Each row stands about half a key further right than the one above it, so a key touches the keys to its left and
# right, two keys above (same place, and one to the right) and two below (one to the left, and same place).
TOUCHING = [(0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0)]


def neighbours(rows: list[str]) -> dict[str, str]:
    keys = {(y, x): key for y, row in enumerate(rows) for x, key in enumerate(row) if key != "_"}
    near = {key: [keys.get((y + down, x + right), "") for down, right in TOUCHING] for (y, x), key in keys.items()}
    return {key: "".join(sorted(near[key])) for key in sorted(near)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the JSON file to write")
    output = parser.parse_args().output
    keyboards = {language: neighbours(rows) for language, rows in LAYOUTS.items()}
    rows = [f"{json.dumps(name)}: {json.dumps(near, ensure_ascii=False)}" for name, near in keyboards.items()]
    output.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
