"""Contracts: what terms may be, who decides, and what the database refuses, whoever writes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import providers
from domain.kernel import Refused, connection, new_id
from domain.providers import (
    ContractBasis,
    ProviderKind,
    ProviderStatement,
    ProviderTerms,
    Service,
    Step,
    TermsDraft,
)
from tests import make, providing
from tests.providing import APRIL, IN_APRIL, MARCH, World, by_result, with_bonus, with_extras
from tests.settling import on

pytestmark = pytest.mark.usefixtures("db")
SITE = UUID(int=0)


@pytest.fixture
async def world() -> World:
    with on(1):
        return await providing.world()


async def code_of(awaitable: Awaitable[object]) -> str:
    with pytest.raises(Refused) as refused:
        await awaitable
    refusal = refused.value.refusals[0]
    return getattr(refusal, "reason", refusal.code)


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        (by_result(SITE, fee=make.money(1)), "provider_fee"),
        (by_result(SITE, rate=None), "provider_rate"),
        (by_result(SITE, rate=1_000_001), "provider_rate"),
        (by_result(SITE, basis=ContractBasis.ORDERS), "provider_rate"),
        (by_result(SITE, basis=ContractBasis.ORDERS, rate=None), "provider_per_order"),
        (by_result(SITE, per_order=make.money(1)), "provider_per_order"),
        (by_result(SITE, basis=None), "provider_basis"),
        (by_result(SITE, site_id=None), "provider_scope"),
        (by_result(SITE, steps=(Step(1, 1),)), "provider_steps"),
        (with_bonus(SITE, fee=None), "provider_fee"),
        (with_bonus(SITE, fee=make.money("0.0001")), "provider_fee"),
        (with_bonus(SITE, steps=()), "provider_steps"),
        (with_bonus(SITE, steps=(Step(9, 100), Step(9, 100))), "provider_steps"),
        (with_bonus(SITE, steps=(Step(9, 0, 0),)), "provider_steps"),
        (
            with_bonus(SITE, basis=ContractBasis.ORDERS, steps=(Step(9, 0, 5),)),
            "provider_steps",
        ),
        (with_bonus(SITE, services=(Service("a", "a", 1),)), "provider_services"),
        (with_extras(services=()), "provider_services"),
        (
            with_extras(services=(Service("a", "a", 1), Service("a", "b", 1))),
            "provider_services",
        ),
        (with_extras(site_id=SITE), "provider_scope"),
        (with_extras(from_month="2031-W10"), "provider_month"),
        (with_extras(from_month=APRIL, until_month=MARCH), "provider_month"),
        (with_extras(note="x" * 501), "review_reason"),
    ],
)
async def test_terms_fit_their_model(world: World, draft: TermsDraft, reason: str) -> None:
    whole = replace(draft, site_id=world.site) if draft.site_id == SITE else draft
    assert await code_of(providers.propose_terms(world.clerk, world.contract.id, whole)) == reason


async def test_a_scope_is_there(world: World) -> None:
    nowhere = by_result(world.site, product_ids=[new_id()])
    assert await code_of(providers.propose_terms(world.clerk, world.contract.id, nowhere)) == (
        "NOT_FOUND"
    )


async def test_terms_are_proposed_by_one_and_decided_by_another(world: World) -> None:
    with on(1):
        made = await providers.propose_terms(world.clerk, world.contract.id, by_result(world.site))
        second = providers.propose_terms(world.clerk, world.contract.id, with_extras())
        assert await code_of(second) == "provider_terms_wait"
        own = providers.decide_terms(world.clerk, made.id, approved=True)
        assert await code_of(own) == "FOUR_EYES"
        weak = await make.operator(*providing.SCOPES, stepped_up=False)
        stale = providers.decide_terms(weak, made.id, approved=True)
        assert await code_of(stale) == "STEP_UP_REQUIRED"
        await make.step_up_again(world.chief)
        await providers.decide_terms(world.chief, made.id, approved=False, note="比例过高")
        again = await world.agree(by_result(world.site, rate=30_000))
    assert again.number == 2
    assert (await providers.terms_at(world.contract.id, again.valid_from)) == again


async def test_no_terms_are_agreed_to_for_a_month_that_is_stated(world: World) -> None:
    with on(1):
        await world.agree(by_result(world.site, until_month=MARCH))
    with on(IN_APRIL):
        waiting = await providers.propose_terms(
            world.clerk, world.contract.id, by_result(world.site, rate=1)
        )
        await world.stated(MARCH)
        late = providers.decide_terms(world.chief, waiting.id, approved=True)
        assert await code_of(late) == "provider_month_settled"
        await providers.decide_terms(world.chief, waiting.id, approved=False, note="迟")
        early = providers.propose_terms(world.clerk, world.contract.id, by_result(world.site))
        assert await code_of(early) == "provider_month_settled"
        await world.agree(by_result(world.site, from_month=APRIL))


async def test_a_provider_and_a_contract_are_found_again(world: World) -> None:
    clerk = world.clerk
    one = await providers.save_provider(clerk, "TRAFFIC-1", "新名", ProviderKind.PERSON, "注")
    assert (one.id, one.name) == (world.contract.provider_id, "新名")
    same = await providers.open_contract(clerk, one.id, "推广服务")
    assert same.id == world.contract.id
    bad = providers.save_provider(clerk, "no code", "x", ProviderKind.PERSON)
    assert await code_of(bad) == "provider_code"
    assert await code_of(providers.open_contract(clerk, new_id(), "x")) == "NOT_FOUND"


async def test_a_service_is_of_its_day_with_evidence(world: World) -> None:
    with on(1):
        await world.agree(with_extras())

        async def recorded(code: str, pieces: int, day: date, evidence: str) -> str:
            key = f"{code}{pieces}{day}{evidence}"
            item = (world.clerk, world.contract.id, code, pieces, day, evidence, key)
            return await code_of(providers.record_item(*item))

        today = date(2031, 3, 1)
        assert await recorded("hour", 0, today, "x") == "provider_quantity"
        assert await recorded("hour", 1, date(2031, 3, 2), "x") == "provider_done_on"
        assert await recorded("hour", 1, today, " ") == "provider_evidence"
        assert await recorded("page", 1, today, "x") == "provider_service_unknown"
        assert await recorded("hour", 1, date(2031, 2, 28), "x") == "provider_service_unknown"


# --- the database, whoever writes ----------------------------------------------------------------

Refusing = Callable[[World], Awaitable[Any]]
TERMS_COLUMNS = (
    "id, contract_id, number, model, currency, fee, basis, rate, per_order, site_id, product_ids,"
    " steps, services, valid_from, valid_until, note, state, proposed_by, proposed_at, decision"
)


async def terms_by_hand(world: World, **values: object) -> None:
    """A row of terms like the agreed one, but for these values."""
    named = {"id": "gen_random_uuid()", "number": "77", "state": "'PROPOSED'"}
    columns = [
        f"({values[name]})" if name in values else named.get(name, name)
        for name in TERMS_COLUMNS.split(", ")
    ]
    async with connection() as conn:
        await conn.execute(
            f"INSERT INTO provider_terms ({TERMS_COLUMNS}) SELECT {', '.join(columns)}"
            f" FROM provider_terms WHERE contract_id = $1 LIMIT 1",
            world.contract.id,
        )


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"state": "'APPROVED'"}, "provider_proposed_first"),
        ({"valid_until": "valid_from"}, "provider_terms_end_later"),
        ({"rate": "1000001"}, "provider_terms_amounts"),
        ({"fee": "-1"}, "provider_terms_amounts"),
        ({"fee": "100"}, "provider_terms_of_their_model"),
        ({"rate": "NULL"}, "provider_terms_of_their_model"),
        ({"per_order": "5"}, "provider_terms_of_their_model"),
        ({"model": "'RECRUITS'"}, "provider_terms_of_their_model"),
        ({"model": "'BASE_EXTRAS'"}, "provider_terms_of_their_model"),
        ({"site_id": "NULL"}, "provider_results_have_a_scope"),
        ({"site_id": "gen_random_uuid()"}, "provider_terms_on_a_site"),
        ({"contract_id": "gen_random_uuid()"}, "provider_terms_of_a_contract"),
        ({"number": "number"}, "provider_terms_numbered"),
        (
            {
                "model": "'FIXED_BONUS'",
                "fee": "1",
                "rate": "NULL",
                "steps": """'[{"at": 5, "amount": 1, "rate": 0},"""
                """ {"at": 5, "amount": 1, "rate": 0}]'::jsonb""",
            },
            "provider_terms_steps_rise",
        ),
        (
            {
                "model": "'BASE_EXTRAS'",
                "fee": "1",
                "rate": "NULL",
                "basis": "NULL",
                "site_id": "NULL",
                "services": """'[{"code": "a", "price": 0}]'::jsonb""",
            },
            "provider_terms_services_priced",
        ),
    ],
)
async def test_the_database_refuses_terms(
    world: World, values: dict[str, object], constraint: str
) -> None:
    with on(1):
        await world.agree(by_result(world.site))
    with pytest.raises(asyncpg.PostgresError) as refused:
        await terms_by_hand(world, **values)
    assert getattr(refused.value, "constraint_name", None) == constraint
    await terms_by_hand(world)  # the same, without the fault


async def refused_by(statement: str, *values: object) -> str | None:
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as refused:
            await conn.execute(statement, *values)
    return getattr(refused.value, "constraint_name", None)


async def test_the_database_keeps_what_was_decided(world: World) -> None:
    with on(1):
        terms = await world.agree(by_result(world.site))
        waits = await providers.propose_terms(
            world.clerk, world.contract.id, by_result(world.site, from_month=APRIL)
        )
    rate = "UPDATE provider_terms SET rate = rate + 1 WHERE id = $1"
    assert await refused_by(rate, terms.id) == "provider_decided_once"
    assert await refused_by(rate, waits.id) == "provider_decided_once"
    back = "UPDATE provider_terms SET state = 'REJECTED' WHERE id = $1"
    assert await refused_by(back, terms.id) == "provider_decided_once"
    own = (
        "UPDATE provider_terms SET state = 'APPROVED', decided_at = now(),"
        " decided_by = proposed_by WHERE id = $1"
    )
    assert await refused_by(own, waits.id) == "provider_terms_of_four_eyes"
    alone = "UPDATE provider_terms SET state = 'APPROVED' WHERE id = $1"
    assert await refused_by(alone, waits.id) == "provider_terms_of_four_eyes"
    gone = "DELETE FROM provider_terms WHERE id = $1"
    assert await refused_by(gone, waits.id) == "provider_decided_once"
    assert await refused_by("DELETE FROM provider_contracts") is None
    code = "UPDATE providers SET code = 'a b'"
    assert await refused_by(code) == "provider_code_form"


async def test_the_database_keeps_statements_whole_and_in_a_row(world: World) -> None:
    with on(1):
        await world.agree(by_result(world.site))
    with on(3):
        await world.sold("300")
    with on(IN_APRIL):
        march = await world.stated(MARCH)
    copied = (
        "INSERT INTO provider_statements (id, contract_id, period, currency, starts_at, ends_at,"
        " follows, from_entry, up_to_entry, facts, lines, total, carried_in, payable, carried_out,"
        " note, state, proposed_by, proposed_at, decision) SELECT gen_random_uuid(), contract_id,"
        " {period}, currency, {starts}, {ends}, {follows}, {entry}, up_to_entry, facts, lines,"
        " {total}, {carried}, {payable}, 0, '', 'PROPOSED', proposed_by, proposed_at, ''"
        " FROM provider_statements WHERE id = $1"
    )
    next_one = {
        "period": "'2031-04'",
        "starts": "ends_at",
        "ends": "ends_at + interval '30 days'",
        "follows": "id",
        "entry": "up_to_entry",
        "total": "total",
        "carried": "0",
        "payable": "payable",
    }
    for changes, constraint in (
        ({"total": "total + 1", "payable": "payable + 1"}, "provider_total_is_told"),
        ({"payable": "payable + 1"}, "provider_statement_adds_up"),
        ({"carried": "-5", "payable": "payable - 5"}, "provider_statement_goes_on_there"),
        ({"entry": "up_to_entry - 1"}, "provider_statement_goes_on_there"),
        ({"starts": "ends_at + interval '1 day'"}, "provider_statement_goes_on_there"),
        ({"period": "'2031-03'"}, "provider_statement_once_a_period"),
        ({"follows": "NULL"}, "provider_statement_follows_once"),
        ({"ends": "ends_at"}, "provider_statement_goes_on"),
    ):
        assert await refused_by(copied.format(**{**next_one, **changes}), march.id) == constraint
    for change in ("note = 'x'", "lines = '[]', total = 0", "state = 'REJECTED'"):
        kept = f"UPDATE provider_statements SET {change} WHERE id = $1"
        assert await refused_by(kept, march.id) == "provider_decided_once"
    gone = "DELETE FROM provider_statements WHERE id = $1"
    assert await refused_by(gone, march.id) == "provider_decided_once"
    async with connection() as conn:
        await conn.execute(copied.format(**next_one), march.id)
    early = "UPDATE provider_terms SET state = 'APPROVED', decided_by = $2, decided_at = now()"
    await terms_by_hand(world)
    only = f"{early} WHERE contract_id = $1 AND state = 'PROPOSED'"
    assert await refused_by(only, world.contract.id, new_id()) == (
        "provider_terms_after_what_is_settled"
    )
    assert await ProviderStatement.all().count() == 2
    assert await ProviderTerms.all().count() == 2


async def test_the_database_counts_a_service_once_at_its_price(world: World) -> None:
    with on(1):
        await world.agree(with_extras())
        item = (world.clerk, world.contract.id, "hour", 2, date(2031, 3, 1), "工单")
        one, _ = await providers.record_item(*item, "key-1")
        two, _ = await providers.record_item(*item, "key-2")
        await providers.decide_item(world.chief, one.id, approved=True)
    with on(IN_APRIL):
        await world.stated(MARCH)
    copied = (
        "INSERT INTO provider_items (id, contract_id, terms_id, code, quantity, price, done_on,"
        " evidence, state, proposed_by, proposed_at, decision) SELECT gen_random_uuid(),"
        " contract_id, terms_id, code, {quantity}, {price}, done_on, {evidence}, 'PROPOSED',"
        " proposed_by, proposed_at, '' FROM provider_items WHERE id = $1"
    )
    right = {"quantity": "1", "price": "price", "evidence": "evidence"}
    for changes, constraint in (
        ({"price": "price + 1"}, "provider_item_at_its_price"),
        ({"quantity": "0"}, "provider_item_of_something"),
        ({"evidence": "''"}, "provider_item_has_evidence"),
    ):
        assert await refused_by(copied.format(**{**right, **changes}), one.id) == constraint
    free = "UPDATE provider_items SET statement_id = NULL WHERE id = $1"
    assert await refused_by(free, one.id) == "provider_item_counted_once"
    more = "UPDATE provider_items SET quantity = 99 WHERE id = $1"
    assert await refused_by(more, two.id) == "provider_decided_once"
    taken = (
        "UPDATE provider_items SET statement_id = (SELECT id FROM provider_statements)"
        " WHERE id = $1"
    )
    assert await refused_by(taken, two.id) == "provider_item_counted_once"
    own = (
        "UPDATE provider_items SET state = 'APPROVED', decided_by = proposed_by,"
        " decided_at = now() WHERE id = $1"
    )
    assert await refused_by(own, two.id) == "provider_item_of_four_eyes"
