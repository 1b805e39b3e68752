"""What stands on a poster, and where: drawn as SVG or PNG by whoever holds the pens (row G9).

Everything on it is derived: the price is the one that is charged at this moment, a price is struck
through only where the price list says so, and the code leads to the very link.
"""

from dataclasses import dataclass, field
from datetime import timezone
from unicodedata import east_asian_width
from uuid import UUID

from domain import commissions, sites
from domain.promotion.facts import Facts, facts_of, spoken
from domain.promotion.library import Look, look_of
from domain.promotion.models import PosterTheme, PromoLink

WIDTH, HEIGHT = 750, 1200
MARGIN = 60
INK, QUIET, PAPER = "#1c1c1e", "#6b6b70", "#ffffff"
# The band with the shop's name, and the price.
COLOURS = {
    PosterTheme.NIGHT: ("#14213d", "#d4380d"),
    PosterTheme.FIRE: ("#b3261e", "#b3261e"),
    PosterTheme.SPRING: ("#1b6b45", "#c2410c"),
    PosterTheme.INK: ("#1c1c1e", "#1c1c1e"),
}
# What never begins a line in Chinese: it belongs to the letter before.
_NEVER_FIRST = "，。、；：？！）】》」』”’…)]}!?,.;:%"
CODE_SIZE = 380
_SCAN = {"zh": "扫码购买", "en": "Scan to buy"}
_AS_OF = {"zh": "{at} 的价格，以购买时为准", "en": "Price of {at}; the one at purchase counts"}
_WAS = {"zh": "原价 {was}", "en": "was {was}"}


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: int
    y: int
    width: int
    height: int
    fill: str


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text; `x` is its left end, or its middle when it is centred; `y` its foot."""

    x: int
    y: int
    size: int
    text: str
    fill: str = INK
    bold: bool = False
    centred: bool = False
    struck: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code of `text`, `size` wide with its quiet zone."""

    x: int
    y: int
    size: int
    text: str


@dataclass(slots=True)
class Poster:
    """Shapes in the order in which they are drawn, on paper of this size."""

    title: str
    language: str
    width: int = WIDTH
    height: int = HEIGHT
    shapes: list[Box | Words | Code] = field(default_factory=list)


async def poster_of(
    link: PromoLink, site: sites.Site, language: str, template_id: UUID | None = None
) -> Poster:
    """The poster of a link at a site, with the prices of this moment, by a template of the library
    as long as the link's agent may share it."""
    facts = await facts_of(link, site, language)
    return drawn(facts, await look_of(facts, site, language, template_id), language)


def drawn(facts: Facts, look: Look, language: str) -> Poster:
    """Where everything stands."""
    band, mark = COLOURS[look.theme]
    tongue = "zh" if language.startswith("zh") else "en"
    title = facts.product or facts.shop
    poster = Poster(title, language)
    put = poster.shapes.append
    put(Box(0, 0, WIDTH, HEIGHT, PAPER))
    put(Box(0, 0, WIDTH, 150, band))
    put(Words(MARGIN, 95, 44, _cut(facts.shop, 44), fill=PAPER, bold=True))
    y = 240
    for piece in wrapped(title, 52, WIDTH - 2 * MARGIN, most=3):
        put(Words(MARGIN, y, 52, piece, bold=True))
        y += 70
    if facts.price is not None:
        put(Words(MARGIN, y + 50, 84, spoken(facts.price), fill=mark, bold=True))
        if facts.off and facts.was is not None:
            was = _WAS[tongue].format(was=spoken(facts.was))
            put(Words(MARGIN + 420, y + 50, 32, was, fill=QUIET, struck=True))
        y += 110
    for piece in wrapped(look.line, 34, WIDTH - 2 * MARGIN, most=2):
        put(Words(MARGIN, y + 20, 34, piece, fill=QUIET))
        y += 48
    top = HEIGHT - CODE_SIZE - 170
    put(Code((WIDTH - CODE_SIZE) // 2, top, CODE_SIZE, facts.url))
    foot = top + CODE_SIZE
    put(Words(WIDTH // 2, foot + 50, 36, _SCAN[tongue], bold=True, centred=True))
    put(Words(WIDTH // 2, foot + 95, 26, facts.link.code, fill=QUIET, centred=True))
    if facts.price is not None:
        here = facts.at.astimezone(timezone(commissions.calendar.utc_offset))
        as_of = _AS_OF[tongue].format(at=here.date().isoformat())
        put(Words(WIDTH // 2, foot + 140, 22, as_of, fill=QUIET, centred=True))
    return poster


def wrapped(text: str, size: int, width: int, most: int) -> list[str]:
    """The text in lines of about this width in pixels; what does not fit ends in an ellipsis."""
    lines: list[str] = []
    rest = text.strip()
    while rest and len(lines) < most:
        end = _fits(rest, size, width)
        if end < len(rest) and not _wide(rest[end]) and (gap := rest.rfind(" ", 0, end + 1)) > 0:
            end = gap
        while 1 < end < len(rest) and rest[end] in _NEVER_FIRST:
            end -= 1  # the letter before goes down with it
        lines.append(rest[:end].strip())
        rest = rest[end:].strip()
    if rest:
        last = lines[-1]
        lines[-1] = last[: _fits(last, size, width - size)].rstrip() + "…"
    return lines


def _cut(text: str, size: int) -> str:
    return (wrapped(text, size, WIDTH - 2 * MARGIN, most=1) or [""])[0]


def _fits(text: str, size: int, width: int) -> int:
    """How many letters are no wider than that; one at the least."""
    used = 0.0
    for place, letter in enumerate(text):
        used += size if _wide(letter) else size * 0.58
        if used > width:
            return max(place, 1)
    return len(text)


def _wide(letter: str) -> bool:
    return east_asian_width(letter) in "WFA"
