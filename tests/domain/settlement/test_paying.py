"""A run is paid out with one batch: proposed by one person, approved by another (row H8)."""

import asyncio

import asyncpg
import pytest

from domain import identity, payouts, settlement
from domain.agents.models import Agent, AgentStatus
from domain.commissions import RuleKind, balances_of
from domain.identity.models import User
from domain.kernel import Actor, Refused, connection, page_request, transaction
from domain.payouts import BatchStatus, DestinationKind, DestinationWish, Payout, PayoutStatus
from domain.settlement import ProposalState, SettlementPayout, SettlementProposal, paying
from domain.webhooks.models import OutboxEvent
from tests import make, settling, teller
from tests.settling import all_is_well, give_back, on, released, settled, sold

pytestmark = pytest.mark.usefixtures("db")
S = PayoutStatus


@pytest.fixture(autouse=True)
async def desk() -> teller.Teller:
    made = teller.Teller()
    payouts.register(teller.ADAPTER, made)
    with on(1):
        await teller.channel()
        await make.rule(1, RuleKind.PERCENT, 100_000, hold_days=1)
    return made


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refused:
        await awaitable  # type: ignore[misc]
    return refused.value.refusals[0].code


async def earner(price: int | str = 100, account: str = "account", named: str = "王小明") -> Agent:
    """An agent that earns a tenth of this on the second day, with a destination and a name."""
    agent = await make.agent()
    owner = await User.get(id=agent.user_id)
    with on(1):
        if named:
            await make.proven_name(owner, named)
        if account:
            actor = await make.session_of(owner)
            wish = DestinationWish(DestinationKind.SANDBOX, f"{account}-{agent.code}", named)
            await payouts.save_destination(actor, wish)
    with on(2):
        await sold(agent, str(price))
    return agent


async def clerk(*scopes: str) -> Actor:
    return await make.operator(*scopes)


async def proposer() -> Actor:
    return await clerk("settlements:write", "settlements:read", "payouts:propose")


async def run_to_pay() -> settlement.SettlementRun:
    """What was earned on the second day is available on the fourth, and settled."""
    await released(4)
    return await settled(4)


async def proposed(run: settlement.SettlementRun, by: Actor) -> SettlementProposal:
    with on(5):
        await settlement.propose_payouts(by, run.id, "November")
        return await settlement.ask_for_payouts(by, run.id)


async def reasons(run: settlement.SettlementRun) -> dict[str, str]:
    page = page_request("w", 100, None)
    reader = await clerk("settlements:read")
    found = await settlement.list_withheld(reader, run.id, page)
    return {each.agent_code: each.reason for each in found.rows}


async def test_all_agents_are_paid_out_with_one_approval(desk: teller.Teller) -> None:
    agents = [await earner(100 * number) for number in range(1, 6)]
    run, by = await run_to_pay(), await proposer()
    made = await proposed(run, by)
    assert (made.state, made.agents, made.looked) == (ProposalState.PROPOSED, 5, 5)
    (batch,) = await payouts.PayoutBatch.all()
    assert (batch.id, batch.run_id, batch.count) == (made.batch_id, run.id, 5)
    assert (batch.total, batch.proposed_by) == (make.yuan(150), by.user_id)
    assert batch.status is BatchStatus.PROPOSED
    assert {each.status for each in await Payout.all()} == {S.REQUESTED}
    other = await clerk("payouts:approve")
    with on(5):
        await make.step_up_again(other)
        await payouts.decide_batch(other, batch.id, approved=True)
        for _ in agents:
            (due, *_) = await payouts.due_payouts(1)
            await payouts.run_payout(due)
    assert {each.status for each in await Payout.all()} == {S.SUCCEEDED}
    assert sorted(each.amount for each in desk.paid.values()) == [
        make.yuan(10 * number) for number in range(1, 6)
    ]
    for agent in agents:
        assert (await balances_of(agent.id, make.CNY)).available.units == 0
    told = await SettlementPayout.filter(run_id=run.id)
    assert {each.payout_id for each in told} == {each.id for each in await Payout.all()}
    await all_is_well()
    after = await settled(5)
    found = (await settlement.totals_of([after.id]))[after.id]
    assert (found.withdrawn.units, found.closing.available.units) == (make.yuan(150), 0)


async def test_who_cannot_be_paid_is_listed_with_the_reason() -> None:
    fine = await earner()
    nowhere = await earner(account="")
    unknown = await earner(named="")
    little = await earner(price=9)  # 0.90, the channel pays from 1.00 up
    on_hold = await earner()
    await Agent.filter(id=on_hold.id).update(status=AgentStatus.SUSPENDED)
    blocked = await earner()
    account = await payouts.PayoutDestination.get(agent_id=blocked.id)
    await payouts.block_destination(make.OPERATOR, account.id, "fraud")
    cooling = await earner()
    with on(5):
        again = DestinationWish(DestinationKind.SANDBOX, "another-one", "王小明")
        await payouts.save_destination(await signed_in_anew(cooling), again)
    renamed = await earner()
    await payouts_named(renamed, "李四")
    run = await run_to_pay()
    made = await proposed(run, await proposer())
    assert (made.looked, await Payout.all().count()) == (8, 1)
    assert (await Payout.get()).agent_id == fine.id
    assert await reasons(run) == {
        nowhere.code: "PAYOUT_DESTINATION_MISSING",
        unknown.code: "REAL_NAME_NEEDED",
        little.code: "PAYOUT_AMOUNT_OUT_OF_RANGE",
        on_hold.code: "PAYOUT_AGENT_ON_HOLD",
        blocked.code: "PAYOUT_DESTINATION_BLOCKED",
        cooling.code: "PAYOUT_DESTINATION_COOLING",
        renamed.code: "PAYOUT_NAME_MISMATCH",
    }
    for agent in (nowhere, unknown, on_hold, blocked, cooling, renamed):
        assert (await balances_of(agent.id, make.CNY)).available.units == make.yuan(10)
    await all_is_well()


async def signed_in_anew(agent: Agent) -> Actor:
    """Its login once more, its second factor shown just now."""
    signed_in = await identity.open_session(await User.get(id=agent.user_id), "test")
    found = await identity.actor_of_token(signed_in.access_token, "127.0.0.1")
    assert found is not None
    await make.step_up_again(found)
    return found


async def payouts_named(agent: Agent, name: str) -> None:
    """The agent's proven name is another one by now."""
    await make.proven_name(await User.get(id=agent.user_id), name)


async def test_what_went_back_or_was_taken_meanwhile_is_not_paid() -> None:
    agent = await make.agent()
    owner = await User.get(id=agent.user_id)
    with on(1):
        await make.proven_name(owner, "王小明")
        actor = await make.session_of(owner)
        wish = DestinationWish(DestinationKind.SANDBOX, "account-1", "王小明")
        await payouts.save_destination(actor, wish)
    with on(2):
        order = await sold(agent, "100")
        await sold(agent, "50.55")
    run = await run_to_pay()  # 15.055 available
    with on(5):
        await give_back(*order)
    await proposed(run, await proposer())
    payout = await Payout.get()
    assert (payout.amount, payout.run_id) == (make.yuan("5.05"), run.id)  # whole cents
    assert payout.risks == ["first_payout", "many_refunds"]
    assert (await balances_of(agent.id, make.CNY)).available.units == make.yuan("0.005")
    await all_is_well()


async def test_caps_leave_the_rest_with_the_agent() -> None:
    first, second = await earner(1_000), await earner(1_000)
    usual, payouts.limits.daily_cap = payouts.limits.daily_cap, make.yuan(60)
    try:
        run = await run_to_pay()
        await payouts.PayoutChannel.all().update(daily_cap=make.yuan(90))
        await proposed(run, await proposer())
    finally:
        payouts.limits.daily_cap = usual
    paid = {each.agent_id: each.amount for each in await Payout.all()}
    assert paid == {first.id: make.yuan(60), second.id: make.yuan(30)}
    await all_is_well()


async def test_four_eyes_and_no_approval_one_by_one() -> None:
    await earner()
    run = await run_to_pay()
    both = await clerk(
        "settlements:write", "payouts:propose", "payouts:approve", "settlements:read"
    )
    made = await proposed(run, both)
    assert made.batch_id is not None
    payout = await Payout.get()
    with on(5):
        await make.step_up_again(both)
        assert await code_of(payouts.decide_batch(both, made.batch_id, approved=True)) == (
            "PAYOUT_SAME_PERSON"
        )
        assert await code_of(payouts.approve_payout(both, payout.id)) == "PAYOUT_MOVE_NOT_ALLOWED"
        stale = await make.operator("payouts:approve", stepped_up=False)
        assert await code_of(payouts.decide_batch(stale, made.batch_id, approved=True)) == (
            "STEP_UP_REQUIRED"
        )
    assert (await Payout.get()).status is S.REQUESTED
    reader = await clerk("settlements:write", "settlements:read")
    assert await code_of(settlement.propose_payouts(reader, run.id)) == "FORBIDDEN"
    other = await clerk("payouts:propose", "settlements:read")
    assert await code_of(settlement.propose_payouts(other, run.id)) == "FORBIDDEN"


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        (
            "UPDATE payouts SET status = 'APPROVED', approved_at = now(), next_try_at = now()",
            "payout_of_a_run_by_two",
        ),
        ("UPDATE payouts SET run_id = NULL", "payout_run_for_life"),
        (
            "INSERT INTO payouts SELECT (jsonb_populate_record(p, jsonb_build_object("
            "'id', gen_random_uuid(), 'reference', 'r2'))).* FROM payouts p",
            "payout_once_a_run",
        ),
        ("UPDATE settlement_payouts SET wanted = wanted + 1", None),
        ("UPDATE settlement_proposals SET proposed_by = gen_random_uuid()", "settlement_proposal"),
        ("DELETE FROM settlement_proposals", "settlement_proposal"),
    ],
)
async def test_the_database_refuses_what_goes_around_the_two(
    sql: str, constraint: str | None
) -> None:
    await earner()
    await proposed(await run_to_pay(), await proposer())
    with pytest.raises(asyncpg.PostgresError) as refused:
        async with transaction() as conn:
            await conn.execute(sql)
    if constraint is not None:
        assert (refused.value.constraint_name or "").startswith(constraint)


async def test_a_rejected_batch_is_proposed_again_by_whoever_asks_then() -> None:
    for _ in range(2):
        await earner()
    run, by = await run_to_pay(), await proposer()
    made = await proposed(run, by)
    assert made.batch_id is not None
    with on(5):
        again = await settlement.propose_payouts(by, run.id)
        assert again.batch_id == made.batch_id
        other = await clerk("payouts:approve")
        await make.step_up_again(other)
        await payouts.decide_batch(other, made.batch_id, approved=False, note="look again")
        kept = await Payout.all().order_by("id").first()
        assert kept is not None
        await payouts.refuse_payout(other, kept.id, "not this one")
        second = await proposer()
        new = await settlement.propose_payouts(second, run.id, "without one")
    assert new.batch_id != made.batch_id
    batch = await payouts.PayoutBatch.get(id=new.batch_id)
    assert (batch.count, batch.proposed_by) == (1, second.user_id)
    await all_is_well()


async def test_asking_goes_on_where_it_stood_whoever_else_is_at_it() -> None:
    for _ in range(6):
        await earner()
    run, by = await run_to_pay(), await proposer()
    usual, paying.SLICE = paying.SLICE, 2
    told: list[tuple[int, int]] = []
    try:
        with on(5):
            await settlement.propose_payouts(by, run.id)
            await asyncio.gather(
                settlement.ask_for_payouts(by, run.id, lambda *each: told.append(each)),
                settlement.ask_for_payouts(by, run.id, lambda *each: told.append(each)),
            )
            await settlement.ask_for_payouts(by, run.id)
    finally:
        paying.SLICE = usual
    assert told == [(2, 6), (4, 6), (6, 6)]
    assert await Payout.all().count() == 6
    assert await payouts.PayoutBatch.all().count() == 1
    events = await OutboxEvent.filter(type="payout.requested")
    assert len({event.subject for event in events}) == 6
    await all_is_well()


async def test_a_run_is_proposed_only_when_it_is_frozen_and_by_a_person() -> None:
    await earner()
    await released(4)
    with on(5):
        started = await settlement.start_run(make.OPERATOR, settling.name(4), make.CNY)
        by = await proposer()
        assert await code_of(settlement.propose_payouts(by, started.run.id)) == (
            "SETTLEMENT_UNFINISHED"
        )
        await settlement.count_run(started.run.id)
        machine = Actor(kind=make.OPERATOR.kind, scopes=frozenset({"*"}))
        assert await code_of(settlement.propose_payouts(machine, started.run.id)) == (
            "UNAUTHENTICATED"
        )
        await settlement.propose_payouts(by, started.run.id)
        another = await proposer()
        assert await code_of(settlement.ask_for_payouts(another, started.run.id)) == (
            "PAYOUT_SAME_PERSON"
        )


async def test_a_run_without_anybody_to_pay_has_no_batch() -> None:
    await earner(account="")
    run = await run_to_pay()
    made = await proposed(run, await proposer())
    assert (made.state, made.batch_id) == (ProposalState.PROPOSED, None)
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM payout_batches") == 0
