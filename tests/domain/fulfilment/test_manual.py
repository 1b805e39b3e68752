"""Lines delivered by hand: one operator each, handed over or given back once (row A1)."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import checkout, fulfilment, ledger, orders
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.fulfilment import HandOver, ManualTask
from domain.kernel import Actor, PageRequest, Refused, clock, connection, new_id
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, OrderStatus
from tests import make
from tests.domain.fulfilment.test_fulfilment import balance, no_violations

pytestmark = pytest.mark.usefixtures("db")
NOTE = "You are enrolled.\nLog in with secret-4711."


def operator(*scopes: str) -> Actor:
    held = frozenset(scopes or ("orders:fulfil",))
    return replace(make.OPERATOR, user_id=new_id(), scopes=held)


async def queued() -> tuple[Actor, UUID]:
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.MANUAL)
    buyer = await make.buyer()
    wish = Purchase((LineWish(variant.sku, 2),), "key")
    placed = await checkout.place_order(buyer, wish)
    assert placed.order.status is OrderStatus.PAID
    return buyer, placed.lines[0].id


def hand_over(line: UUID, key: str = "k", **changes: Any) -> HandOver:
    return replace(HandOver(line, NOTE, "ticket 7", make.yuan(30), key), **changes)


async def refused(work: Coroutine[Any, Any, object]) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Refused) as caught:
        await work
    (refusal,) = caught.value.refusals
    return getattr(refusal, "reason", refusal.code), refusal.field


async def events_of(subject: UUID) -> list[str]:
    sql = "SELECT type FROM outbox_events WHERE subject = $1 ORDER BY sequence"
    async with connection() as conn:
        return [row["type"] for row in await conn.fetch(sql, subject)]


async def balance_of(kind: AccountKind) -> int:
    return await ledger.balance_of(account_id(kind, None, make.CNY))


async def test_a_line_is_claimed_and_handed_over() -> None:
    _, line_id = await queued()
    worker = operator()
    page = PageRequest(10, None, "manualLines")
    (waiting,) = (await fulfilment.manual_lines(worker, page)).rows
    assert (waiting.id, waiting.status, waiting.claimed_by) == (line_id, LineStatus.QUEUED, None)
    claimed = await fulfilment.claim_line(worker, line_id)
    assert claimed.status is LineStatus.DELIVERING
    (waiting,) = (await fulfilment.manual_lines(worker, page)).rows
    assert waiting.claimed_by == worker.user_id
    line = await fulfilment.deliver_line(worker, hand_over(line_id))
    assert (line.status, line.cost) == (LineStatus.DELIVERED, make.yuan(30))
    assert orders.note_of(line) == NOTE
    assert b"secret-4711" not in (line.note_sealed or b"")
    assert (await fulfilment.manual_lines(worker, page)).rows == []
    order_id = line.order_id  # type: ignore[attr-defined]
    assert await events_of(order_id) == ["order.paid", "order.delivering", "order.delivered"]
    assert await events_of(line_id) == ["manual.waiting"]
    assert await balance_of(AccountKind.BANK) == make.yuan(30) - make.yuan(1_000)
    assert await balance_of(AccountKind.INVENTORY) == 0
    await no_violations()


async def test_nothing_told_or_audited_holds_what_was_handed_over() -> None:
    _, line_id = await queued()
    worker = operator()
    await fulfilment.claim_line(worker, line_id)
    await fulfilment.deliver_line(worker, hand_over(line_id))
    async with connection() as conn:
        for table in ("outbox_events", "audit_entries", "order_lines", "manual_tasks"):
            held = await conn.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table} t")
            assert "secret-4711" not in held, table
        sql = "SELECT action FROM audit_entries WHERE target = $1 ORDER BY at, id"
        assert [row["action"] for row in await conn.fetch(sql, line_id)] == [
            "line.claim",
            "line.deliver",
        ]


async def test_what_cannot_be_delivered_is_given_back_once() -> None:
    buyer, line_id = await queued()
    worker = operator()
    await fulfilment.claim_line(worker, line_id)
    for _ in range(2):
        line = await fulfilment.fail_line(worker, line_id, "sold out at the school", "key")
        assert (line.status, line.failure_code) == (LineStatus.REFUNDED, "MANUAL_FAILED")
    assert await balance(buyer) == make.yuan(1_000)
    task = await ManualTask.get(line_id=line_id)
    assert (task.delivered, task.reason) == (False, "sold out at the school")
    await no_violations()


async def test_only_who_has_claimed_a_line_ends_it() -> None:
    _, line_id = await queued()
    first, second = operator(), operator()
    not_claimed = ("LINE_NOT_CLAIMED", ("lineId",))
    assert await refused(fulfilment.deliver_line(first, hand_over(line_id))) == not_claimed
    await fulfilment.claim_line(first, line_id)
    assert await refused(fulfilment.claim_line(second, line_id)) == ("LINE_TAKEN", ("lineId",))
    assert await refused(fulfilment.deliver_line(second, hand_over(line_id))) == not_claimed
    assert await refused(fulfilment.fail_line(second, line_id, "no", "k")) == not_claimed
    assert (await orders.get_line(line_id)).status is LineStatus.DELIVERING
    await fulfilment.claim_line(second, line_id, take_over=True)
    assert await refused(fulfilment.deliver_line(first, hand_over(line_id))) == not_claimed
    await fulfilment.deliver_line(second, hand_over(line_id))
    closed = ("LINE_CLOSED", ("lineId",))
    assert await refused(fulfilment.fail_line(second, line_id, "no", "other")) == closed
    assert await refused(fulfilment.claim_line(first, line_id)) == closed
    await no_violations()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"note": "  "}, ("manual_note", ("note",))),
        ({"note": "x" * 2_001}, ("manual_note", ("note",))),
        ({"note": "a\0b"}, ("manual_note", ("note",))),
        ({"evidence": "x" * 501}, ("text_too_long", ("evidence",))),
        ({"cost": -1}, ("manual_cost", ("cost",))),
        ({"line_id": UUID(int=7)}, ("NOT_FOUND", ("lineId",))),
    ],
)
async def test_what_is_handed_over_is_checked(
    changes: dict[str, Any], fault: tuple[str, tuple[str, ...]]
) -> None:
    _, line_id = await queued()
    worker = operator()
    await fulfilment.claim_line(worker, line_id)
    assert await refused(fulfilment.deliver_line(worker, hand_over(line_id, **changes))) == fault
    assert (await orders.get_line(line_id)).status is LineStatus.DELIVERING


async def test_other_lines_and_other_people_are_refused() -> None:
    _, line_id = await queued()
    buyer, variant = await make.buyer(), await make.variant(cards=1)
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    card_line = placed.lines[0].id
    assert (await refused(fulfilment.claim_line(operator(), card_line)))[0] == "NOT_FOUND"
    reader = operator("orders:read")
    page = PageRequest(10, None, "manualLines")
    for work in (
        fulfilment.claim_line(reader, line_id),
        fulfilment.deliver_line(reader, hand_over(line_id)),
        fulfilment.fail_line(reader, line_id, "no", "k"),
        fulfilment.manual_lines(reader, page),
    ):
        assert (await refused(work))[0] == "FORBIDDEN"


async def test_the_same_key_hands_over_once_and_other_input_is_refused() -> None:
    _, line_id = await queued()
    worker = operator()
    await fulfilment.claim_line(worker, line_id)
    first = await fulfilment.deliver_line(worker, hand_over(line_id))
    again = await fulfilment.deliver_line(worker, hand_over(line_id))
    assert (again.id, again.delivered_at) == (first.id, first.delivered_at)
    other = fulfilment.deliver_line(worker, hand_over(line_id, note="another note"))
    assert (await refused(other))[0] == "IDEMPOTENCY_KEY_REUSED"
    await no_violations()


async def race(line_id: UUID, worker: Actor) -> list[object]:
    return await asyncio.gather(
        *(fulfilment.deliver_line(worker, hand_over(line_id, f"key{n}")) for n in range(6)),
        *(fulfilment.fail_line(worker, line_id, "no", f"fail{n}") for n in range(2)),
        return_exceptions=True,
    )


async def test_a_line_is_ended_once_whoever_comes_at_the_same_moment() -> None:
    buyer, line_id = await queued()
    worker = operator()
    await fulfilment.claim_line(worker, line_id)
    outcomes = await race(line_id, worker)
    ended = [each for each in outcomes if isinstance(each, orders.OrderLine)]
    others = [each for each in outcomes if isinstance(each, Refused)]
    assert (len(ended), len(others)) == (1, 7)
    assert {each.refusals[0].code for each in others} == {"LINE_CLOSED"}
    delivered = ended[0].status is LineStatus.DELIVERED
    assert await balance(buyer) == make.yuan(800 if delivered else 1_000)
    await no_violations()


async def test_without_the_lock_the_database_alone_stops_the_second() -> None:
    """The twin: not refused but broken off, by the task that is done or the sale that is booked."""
    _, line_id = await queued()
    worker = operator()
    await fulfilment.claim_line(worker, line_id)
    with pytest.MonkeyPatch.context() as patched:
        unlocked = orders.service._LOCK.replace("FOR UPDATE", "")
        patched.setattr(orders.service, "_LOCK", unlocked)
        outcomes = await race(line_id, worker)
    broken = [e for e in outcomes if isinstance(e, Exception) and not isinstance(e, Refused)]
    assert broken
    await no_violations()


async def test_a_line_that_waits_for_days_is_told_each_day() -> None:
    _, line_id = await queued()
    opened = clock.now()
    for hours in (1, 25, 26, 50):
        moment = opened + timedelta(hours=hours)
        with clock.fixed(lambda moment=moment: moment):
            for due in (await fulfilment.list_due(10)).lines:
                await fulfilment.fulfil_line(due)
    assert await events_of(line_id) == ["manual.waiting", "manual.overdue", "manual.overdue"]
    assert (await orders.get_line(line_id)).status is LineStatus.QUEUED


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE manual_tasks SET reason = 'other' WHERE line_id = $1",
        "DELETE FROM manual_tasks WHERE line_id = $1",
        "UPDATE order_lines SET note_sealed = 'other' WHERE id = $1",
        "UPDATE order_lines SET status = 'REFUNDED' WHERE id = $1",
    ],
)
async def test_plain_sql_cannot_take_back_what_is_done(sql: str) -> None:
    _, line_id = await queued()
    worker = operator()
    await fulfilment.claim_line(worker, line_id)
    await fulfilment.deliver_line(worker, hand_over(line_id))
    async with connection() as conn:
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.CheckViolationError)):
            await conn.execute(sql, line_id)
