"""What a file of evidence really is, and the same picture without what its camera wrote (row M1).

The type is told by the content, never by a name or a header. Of a picture only the parts that draw
it are kept: a photograph carries the place where it was taken, its device, small copies of what was
cut away, and sometimes whole files behind its end. How a photograph is turned is kept, or it would
lie on its side. A PDF is kept as it came: it is never shown, only handed over.
"""

import re
import struct
import zlib
from dataclasses import dataclass, field
from enum import StrEnum

MAX_PIXELS = 100_000_000  # more would fill the memory of whoever looks at it
MAX_PARTS = 20_000  # a picture has hundreds; each costs a step
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"iCCP")
)
WEBP_KEPT = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
WEBP_TOLD_FLAGS = 0x0C  # of VP8X: "there is EXIF", "there is XMP"
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_END, JPEG_SCAN, JPEG_EXIF = 0xD9, 0xDA, 0xE1
_JPEG_NEXT = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # the first marker behind the data of a scan
_ORIENTATION = 0x0112
_END_OF_PDF = 2_048


class MediaType(StrEnum):
    """What evidence may be."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    PDF = "application/pdf"


SUFFIXES = {
    MediaType.PNG: "png",
    MediaType.JPEG: "jpg",
    MediaType.WEBP: "webp",
    MediaType.PDF: "pdf",
}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file as it is kept."""

    media_type: MediaType
    data: bytes = field(repr=False)


class Broken(Exception):
    """It begins like a picture, and is none that can be shown."""


def cleaned(data: bytes) -> Cleaned | None:
    """The file without what does not draw it; None when it is none of the known types, or broken,
    or a picture of more than `MAX_PIXELS`."""
    try:
        if data.startswith(PNG_SIGNATURE):
            return Cleaned(MediaType.PNG, _png(data))
        if data.startswith(b"\xff\xd8\xff"):
            return Cleaned(MediaType.JPEG, _jpeg(data))
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return Cleaned(MediaType.WEBP, _webp(data))
    except (Broken, struct.error, IndexError):
        return None
    if data.startswith(b"%PDF-") and b"%%EOF" in data[-_END_OF_PDF:]:
        return Cleaned(MediaType.PDF, data)
    return None


def _refuse_huge(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise Broken


def _png(data: bytes) -> bytes:
    kept, place, seen = [PNG_SIGNATURE], len(PNG_SIGNATURE), b""
    for _ in range(MAX_PARTS):
        (size,) = struct.unpack_from(">I", data, place)
        whole = data[place : place + 12 + size]
        if len(whole) != 12 + size or zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:], "big"):
            raise Broken
        first, seen = not seen, whole[4:8]
        if first != (seen == b"IHDR"):
            raise Broken
        if first:
            _refuse_huge(*struct.unpack_from(">II", whole, 8))
        if seen in PNG_KEPT:
            kept.append(whole)
        if seen == b"IEND":
            return b"".join(kept)
        place += len(whole)
    raise Broken


def _jpeg(data: bytes) -> bytes:
    """Segment by segment, to the end of the picture; what stands behind it goes."""
    kept: list[bytes] = []
    place, turned, framed = 2, 1, False
    for _ in range(MAX_PARTS):
        if data[place] != 0xFF:
            raise Broken
        while data[place + 1] == 0xFF:  # fill
            place += 1
        marker = data[place + 1]
        if marker == JPEG_END and framed:
            start = b"\xff\xd8" + (_turned_by(turned) if turned != 1 else b"")
            return b"".join([start, *kept, b"\xff\xd9"])
        (size,) = struct.unpack_from(">H", data, place + 2)
        segment = data[place : place + 2 + size]
        if size < 2 or len(segment) != 2 + size:
            raise Broken
        place += len(segment)
        if marker == JPEG_EXIF:
            turned = _orientation(segment[4:]) or turned
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", segment, 5)
            _refuse_huge(width, height)
            framed = True
        if _draws(marker, segment):
            kept.append(segment)
        if marker == JPEG_SCAN:
            place = _behind_scan(data, place, kept)
    raise Broken


def _draws(marker: int, segment: bytes) -> bool:
    """Whether a segment is of the picture itself: tables, frames, scans, and its colours."""
    if marker == 0xE2:
        return segment[4:].startswith(b"ICC_PROFILE\x00")
    if 0xE0 <= marker <= 0xEF:
        return (marker == 0xE0 and segment[4:].startswith(b"JFIF\x00")) or marker == 0xEE
    return marker != 0xFE


def _behind_scan(data: bytes, place: int, kept: list[bytes]) -> int:
    found = _JPEG_NEXT.search(data, place)
    if found is None:
        raise Broken  # cut off
    kept.append(data[place : found.start()])
    return found.start()


def _orientation(exif: bytes) -> int | None:
    """How a photograph is turned, 1 to 8; None when its EXIF does not say it."""
    if not exif.startswith(b"Exif\x00\x00"):
        return None
    tiff = exif[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for number in range(min(count, 200)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * number)
            if tag == _ORIENTATION and kind == 3 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return None
    return None


def _turned_by(orientation: int) -> bytes:
    """A segment of EXIF that says how the picture is turned, and nothing else."""
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, orientation, 0)
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1) + entry + b"\x00\x00\x00\x00"
    body = b"Exif\x00\x00" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _webp(data: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", data, 4)
    end, place, kept, drawn = 8 + size, 12, [b"WEBP"], False
    if end > len(data):
        raise Broken
    for _ in range(MAX_PARTS):
        if place + 8 > end:
            break
        name = data[place : place + 4]
        (length,) = struct.unpack_from("<I", data, place + 4)
        chunk = data[place : place + 8 + length]
        place += 8 + length + length % 2
        if len(chunk) != 8 + length or place > end:
            raise Broken
        if name in (b"VP8 ", b"VP8L", b"VP8X"):
            _refuse_huge(*_webp_size(name, chunk[8:]))
        if name == b"VP8X":
            chunk = chunk[:8] + bytes((chunk[8] & ~WEBP_TOLD_FLAGS,)) + chunk[9:]
        drawn = drawn or name in (b"VP8 ", b"VP8L", b"ANMF")
        if name in WEBP_KEPT:
            kept.append(chunk + b"\x00" * (length % 2))
    if not drawn:
        raise Broken
    body = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_size(name: bytes, body: bytes) -> tuple[int, int]:
    if name == b"VP8X":
        width, height = body[4:7], body[7:10]
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    if name == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF
