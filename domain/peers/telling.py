"""Telling partners what changed of the price and stock of what they may buy (rows D6, O5).

Whoever wants to hear makes a webhook endpoint for `goods.changed`. What it may buy is looked at in
turns, compared with what it was told last, and the difference is told in as few messages as hold
it. Who has just begun to listen is told everything, so that nothing is lost between reading a list
and listening. Looking takes the place of hearing every event that moves a price or a stock: those
are many, some are no events at all (a list that comes into force, the last card sold), and no
purchase or delivery writes a row more for it. While a message is still on its way to a partner
nothing new is told: what changes meanwhile is in the next one. Of a partner with several endpoints
those that answer are told, and of the others' messages only the newest are kept. So nothing piles
up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain import agents, catalog, pricebook, pricing, sites, webhooks
from domain.agents import AgentStatus
from domain.catalog import ShownVariant, StockLevel
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Page,
    PageRequest,
    Prefix,
    clock,
    crash_point,
    encode_id,
    new_id,
    plain,
    record_events,
    transaction,
    wake_relay,
)
from domain.peers.levels import levels_of
from domain.peers.models import PeerRound
from domain.peers.rules import MOST_ITEMS, Terms, changed, in_messages
from domain.sites import Site
from domain.webhooks import Hearer

GOODS_CHANGED = "goods.changed"
READ_SCOPE = "catalog:read"
PARTNERS_AT_ONCE = 20
MOST_BEHIND = 5  # messages that wait for an endpoint which does not answer, where another does
PAGE, PAGES_AT_ONCE = 500, 4  # variants of one partner in one turn

_FORGET = """
DELETE FROM peer_rounds r WHERE NOT EXISTS (
    SELECT 1 FROM unnest($1::uuid[], $2::uuid[]) AS h (user_id, site_id)
    WHERE h.user_id = r.user_id AND h.site_id = r.site_id)
"""
_BEGIN = """
INSERT INTO peer_rounds (id, user_id, site_id, cursor, pushes, looked_at)
VALUES ($1, $2, $3, '', 0, $4) ON CONFLICT (user_id, site_id) DO NOTHING
"""
_TOLD = """
SELECT sku, amount, currency, level FROM told_goods
WHERE round_id = $1 AND sku > $2 AND ($3::text IS NULL OR sku <= $3)
"""
_KEEP = """
INSERT INTO told_goods (id, round_id, sku, amount, currency, level)
SELECT gen_random_uuid(), $1, sku, amount, $5, level
FROM unnest($2::text[], $3::bigint[], $4::text[]) AS t (sku, amount, level)
ON CONFLICT (round_id, sku) DO UPDATE
    SET amount = excluded.amount, currency = excluded.currency, level = excluded.level
"""
_GONE = "DELETE FROM told_goods WHERE round_id = $1 AND sku = ANY($2)"


@dataclass(frozen=True, slots=True)
class CatalogPush:
    """How changes are told, and whether they are told to whoever asks."""

    active: bool
    event: str = GOODS_CHANGED
    most_items: int = MOST_ITEMS


@dataclass(frozen=True, slots=True)
class _Look:
    """What a partner gets now, by SKU, as far as one turn looked; None: to the end."""

    terms: Mapping[str, Terms]
    currency: str
    upto: str | None


@dataclass(slots=True)
class _Shelves:
    """The goods of sites as one call of `tell_partners` has read them: how well they are to be had
    is the same for all partners of a site, and is read once for all that have come as far."""

    _read: dict[tuple[UUID, str], tuple[Page[ShownVariant], dict[UUID, StockLevel]]] = field(
        default_factory=dict
    )

    async def page(
        self, site: Site, after: str
    ) -> tuple[Page[ShownVariant], dict[UUID, StockLevel]]:
        """The variants behind a SKU, and their levels."""
        key = (site.id, after)
        if key not in self._read:
            wanted = PageRequest(PAGE, (after,), GOODS_CHANGED)
            found = await catalog.list_variants(wanted, place=catalog.place_of(site))
            self._read[key] = (found, await levels_of(found.rows, site.id))
        return self._read[key]


async def push_of(actor: Actor) -> CatalogPush:
    """Whether changes are told to the caller, at the site that it asks; needs `catalog:read`."""
    actor.require_scope(READ_SCOPE)
    owner = actor.require_user()
    heard = await webhooks.hearers_of(GOODS_CHANGED, owner)
    return CatalogPush(any(each.site_id == actor.site_id for each in heard))


async def tell_partners() -> int:
    """Look for whoever listens, in turns, and tell what changed; how many items were told.

    Called any number of times, by anybody: each turn is one transaction, under its round's lock.
    """
    hearers: dict[tuple[UUID, UUID], list[Hearer]] = {}
    for each in await webhooks.hearers_of(GOODS_CHANGED):
        hearers.setdefault((each.owner_id, each.site_id), []).append(each)
    rounds = await _rounds(list(hearers))
    told, shelves = 0, _Shelves()
    for turn in rounds[:PARTNERS_AT_ONCE]:
        endpoints = [each.endpoint_id for each in hearers[turn.user_id, turn.site_id]]
        waiting = await webhooks.waiting_at(endpoints, turn.id)
        if len(waiting) < len(endpoints):
            told += await _turn(turn, list(waiting), shelves)
    if told:
        wake_relay()
    return told


async def _rounds(listening: Sequence[tuple[UUID, UUID]]) -> list[PeerRound]:
    """The rounds of those who listen, longest not looked at first; the others are forgotten."""
    known = {(each.user_id, each.site_id): each for each in await PeerRound.all()}
    if known.keys() != set(listening):
        async with transaction() as conn:
            users, places = [each[0] for each in listening], [each[1] for each in listening]
            await conn.execute(_FORGET, users, places)
            for user_id, site_id in listening:
                await conn.execute(_BEGIN, new_id(), user_id, site_id, clock.now())
    if not listening:
        return []
    rounds = await PeerRound.all().order_by("looked_at", "id")
    return [each for each in rounds if (each.user_id, each.site_id) in listening]


async def _turn(turn: PeerRound, behind: Sequence[UUID], shelves: _Shelves) -> int:
    """Look at the next goods for one partner, and tell what changed of them. `behind`: endpoints
    that messages are still on their way to."""
    look = await _look(turn, await sites.get_site(turn.site_id), shelves)
    crash_point("peers.looked")
    async with transaction() as conn:
        mine = await PeerRound.filter(id=turn.id).select_for_update().first()
        if mine is None or (mine.cursor, mine.looked_at) != (turn.cursor, turn.looked_at):
            return 0  # somebody else looked meanwhile, or nobody listens any more
        rows = await conn.fetch(_TOLD, mine.id, mine.cursor, look.upto)
        before = {
            sku: Terms(amount, money, StockLevel(level)) for sku, amount, money, level in rows
        }
        other, gone = changed(before, look.terms)
        if other:
            amounts = [each.amount for each in other.values()]
            levels = [each.level.value for each in other.values()]
            await conn.execute(_KEEP, mine.id, list(other), amounts, levels, look.currency)
        if gone:
            await conn.execute(_GONE, mine.id, gone)
        told = await _tell(conn, mine, other, gone)
        if told and behind:
            await webhooks.supersede(conn, behind, mine.id, MOST_BEHIND)
        mine.cursor = look.upto or ""
        mine.looked_at = clock.now()
        await mine.save()
        crash_point("peers.told_written")
    return told


async def _look(turn: PeerRound, site: Site, shelves: _Shelves) -> _Look:
    found, after = dict[str, Terms](), turn.cursor
    for _ in range(PAGES_AT_ONCE):
        page, levels = await shelves.page(site, after)
        prices = await _prices(turn.user_id, [each.id for each in page.rows], site)
        for each in page.rows:
            found[each.sku] = Terms(prices.get(each.id), site.currency, levels[each.id])
        if not page.has_next_page:
            return _Look(found, site.currency, None)
        after = page.rows[-1].sku
    return _Look(found, site.currency, after)


async def _prices(user_id: UUID, ids: Sequence[UUID], site: Site) -> dict[UUID, int]:
    """What a partner pays for each: as an agent its own price, else the retail price."""
    if not ids:
        return {}
    agent = await agents.agent_of_user(user_id)
    if agent is None or agent.status is not AgentStatus.ACTIVE or agent.tier == pricing.RETAIL:
        retail = await pricing.prices_of(ids, pricing.RETAIL, site.currency, site.id)
        return {variant_id: each.price.units for variant_id, each in retail.items()}
    own = await pricebook.agent_prices_of([agent.id], ids, site.currency, site.id)
    return {variant_id: each.price.units for (_, variant_id), each in own.items()}


async def _tell(
    conn: Connection, turn: PeerRound, other: Mapping[str, Terms], gone: Sequence[str]
) -> int:
    """Record what changed, some items to a message; the round is locked, so they are counted."""
    items = [_item(sku, terms) for sku, terms in sorted(other.items())]
    items += [_item(sku, None) for sku in gone]
    whose = {
        "userId": encode_id(Prefix.USER, turn.user_id),
        "siteId": encode_id(Prefix.SITE, turn.site_id),
    }
    events = []
    for some in in_messages(items):
        turn.pushes += 1
        events.append(Event(GOODS_CHANGED, turn.id, turn.pushes, {**whose, "items": some}))
    if events:
        await record_events(conn, events)
    return len(items)


def _item(sku: str, terms: Terms | None) -> dict[str, object]:
    """What is told of one; what is not on the shelf any more has no price and no stock."""
    if terms is None:
        return {"sku": sku, "onSale": False, "price": None, "stockLevel": StockLevel.OUT.value}
    price = None
    if terms.amount is not None:
        price = {"amount": plain(terms.amount), "currency": terms.currency}
    return {"sku": sku, "onSale": True, "price": price, "stockLevel": terms.level.value}
