"""Approvals: one by one with a fresh second factor, batches by two people."""

import asyncpg
import pytest

from domain import payouts
from domain.commissions import balances_of
from domain.invariants import find_violations
from domain.kernel import Actor, Refused, connection, page_request
from domain.payouts import BatchStatus, Payout, PayoutStatus
from tests import make, teller

pytestmark = pytest.mark.usefixtures("db")
S = PayoutStatus


@pytest.fixture(autouse=True)
async def desk() -> teller.Teller:
    made = teller.Teller()
    payouts.register(teller.ADAPTER, made)
    return made


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refused:
        await awaitable  # type: ignore[misc]
    return refused.value.refusals[0].code


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def three() -> tuple[list[Payout], list[Actor]]:
    channel = await teller.channel()
    made, owners = [], []
    for number in range(3):
        _, actor = await teller.earner(10, account=f"account-{number}")
        asked = await payouts.request_payout(actor, channel.id, make.money(number + 1), "a")
        made.append(asked.payout)
        owners.append(actor)
    return made, owners


async def statuses() -> list[PayoutStatus]:
    return [each.status for each in await Payout.all().order_by("id")]


async def test_one_operator_approves_one_with_a_fresh_second_factor() -> None:
    made, _ = await three()
    stale = await make.operator("payouts:approve", stepped_up=False)
    assert await code_of(payouts.approve_payout(stale, made[0].id)) == "STEP_UP_REQUIRED"
    other = await make.operator("payouts:read", "payouts:propose")
    assert await code_of(payouts.approve_payout(other, made[0].id)) == "FORBIDDEN"
    clerk = await make.operator("payouts:approve")
    payout = await payouts.approve_payout(clerk, made[0].id)
    assert (payout.status, payout.approved_by) == (S.APPROVED, clerk.user_id)
    assert await code_of(payouts.approve_payout(clerk, made[0].id)) == "PAYOUT_MOVE_NOT_ALLOWED"
    assert await payouts.due_payouts(10) == [made[0].id]
    await all_is_well()


async def test_a_refused_one_is_its_agents_again_with_a_word_why() -> None:
    made, owners = await three()
    clerk = await make.operator("payouts:approve")
    assert await code_of(payouts.refuse_payout(clerk, made[2].id, " ")) == "INVALID"
    refused = await payouts.refuse_payout(clerk, made[2].id, "call us first")
    assert (refused.status, refused.note) == (S.REFUSED, "call us first")
    held = await balances_of(made[2].agent_id, make.CNY)
    assert held.available.units == make.yuan(10)
    late = await payouts.approve_payout(clerk, made[1].id)
    await payouts.refuse_payout(clerk, late.id, "stopped before it was sent")
    assert await payouts.due_payouts(10) == []
    await payouts.approve_payout(clerk, made[0].id)
    await payouts.run_payout(made[0].id)
    assert await code_of(payouts.refuse_payout(clerk, made[0].id, "x")) == "PAYOUT_MOVE_NOT_ALLOWED"
    assert owners
    await all_is_well()


async def test_a_batch_needs_two_people() -> None:
    made, owners = await three()
    one = await make.operator("payouts:propose", "payouts:approve", "payouts:read")
    batch = await payouts.propose_batch(one, None, None, "november")
    assert (batch.count, batch.total, batch.status) == (3, make.yuan(6), BatchStatus.PROPOSED)
    decide = payouts.decide_batch(one, batch.id, approved=True)
    assert await code_of(decide) == "PAYOUT_SAME_PERSON"
    assert await code_of(payouts.approve_payout(one, made[0].id)) == "PAYOUT_MOVE_NOT_ALLOWED"
    stale = await make.operator("payouts:approve", stepped_up=False)
    decide = payouts.decide_batch(stale, batch.id, approved=True)
    assert await code_of(decide) == "STEP_UP_REQUIRED"
    await payouts.cancel_payout(owners[1], made[1].id)  # meanwhile
    other = await make.operator("payouts:approve")
    decided = await payouts.decide_batch(other, batch.id, approved=True)
    assert (decided.status, decided.decided_by) == (BatchStatus.APPROVED, other.user_id)
    assert await statuses() == [S.APPROVED, S.CANCELLED, S.APPROVED]
    again = payouts.decide_batch(other, batch.id, approved=False, note="no")
    assert await code_of(again) == "PAYOUT_MOVE_NOT_ALLOWED"
    page = page_request("batches", 5, None)
    assert [each.id for each in (await payouts.list_batches(one, page)).rows] == [batch.id]
    await all_is_well()


async def test_what_a_rejected_batch_held_waits_again() -> None:
    made, _ = await three()
    one, other = await make.operator("payouts:propose"), await make.operator("payouts:approve")
    ids = [made[0].id, made[1].id]
    batch = await payouts.propose_batch(one, ids, None)
    twice = payouts.propose_batch(one, [made[0].id, made[2].id], None)
    assert await code_of(twice) == "INVALID"
    assert await code_of(payouts.decide_batch(other, batch.id, approved=False)) == "INVALID"
    await payouts.decide_batch(other, batch.id, approved=False, note="too early")
    assert await statuses() == [S.REQUESTED] * 3
    assert (await payouts.propose_batch(one, None, made[0].channel_id)).count == 3
    assert await code_of(payouts.propose_batch(one, None, None)) == "INVALID"  # nothing is left


async def test_the_database_refuses_two_eyes() -> None:
    await three()
    one = await make.operator("payouts:propose")
    batch = await payouts.propose_batch(one, None, None)
    with pytest.raises(asyncpg.CheckViolationError, match="payout_batch_of_four_eyes"):
        async with connection() as conn:
            await conn.execute(
                "UPDATE payout_batches SET status = 'APPROVED', decided_by = proposed_by,"
                " decided_at = now() WHERE id = $1",
                batch.id,
            )
