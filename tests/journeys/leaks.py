"""Planted codes, and the search for them in everything that an installation writes.

All codes of a planting carry one mark in their middle, so looking for the mark in each form that it
may have taken is looking for every code at once: in plain text whatever its case, in hex, in
base64 however it is aligned, in UTF-16.
"""

import base64
import json
import secrets
import string
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import httpx2 as httpx

from tests.shop_client import Client

ALPHABET = string.ascii_letters + string.digits
MARK_LETTERS, SIDE_LETTERS = 12, 8


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


class Answers:
    """What was answered to everybody who asked for no code, each under a name."""

    def __init__(self) -> None:
        self.said: dict[str, bytes] = {}

    def keep(self, content: bytes) -> None:
        """One more answer."""
        self.said[f"answer {len(self.said)}"] = content

    def of(self, client: Client, query: str, **variables: Any) -> dict[str, Any]:
        """Ask, and keep the answer."""
        result = client.send(query, **variables)
        self.keep(json.dumps(result, ensure_ascii=False).encode())
        return result

    def post(self, url: str, content: bytes | str, headers: dict[str, str]) -> httpx.Response:
        """Send anything, and keep the answer with its headers."""
        answer = httpx.post(url, content=content, headers=headers, timeout=30)
        self.keep(repr(answer.headers).encode() + answer.content)
        return answer


@dataclass
class Planting:
    """Codes that must be nowhere. Without dashes, so that no filter knows them by their form."""

    mark: str = field(default_factory=lambda: "Q" + _random(MARK_LETTERS - 2) + "z")
    codes: list[str] = field(default_factory=list)

    def plant(self, count: int) -> list[str]:
        """Distinct fresh codes."""
        fresh = [_random(SIDE_LETTERS) + self.mark + _random(SIDE_LETTERS) for _ in range(count)]
        self.codes += fresh
        assert len(set(self.codes)) == len(self.codes)
        return fresh

    def found_in(self, content: bytes) -> list[str]:
        """The forms in which a code of the planting stands there."""
        folded = content.lower()
        found = [name for name, pattern in self._folded_forms() if pattern in folded]
        return found + [name for name, pattern in self._exact_forms() if pattern in content]

    def shown_in(self, places: dict[str, bytes]) -> list[tuple[str, bytes]]:
        """What stands before the first plain code of each place, for whoever must mend it."""
        at = {
            name: content.lower().find(self.mark.lower().encode())
            for name, content in places.items()
        }
        return [(name, places[name][max(0, n - 200) : n]) for name, n in at.items()]

    def _folded_forms(self) -> list[tuple[str, bytes]]:
        """Forms whose case says nothing."""
        small = self.mark.lower()
        hexes = {text.encode().hex().encode() for text in self._cases()}
        return [
            ("plain", small.encode()),
            ("utf-16", small.encode("utf-16-le")),
            *(("hex", pattern) for pattern in sorted(hexes)),
        ]

    def _exact_forms(self) -> list[tuple[str, bytes]]:
        """Base64: the letters that stand fast whatever comes before and after the mark."""
        return [
            ("base64", _inner_base64(text.encode(), shift))
            for text, shift in product(self._cases(), range(3))
        ]

    def _cases(self) -> list[str]:
        return sorted({self.mark, self.mark.upper(), self.mark.lower()})


def _inner_base64(content: bytes, shift: int) -> bytes:
    whole = base64.b64encode(b"\0" * shift + content + b"\0" * 3)
    first = -(-shift * 8 // 6)  # the first letter that no byte before has a part of
    last = (shift + len(content)) * 8 // 6
    return whole[first:last]


@dataclass
class Known:
    """Codes that the shop made itself, and so carry no mark of ours: looked for one by one."""

    codes: list[str] = field(default_factory=list)

    def found_in(self, content: bytes) -> list[str]:
        """The codes that stand there, by their first letters."""
        folded = content.lower()
        return [
            code[:4]
            for code in self.codes
            if any(form in folded for form in self._forms(code.lower()))
            or any(form in content for form in self._encoded(code))
        ]

    def _forms(self, code: str) -> list[bytes]:
        plain = code.replace("-", "")
        texts = [code, plain, code.upper(), plain.upper()]
        return [code.encode(), plain.encode(), *(text.encode().hex().encode() for text in texts)]

    def _encoded(self, code: str) -> list[bytes]:
        texts = code, code.replace("-", "")
        return [_inner_base64(text.encode(), shift) for text in texts for shift in range(3)]
