"""Our side of what statements tell of: payments and refunds by channel, purchases by supplier,
payouts, and payments to service providers, by the channel that they leave through."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from domain.kernel import Connection, connection
from domain.statements.models import LineKind, Party, StatementSource
from domain.statements.rules import LONGEST, Line, Subject

PAGE = 1_000

# Channels of one merchant share its statements.
_OF_MERCHANT = """
SELECT o.id FROM {table} c JOIN {table} o ON o.adapter = c.adapter AND o.merchant = c.merchant
WHERE c.id = $1
"""
_MERCHANT = _OF_MERCHANT.format(table="payment_channels")
_PAYING_OUT = _OF_MERCHANT.format(table="payout_channels")
_PAYMENT = """
SELECT p.id, p.reference, p.provider_id, p.channel_id AS owner_id,
    coalesce(p.paid_amount, 0) AS amount, p.currency, p.paid_amount IS NOT NULL AS booked,
    coalesce(p.paid_at, p.started_at) AS first_at, coalesce(p.paid_at, p.started_at) AS last_at
FROM payments p WHERE p.channel_id = ANY($1)
"""
_PAYMENTS = f"{_PAYMENT} AND p.reference = ANY($2) UNION {_PAYMENT} AND p.provider_id = ANY($3)"
_REFUNDS = """
SELECT r.id, r.reference, coalesce(r.provider_id, '') AS provider_id, p.channel_id AS owner_id,
    CASE WHEN r.status = 'COMPLETED' THEN r.amount ELSE 0 END AS amount, r.currency,
    r.status = 'COMPLETED' AS booked, r.requested_at AS first_at,
    coalesce(r.finished_at, r.requested_at) AS last_at
FROM payment_refunds r JOIN payments p ON p.id = r.payment_id
WHERE r.reference = ANY($2) AND p.channel_id = ANY($1)
"""
_ATTEMPT = """
SELECT a.id, a.reference, coalesce(a.upstream_id, '') AS provider_id, a.supplier_id AS owner_id,
    coalesce(a.cost, 0) AS amount, a.currency, a.status = 'succeeded' AS booked,
    a.opened_at AS first_at, coalesce(a.finished_at, a.opened_at) AS last_at
FROM fulfilment_attempts a WHERE a.supplier_id = $1
"""
# What a supplier gave back of an attempt, by the incidents that ended so.
_GIVEN_BACK = """(SELECT coalesce(sum(i.amount), 0) FROM supply_incidents i
    WHERE i.attempt_id = a.id)::bigint"""
_ATTEMPT = _ATTEMPT.replace("FROM", f", {_GIVEN_BACK} AS back FROM", 1)
_BACK = f"""
SELECT b.* FROM (
    SELECT a.id, a.reference, coalesce(a.upstream_id, '') AS provider_id,
        a.supplier_id AS owner_id, {_GIVEN_BACK} AS amount, a.currency,
        {_GIVEN_BACK} > 0 AS booked, a.opened_at AS first_at,
        coalesce((SELECT max(i.resolved_at) FROM supply_incidents i
            WHERE i.attempt_id = a.id AND i.amount > 0), a.finished_at, a.opened_at) AS last_at
    FROM fulfilment_attempts a WHERE a.supplier_id = $1
        AND (a.reference = ANY($2) OR a.upstream_id = ANY($3))) b
"""  # noqa: S608
# What was bought for stock is no attempt of a line, and on the same statement.
_FOR_STOCK = _ATTEMPT.replace("fulfilment_attempts", "stock_purchases")
_ATTEMPTS = " UNION ".join(
    f"{each} AND {name}"
    for each in (_ATTEMPT, _FOR_STOCK)
    for name in ("a.reference = ANY($2)", "a.upstream_id = ANY($3)")
)
# What its receiver gets is what leaves the account; what came back had left before.
_PAYOUT = """
SELECT p.id, p.reference, coalesce(p.provider_id, '') AS provider_id, p.channel_id AS owner_id,
    CASE WHEN p.status = ANY('{{{done}}}') THEN p.amount - p.fee - p.tax ELSE 0 END AS amount,
    p.currency, p.status = ANY('{{{done}}}') AS booked,
    coalesce({first}, p.requested_at) AS first_at,
    coalesce(p.finished_at, p.submitted_at, p.requested_at) AS last_at
FROM payouts p WHERE p.channel_id = ANY($1)
"""
# Service providers are paid by files through the same channels, and stand on the same statement.
_TO_PROVIDER = """
SELECT p.id, p.reference, '' AS provider_id, f.channel_id AS owner_id,
    CASE WHEN p.state = ANY('{{{done}}}') THEN p.amount ELSE 0 END AS amount, p.currency,
    p.state = ANY('{{{done}}}') AS booked, coalesce({first}, f.made_at) AS first_at,
    coalesce(p.told_at, f.made_at) AS last_at
FROM provider_payments p JOIN provider_files f ON f.id = p.file_id
WHERE f.channel_id = ANY($1) AND p.reference = ANY($2)
"""
_PAYOUTS, _RETURNS = (
    f"{each} AND p.reference = ANY($2) UNION {each} AND p.provider_id = ANY($3) UNION {other}"
    for each, other in (
        (
            _PAYOUT.format(done="SUCCEEDED,RETURNED", first="p.submitted_at"),
            _TO_PROVIDER.format(done="PAID,RETURNED", first="f.made_at"),
        ),
        (
            _PAYOUT.format(done="RETURNED", first="p.finished_at"),
            _TO_PROVIDER.format(done="RETURNED", first="p.told_at"),
        ),
    )
)
# A page is so many rows of ours, whether or not a line names them: each is one look along a key.
_NAMED = """
LEFT JOIN LATERAL (SELECT 1 AS there FROM statement_lines l
    WHERE l.subject_id = s.id AND l.kind = '{kind}' AND l.outcome IN ('MATCHED', 'AMOUNT_DIFFERS')
    LIMIT 1) n ON true
ORDER BY s.last_at, s.id
"""
_PAYMENTS_OF = f"""
SELECT s.*, n.there FROM (
    SELECT p.id, p.reference, p.channel_id AS owner_id, p.paid_amount AS amount, p.currency,
        true AS booked, p.paid_at AS first_at, p.paid_at AS last_at
    FROM payments p WHERE p.channel_id = $1 AND p.paid_at >= $2 AND p.paid_at < $3
        AND (p.paid_at, p.id) > ($4, $5)
    ORDER BY p.paid_at, p.id LIMIT {PAGE}) s {_NAMED.format(kind="PAYMENT")}
"""  # noqa: S608
_REFUNDS_OF = f"""
SELECT s.*, n.there FROM (
    SELECT r.id, r.reference, p.channel_id AS owner_id, r.amount, r.currency, true AS booked,
        r.requested_at AS first_at, r.finished_at AS last_at
    FROM payment_refunds r JOIN payments p ON p.id = r.payment_id
    WHERE r.status = 'COMPLETED' AND p.channel_id = $1
        AND r.finished_at >= $2 AND r.finished_at < $3 AND (r.finished_at, r.id) > ($4, $5)
    ORDER BY r.finished_at, r.id LIMIT {PAGE}) s {_NAMED.format(kind="REFUND")}
"""  # noqa: S608
_BOUGHT = f"""
    SELECT a.id, a.reference, a.supplier_id AS owner_id, a.cost AS amount, a.currency,
        true AS booked, a.opened_at AS first_at, a.finished_at AS last_at
    FROM {{table}} a WHERE a.supplier_id = $1 AND a.status = 'succeeded' AND a.cost > 0
        AND a.finished_at >= $2 AND a.finished_at < $3 AND (a.finished_at, a.id) > ($4, $5)
    ORDER BY a.finished_at, a.id LIMIT {PAGE}"""  # noqa: S608
_ATTEMPTS_OF = f"""
SELECT s.*, n.there FROM (
    ({_BOUGHT.format(table="fulfilment_attempts")})
    UNION ALL ({_BOUGHT.format(table="stock_purchases")})
    ORDER BY last_at, id LIMIT {PAGE}) s {_NAMED.format(kind="PURCHASE")}
"""  # noqa: S608
_PAID_OUT = """
SELECT s.*, n.there FROM (
    (SELECT p.id, p.reference, p.channel_id AS owner_id, p.amount - p.fee - p.tax AS amount,
        p.currency, true AS booked, coalesce({first}, p.finished_at) AS first_at,
        p.finished_at AS last_at
    FROM payouts p WHERE p.channel_id = $1 AND p.status = ANY('{{{done}}}')
        AND p.finished_at >= $2 AND p.finished_at < $3 AND (p.finished_at, p.id) > ($4, $5)
    ORDER BY p.finished_at, p.id LIMIT {page})
    UNION ALL (SELECT p.id, p.reference, f.channel_id AS owner_id, p.amount, p.currency,
        true AS booked, {sent} AS first_at, p.told_at AS last_at
    FROM provider_payments p JOIN provider_files f ON f.id = p.file_id
    WHERE f.channel_id = $1 AND p.state = ANY('{{{ended}}}')
        AND p.told_at >= $2 AND p.told_at < $3 AND (p.told_at, p.id) > ($4, $5)
    ORDER BY p.told_at, p.id LIMIT {page})
    ORDER BY last_at, id LIMIT {page}) s {named}
"""
_PAYOUTS_OF = _PAID_OUT.format(
    done="SUCCEEDED,RETURNED",
    first="p.submitted_at",
    ended="PAID,RETURNED",
    sent="f.made_at",
    page=PAGE,
    named=_NAMED.format(kind="PAYOUT"),
)
_RETURNS_OF = _PAID_OUT.format(
    done="RETURNED",
    first="p.finished_at",
    ended="RETURNED",
    sent="p.told_at",
    page=PAGE,
    named=_NAMED.format(kind="RETURN"),
)
# What came back and no line tells, not even as what is missing of the purchase itself.
_BACK_OF = f"""
SELECT s.*, n.there FROM (
    SELECT i.id AS incident, i.attempt_id AS id, a.reference, i.supplier_id AS owner_id,
        {_GIVEN_BACK} AS amount, i.currency, true AS booked, i.resolved_at AS first_at,
        i.resolved_at AS last_at
    FROM supply_incidents i JOIN fulfilment_attempts a ON a.id = i.attempt_id
    WHERE i.supplier_id = $1 AND i.amount > 0 AND i.resolved_at >= $2 AND i.resolved_at < $3
        AND (i.resolved_at, i.attempt_id) > ($4, $5)
    ORDER BY i.resolved_at, i.attempt_id LIMIT {PAGE}) s
LEFT JOIN LATERAL (SELECT 1 AS there FROM statement_lines l
    WHERE l.subject_id = s.id AND l.outcome IN ('MATCHED', 'AMOUNT_DIFFERS')
        AND (l.kind = 'SUPPLIER_REFUND' OR l.kind = 'PURCHASE' AND l.amount < (
            SELECT cost FROM fulfilment_attempts WHERE id = s.id))
    LIMIT 1) n ON true
ORDER BY s.last_at, s.id
"""  # noqa: S608
_FIRST = UUID(int=0)


class Book(Protocol):
    """What we have of one kind of partner."""

    async def find(
        self, conn: Connection, source: StatementSource, lines: Sequence[Line]
    ) -> list[Subject | None]:
        """What each line names of ours, in the caller's transaction."""

    def unnamed(
        self, source: StatementSource, start: datetime, end: datetime
    ) -> AsyncIterator[list[Subject]]:
        """Pages of what moved here from `start` on and before `end`, or begun before `end` and
        moved at most `LONGEST` later, and that no line names. Each page is a read of its own."""


class ChannelBook:
    """Payments and refunds through the channels of one merchant."""

    async def find(
        self, conn: Connection, source: StatementSource, lines: Sequence[Line]
    ) -> list[Subject | None]:
        """By our reference, else by the vendor's number."""
        channels = [row["id"] for row in await conn.fetch(_MERCHANT, source.owner_id)]
        paid = [line for line in lines if line.kind is LineKind.PAYMENT]
        back = [line.reference for line in lines if line.kind is LineKind.REFUND]
        found = _Found()
        if paid:
            keys = [line.reference for line in paid], [line.provider_id for line in paid]
            found.add(LineKind.PAYMENT, await conn.fetch(_PAYMENTS, channels, *keys))
        if back:
            found.add(LineKind.REFUND, await conn.fetch(_REFUNDS, channels, back))
        return [found.named_by(line) for line in lines]

    async def unnamed(
        self, source: StatementSource, start: datetime, end: datetime
    ) -> AsyncIterator[list[Subject]]:
        """Payments by when they were paid, refunds by when they were done."""
        async with connection() as conn:
            channels = [row["id"] for row in await conn.fetch(_MERCHANT, source.owner_id)]
        for channel in channels:
            async for page in _pages(_PAYMENTS_OF, LineKind.PAYMENT, channel, start, end):
                yield page
            async for page in _pages(_REFUNDS_OF, LineKind.REFUND, channel, start, end + LONGEST):
                yield page


class SupplierBook:
    """Attempts to buy at one supplier."""

    async def find(
        self, conn: Connection, source: StatementSource, lines: Sequence[Line]
    ) -> list[Subject | None]:
        """By our reference, else by the supplier's number; what came back by those of the
        purchase."""
        found = _Found()
        for kind, statement in ((LineKind.PURCHASE, _ATTEMPTS), (LineKind.SUPPLIER_REFUND, _BACK)):
            told = [line for line in lines if line.kind is kind]
            keys = [_name_of(line) for line in told], [line.provider_id for line in told]
            if told:
                found.add(kind, await conn.fetch(statement, source.owner_id, *keys))
        return [found.named_by(line) for line in lines]

    async def unnamed(
        self, source: StatementSource, start: datetime, end: datetime
    ) -> AsyncIterator[list[Subject]]:
        """Purchases by when they were done, what came back by when it was booked."""
        if source.owner_id is None:
            return
        owner, until = source.owner_id, end + LONGEST
        async for page in _pages(_ATTEMPTS_OF, LineKind.PURCHASE, owner, start, until):
            yield page
        async for page in _pages(_BACK_OF, LineKind.SUPPLIER_REFUND, owner, start, end):
            yield page


class PayoutBook:
    """Payouts through the channels of one merchant, and those that came back."""

    async def find(
        self, conn: Connection, source: StatementSource, lines: Sequence[Line]
    ) -> list[Subject | None]:
        """By our reference, else by the vendor's number."""
        channels = [row["id"] for row in await conn.fetch(_PAYING_OUT, source.owner_id)]
        found = _Found()
        for kind, statement in ((LineKind.PAYOUT, _PAYOUTS), (LineKind.RETURN, _RETURNS)):
            told = [line for line in lines if line.kind is kind]
            keys = [line.reference for line in told], [line.provider_id for line in told]
            if told:
                found.add(kind, await conn.fetch(statement, channels, *keys))
        return [found.named_by(line) for line in lines]

    async def unnamed(
        self, source: StatementSource, start: datetime, end: datetime
    ) -> AsyncIterator[list[Subject]]:
        """Payouts by when they were done, and those that came back by when they did."""
        async with connection() as conn:
            channels = [row["id"] for row in await conn.fetch(_PAYING_OUT, source.owner_id)]
        for channel in channels:
            until = end + LONGEST
            async for page in _pages(_PAYOUTS_OF, LineKind.PAYOUT, channel, start, until):
                yield page
            async for page in _pages(_RETURNS_OF, LineKind.RETURN, channel, start, end):
                yield page


_books: dict[Party, Book] = {
    Party.CHANNEL: ChannelBook(),
    Party.SUPPLIER: SupplierBook(),
    Party.PAYOUT: PayoutBook(),
}


def book_of(party: Party) -> Book:
    """Who knows what we have of such partners."""
    return _books[party]


class _Found:
    """Rows of ours, by both of their names."""

    def __init__(self) -> None:
        self._ours: dict[tuple[LineKind, str], Subject] = {}
        self._theirs: dict[tuple[LineKind, str], Subject] = {}

    def add(self, kind: LineKind, rows: Sequence[Any]) -> None:
        for row in rows:
            subject = _subject_of(kind, row)
            self._ours[kind, row["reference"]] = subject
            if row["provider_id"]:
                self._theirs[kind, row["provider_id"]] = subject

    def named_by(self, line: Line) -> Subject | None:
        found = self._ours.get((line.kind, _name_of(line)))
        return found or self._theirs.get((line.kind, line.provider_id))


def _name_of(line: Line) -> str:
    """Our reference: of what a supplier gave back, that of the purchase."""
    refund = line.kind is LineKind.SUPPLIER_REFUND
    return (line.about or line.reference) if refund else line.reference


def _subject_of(kind: LineKind, row: Any) -> Subject:
    return Subject(
        id=row["id"],
        kind=kind,
        reference=row["reference"],
        owner_id=row["owner_id"],
        amount=row["amount"],
        currency=row["currency"],
        booked=row["booked"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        back=row.get("back", 0),
    )


async def _pages(
    statement: str, kind: LineKind, owner: UUID, start: datetime, end: datetime
) -> AsyncIterator[list[Subject]]:
    last_at, last_id = start, _FIRST
    while True:
        async with connection() as conn:
            rows = await conn.fetch(statement, owner, start, end, last_at, last_id)
        if not rows:
            return
        last_at, last_id = rows[-1]["last_at"], rows[-1]["id"]
        yield [_subject_of(kind, row) for row in rows if row["there"] is None]
