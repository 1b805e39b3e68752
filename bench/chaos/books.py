"""Both books of a run, as the judge reads them: what the suppliers did, and what we think of it."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from adapters.sandbox.book import Book
from domain import cards
from domain.kernel import SYSTEM, connection

OPENED_AT_ONCE = 500
_ATTEMPTS = """
SELECT a.reference, s.code AS supplier, a.line_id, a.number, a.status, a.parked, a.cost,
    a.opened_at, a.finished_at,
    ARRAY(SELECT i.kind FROM supply_incidents i WHERE i.attempt_id = a.id ORDER BY 1) AS incidents
FROM fulfilment_attempts a JOIN suppliers s ON s.id = a.supplier_id ORDER BY a.line_id, a.number
"""
_LINES = """
SELECT l.id, l.order_id, l.sku, l.delivery_kind = 'CARD_CODE' AS cards, l.quantity,
    l.delivered_quantity AS delivered, l.status, l.unit_price,
    l.refunded_amount AS refunded, l.receipt
FROM order_lines l ORDER BY l.order_id, l.position
"""
_ORDERS = """
SELECT o.id, o.buyer_id, o.status, o.total, o.paid_at, o.closed_at, k.key
FROM orders o LEFT JOIN idempotency_keys k ON k.result = o.id ORDER BY o.id
"""
_CARDS = """
SELECT c.id, a.reference, c.order_line_id AS line_id
FROM cards c JOIN card_batches b ON b.id = c.batch_id
LEFT JOIN fulfilment_attempts a ON a.id = b.supplier_attempt_id ORDER BY c.id
"""
# What each wallet got from outside, and what is left there.
_WALLETS = """
SELECT w.owner_id AS buyer_id, coalesce(sum(e.amount), 0)::bigint AS balance,
    coalesce(sum(e.amount) FILTER (WHERE t.kind = 'topup'), 0)::bigint AS topped_up
FROM accounts w LEFT JOIN entries e ON e.account_id = w.id LEFT JOIN transfers t
    ON t.id = e.transfer_id
WHERE w.kind = 'wallet' GROUP BY w.owner_id
"""
_OWED = """
SELECT s.code, coalesce(sum(e.amount), 0)::bigint AS owed
FROM suppliers s JOIN accounts w ON w.kind = 'supplier' AND w.owner_id = s.id
LEFT JOIN entries e ON e.account_id = w.id GROUP BY s.code
"""
_RESTLESS = """
SELECT (SELECT count(*) FROM orders WHERE status IN ('RISK_REVIEW', 'PAID', 'DELIVERING'))
    AS orders,
    (SELECT count(*) FROM fulfilment_attempts
        WHERE status IN ('submitting', 'accepted', 'uncertain')) AS attempts,
    (SELECT count(*) FROM outbox_events WHERE published_at IS NULL) AS events
"""


@dataclass(frozen=True)
class Theirs:
    """One order in a supplier's own book. Amounts in units of 1/10000 of its own money."""

    supplier: str
    reference: str
    state: str  # completed, partial, accepted, rejected, refunded, cancelled
    quantity: int
    charged: int
    codes: tuple[str, ...] = field(default=(), repr=False)
    receipt: str = ""

    @property
    def has_goods(self) -> bool:
        """Whether something was delivered."""
        done = self.state in ("completed", "partial")
        return done and bool(self.codes or self.receipt)


@dataclass(frozen=True)
class Attempt:
    """One purchase of ours."""

    reference: str
    supplier: str
    line_id: UUID
    number: int
    status: str
    parked: bool
    cost: int | None
    opened_at: datetime
    finished_at: datetime | None
    incidents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line of an order."""

    id: UUID
    order_id: UUID
    sku: str
    cards: bool
    quantity: int
    delivered: int
    status: str
    unit_price: int
    refunded: int
    receipt: str | None = None


@dataclass(frozen=True)
class Order:
    """One order, with the idempotency key that it was placed with."""

    id: UUID
    buyer_id: UUID
    status: str
    total: int
    paid_at: datetime | None
    closed_at: datetime | None
    key: str | None


@dataclass(frozen=True)
class Card:
    """One card that was bought, by its code; the reference of its purchase, the line it went to."""

    code: str = field(repr=False)
    reference: str | None
    line_id: UUID | None


@dataclass(frozen=True)
class Ours:
    """Our whole book."""

    attempts: tuple[Attempt, ...] = ()
    lines: tuple[Line, ...] = ()
    orders: tuple[Order, ...] = ()
    cards: tuple[Card, ...] = ()
    wallets: tuple[tuple[UUID, int, int], ...] = ()  # buyer, balance, what came from outside
    owed: tuple[tuple[str, int], ...] = ()  # supplier, what the ledger says that we owe


def read_theirs(path: Path, seed: str) -> list[Theirs]:
    """What the simulator's suppliers did, out of the file that it keeps."""
    book = Book(path, seed)
    try:
        return [
            Theirs(
                order.supplier,
                order.reference,
                order.state,
                order.quantity,
                order.charged,
                tuple(_code(*each) for each in order.codes),
                order.receipt,
            )
            for order in book.orders()
        ]
    finally:
        book.close()


async def read_ours() -> Ours:
    """What this installation thinks of it. The domain must be connected."""
    async with connection() as conn:
        attempts = await conn.fetch(_ATTEMPTS)
        lines = await conn.fetch(_LINES)
        orders = await conn.fetch(_ORDERS)
        wallets = await conn.fetch(_WALLETS)
        owed = await conn.fetch(_OWED)
    return Ours(
        tuple(Attempt(**{**row, "incidents": tuple(row["incidents"])}) for row in attempts),
        tuple(Line(**row) for row in lines),
        tuple(Order(**row) for row in orders),
        await _cards(),
        tuple((row["buyer_id"], row["balance"], row["topped_up"]) for row in wallets),
        tuple((row["code"], row["owed"]) for row in owed),
    )


async def restless() -> dict[str, int]:
    """What has not come to its end: orders, attempts, events. Empty when all is quiet."""
    async with connection() as conn:
        row = await conn.fetchrow(_RESTLESS)
    return {name: number for name, number in dict(row).items() if number}


async def _cards() -> tuple[Card, ...]:
    """All cards of suppliers, opened: only the codes tell whether one was sold twice."""
    async with connection() as conn:
        rows = await conn.fetch(_CARDS)
    found = []
    for start in range(0, len(rows), OPENED_AT_ONCE):
        some = rows[start : start + OPENED_AT_ONCE]
        async with connection() as conn:
            sealed = await cards.find_sealed(conn, [row["id"] for row in some])
        opened = await cards.open_codes(SYSTEM, sealed)
        found += [
            Card(_code(each.number or "", each.secret), row["reference"], row["line_id"])
            for row, each in zip(some, opened, strict=True)
        ]
    return tuple(found)


def _code(number: str, secret: str) -> str:
    return f"{number}/{secret}"
