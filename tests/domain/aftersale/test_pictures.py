"""Evidence is what its content says, and carries nothing that does not draw it (row M1)."""

import struct
import zlib

import pytest

from domain.papers.pictures import MAX_PIXELS, Cleaned, MediaType, cleaned

PLACE = b"GPS 39.9 N 116.4 E"


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(*extra: bytes, width: int = 2, height: int = 2) -> bytes:
    """A picture of two by two pixels that says it is of another size, if wanted."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = png_chunk(b"IDAT", zlib.compress(b"\x00\x01\x02" * 2))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + rows + png_chunk(b"IEND", b"")


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def exif(orientation: int, order: str = "<") -> bytes:
    """What a telephone writes: how it was held, and where it was."""
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    entries = [(0x010F, 2, 4, 0), (0x0112, 3, 1, orientation), (0x8825, 4, 1, 0)]
    table = b"".join(struct.pack(f"{order}HHIHH", *entry, 0) for entry in entries)
    ifd = struct.pack(f"{order}IH", 8, len(entries)) + table + b"\x00" * 4
    return segment(0xE1, b"Exif\x00\x00" + mark + ifd + PLACE)


def jpeg(*extra: bytes, width: int = 8, height: int = 8, behind: bytes = b"") -> bytes:
    jfif = segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
    frame = segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00")
    data = b"\x12\xff\x00\x34\xff\xd0\x56"
    return (
        b"\xff\xd8" + jfif + b"".join(extra) + segment(0xDB, b"\x00" * 65) + frame + scan + data
        + scan + data + b"\xff\xd9" + behind
    )  # fmt: skip


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP"
    for name, content in chunks:
        body += name + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


VP8X = b"\x2c\x00\x00\x00" + b"\x07\x00\x00" * 2
LOSSLESS = b"\x2f" + (7 | 7 << 14).to_bytes(4, "little") + b"\x00"
LOSSY = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 8, 8)
PDF = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF\n"


def kept(data: bytes) -> Cleaned:
    found = cleaned(data)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        pytest.param(png(), MediaType.PNG, id="png"),
        pytest.param(jpeg(), MediaType.JPEG, id="jpeg"),
        pytest.param(webp((b"VP8L", LOSSLESS)), MediaType.WEBP, id="lossless webp"),
        pytest.param(webp((b"VP8 ", LOSSY)), MediaType.WEBP, id="lossy webp"),
        pytest.param(PDF, MediaType.PDF, id="pdf"),
    ],
)
def test_a_file_is_what_its_content_says_and_stays_as_it_is(
    data: bytes, media_type: MediaType
) -> None:
    assert kept(data) == Cleaned(media_type, data)


def test_a_photograph_forgets_where_it_was_taken_and_keeps_how_it_was_held() -> None:
    for order in "<>":
        taken = jpeg(
            exif(6, order), segment(0xFE, PLACE), segment(0xED, PLACE), segment(0xE2, b"MPF\x00")
        )
        clean = kept(taken).data
        assert PLACE not in clean
        assert b"MPF" not in clean
        turned = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06"
        assert clean[12:].startswith(turned)
        assert kept(clean).data == clean  # once clean, clean
    assert kept(jpeg(exif(1))).data == jpeg()
    colours = segment(0xE2, b"ICC_PROFILE\x00\x01\x01rgb")
    assert kept(jpeg(colours)).data == jpeg(colours)


def test_what_stands_behind_the_end_of_a_picture_goes() -> None:
    """A film, a second picture, an archive."""
    assert kept(jpeg(behind=b"PK\x03\x04" + jpeg(exif(1)))).data == jpeg()
    assert kept(png() + b"PK\x03\x04").data == png()
    assert kept(webp((b"VP8L", LOSSLESS)) + b"PK\x03\x04").data == webp((b"VP8L", LOSSLESS))


def test_texts_and_times_of_a_png_go_and_its_colours_stay() -> None:
    told = [png_chunk(b"tEXt", b"Comment\x00" + PLACE), png_chunk(b"eXIf", PLACE)]
    assert kept(png(*told, png_chunk(b"tIME", b"\x00" * 7))).data == png()
    colours = png_chunk(b"gAMA", b"\x00\x00\xb1\x8f")
    assert kept(png(colours, *told)).data == png(colours)


def test_a_webp_loses_its_exif_and_does_not_say_any_more_that_it_has_some() -> None:
    taken = webp((b"VP8X", VP8X), (b"VP8L", LOSSLESS), (b"EXIF", PLACE), (b"XMP ", PLACE + b"."))
    bare = b"\x20" + VP8X[1:]
    assert kept(taken).data == webp((b"VP8X", bare), (b"VP8L", LOSSLESS))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="a picture with script"),
        pytest.param(b"<html>%PDF-1.7 %%EOF", id="a page that names a pdf"),
        pytest.param(b"MZ\x90\x00", id="a program"),
        pytest.param(b"GIF89a", id="gif"),
        pytest.param(PDF[:-6], id="a pdf without its end"),
        pytest.param(png()[:-8], id="a png cut off"),
        pytest.param(png()[:40] + b"\x00" + png()[41:], id="a png damaged"),
        pytest.param(png_chunk(b"IDAT", b""), id="a chunk"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IEND", b""), id="a png of nothing"),
        pytest.param(png(width=MAX_PIXELS, height=2), id="a png of too many pixels"),
        pytest.param(png(width=0), id="a png without pixels"),
        pytest.param(png(*[png_chunk(b"tEXt", b"")] * 30_000), id="a png of endless chunks"),
        pytest.param(jpeg(*[segment(0xFE, b"")] * 30_000), id="a jpeg of endless segments"),
        pytest.param(jpeg()[:-2], id="a jpeg cut off"),
        pytest.param(jpeg()[:30], id="a jpeg cut off at its head"),
        pytest.param(jpeg(width=65_000, height=65_000), id="a jpeg of too many pixels"),
        pytest.param(b"\xff\xd8\xff\xd9", id="a jpeg of nothing"),
        pytest.param(b"\xff\xd8\xff\xe0\x00\x00\xff\xd9", id="a segment without a size"),
        pytest.param(webp((b"EXIF", PLACE)), id="a webp of nothing"),
        pytest.param(webp((b"VP8L", LOSSLESS))[:-4], id="a webp cut off"),
        pytest.param(webp((b"VP8X", VP8X[:4] + b"\xff" * 6)), id="a webp of too many pixels"),
    ],
)
def test_what_is_no_whole_picture_or_pdf_is_none(data: bytes) -> None:
    assert cleaned(data) is None


def test_no_damage_of_a_picture_is_a_fault() -> None:
    """Each file cut at each place, and each byte of it turned: an answer, never an exception."""
    for whole in (png(), jpeg(exif(6)), webp((b"VP8X", VP8X), (b"VP8L", LOSSLESS)), PDF):
        for place in range(len(whole)):
            cleaned(whole[:place])
            cleaned(whole[:place] + bytes((whole[place] ^ 0xFF,)) + whole[place + 1 :])
