"""What stands on the pages of a PDF that this house printed: its words, in their order."""

import base64
import re
import zlib

_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_TOKEN = re.compile(
    rb"^(?P<state>[qQ])$|/(?P<font>F\d+) [\d.]+ Tf|\((?P<shown>(?:\\.|[^\\)])*)\) Tj",
    re.DOTALL | re.MULTILINE,
)
_ESCAPED = re.compile(rb"\\(?:([0-7]{3})|(.))", re.DOTALL)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def words_of(document: bytes) -> str:
    """All words of all pages; parts of a line stand beside each other without anything between."""
    named = dict(re.findall(rb"/(F\d+) (\d+) 0 R", document))
    wide = {font for font, number in named.items() if _is_chinese(document, number)}
    return "".join(_said(page, wide) for page in pages_of(document))


def pages_of(document: bytes) -> list[bytes]:
    """What is drawn on each page, as the library wrote it."""
    return [
        zlib.decompress(base64.a85decode(b"<~" + stream.strip(), adobe=True))
        for stream in _STREAM.findall(document)
    ]


def _is_chinese(document: bytes, number: bytes) -> bool:
    found = re.search(rb"\n" + number + rb" 0 obj(.*?)endobj", document, re.DOTALL)
    return found is not None and b"UniGB" in found[1]


def _said(page: bytes, wide: set[bytes]) -> str:
    fonts, said = [b""], []
    for found in _TOKEN.finditer(page):
        if found["state"] == b"q":
            fonts.append(fonts[-1])
        elif found["state"]:
            fonts.pop()
        elif found["font"]:
            fonts[-1] = found["font"]
        else:
            raw = _ESCAPED.sub(_unescaped, found["shown"])
            said.append(raw.decode("utf-16-be" if fonts[-1] in wide else "latin-1"))
    return "".join(said)


def _unescaped(found: "re.Match[bytes]") -> bytes:
    if found[1]:
        return bytes([int(found[1], 8)])
    return _CONTROLS.get(found[2], found[2])
