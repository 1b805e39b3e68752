"""Orders that were paid in another currency than the house's (mission row A9; docs/decisions/0053).

The order itself, its lines and all that is booked of them are in the house's currency. What its
buyer pays and gets back is kept beside it, in the buyer's, at the rate of the sale. Each transfer
is in one currency: the two accounts `exchange` stand between them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.kernel import Connection, Money, clock, connection, new_id
from domain.ledger import AccountKind, Posting, TransferKind, account_id

# Into the purchase's own statement: one row.
INSERT_EXCHANGE = """
INSERT INTO order_exchanges (order_id, currency, total, rate, rate_id, prices, made_at)
VALUES (:order_id, :paid_currency, :paid_total, :rate, :rate_id, :paid_prices::jsonb, :moment)
RETURNING 1
"""
_RECORD = """
INSERT INTO order_exchanges (order_id, currency, total, rate, rate_id, prices, made_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7)
"""
_FIND = """
SELECT x.*, (SELECT coalesce(sum(r.amount), 0)::bigint FROM order_exchange_returns r
    WHERE r.order_id = x.order_id) AS back
FROM order_exchanges x WHERE x.order_id = ANY($1::uuid[])
"""
# Its order is locked by whoever gives back, so that two at once do not count the same money.
_GIVEN_BACK = """
SELECT x.currency, x.total, o.total AS house_total, o.buyer_id, o.number,
    coalesce(sum(r.house_amount), 0)::bigint AS house_back,
    coalesce(sum(r.amount), 0)::bigint AS back
FROM order_exchanges x JOIN orders o ON o.id = x.order_id
LEFT JOIN order_exchange_returns r ON r.order_id = x.order_id
WHERE x.order_id = $1 GROUP BY x.currency, x.total, o.total, o.buyer_id, o.number
"""
_GIVE_BACK = """
INSERT INTO order_exchange_returns (id, order_id, reference, house_amount, amount, at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_RETURNS = """
SELECT r.reference, r.amount, x.currency FROM order_exchange_returns r
JOIN order_exchanges x ON x.order_id = r.order_id WHERE r.reference = ANY($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What an order costs its buyer: `total` and unit `prices` by line in units of `currency`;
    `rate` in millionths of the house's currency for one of it."""

    currency: str
    total: int
    rate: int
    rate_id: UUID
    prices: Mapping[UUID, int]
    back: int = 0  # what of it went back

    def columns(self) -> dict[str, Any]:
        """As `INSERT_EXCHANGE` takes it."""
        prices = {str(line_id): units for line_id, units in self.prices.items()}
        return {
            "paid_currency": self.currency,
            "paid_total": self.total,
            "rate": self.rate,
            "rate_id": self.rate_id,
            "paid_prices": orjson.dumps(prices).decode(),
        }

    def price_of(self, line_id: UUID) -> Money:
        """The unit price of a line."""
        return Money(self.prices[line_id], self.currency)


def exchanged_payment(
    order_id: UUID, number: str, buyer_id: UUID, total: int, currency: str, paid: Exchange
) -> list[Posting]:
    """An order is paid out of a wallet of another currency: it goes into the exchange there, and
    the house's money out of the exchange here waits as a prepayment."""
    out = [
        (account_id(AccountKind.WALLET, buyer_id, paid.currency), -paid.total),
        (account_id(AccountKind.EXCHANGE, None, paid.currency), paid.total),
    ]
    here = [
        (account_id(AccountKind.EXCHANGE, None, currency), -total),
        (account_id(AccountKind.PREPAYMENT, None, currency), total),
    ]
    return [
        Posting(TransferKind.EXCHANGE, order_id, paid.currency, out, number),
        Posting(TransferKind.PAYMENT, order_id, currency, here, number),
    ]


async def record_exchange(conn: Connection, order_id: UUID, paid: Exchange) -> None:
    """Keep what an order costs its buyer, in the caller's transaction, with the order."""
    await conn.execute(_RECORD, order_id, *paid.columns().values(), clock.now())


async def exchange_back(
    conn: Connection, order_id: UUID, house_amount: int, reference: UUID
) -> list[Posting] | None:
    """Give back what `house_amount` of an order was to its buyer: what to post besides, or None for
    an order that was paid in the house's currency. The caller has locked the order.

    The whole goes back to the last unit, whatever parts it goes back in.
    """
    row = await conn.fetchrow(_GIVEN_BACK, order_id)
    if row is None or not house_amount:
        return None
    so_far = row["house_back"] + house_amount
    amount = row["total"] * so_far // row["house_total"] - row["back"]
    values = (order_id, reference, house_amount, amount, clock.now())
    await conn.execute(_GIVE_BACK, new_id(), *values)
    legs = [
        (account_id(AccountKind.EXCHANGE, None, row["currency"]), -amount),
        (account_id(AccountKind.WALLET, row["buyer_id"], row["currency"]), amount),
    ]
    kind = TransferKind.EXCHANGE_BACK
    return [Posting(kind, reference, row["currency"], legs, row["number"])] if amount else []


async def exchanges_of(order_ids: Sequence[UUID]) -> dict[UUID, Exchange]:
    """What orders cost their buyers, of those that were paid in another currency."""
    async with connection() as conn:
        rows = await conn.fetch(_FIND, list(order_ids))
    return {
        row["order_id"]: Exchange(
            row["currency"],
            row["total"],
            row["rate"],
            row["rate_id"],
            {UUID(line): units for line, units in orjson.loads(row["prices"]).items()},
            row["back"],
        )
        for row in rows
    }


async def given_back(references: Sequence[UUID]) -> dict[UUID, Money]:
    """What went back into wallets of other currencies, by refund or line."""
    async with connection() as conn:
        rows = await conn.fetch(_RETURNS, list(references))
    return {row["reference"]: Money(row["amount"], row["currency"]) for row in rows}
