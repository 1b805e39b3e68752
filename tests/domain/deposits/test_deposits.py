"""Deposits are the agent's own: paid, returned, never income, never a base of commission (G5)."""

import asyncio
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import agents, checkout, deposits, ledger
from domain.agents import AgentStatus, AgentType, ChangeReason, Tier, Why
from domain.agents.models import Agent
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission, RuleKind
from domain.deposits.models import DepositMovement, DepositReturn, DepositTerms
from domain.kernel import Actor, ActorKind, Refused, clock, connection, new_id, transaction
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.penalties import PenaltyStep
from tests import court, make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")


async def agent_with(yuan: int) -> tuple[Agent, Actor]:
    agent = await make.agent()
    if yuan:
        await make.top_up(agent.user_id, make.yuan(yuan))
    return agent, Actor(kind=ActorKind.USER, user_id=agent.user_id)


async def stands(agent: Agent) -> tuple[int, int]:
    """Wallet and deposit, in whole yuan."""
    wallet = await ledger.wallet_of(agent.user_id, make.CNY)
    deposit = await deposits.deposit_of(agent.id)
    return wallet.available.units // make.SCALE, deposit.balance.units // make.SCALE


async def said(call: Any) -> str:
    try:
        await call
    except Refused as refused:
        refusal = refused.refusals[0]
        return str(getattr(refusal, "reason", refusal.code))
    return "done"


async def buy(buyer: Actor, key: str) -> str:
    variant = await make.variant(price=make.yuan(49), cards=1)
    return await said(checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), key)))


async def test_a_deposit_comes_out_of_the_wallet_and_goes_back_to_it() -> None:
    agent, actor = await agent_with(1_000)
    assert await deposits.pay_deposit(actor, make.money(600), "k") is False
    assert await deposits.pay_deposit(actor, make.money(600), "k") is True
    assert await stands(agent) == (400, 600)
    asked = await deposits.ask_back(actor)
    assert asked.due_at == asked.asked_at + timedelta(days=30)
    assert await deposits.return_due() == 0
    with make.later(days=31):
        assert await deposits.return_due() == 1
        assert await deposits.return_due() == 0
    assert await stands(agent) == (1_000, 0)
    kinds = [row.kind.value for row in await DepositMovement.all().order_by("id")]
    assert kinds == ["paid", "returned"]


async def test_a_closed_agent_gets_it_back_too() -> None:
    agent, actor = await agent_with(100)
    await deposits.pay_deposit(actor, make.money(100), "k")
    why = Why(ChangeReason.OWN_WISH)
    await agents.set_status(make.OPERATOR, agent.id, AgentStatus.CLOSED, why)
    assert await said(deposits.pay_deposit(actor, make.money(1), "more")) == "agent_closed"
    await deposits.ask_back(actor)
    with make.later(days=31):
        await deposits.return_due()
    assert await stands(agent) == (100, 0)


async def test_what_is_refused_moves_nothing() -> None:
    agent, actor = await agent_with(20_000)
    pay, back = deposits.pay_deposit, deposits.ask_back
    assert await said(pay(actor, make.money(10_001), "a")) == "DEPOSIT_TOO_LARGE"
    assert await said(pay(actor, make.money(0), "b")) == "amount_not_payable"
    assert await said(pay(actor, make.money("0.001"), "c")) == "amount_not_payable"
    assert await said(back(actor)) == "DEPOSIT_SHORT"
    assert await said(deposits.keep_after_all(actor, new_id())) == "NOT_FOUND"
    assert await said(pay(await make.buyer(), make.money(1), "d")) == "NOT_FOUND"
    poor = (await agent_with(10))[1]
    assert await said(pay(poor, make.money(11), "e")) == "BALANCE_INSUFFICIENT"
    await pay(actor, make.money(10_000), "f")
    assert await said(pay(actor, make.money(1), "g")) == "DEPOSIT_TOO_LARGE"
    assert await said(back(actor, make.money(10_001))) == "DEPOSIT_SHORT"
    asked = await back(actor, make.money(10))
    assert await said(back(actor, make.money(10))) == "deposit_return_waits"
    await deposits.keep_after_all(actor, asked.id)
    assert await said(deposits.keep_after_all(actor, asked.id)) == "deposit_return_ended"
    assert await stands(agent) == (10_000, 10_000)
    assert await DepositMovement.all().count() == 1


async def test_twenty_payments_at_once_take_what_is_there_and_no_more() -> None:
    agent, actor = await agent_with(500)
    calls = (said(deposits.pay_deposit(actor, make.money(100), f"k{n}")) for n in range(20))
    outcomes = await asyncio.gather(*calls)
    assert outcomes.count("done") == 5
    assert set(outcomes) == {"done", "BALANCE_INSUFFICIENT"}
    assert await stands(agent) == (0, 500)


async def test_many_workers_return_a_deposit_once() -> None:
    agent, actor = await agent_with(500)
    await deposits.pay_deposit(actor, make.money(500), "k")
    await deposits.ask_back(actor)
    with make.later(days=31):
        done = await asyncio.gather(*(deposits.return_due() for _ in range(8)))
    assert sum(done) == 1
    assert await stands(agent) == (500, 0)


@pytest.mark.parametrize("point", ["deposits.paid", "deposits.returned"])
async def test_whoever_dies_in_between_has_done_nothing(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, actor = await agent_with(500)
    await deposits.pay_deposit(actor, make.money(200), "first")
    await deposits.ask_back(actor)

    async def all_of_it() -> None:
        await deposits.pay_deposit(actor, make.money(100), "second")
        with make.later(days=31):
            await deposits.return_due()

    def dies(name: str) -> None:
        if name == point:
            raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("domain.deposits.service.crash_point", dies)
        with pytest.raises(ZeroDivisionError):
            await all_of_it()
    await all_of_it()
    assert await stands(agent) == (400, 100)


async def test_terms_keep_an_agent_from_its_price_only_and_only_until_it_has_paid() -> None:
    agent, actor = await agent_with(1_000)
    await make.rule(1, RuleKind.PERCENT, 10_000)
    await deposits.set_terms(make.OPERATOR, AgentType.DISTRIBUTOR, make.money(300))
    assert await buy(actor, "1") == "blocked_by_deposit"
    customer = await make.buyer(referrer=agent.id)
    assert await buy(customer, "2") == "done"
    assert await Commission.filter(agent_id=agent.id).count() == 1  # earning needs no deposit
    child = await make.user()
    await agents.create_agent(make.OPERATOR, child.id, "Ann", Tier.BRONZE, agent.id)  # nor joining
    await deposits.pay_deposit(actor, make.money(300), "k")
    assert await buy(actor, "3") == "done"
    promoter = await make.agent(agent_type=AgentType.CORPORATE)
    await make.top_up(promoter.user_id, make.yuan(100))
    assert await buy(Actor(kind=ActorKind.USER, user_id=promoter.user_id), "4") == "done"


async def test_terms_count_from_their_time_on() -> None:
    _, actor = await agent_with(1_000)
    week = clock.now() + timedelta(days=7)
    await deposits.set_terms(make.OPERATOR, AgentType.DISTRIBUTOR, make.money(300), week)
    assert await buy(actor, "today") == "done"
    with make.later(days=8):
        assert await buy(actor, "next week") == "blocked_by_deposit"
        await deposits.set_terms(make.OPERATOR, AgentType.DISTRIBUTOR, make.money(0))
        assert await buy(actor, "waived") == "done"


async def test_terms_that_would_be_an_entrance_fee_are_refused_here_and_in_sql() -> None:
    call = deposits.set_terms(make.OPERATOR, AgentType.PROMOTER, make.money(10_001))
    assert await said(call) == "deposit_amount"
    past = clock.now() - timedelta(days=1)
    call = deposits.set_terms(make.OPERATOR, AgentType.PROMOTER, make.money(1), past)
    assert await said(call) == "deposit_time"
    with pytest.raises(asyncpg.CheckViolationError):
        async with connection() as conn:
            await conn.execute(
                "INSERT INTO deposit_terms VALUES ($1, 'promoter', 100000001, 'CNY', now(), NULL,"
                " now())",
                new_id(),
            )
    assert await DepositTerms.all().count() == 0


async def test_no_deposit_becomes_income_or_commission_by_whatever_transfer() -> None:
    agent, actor = await agent_with(500)
    await deposits.pay_deposit(actor, make.money(500), "k")
    held = account_id(AccountKind.DEPOSIT, agent.id, make.CNY)
    takers = [
        account_id(AccountKind.REVENUE, None, make.CNY),
        account_id(AccountKind.COMMISSION, agent.id, make.CNY),
        account_id(AccountKind.BANK, None, make.CNY),
    ]

    async def take(kind: TransferKind, taker: UUID) -> None:
        async with transaction() as conn:
            await ledger.post(conn, [Posting(kind, new_id(), make.CNY, [(held, -1), (taker, 1)])])

    tries = list(product(TransferKind, takers))
    for kind, taker in tries:
        with pytest.raises(asyncpg.CheckViolationError):
            await take(kind, taker)
    assert len(tries) >= 60
    assert await stands(agent) == (0, 500)


async def test_a_movement_without_its_money_does_not_stand() -> None:
    agent, _ = await agent_with(0)
    with pytest.raises(asyncpg.CheckViolationError, match="moves with its transfer"):
        async with connection() as conn:
            await conn.execute(
                "INSERT INTO deposit_movements VALUES ($1, $2, 'paid', 5, 'CNY', NULL, now())",
                new_id(),
                agent.id,
            )


async def test_a_case_that_is_open_holds_what_is_due() -> None:
    agent, actor = await agent_with(300)
    await deposits.pay_deposit(actor, make.money(300), "k")
    await deposits.ask_back(actor)
    case = await court.noticed(agent, PenaltyStep.DEDUCTION, amount=make.money(100))
    with make.later(days=31):
        assert await deposits.return_due() == 0
        await court.imposed(case)
        assert await deposits.return_due() == 1
    assert await stands(agent) == (200, 0)
    assert (await DepositReturn.get()).returned == make.yuan(200)


async def test_the_purchase_asks_of_deposits_without_a_statement_more() -> None:
    _, actor = await agent_with(500)
    await deposits.set_terms(make.OPERATOR, AgentType.DISTRIBUTOR, make.money(100))
    await deposits.pay_deposit(actor, make.money(100), "k")
    variant = await make.variant(cards=1)
    async with count_statements() as statements:
        await checkout.place_order(actor, Purchase((LineWish(variant.sku, 1),), "key"))
    assert len(statements) == 2
