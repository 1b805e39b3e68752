"""Keeping quotes, using them, forgetting those that nobody used (mission row E6)."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from domain.kernel import (
    Actor,
    Connection,
    Refused,
    clock,
    named,
    refuse_unless,
    transaction,
)
from domain.quotes.models import Quote
from domain.quotes.refusals import QuoteUsed, TooManyQuotes
from domain.quotes.rules import FIELD, OPEN_LIMIT, QuotedLine, times
from domain.quotes.statements import USE_QUOTE, USED_ONCE

KEPT_DAYS = 7
FORGOTTEN_AT_ONCE = 5_000

# One buyer's quotes are kept one after another, so that two at once do not both stay in the limit.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('quotes.keep'), hashtext($1))"
_UNUSED = """
SELECT count(*) FROM quotes q WHERE q.buyer_id = $1 AND q.valid_until > $2
    AND NOT EXISTS (SELECT 1 FROM quote_uses u WHERE u.quote_id = q.id)
"""
_FORGET = """
DELETE FROM quotes WHERE id = ANY (ARRAY(
    SELECT q.id FROM quotes q WHERE q.valid_until < $1::timestamptz - make_interval(days => $2)
        AND NOT EXISTS (SELECT 1 FROM quote_uses u WHERE u.quote_id = q.id)
    ORDER BY q.valid_until LIMIT $3))
"""
_USE = named(USE_QUOTE)


async def keep_quote(actor: Actor, lines: Sequence[QuotedLine], currency: str) -> Quote:
    """Lock these prices for the caller at the caller's site; refuses more than OPEN_LIMIT unused.

    The prices are the caller's own reading of the moment: no client may send them.
    """
    buyer, moment = actor.require_user(), clock.now()
    async with transaction() as conn:
        await conn.execute(_ALONE, str(buyer))
        unused = await conn.fetchval(_UNUSED, buyer, moment)
        refuse_unless(unused < OPEN_LIMIT, TooManyQuotes(most=OPEN_LIMIT))
        return await Quote.create(
            buyer_id=buyer,
            site_id=actor.site_id,
            currency=currency,
            lines=[line.plain() for line in lines],
            total=sum(line.total for line in lines),
            created_at=moment,
            valid_until=moment + times.valid,
        )


async def use_quote(conn: Connection, quote_id: UUID, order_id: UUID) -> None:
    """Spend a quote on an order that stands in the caller's transaction; refuses a second order."""
    given = {"quote": quote_id, "order_id": order_id, "moment": clock.now()}
    try:
        await conn.execute(_USE.text, *_USE.values(given))
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != USED_ONCE:
            raise
        raise Refused(QuoteUsed(field=FIELD)) from error


async def forget_unused() -> int:
    """Delete a batch of quotes that ended a week ago and that no order used; how many went."""
    async with transaction() as conn:
        done = await conn.execute(_FORGET, clock.now(), KEPT_DAYS, FORGOTTEN_AT_ONCE)
    return int(done.rpartition(" ")[2])
