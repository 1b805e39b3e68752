"""Statements as tables: one agent's, item by item, and all of a run, agent by agent."""

from collections.abc import AsyncIterator
from uuid import UUID

from domain import bulk
from domain.kernel import Actor, Prefix, encode_id, plain
from domain.settlement.queries import Statement, all_of_run, get_run
from domain.settlement.statements import AMOUNTS

ITEMS = (
    *("opening_pending", "opening_available", "opening_owed", "earned", "clawed_pending"),
    *("clawed_available", "clawed_owed", "released", "repaid", "to_wallet", "withdrawn"),
    *("given_back", "closing_pending", "closing_available", "closing_owed"),
)
_LEADING = ("period", "agent_code", "agent_name", "currency", "lines")


def statement_table(statement: Statement) -> bulk.Table:
    """One statement: an item, of which rule and level if one was earned, lines and amount."""

    async def rows() -> AsyncIterator[bulk.OutRow]:
        for item in ITEMS:
            yield [item, "", None, None, plain(statement.amounts[item]), statement.currency]
            if item == "earned":
                for each in statement.earned_by:
                    amount = plain(each.amount.units)
                    yield [item, each.kind, each.level, each.lines, amount, statement.currency]

    columns = ("item", "rule", "level", "lines", "amount", "currency")
    return bulk.Table("statement", columns, rows())


async def run_table(actor: Actor, run_id: UUID) -> bulk.Table:
    """All statements of a run, one a row. Needs `settlements:read`."""
    run = await get_run(actor, run_id)

    async def rows() -> AsyncIterator[bulk.OutRow]:
        async for each in all_of_run(run.id):
            leading = (each.period, each.agent_code, each.agent_name, each.currency, each.lines)
            payout = encode_id(Prefix.PAYOUT, each.payout_id) if each.payout_id else ""
            amounts = (plain(each.amounts[name]) for name in AMOUNTS)
            yield [*leading, *amounts, payout, each.withheld]

    return bulk.Table("settlement", (*_LEADING, *AMOUNTS, "payout", "withheld"), rows())
