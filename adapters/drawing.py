"""Draws posters: as SVG, whose letters are the viewer's own, and as PNG (mission row G9).

A PNG needs a font with Chinese letters on this machine; without one nothing is drawn, because a
poster of empty boxes is worse than none.
"""

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

from domain.promotion import Box, Code, Poster, Words

FAMILY = "'Noto Sans SC','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif"
# Where systems keep one: Debian's fonts-noto-cjk and fonts-wqy-microhei, Fedora, macOS, Windows.
KNOWN_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-vf-fonts/NotoSansCJK-VF.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)
QUIET_ZONE = 4  # modules, as the standard asks for


class NoFont(Exception):
    """No font with Chinese letters is there."""


def find_font(chosen: str = "", known: Sequence[str] = KNOWN_FONTS) -> Path | None:
    """The font that posters are drawn with: the chosen file, else the first known one."""
    paths = (Path(each) for each in ([chosen] if chosen else known))
    return next((path for path in paths if path.is_file()), None)


def svg_of(poster: Poster) -> bytes:
    """The poster as one SVG without anything from elsewhere."""
    drawn = "".join(_svg(shape) for shape in poster.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{poster.width}" height="{poster.height}"'
        f' viewBox="0 0 {poster.width} {poster.height}" lang="{escape(poster.language)}"'
        f' font-family="{FAMILY}"><title>{escape(poster.title)}</title>{drawn}</svg>'
    ).encode()


def png_of(poster: Poster, font: Path | None) -> bytes:
    """The poster as PNG; raises `NoFont` without a font."""
    if font is None:
        raise NoFont
    image = Image.new("RGB", (poster.width, poster.height), "white")
    pen = ImageDraw.Draw(image)
    for shape in poster.shapes:
        match shape:
            case Box():
                corner = (shape.x + shape.width - 1, shape.y + shape.height - 1)
                pen.rectangle(((shape.x, shape.y), corner), fill=shape.fill)
            case Words():
                _write(pen, shape, font)
            case Code():
                for x, y, width, height in _modules(shape):
                    pen.rectangle(((x, y), (x + width - 1, y + height - 1)), fill="black")
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _svg(shape: Box | Words | Code) -> str:
    match shape:
        case Box():
            return (
                f'<rect x="{shape.x}" y="{shape.y}" width="{shape.width}"'
                f' height="{shape.height}" fill="{shape.fill}"/>'
            )
        case Words():
            how = ' font-weight="700"' if shape.bold else ""
            how += ' text-anchor="middle"' if shape.centred else ""
            how += ' text-decoration="line-through"' if shape.struck else ""
            return (
                f'<text x="{shape.x}" y="{shape.y}" font-size="{shape.size}"'
                f' fill="{shape.fill}"{how}>{escape(shape.text)}</text>'
            )
        case Code():
            path = "".join(f"M{x} {y}h{w}v{h}h-{w}z" for x, y, w, h in _modules(shape))
            return f'<path d="{path}" fill="#000" shape-rendering="crispEdges"/>'


def _write(pen: ImageDraw.ImageDraw, words: Words, path: Path) -> None:
    font = ImageFont.truetype(str(path), words.size)
    anchor = "ms" if words.centred else "ls"
    # Few systems have a bold face of these: a thin line around the letters stands for it.
    bold = max(words.size // 40, 1) if words.bold else 0
    place = (words.x, words.y)
    pen.text(place, words.text, words.fill, font, anchor, stroke_width=bold, stroke_fill=words.fill)
    if words.struck:
        middle = words.y - words.size // 3
        end = words.x + round(font.getlength(words.text))
        width = max(words.size // 14, 1)
        pen.line(((words.x, middle), (end, middle)), fill=words.fill, width=width)


def _modules(code: Code) -> list[tuple[int, int, int, int]]:
    """The dark runs of a QR code as rectangles in whole pixels, so that no edge is blurred."""
    matrix = segno.make(code.text, error="m", micro=False).matrix
    across = len(matrix) + 2 * QUIET_ZONE
    step = code.size // across
    edge = (code.size - step * across) // 2 + step * QUIET_ZONE
    runs: list[tuple[int, int, int, int]] = []
    for row, modules in enumerate(matrix):
        column = 0
        while column < len(modules):
            length = 0
            while column + length < len(modules) and modules[column + length]:
                length += 1
            if length:
                x, y = code.x + edge + column * step, code.y + edge + row * step
                runs.append((x, y, length * step, step))
            column += length or 1
    return runs
