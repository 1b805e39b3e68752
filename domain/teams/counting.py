"""Counts what teams sell, as the ledger's chain grows: each link of it once (mission row H4)."""

from domain import commissions
from domain.kernel import Named, connection, named, transaction
from domain.teams import statements

AT_ONCE = 2_000  # links of the chain in one transaction
_ADD: Named = named(statements.ADD)
_DIFFERENT: Named = named(statements.DIFFERENT)


async def count_next() -> int:
    """Count the next links of the chain that nobody has counted; how many links they were.

    One at a time: another one waits for the cursor. Cursor and counts move together, so whoever
    dies has counted nothing.
    """
    async with transaction() as conn:
        await conn.execute(statements.BEGIN)
        after: int = await conn.fetchval(statements.LOCK)
        head: int = await conn.fetchval(statements.HEAD)
        up_to = min(after + AT_ONCE, head)
        if up_to <= after:
            return 0
        await conn.execute(statements.KEEP, after, up_to)
        await conn.execute(_ADD.text, *_ADD.values(_span(after, up_to)))
        await conn.execute(statements.MOVE, up_to)
    return up_to - after


async def recount() -> int:
    """How many days of agents a count of the whole chain so far tells otherwise: 0, or somebody
    wrote into the counts."""
    async with connection() as conn:
        up_to = await conn.fetchval(statements.CURSOR)
        return int(await conn.fetchval(_DIFFERENT.text, *_DIFFERENT.values(_span(0, up_to))))


def _span(after: int, up_to: int) -> dict[str, object]:
    return {"after": after, "up_to": up_to, "offset": commissions.calendar.utc_offset}
