"""What an agent may share of the library, filled in with its link and the prices of this moment
(mission row G10).

Whether something may be shared is asked each time, by one statement: a word that is banned today is
in nobody's chat tomorrow, whatever was approved before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from domain import agents, catalog, sites
from domain.catalog import ProductSort, Search
from domain.kernel import (
    Actor,
    Invalid,
    NotFound,
    PageRequest,
    Refused,
    clock,
    connection,
    refuse_unless,
)
from domain.promotion.facts import Facts, facts_of
from domain.promotion.models import PosterTheme, PromoLink, PromoTemplate, TextKind
from domain.promotion.rules import filled
from domain.promotion.service import create_link
from domain.promotion.statements import USABLE

SHARED = 20  # of one kind beside one link
MOST_HOT = 10
HOT_LABEL = "hot"
# What stands there until the house writes its own.
HOUSE_COPY = {
    "zh": ("{product} {price}，付款后立即到账：{link}", "{shop}：卡券直充，付款后立即到账 {link}"),
    "en": (
        "{product} for {price}, delivered as soon as it is paid: {link}",
        "{shop}: cards and top-ups, delivered as soon as they are paid {link}",
    ),
}
# Beside goods that sold best of all: the house has counted that, so it may be said.
HOT_COPY = {
    "zh": (
        "近期热销：{product}，现价 {price}（{off}）{link}",
        "近期热销：{product}，现价 {price} {link}",
    ),
    "en": (
        "Selling best these days: {product}, now {price} ({off}) {link}",
        "Selling best these days: {product}, now {price} {link}",
    ),
}


@dataclass(frozen=True, slots=True)
class Copy:
    """A text that is ready to be pasted."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that may be shared, with words for who cannot see it."""

    name: str
    url: str
    words: str


@dataclass(frozen=True, slots=True)
class PosterChoice:
    """A poster of the library."""

    template_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Shared:
    """All that may be shared of one link."""

    copies: list[Copy]
    pictures: list[Picture]
    posters: list[PosterChoice]


@dataclass(frozen=True, slots=True)
class Look:
    """What a poster of the library adds to the facts: its line and its colours."""

    line: str = ""
    theme: PosterTheme = PosterTheme.NIGHT


async def shared_of(link: PromoLink, site: sites.Site, language: str) -> Shared:
    """What the link's agent may share of it at a site, with the prices of this moment.

    What lacks a value, such as a price that was struck through, is left out.
    """
    return await _shared(await facts_of(link, site, language), site, language)


async def _shared(facts: Facts, site: sites.Site, language: str) -> Shared:
    values = facts.values(language)
    found = await _usable(facts.link, site, list(TextKind))
    told: list[tuple[Any, str]] = []
    for row in found:
        text = filled(_text(row, language), values)
        if text is not None:
            told.append((row, text))
    copies = [Copy(row["name"], text) for row, text in told if row["kind"] == TextKind.COPY]
    return Shared(
        copies or _house(facts, values, language, HOUSE_COPY),
        [
            Picture(row["name"], row["url"], text)
            for row, text in told
            if row["kind"] == TextKind.IMAGE
        ],
        [PosterChoice(row["id"], row["name"]) for row, _ in told if row["kind"] == TextKind.POSTER],
    )


async def look_of(facts: Facts, site: sites.Site, language: str, chosen: UUID | None) -> Look:
    """How a poster looks: by the one that was chosen, as long as its agent may share it, else by
    the newest one. A poster that goes round is drawn for ever, whatever became of its template."""
    found = await _usable(facts.link, site, [TextKind.POSTER])
    values = facts.values(language)
    looks = [
        (row["id"], Look(text, PosterTheme(row["theme"] or PosterTheme.NIGHT)))
        for row in found
        if (text := filled(_text(row, language), values)) is not None
    ]
    return dict(looks).get(chosen) or next((look for _, look in looks), Look())


async def share_hot_goods(
    actor: Actor, site: sites.Site, language: str, most: int
) -> list[tuple[PromoLink, Shared]]:
    """A link of the caller, an active agent, to each of the goods that sold best lately at its
    site, with texts that are made of the figures; a link that is there is taken again.

    Refuses who is no active agent (NOT_FOUND), and more than ten (INVALID). What did not sell at
    all is not hot: there may be fewer, or none.
    """
    refuse_unless(0 < most <= MOST_HOT, Invalid(reason="promo_hot", field=("most",)))
    await agents.get_own_agent(actor)
    search = Search(sort=ProductSort.SALES_DESC, place=catalog.place_of(site))
    page = await catalog.list_products(
        PageRequest(most, None, "hot goods"), language=language, place=search.place, search=search
    )
    sold = await catalog.sold_lately_of([product.id for product in page.rows])
    kits = []
    for product in page.rows:
        if not sold.get(product.id):
            continue
        link = await create_link(actor, product.id, HOT_LABEL)
        facts = await facts_of(link, site, language)
        shared = await _shared(facts, site, language)
        made = _house(facts, facts.values(language), language, HOT_COPY)
        kits.append((link, replace(shared, copies=[*made, *shared.copies])))
    return kits


async def is_look(template_id: UUID) -> bool:
    """Whether a poster of the library has this id."""
    return await PromoTemplate.exists(id=template_id, kind=TextKind.POSTER)


async def _usable(
    link: PromoLink, site: sites.Site, kinds: Sequence[TextKind]
) -> list[Mapping[str, Any]]:
    agent = (await agents.agents_by_id([link.agent_id])).get(link.agent_id)
    if agent is None:
        raise Refused(NotFound(what="agent"))
    names = [kind.value for kind in kinds]
    args = (names, clock.now(), agent.tier.value, site.id, link.product_id, SHARED)
    async with connection() as conn:
        return list(await conn.fetch(USABLE, *args))


def _house(
    facts: Facts, values: Mapping[str, str], language: str, texts: Mapping[str, Sequence[str]]
) -> list[Copy]:
    """The first of the house's own texts that can be filled in."""
    told = (filled(text, values) for text in texts["zh" if language.startswith("zh") else "en"])
    return [Copy(facts.shop, text) for text in told if text is not None][:1]


def _text(row: Mapping[str, Any], language: str) -> str:
    return str(row["text_zh"] if language.startswith("zh") else row["text_en"])
