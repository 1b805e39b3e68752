"""Cells of tables that go out and come in again.

A spreadsheet runs a text that begins with = + - @ (or a tab or return before it) as a formula. Such
a text goes out with an apostrophe before it, and the apostrophe goes when it comes in again:
`plain_cell(safe_cell(text)) == text` for every text.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED = re.compile(r"'+[=+\-@\t\r]")


def safe_cell(text: str) -> str:
    """A text that no spreadsheet runs."""
    return "'" + text if _FORMULA.match(text) else text


def plain_cell(text: str) -> str:
    """The text that went out as `safe_cell`."""
    return text[1:] if _QUOTED.match(text) else text
