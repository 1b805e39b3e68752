"""What agents earn by plans over a month, beside what each line earned (mission row H5).

A plan's context measures and decides; here an award becomes money: it waits in the same account as
commissions, is released by the same books, and goes back the same way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from domain import ledger
from domain.commissions.books import Book, lock_books
from domain.commissions.models import AwardKind
from domain.commissions.rules import release_at
from domain.kernel import Connection, clock, new_id
from domain.ledger import AccountKind, Posting, TransferKind, account_id

# As with commissions: its time comes after its transaction began and after what was swept already.
_INSERT = """
INSERT INTO commission_awards (id, plan_id, kind, agent_id, subject_id, month, lines, sales,
    margin, uncosted, rate, wished, amount, currency, terms, earned_at, release_at)
SELECT id, plan, kind, agent, subject, month, lines, sales, margin, uncosted, rate, wished, amount,
    currency, terms, $1, greatest(due, date_trunc('minute', greatest(now(),
        (SELECT max(up_to) FROM commission_sweeps))) + interval '1 minute')
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::date[], $7::int[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::int[], $12::bigint[], $13::bigint[], $14::text[],
    $15::jsonb[], $16::timestamptz[], $17::uuid[])
    AS w (id, plan, kind, agent, month, lines, sales, margin, uncosted, rate, wished, amount,
        currency, terms, due, subject)
"""
_LOCK = """
SELECT w.id, w.agent_id, w.currency, w.amount, w.release_at, coalesce((
    SELECT sum(b.amount) FROM commission_award_clawbacks b WHERE b.award_id = w.id), 0)::bigint
    AS taken
FROM commission_awards w WHERE w.id = ANY($1::uuid[]) ORDER BY w.id FOR UPDATE OF w
"""
_TAKE = """
INSERT INTO commission_award_clawbacks (id, award_id, agent_id, currency, release_at, amount,
    pending, available, owed, taken_at)
SELECT id, award, agent, currency, release_at, pending + available + owed, pending, available, owed,
    $1
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::bigint[],
    $8::bigint[], $9::bigint[])
    AS b (id, award, agent, currency, release_at, pending, available, owed)
"""


@dataclass(frozen=True, slots=True)
class Award:
    """What an agent is to have by a plan for a month; amounts in units of 1/10000.

    `margin` is of lines whose cost is known, `uncosted` the price of the others, both after
    commissions. `terms` are the plan's, kept so that the award explains itself.
    """

    id: UUID
    plan_id: UUID
    kind: AwardKind
    agent_id: UUID
    month: date
    lines: int
    sales: int
    margin: int
    uncosted: int
    rate: int
    wished: int
    amount: int
    currency: str
    terms: dict[str, Any]
    hold_days: int
    subject_id: UUID | None = None  # of a referral: who was brought


@dataclass(frozen=True, slots=True)
class AwardClawback:
    """What was taken back of an award, and where it was."""

    id: UUID
    award_id: UUID
    agent_id: UUID
    currency: str
    release_at: datetime
    pending: int = 0
    available: int = 0
    owed: int = 0

    @property
    def amount(self) -> int:
        """All of it."""
        return self.pending + self.available + self.owed


async def record_awards(conn: Connection, awards: Sequence[Award]) -> None:
    """Write awards and book them, in the caller's transaction. The same plan, agent and month twice
    is refused by the database (`commission_award_once`), and so is what its plan does not bear."""
    if not awards:
        return
    moment = clock.now()
    names = ("id", "plan_id", "kind", "agent_id", "month", "lines", "sales", "margin", "uncosted")
    await conn.execute(
        _INSERT,
        moment,
        *([getattr(each, name) for each in awards] for name in names),
        [each.rate for each in awards],
        [each.wished for each in awards],
        [each.amount for each in awards],
        [each.currency for each in awards],
        [orjson.dumps(each.terms).decode() for each in awards],
        [release_at(moment, each.hold_days) for each in awards],
        [each.subject_id for each in awards],
    )
    owners = {(AccountKind.COMMISSION, each.agent_id, each.currency) for each in awards}
    await ledger.open_accounts(conn, owners)
    await ledger.post(conn, [_posting(each) for each in awards])


async def take_back_awards(conn: Connection, gone: Mapping[UUID, int]) -> list[AwardClawback]:
    """Take back of awards (by id) what is to be gone of them in all, less what went before; in the
    caller's transaction. More than the award was is never taken."""
    due: list[tuple[Any, int]] = []
    for row in await conn.fetch(_LOCK, list(gone)):
        amount = min(gone[row["id"]], row["amount"]) - row["taken"]
        if amount > 0:
            due.append((row, amount))
    books = await lock_books(conn, {(row["agent_id"], row["currency"]) for row, _ in due})
    taken = [_taken(row, amount, books[row["agent_id"], row["currency"]]) for row, amount in due]
    if taken:
        await _write(conn, taken)
    return taken


def _taken(row: Any, amount: int, book: Book) -> AwardClawback:
    head = (new_id(), row["id"], row["agent_id"], row["currency"], row["release_at"])
    if not book.has_released(row["release_at"]):
        return AwardClawback(*head, pending=amount)
    there = min(amount, book.available)
    book.available -= there
    return AwardClawback(*head, available=there, owed=amount - there)


async def _write(conn: Connection, taken: Sequence[AwardClawback]) -> None:
    debtors = {(AccountKind.COMMISSION_DEBT, t.agent_id, t.currency) for t in taken if t.owed}
    if debtors:
        await ledger.open_accounts(conn, debtors)
    names = ("id", "award_id", "agent_id", "currency", "release_at", "pending", "available", "owed")
    await conn.execute(
        _TAKE, clock.now(), *([getattr(each, name) for each in taken] for name in names)
    )
    await ledger.post(conn, [_back(each) for each in taken])


def _posting(award: Award) -> Posting:
    expense = account_id(AccountKind.BONUS_EXPENSE, None, award.currency)
    waiting = account_id(AccountKind.COMMISSION, award.agent_id, award.currency)
    legs = [(expense, -award.amount), (waiting, award.amount)]
    return Posting(TransferKind.BONUS_AWARDED, award.id, award.currency, legs)


def _back(taken: AwardClawback) -> Posting:
    owner = (taken.agent_id, taken.currency)
    legs = [
        (account_id(AccountKind.COMMISSION, *owner), -taken.pending),
        (account_id(AccountKind.COMMISSION_AVAILABLE, *owner), -taken.available),
        (account_id(AccountKind.COMMISSION_DEBT, *owner), -taken.owed),
        (account_id(AccountKind.BONUS_EXPENSE, None, taken.currency), taken.amount),
    ]
    return Posting(TransferKind.BONUS_TAKEN_BACK, taken.id, taken.currency, legs)
