"""Whether prices fall from level to level: asked before a change is kept (mission row E2)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.kernel import Connection, Money, Refused, clock
from domain.pricebook.refusals import AgentPriceInverted
from domain.pricebook.statements import HOLD_BOOK, INVERTED
from domain.pricing import TIERS


async def hold_book(conn: Connection) -> None:
    """Let nobody else change own prices, tiers or places of agents until the transaction ends.

    Comes after the locks of the tree and of agents.
    """
    await conn.execute(HOLD_BOOK)


async def refuse_inverted(
    conn: Connection, agent_ids: Sequence[UUID], moment: datetime | None = None
) -> None:
    """Refuses (AGENT_PRICE_INVERTED) what the caller's transaction has written when one of these
    agents, or one directly below them, would pay less than the one it stands below.

    Looks at every list, as prices stand at a moment; names the first one found.
    """
    await hold_book(conn)
    row = await conn.fetchrow(INVERTED, list(agent_ids), moment or clock.now(), list(TIERS))
    if row is None:
        return
    code, above, sku, currency, amount, least = row
    price, floor = Money(amount, currency), Money(least, currency)
    raise Refused(AgentPriceInverted(agent=code, above=above, sku=sku, price=price, least=floor))
