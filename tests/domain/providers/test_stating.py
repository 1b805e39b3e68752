"""Statements: computed from the books, approved by two, each sale and each refund in one (H7)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest

from domain import ledger, providers
from domain.kernel import MAIN_SITE_ID, Refused, connection
from domain.ledger import AccountKind, account_id
from domain.providers import (
    ContractBasis,
    Decided,
    PartKind,
    ProviderStatement,
    counting,
    stating,
)
from domain.providers.contracts import lock_contract
from tests import make, providing
from tests.providing import APRIL, IN_APRIL, IN_MAY, MARCH, MAY, World, by_result
from tests.settling import all_is_well, give_back, on
from tests.settling import sold as sold_by_an_agent

pytestmark = pytest.mark.usefixtures("db")
K = PartKind


@pytest.fixture
async def world() -> World:
    with on(1):
        return await providing.world()


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refused:
        await awaitable  # type: ignore[misc]
    refusal = refused.value.refusals[0]
    return getattr(refusal, "reason", refusal.code)


def told(statement: ProviderStatement) -> list[tuple[K, int]]:
    """Kind and amount, in cents, of each line."""
    return [(part.kind, part.amount // 100) for part in providers.sums_of(statement).parts]


async def owed(world: World) -> int:
    account = account_id(AccountKind.PROVIDER, world.contract.provider_id, make.CNY)
    return await ledger.balance_of(account)


async def test_a_share_of_settled_sales_and_later_refunds_correct_the_next_month(
    world: World,
) -> None:
    with on(1):
        await world.agree(by_result(world.site))
    with on(3):
        kept, _ = await world.sold("300")
        back = await world.sold("100")
        await world.sold("70", site=MAIN_SITE_ID)  # elsewhere
        await sold_by_an_agent(await make.agent())  # elsewhere, and an agent's
    with on(IN_APRIL):
        await give_back(*back)
        draft = await providers.preview_statement(world.clerk, world.contract.id, MARCH)
        march = await world.stated(MARCH)
    assert draft.sums == providers.sums_of(march)
    assert told(march) == [(K.RESULT, 2_000)]
    assert (march.payable, await owed(world)) == (make.yuan(20), make.yuan(20))
    assert providers.facts_of(march).orders == 2
    with on(IN_APRIL + 2):
        await world.sold("40")
    with on(IN_MAY):
        april = await world.stated(APRIL)
    assert told(april) == [(K.RESULT, 200), (K.RETURNED, -500)]
    assert (april.total, april.payable, april.carried_out) == (-make.yuan(3), 0, -make.yuan(3))
    assert providers.facts_of(april).orders_lost == 1
    with on(IN_MAY):
        await world.sold("100")
    with on(IN_MAY + 31):
        may = await world.stated(MAY)
    assert (may.carried_in, may.payable) == (-make.yuan(3), make.yuan(2))
    assert await owed(world) == make.yuan(22)
    assert kept.agent_chain == []
    await all_is_well()


async def test_margin_and_orders_are_read_from_the_books(world: World) -> None:
    by_order = by_result(
        world.site, basis=ContractBasis.ORDERS, rate=None, per_order=make.money("1.5")
    )
    with on(1):
        await world.agree(by_result(world.site, basis=ContractBasis.MARGIN, rate=200_000))
        await make.step_up_again(world.chief)
        other = await providers.open_contract(world.clerk, world.contract.provider_id, "按单")
        terms = await providers.propose_terms(world.clerk, other.id, by_order)
        await providers.decide_terms(world.chief, terms.id, approved=True)
    with on(3):
        await world.sold("100")
        part = await world.sold("200")
        whole = await world.sold("90")
        await give_back(*part, amount="30")
        await give_back(*whole)
    with on(IN_APRIL):
        march = await world.stated(MARCH)
        made, _ = await providers.propose_statement(world.clerk, other.id, MARCH)
    # 60 and 160 and 50 of margin; 30 of money alone, and 50 that came back with its goods
    assert told(march) == [(K.RESULT, 5_400), (K.RETURNED, -1_600)]
    assert told(made) == [(K.RESULT, 300)]  # what was sold and given back within the month is none
    facts = providers.facts_of(made)
    assert (facts.orders, facts.orders_lost) == (2, 0)


async def test_terms_are_those_of_when_an_order_was_placed(world: World) -> None:
    with on(1):
        await world.agree(by_result(world.site, rate=100_000))
    with on(3):
        early = await world.sold("100")
    with on(20):
        await world.agree(by_result(world.site, from_month=APRIL))
    with on(IN_APRIL):
        await world.stated(MARCH)
        await give_back(*early)
        await world.sold("200")
    with on(IN_MAY):
        april = await world.stated(APRIL)
    assert told(april) == [(K.RETURNED, -1_000), (K.RESULT, 1_000)]


async def test_a_fee_with_a_bonus_and_a_base_with_services(world: World) -> None:
    with on(1):
        await world.agree(providing.with_bonus(world.site))
    with on(3):
        for _ in range(3):
            await world.sold("200")
    with on(20):
        await world.agree(providing.with_extras(from_month=APRIL))
    with on(IN_APRIL):
        march = await world.stated(MARCH)
        assert told(march) == [(K.FEE, 100_000), (K.BONUS, 20_000)]
        item = (world.clerk, world.contract.id, "hour", 12, date(2031, 4, 1), "工单 88")
        recorded, replayed = await providers.record_item(*item, "key-1")
        again, twice = await providers.record_item(*item, "key-1")
        assert (recorded.id, replayed, twice) == (again.id, False, True)
        late, _ = await providers.record_item(*item, "key-2")
        await providers.record_item(*item, "key-3")  # nobody agreed to it
        assert await code_of(providers.decide_item(world.clerk, late.id, approved=True)) == (
            "FOUR_EYES"
        )
        await providers.decide_item(world.chief, recorded.id, approved=True)
    with on(IN_MAY):
        april = await world.stated(APRIL)
        assert told(april) == [(K.FEE, 200_000), (K.EXTRA, 102_000)]
        await providers.decide_item(world.chief, late.id, approved=True)
        await world.sold("500")  # no result is paid for any more
    with on(IN_MAY + 31):
        may = await world.stated(MAY)
    assert told(may) == [(K.FEE, 200_000), (K.EXTRA, 102_000)]
    await all_is_well()


async def test_months_follow_one_another_and_only_what_is_over_is_proposed(world: World) -> None:
    clerk, contract = world.clerk, world.contract.id
    with on(1):
        empty = providers.preview_statement(clerk, contract, MARCH)
        assert await code_of(empty) == "provider_no_terms"
        await world.agree(by_result(world.site))
        early = providers.propose_statement(clerk, contract, MARCH)
        assert await code_of(early) == "SETTLEMENT_TOO_EARLY"
        assert await code_of(providers.preview_statement(clerk, contract, "2031-W10")) == (
            "provider_month"
        )
    with on(IN_MAY):
        assert await code_of(providers.propose_statement(clerk, contract, APRIL)) == (
            "PROVIDER_OUT_OF_ORDER"
        )
        made, replayed = await providers.propose_statement(clerk, contract, MARCH)
        again, twice = await providers.propose_statement(clerk, contract, MARCH)
        assert (made.id, replayed, twice) == (again.id, False, True)
        waits = providers.propose_statement(clerk, contract, APRIL)
        assert await code_of(waits) == "provider_statement_waits"


async def test_whoever_proposes_does_not_decide_and_a_rejected_month_comes_again(
    world: World,
) -> None:
    with on(1):
        await world.agree(providing.with_extras())
        item = await providers.record_item(
            world.clerk, world.contract.id, "hour", 1, date(2031, 3, 1), "工单", "key"
        )
        await providers.decide_item(world.chief, item[0].id, approved=True)
    with on(IN_APRIL):
        made, _ = await providers.propose_statement(world.clerk, world.contract.id, MARCH)
        for actor in (world.clerk, world.chief):
            await make.step_up_again(actor)
        own = providers.decide_statement(world.clerk, made.id, approved=True)
        assert await code_of(own) == "FOUR_EYES"
        silent = providers.decide_statement(world.chief, made.id, approved=False)
        assert await code_of(silent) == "review_reason"
        await providers.decide_statement(world.chief, made.id, approved=False, note="工时不符")
        assert (
            await code_of(providers.decide_statement(world.chief, made.id, approved=True))
            == "provider_decided"
        )
        again = await world.stated(MARCH)
    assert again.id != made.id
    assert told(again) == told(made) == [(K.FEE, 200_000), (K.EXTRA, 8_500)]
    assert await owed(world) == make.yuan(2_085)


async def test_a_decision_needs_a_fresh_step_up_and_its_scope(world: World) -> None:
    with on(1):
        await world.agree(by_result(world.site))
    with on(IN_APRIL):
        made, _ = await providers.propose_statement(world.clerk, world.contract.id, MARCH)
        stale = providers.decide_statement(world.chief, made.id, approved=True)
        assert await code_of(stale) == "STEP_UP_REQUIRED"
        reader = await make.operator("providers:read")
        for refused in (
            providers.decide_statement(reader, made.id, approved=True),
            providers.propose_statement(reader, world.contract.id, MARCH),
            providers.propose_terms(reader, world.contract.id, by_result(world.site)),
        ):
            assert await code_of(refused) == "FORBIDDEN"


async def test_two_who_propose_at_once_write_one_statement(world: World) -> None:
    with on(1):
        await world.agree(by_result(world.site))
    with on(IN_APRIL):
        tries = (
            providers.propose_statement(world.clerk, world.contract.id, MARCH) for _ in range(4)
        )
        done = await asyncio.gather(*tries, return_exceptions=True)
    assert not [
        each for each in done if isinstance(each, Exception) and not isinstance(each, Refused)
    ]
    assert await ProviderStatement.filter(state=Decided.PROPOSED).count() == 1


async def test_looks_of_few_entries_come_to_the_same(world: World) -> None:
    """Also where a look ends between the entries of an order's transfers."""
    with on(1):
        await world.agree(by_result(world.site))
    with on(3):
        for price in ("110", "120", "130"):
            order = await world.sold(price)
        await give_back(*order, amount="5")
        await give_back(*order)
    with on(IN_APRIL):
        whole = await providers.preview_statement(world.clerk, world.contract.id, MARCH)
        for window in (1, 3, 7):
            with patch.object(counting, "WINDOW", window):
                parts = await providers.preview_statement(world.clerk, world.contract.id, MARCH)
            assert parts.sums == whole.sums
            assert (parts.facts.sold, parts.facts.returned) == (make.yuan(360), make.yuan(130))
            assert parts.facts.orders - parts.facts.orders_lost == 2


async def test_what_is_owed_is_no_client_money() -> None:
    """What a provider is given is the house's expense, or what was on its way to it."""
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT k, a FROM unnest($1::text[]) k, unnest($2::text[]) a"
            " WHERE funds_use(k, 'provider', true) IS NOT NULL"
            " AND funds_use(k, a, false) IS NOT NULL",
            [kind.value for kind in ledger.TransferKind],
            [kind.value for kind in AccountKind],
        )
    assert sorted((row["k"], row["a"]) for row in rows) == [
        ("provider_failed", "provider_transit"),
        ("provider_returned", "bank"),
        ("provider_statement", "provider_expense"),
    ]


def other_terms_meanwhile(world: World) -> Callable[..., Awaitable[Any]]:
    """Counts as usual, and lets two persons agree to 10 % before anything is written."""
    usual = stating._count

    async def counted(span: Any) -> Any:
        found = await usual(span)
        if world.rates:
            await world.agree(by_result(world.site, rate=world.rates.pop()))
        return found

    return counted


async def test_what_was_counted_by_terms_that_count_no_more_is_not_written(world: World) -> None:
    with on(1):
        await world.agree(by_result(world.site))
    with on(3):
        await world.sold("100")
    with on(IN_APRIL), patch.object(stating, "_count", other_terms_meanwhile(world)):
        world.rates.append(100_000)
        first = providers.propose_statement(world.clerk, world.contract.id, MARCH)
        assert await code_of(first) == "BUSY"
        made, _ = await providers.propose_statement(world.clerk, world.contract.id, MARCH)
    assert told(made) == [(K.RESULT, 1_000)]


async def test_twin_without_the_version_a_statement_would_tell_of_terms_that_count_no_more(
    world: World,
) -> None:
    with on(1):
        await world.agree(by_result(world.site))
    with on(3):
        await world.sold("100")

    async def unmoved(contract_id: UUID) -> Any:
        contract = await lock_contract(contract_id)
        contract.version = 1  # as it was read
        return contract

    with (
        on(IN_APRIL),
        patch.object(stating, "_count", other_terms_meanwhile(world)),
        patch.object(stating, "lock_contract", unmoved),
    ):
        world.rates.append(100_000)
        made, _ = await providers.propose_statement(world.clerk, world.contract.id, MARCH)
    assert told(made) == [(K.RESULT, 500)]
