"""Texts that people write and other people read."""

import unicodedata


def is_text(text: str, most: int) -> bool:
    """Some text, of several lines if need be, without letters that cannot be shown."""
    letters = text.replace("\n", "").replace("\t", "")
    clean = not any(unicodedata.category(letter) in ("Cc", "Cs", "Cn") for letter in letters)
    return len(text.strip()) > 0 and len(text) <= most and clean
