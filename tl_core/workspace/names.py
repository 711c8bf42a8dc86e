"""Names that people and their folders give: stored in one line, safe for any database."""

import unicodedata

_INVISIBLE = {"Cc", "Cs", "Cf", "Zs", "Zl", "Zp"}
_UNSTORABLE = {"Cc", "Cs"}  # control characters, halves of characters
# A spreadsheet takes a cell that begins so for a formula, and may run it (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they turn what follows


def printable(text: str) -> str:
    """Return `text` in one line, without what cannot be stored or shown, composed (NFC).

    Right-to-left script and joined emoji stay as they are; characters that reverse the text
    around them go. The result is empty if nothing in it can be seen.
    """
    line = " ".join(text.split())
    kept = "".join(
        c for c in line if c not in _TURNING and unicodedata.category(c) not in _UNSTORABLE
    )
    seen = any(unicodedata.category(c) not in _INVISIBLE for c in kept)
    return unicodedata.normalize("NFC", kept).strip() if seen else ""


def without_formula(cell: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def with_formula(text: str) -> str:
    """Return what `without_formula` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA_STARTS) else text
