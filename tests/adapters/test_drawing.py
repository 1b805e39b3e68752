"""A poster leads to the right link and says the price that is charged, in both languages."""

import io
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
import segno
from PIL import Image

from adapters.drawing import QUIET_ZONE, NoFont, find_font, png_of, svg_of
from domain.kernel import Money, new_id
from domain.promotion import Code, PromoLink
from domain.promotion.facts import Facts
from domain.promotion.library import Look
from domain.promotion.posters import Poster, drawn

NAME = "视频会员 <月卡> & 'gift'"
URL = "https://shop.example/p/ABCDEFGH2"
SVG = "{http://www.w3.org/2000/svg}"


def poster(language: str = "zh", was: int | None = 300_000, line: str = "马上到账") -> Poster:
    link = PromoLink(id=new_id(), code="ABCDEFGH2", label="")
    facts = Facts(
        link=link,
        shop="小店",
        url=URL,
        product=NAME,
        slug="video",
        price=Money(258_000, "CNY"),
        was=Money(was, "CNY") if was else None,
        at=datetime(2026, 11, 26, 18, tzinfo=UTC),
    )
    return drawn(facts, Look(line), language)


def texts_of(svg: bytes) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def code_of(made: Poster) -> Code:
    (code,) = [shape for shape in made.shapes if isinstance(shape, Code)]
    return code


def test_the_svg_says_what_is_sold_for_how_much_and_as_of_when() -> None:
    texts = texts_of(svg_of(poster()))
    assert "小店" in texts
    assert "".join(texts).count(NAME[:6]) == 1
    assert "¥25.8" in texts
    assert "原价 ¥30" in texts
    assert "马上到账" in texts
    assert "扫码购买" in texts
    assert "2026-11-27 的价格，以购买时为准" in texts, "the day is that of the business"


def test_nothing_is_struck_through_without_a_price_before() -> None:
    for was in (None, 258_000, 200_000):
        svg = svg_of(poster("en", was))
        assert b"line-through" not in svg
        assert "Scan to buy" in texts_of(svg)


def test_no_name_of_goods_can_put_anything_into_the_picture() -> None:
    root = ElementTree.fromstring(svg_of(poster(line="</text><script>x</script>")))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {
        *("svg", "title", "rect", "text", "path")
    }


def test_the_png_has_the_code_of_the_link() -> None:
    font = find_font()
    made = poster()
    if font is None:
        with pytest.raises(NoFont):
            png_of(made, None)
        pytest.skip("no font with Chinese letters is on this machine")
    image = Image.open(io.BytesIO(png_of(made, font)))
    assert image.size == (made.width, made.height)
    assert_code(image, code_of(made))


def test_the_code_is_drawn_where_it_stands_whatever_the_font(tmp_path: Path) -> None:
    """With any font at all: the code needs none."""
    fonts = sorted(Path("/usr/share/fonts").rglob("*.ttf"))
    if not fonts:
        pytest.skip("no font is on this machine")
    made = poster("en", line="at once")
    assert_code(Image.open(io.BytesIO(png_of(made, fonts[0]))), code_of(made))


def assert_code(image: Image.Image, code: Code) -> None:
    """Each module of the standard's own drawing of this address is where a scanner looks."""
    matrix = segno.make(URL, error="m", micro=False).matrix
    step = code.size // (len(matrix) + 2 * QUIET_ZONE)
    edge = (code.size - step * (len(matrix) + 2 * QUIET_ZONE)) // 2 + step * QUIET_ZONE
    seen = [
        [
            image.getpixel(
                (
                    code.x + edge + column * step + step // 2,
                    code.y + edge + row * step + step // 2,
                )
            )
            == (0, 0, 0)
            for column in range(len(matrix))
        ]
        for row in range(len(matrix))
    ]
    assert seen == [[bool(module) for module in row] for row in matrix]


def test_a_font_is_the_chosen_one_or_a_known_one_or_none(tmp_path: Path) -> None:
    there = tmp_path / "font.ttf"
    there.write_bytes(b"")
    gone = str(tmp_path / "gone.ttf")
    assert find_font(str(there), [gone]) == there
    assert find_font(gone, [str(there)]) is None, "who chose one wants no other"
    assert find_font("", [gone, str(there)]) == there
    assert find_font("", [gone]) is None
