"""Reads of the card book."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from domain.kernel import Connection, connection

# Crossings of the border of the stock, by what caused them: a sale by its order line, all else by
# its batch. Cards that the house issues itself cost nothing and are no stock of the books. A card
# that was replaced no longer counts as a unit of its line.
_CROSSINGS = """
SELECT kind, reference, currency, max(at) AS at, sum(units)::bigint AS units,
    sum(cost)::bigint AS cost
FROM (
    SELECT CASE WHEN card_in_stock(m.to_place) THEN 'stored'
            WHEN m.order_line_id IS NOT NULL THEN 'sold' ELSE 'left' END AS kind,
        CASE WHEN m.order_line_id IS NOT NULL AND NOT card_in_stock(m.to_place)
            THEN m.order_line_id ELSE m.batch_id END AS reference,
        b.currency, m.at,
        CASE WHEN m.to_place = 'replaced' THEN -m.units ELSE m.units END AS units,
        CASE WHEN m.to_place = 'replaced' THEN 0 ELSE m.cost END AS cost
    FROM card_moves m JOIN card_batches b ON b.id = m.batch_id
    WHERE m.link > $1 AND m.link <= $2 AND b.source <> 'issued'
        AND (card_in_stock(m.from_place) <> card_in_stock(m.to_place)
            OR m.to_place = 'replaced')
) crossed GROUP BY kind, reference, currency
"""
_HEAD = "SELECT coalesce(max(last_link), 0) FROM card_folios"
_FOLIO_AFTER = """
SELECT f.last_link, s.sealed_at FROM card_folios f JOIN card_seals s ON s.sequence = f.first_link
WHERE f.first_link = $1
"""
_PLACES = """
SELECT place, currency, sum(arrived)::bigint AS arrived, sum(gone)::bigint AS gone,
    sum(cost)::bigint AS cost
FROM (
    SELECT m.to_place AS place, m.units AS arrived, 0 AS gone, m.cost, m.batch_id
    FROM card_folio_moves m WHERE m.day = $1
    UNION ALL
    SELECT m.from_place, 0, m.units, -m.cost, m.batch_id FROM card_folio_moves m WHERE m.day = $1
) legs JOIN card_batches b ON b.id = legs.batch_id
GROUP BY place, currency ORDER BY place, currency
"""
_STOCK = """
SELECT v.currency, sum(v.cost)::bigint AS cost FROM card_balances v
JOIN card_batches b ON b.id = v.batch_id AND b.source <> 'issued'
WHERE card_in_stock(v.place) GROUP BY 1
"""
_DIFFERENT = """
SELECT b.id AS batch_id, b.currency, b.source, coalesce(c.place, v.place) AS place,
    coalesce(v.units, 0) AS booked, coalesce(c.units, 0) AS there,
    coalesce(v.cost, 0) AS booked_cost, coalesce(c.cost, 0)::bigint AS cost_there
FROM (
    SELECT batch_id, state AS place, count(*) AS units, sum(unit_cost) AS cost
    FROM cards WHERE $1::uuid[] IS NULL OR batch_id = ANY($1) GROUP BY 1, 2) c
FULL JOIN (
    SELECT batch_id, place, units, cost FROM card_balances
    WHERE place <> 'outside' AND ($1::uuid[] IS NULL OR batch_id = ANY($1))
        AND (units, cost) <> (0, 0)) v ON v.batch_id = c.batch_id AND v.place = c.place
JOIN card_batches b ON b.id = coalesce(c.batch_id, v.batch_id)
WHERE (c.units, c.cost) IS DISTINCT FROM (v.units, v.cost) LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Units that crossed the border of the stock for one reason.

    `kind`: `stored` and `left` by batch, `sold` by order line. `cost` in units of 1/10000.
    """

    kind: str
    reference: UUID
    currency: str
    at: datetime
    units: int
    cost: int


@dataclass(frozen=True, slots=True)
class PlaceDay:
    """What came to a place and went from it on one day."""

    place: str
    currency: str
    arrived: int
    gone: int
    cost: int


@dataclass(frozen=True, slots=True)
class StoreDifference:
    """A batch of which the store has other units at a place than the book says."""

    batch_id: UUID
    currency: str
    place: str
    booked: int
    there: int
    booked_cost: int
    cost_there: int


async def head_of(conn: Connection) -> int:
    """The last link of the trace that is in the book."""
    return int(await conn.fetchval(_HEAD))


async def folio_after(conn: Connection, link: int) -> tuple[int, datetime] | None:
    """The last link of the folio behind `link`, and when its first one was sealed."""
    row = await conn.fetchrow(_FOLIO_AFTER, link + 1)
    return (row["last_link"], row["sealed_at"]) if row else None


async def crossings(conn: Connection, after: int, until: int) -> list[Crossing]:
    """What crossed the border of the stock within some links of the trace."""
    rows = await conn.fetch(_CROSSINGS, after, until)
    return [
        Crossing(
            row["kind"],
            row["reference"],
            row["currency"],
            row["at"],
            row["units"],
            row["cost"],
        )
        for row in rows
    ]


async def places_on(day: date) -> list[PlaceDay]:
    """The moves of a day (UTC), place by place."""
    async with connection() as conn:
        rows = await conn.fetch(_PLACES, day)
    return [
        PlaceDay(row["place"], row["currency"], row["arrived"], row["gone"], row["cost"])
        for row in rows
    ]


async def stock_cost(conn: Connection) -> dict[str, int]:
    """What all units in stock cost, by currency, in units."""
    return {row["currency"]: row["cost"] for row in await conn.fetch(_STOCK)}


async def store_differences(
    conn: Connection, batch_ids: Sequence[UUID] | None = None
) -> list[StoreDifference]:
    """Where the cards that lie in the store are not where the book has them; None: all batches.

    True only of a book that is folded to the head of a trace that is sealed to its end.
    """
    wanted = None if batch_ids is None else list(batch_ids)
    rows = await conn.fetch(_DIFFERENT, wanted)
    return [
        StoreDifference(
            row["batch_id"],
            row["currency"],
            row["place"],
            row["booked"],
            row["there"],
            row["booked_cost"],
            row["cost_there"],
        )
        for row in rows
    ]
