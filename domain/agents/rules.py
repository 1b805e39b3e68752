"""Pure rules of agents: promoter codes."""

import re
import secrets

CODE_LETTERS = 8
# No 0/O, 1/I/L: a promoter code is read aloud and typed by hand.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE = re.compile(r"[A-Z0-9]{4,16}")


def new_code() -> str:
    """A fresh promoter code; it is public, and grants nothing but an attribution."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LETTERS))


def is_code(text: str) -> bool:
    """Whether a text can be a promoter code."""
    return _CODE.fullmatch(text) is not None
