"""Commissions whose time is over become available: the sweep (money.md part 4, mission row H2).

Two steps, each safe to die in. MARK counts, in one statement, what came due since the last look and
writes it into the books of the agents; each look names the one it follows, so that nothing is
counted twice or passed over. Then books with something due are released in slices, as many at once
as there are workers: one transfer for each agent, whatever the number of its commissions.

What is counted is complete: a commission's time is a whole minute that begins after its transaction
did (the statement that writes it sees to that), and no transaction lives as long as SETTLE.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain import agents, ledger
from domain.commissions.books import Book, Key, open_released, with_balances
from domain.kernel import (
    Connection,
    Event,
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
from domain.ledger import AccountKind, Posting, TransferKind, account_id

RELEASED = "commission.released"
SETTLE = timedelta(seconds=120)
SLICE = 500
LONGEST = timedelta(days=31)  # that one look goes on by: after a long pause, several looks
# Commissions that one look counts, beside those of the same minute: whoever moves money of these
# agents meanwhile waits for it.
AT_ONCE = 50_000
_BEGINNING = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
_LAST = "SELECT max(up_to) FROM commission_sweeps"
_FIRST_DUE = """
SELECT least((SELECT min(release_at) FROM commissions WHERE release_at > $1 AND release_at <= $2),
    (SELECT min(release_at) FROM commission_awards WHERE release_at > $1 AND release_at <= $2))
"""
_FAR_ENOUGH = """
SELECT least($2, (SELECT release_at FROM commissions WHERE release_at > $1 AND release_at <= $2
        ORDER BY release_at OFFSET $3 LIMIT 1),
    (SELECT release_at FROM commission_awards WHERE release_at > $1 AND release_at <= $2
        ORDER BY release_at OFFSET $3 LIMIT 1))
"""
_MARK = """
WITH due AS (
    SELECT agent_id, currency, sum(amount)::bigint AS amount, count(*)::int AS lines
    FROM (
        SELECT agent_id, currency, amount FROM commissions
        WHERE release_at > $2 AND release_at <= $3
        UNION ALL
        SELECT agent_id, currency, amount FROM commission_awards
        WHERE release_at > $2 AND release_at <= $3) earned
    GROUP BY agent_id, currency
), look AS (
    INSERT INTO commission_sweeps (id, follows, up_to, lines, amount, at)
    SELECT $1, $2, $3, coalesce(sum(lines), 0), coalesce(sum(amount), 0), $4 FROM due
    ON CONFLICT DO NOTHING RETURNING 1
), marked AS (
    INSERT INTO commission_books (id, agent_id, currency, due_up_to, due_amount, due_lines)
    SELECT gen_random_uuid(), agent_id, currency, $3, amount, lines
    FROM due WHERE EXISTS (SELECT 1 FROM look) ORDER BY agent_id, currency
    ON CONFLICT (agent_id, currency) DO UPDATE SET due_up_to = excluded.due_up_to,
        due_amount = commission_books.due_amount + excluded.due_amount,
        due_lines = commission_books.due_lines + excluded.due_lines
    RETURNING due_lines
) SELECT count(*) FROM marked
"""
_TAKE = """
SELECT agent_id, currency, released_up_to, due_up_to, due_amount, due_lines FROM commission_books
WHERE due_lines > 0 ORDER BY agent_id, currency LIMIT $1 FOR UPDATE SKIP LOCKED
"""
# What refunds took of these commissions while they were pending. Under the lock of the books, so
# that no other refund can be at it.
_CLAWED = """
SELECT w.agent, w.currency, sum(b.pending)::bigint AS amount
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[])
    AS w (agent, currency, follows, up_to)
CROSS JOIN LATERAL (
    SELECT pending FROM commission_clawbacks b WHERE b.agent_id = w.agent
        AND b.currency = w.currency
        AND b.release_at > coalesce(w.follows, '-infinity') AND b.release_at <= w.up_to
    UNION ALL
    SELECT pending FROM commission_award_clawbacks b WHERE b.agent_id = w.agent
        AND b.currency = w.currency
        AND b.release_at > coalesce(w.follows, '-infinity') AND b.release_at <= w.up_to) b
GROUP BY 1, 2
"""
_WRITE = """
WITH slice AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[],
        $6::int[], $7::bigint[], $8::bigint[], $9::bigint[])
        AS s (id, agent, currency, follows, up_to, lines, earned, clawed, offset_debt)
), kept AS (
    INSERT INTO commission_releases (id, agent_id, currency, follows, up_to, lines, earned,
        clawed_back, offset_debt, released_at)
    SELECT id, agent, currency, follows, up_to, lines, earned, clawed, offset_debt, $10 FROM slice
)
UPDATE commission_books k SET released_up_to = s.up_to, due_amount = 0, due_lines = 0
FROM slice s WHERE k.agent_id = s.agent AND k.currency = s.currency
"""


@dataclass(frozen=True, slots=True)
class _Release:
    """What one agent gets at once."""

    id: UUID
    row: Any  # the book's
    clawed: int
    offset_debt: int
    legs: list[tuple[UUID, int]]

    @property
    def amount(self) -> int:
        """What refunds left of it."""
        return int(self.row["due_amount"]) - self.clawed


async def release_due() -> int:
    """Release all commissions whose time is over; returns of how many agents. Called by anybody at
    any time: whatever another one is at is left to that one."""
    while await _mark():
        crash_point("commissions.marked")
    done = 0
    while released := await _release_slice():
        crash_point("commissions.released")
        done += released
    if done:
        wake_relay()
    return done


def cutoff() -> datetime:
    """Until when all that is due is surely written."""
    return (clock.now() - SETTLE).replace(second=0, microsecond=0)


async def _mark() -> int:
    """One look: what came due since the last one, into the books. 0: nothing did."""
    async with transaction() as conn:
        follows = await conn.fetchval(_LAST) or _BEGINNING
        first = await conn.fetchval(_FIRST_DUE, follows, cutoff())
        if first is None:
            return 0
        latest = min(cutoff(), first + LONGEST)
        up_to = await conn.fetchval(_FAR_ENOUGH, follows, latest, AT_ONCE)
        # Another one that looks at this moment waits, then finds that its look is made already.
        return int(await conn.fetchval(_MARK, new_id(), follows, up_to, clock.now()))


async def _release_slice() -> int:
    async with transaction() as conn:
        rows = await conn.fetch(_TAKE, SLICE)
        if not rows:
            return 0
        keys = [(row["agent_id"], row["currency"]) for row in rows]
        await open_released(conn, keys)
        books = await with_balances(
            conn, [Book(agent, currency, None, 0, 0) for agent, currency in keys]
        )
        clawed = await _clawed(conn, rows)
        releases = [_release(row, books, clawed) for row in rows]
        await _write(conn, releases)
        await _tell(conn, releases)
    return len(rows)


async def _clawed(conn: Connection, rows: list[Any]) -> dict[Key, int]:
    columns = ("agent_id", "currency", "released_up_to", "due_up_to")
    found = await conn.fetch(_CLAWED, *([row[name] for row in rows] for name in columns))
    return {(row["agent"], row["currency"]): row["amount"] for row in found}


def _release(row: Any, books: dict[Key, Book], clawed: dict[Key, int]) -> _Release:
    key = (row["agent_id"], row["currency"])
    book, gone = books[key], clawed.get(key, 0)
    owed, amount = book.owed, row["due_amount"] - gone
    legs = [(account_id(AccountKind.COMMISSION, *key), -amount), *book.credit(amount)]
    return _Release(new_id(), row, gone, owed - book.owed, legs)


async def _write(conn: Connection, releases: list[_Release]) -> None:
    await conn.execute(
        _WRITE,
        [each.id for each in releases],
        [each.row["agent_id"] for each in releases],
        [each.row["currency"] for each in releases],
        [each.row["released_up_to"] for each in releases],
        [each.row["due_up_to"] for each in releases],
        [each.row["due_lines"] for each in releases],
        [each.row["due_amount"] for each in releases],
        [each.clawed for each in releases],
        [each.offset_debt for each in releases],
        clock.now(),
    )
    kind = TransferKind.COMMISSION_RELEASED
    await ledger.post(
        conn, [Posting(kind, each.id, each.row["currency"], each.legs) for each in releases]
    )


async def _tell(conn: Connection, releases: list[_Release]) -> None:
    found = await agents.agents_by_id([each.row["agent_id"] for each in releases])
    events = []
    for each in releases:
        agent = found[each.row["agent_id"]]
        payload = {
            "userId": encode_id(Prefix.USER, agent.user_id),
            "agentId": encode_id(Prefix.AGENT, agent.id),
            "commissions": each.row["due_lines"],
            "amount": plain(each.amount),
            "offsetDebt": plain(each.offset_debt),
            "currency": each.row["currency"],
        }
        events.append(Event(RELEASED, each.id, 1, payload))
    await record_events(conn, events)
