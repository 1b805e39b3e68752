"""Cashback along the ledger's chain: noted when goods are sold, credited when the time in which
they are given back is over, and back with them (mission row H11).

Nothing stands in the way of a purchase or a refund: both are looked at after they were sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain import ledger
from domain.cashback.rules import Kept, cashback_of, still_back
from domain.cashback.statements import (
    CREDIT,
    DUE,
    HEAD,
    LOCK,
    MOVE,
    NOTE,
    SHORT,
    TAKE,
    TOUCHED,
    WALLETS,
)
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
from domain.priceguard import margin_in

LINKS_AT_ONCE, CREDITED_AT_ONCE = 1_000, 50
CREDITED, TAKEN_BACK = "cashback.credited", "cashback.taken_back"
Key = tuple[str, UUID]  # currency, buyer


@dataclass(frozen=True, slots=True)
class _Credit:
    row: Any
    amount: int
    offset: int

    @property
    def paid(self) -> int:
        return self.amount - self.offset


@dataclass(frozen=True, slots=True)
class _Return:
    id: UUID
    row: Any
    amount: int
    short: int


async def follow_chain() -> int:
    """Note what was sold since the last look, and take back what refunds took; of how many links of
    the chain. One at a time: another one waits."""
    done = 0
    while seen := await _follow_slice():
        done += seen
    return done


async def credit_due() -> int:
    """Credit what has waited for long enough; of how many lines."""
    done = 0
    while seen := await _credit_slice():
        done += seen
    return done


async def _follow_slice() -> int:
    async with transaction() as conn:
        after: int | None = await conn.fetchval(LOCK)
        if after is None:  # there has never been a rule
            return 0
        head: int = await conn.fetchval(HEAD)
        up_to = min(after + LINKS_AT_ONCE, head)
        if up_to <= after:
            return 0
        await conn.execute(NOTE, after, up_to, clock.now())
        values = TOUCHED.values({"after": after, "up_to": up_to})
        returns = await _returns(conn, await conn.fetch(TOUCHED.text, *values))
        await conn.execute(MOVE, up_to)
        await _tell_taken(conn, returns)
        crash_point("cashback.followed")
    if returns:
        wake_relay()
    return up_to - after


async def _credit_slice() -> int:
    async with transaction() as conn:
        await conn.execute(LOCK)
        values = DUE.values({"moment": clock.now(), "slice": CREDITED_AT_ONCE})
        rows = await conn.fetch(DUE.text, *values)
        if not rows:
            return 0
        credits = await _credits(conn, rows)
        await conn.execute(
            CREDIT,
            clock.now(),
            [each.row["id"] for each in credits],
            [each.row["price"] - each.row["refunded"] for each in credits],
            [each.row["refunded"] for each in credits],
            [each.amount for each in credits],
            [each.offset for each in credits],
            [each.row["reserved"] for each in credits],
            [f"{{{','.join(str(plan) for plan in each.row['left_for'])}}}" for each in credits],
        )
        paid = [each for each in credits if each.paid]
        wallets = {(AccountKind.WALLET, e.row["buyer_id"], e.row["currency"]) for e in paid}
        await ledger.open_accounts(conn, wallets)
        await ledger.post(conn, [_credited(each) for each in paid])
        await _tell_credited(conn, [each for each in credits if each.amount])
        crash_point("cashback.credited")
    wake_relay()
    return len(rows)


async def _credits(conn: Connection, rows: Sequence[Any]) -> list[_Credit]:
    short = await _short(conn, rows)
    found = []
    for row in rows:
        kept = Kept(
            row["price"],
            row["refunded"],
            -(-row["cost"] * row["pieces"] // row["delivered"]),
            row["shares"],
            row["pieces"],
            margin_in(row["margin"]),
            row["reserved"],
        )
        amount = cashback_of(orjson.loads(row["terms"]), kept)
        key = (row["currency"], row["buyer_id"])
        offset = min(amount, short.get(key, 0))
        short[key] = short.get(key, 0) - offset
        found.append(_Credit(row, amount, offset))
    return found


async def _returns(conn: Connection, rows: Sequence[Any]) -> list[_Return]:
    """Out of the wallets, as far as there is something in them."""
    due = []
    for row in rows:
        gone = row["refunded"] - row["before"]
        amount = still_back(row["amount"], row["taken"], gone, row["basis"])
        if amount:
            due.append((row, amount))
    if not due:
        return []
    there = await _wallets(conn, [row for row, _ in due])
    found = []
    for row, amount in due:
        key = (row["currency"], row["buyer_id"])
        taken = min(amount, there.get(key, 0))
        there[key] = there.get(key, 0) - taken
        found.append(_Return(new_id(), row, amount, amount - taken))
    await conn.execute(
        TAKE,
        clock.now(),
        [each.id for each in found],
        [each.row["id"] for each in found],
        [each.row["buyer_id"] for each in found],
        [each.row["currency"] for each in found],
        [each.amount for each in found],
        [each.short for each in found],
    )
    await ledger.post(conn, [_taken(each) for each in found if each.amount > each.short])
    return found


async def _wallets(conn: Connection, rows: Sequence[Any]) -> dict[Key, int]:
    """What is in the wallets of buyers, which stay locked."""
    found: dict[Key, int] = {}
    for currency in sorted({row["currency"] for row in rows}):
        buyers = [row["buyer_id"] for row in rows if row["currency"] == currency]
        for row in await conn.fetch(WALLETS, currency, buyers):
            found[currency, row["owner_id"]] = row["balance"]
    return found


async def _short(conn: Connection, rows: Sequence[Any]) -> dict[Key, int]:
    """What earlier cashback of buyers is short of."""
    found: dict[Key, int] = {}
    for currency in sorted({row["currency"] for row in rows}):
        buyers = {row["buyer_id"] for row in rows if row["currency"] == currency}
        for row in await conn.fetch(SHORT, list(buyers), currency):
            found[currency, row["id"]] = row["short"]
    return found


def _credited(credit: _Credit) -> Posting:
    row = credit.row
    legs = [
        (account_id(AccountKind.CASHBACK, None, row["currency"]), -credit.paid),
        (account_id(AccountKind.WALLET, row["buyer_id"], row["currency"]), credit.paid),
    ]
    return Posting(TransferKind.CASHBACK_CREDITED, row["id"], row["currency"], legs, row["number"])


def _taken(back: _Return) -> Posting:
    row, taken = back.row, back.amount - back.short
    legs = [
        (account_id(AccountKind.WALLET, row["buyer_id"], row["currency"]), -taken),
        (account_id(AccountKind.CASHBACK, None, row["currency"]), taken),
    ]
    return Posting(TransferKind.CASHBACK_TAKEN_BACK, back.id, row["currency"], legs, row["number"])


async def _tell_credited(conn: Connection, credits: Sequence[_Credit]) -> None:
    told = []
    for each in credits:
        payload = {
            "userId": encode_id(Prefix.USER, each.row["buyer_id"]),
            "cashbackId": encode_id(Prefix.CASHBACK, each.row["id"]),
            "orderNumber": each.row["number"],
            "amount": plain(each.amount),
            "madeUp": plain(each.offset),
            "currency": each.row["currency"],
        }
        told.append(Event(CREDITED, each.row["id"], 1, payload))
    await record_events(conn, told)


async def _tell_taken(conn: Connection, returns: Sequence[_Return]) -> None:
    told = []
    for each in returns:
        payload = {
            "userId": encode_id(Prefix.USER, each.row["buyer_id"]),
            "cashbackId": encode_id(Prefix.CASHBACK, each.row["id"]),
            "orderNumber": each.row["number"],
            "amount": plain(each.amount),
            "short": plain(each.short),
            "currency": each.row["currency"],
        }
        told.append(Event(TAKEN_BACK, each.id, 1, payload))
    await record_events(conn, told)
