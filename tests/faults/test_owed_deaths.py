"""Processes die while files for banks are made, while banks' results are taken in, while providers
are stated and paid, and while awards are taken back: money moves once (rows H5, H7, H8)."""

import pytest

from domain import bonuses, ledger, payouts, providers
from domain.kernel import Actor
from domain.payouts import Payout, PayoutFile, PayoutStatus
from domain.payouts.models import PayoutFileResult
from domain.providers import PaymentState, ProviderFile, ProviderPayment, ProviderStatement
from tests import banking, make, providing
from tests.bonus_benches import awarded, draft, give_back, in_force, on, sell
from tests.domain.bonuses.test_awards import all_is_well, held
from tests.domain.payouts.test_files import with_bank
from tests.domain.providers.test_paying import Desk, desk
from tests.faults.dying import Mortal, Work
from tests.faults.test_kills import no_violations, number_of
from tests.providing import IN_APRIL, MARCH, by_result
from tests.settling import on as on_day

pytestmark = pytest.mark.xdist_group("deaths")
__all__ = ["desk"]


async def test_a_file_for_a_bank_is_made_once_with_all_its_payouts(mortal: Mortal) -> None:
    people, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people, "10", "20")
    make_it = (payouts.make_file, people.one, of.id, batch.id)
    await mortal.dies("payouts.file_written", *make_it)
    assert await PayoutFile.all().count() == 0
    assert await Payout.filter(status=PayoutStatus.APPROVED).count() == 2
    made = [await make_it[0](*make_it[1:]) for _ in range(2)]
    assert made[0].id == made[1].id
    assert await number_of("transfers", "kind = 'payout_submitted'") == 2
    await no_violations()


@pytest.mark.parametrize("nth", [1, 2])
async def test_results_of_a_bank_are_booked_row_by_row_and_each_once(
    mortal: Mortal, nth: int
) -> None:
    people, made, (first, second) = await with_bank("10", "20")
    rows = banking.results((first.reference, "10", "成功"), (second.reference, "20", "失败"))
    take = (payouts.take_results, people.other, made.id, "results.csv", rows)
    await mortal.dies("payouts.row_booked", *take, nth=nth)
    assert await Payout.filter(status=PayoutStatus.SUCCEEDED).count() == 1
    assert await Payout.filter(status=PayoutStatus.FAILED).count() == nth - 1
    assert await PayoutFileResult.all().count() == 0
    taken = await take[0](*take[1:])
    assert (taken.result.booked, taken.result.known, taken.differences) == (2 - nth, nth, [])
    assert await Payout.filter(status=PayoutStatus.FAILED).count() == 1
    await no_violations()


async def in_april(work: Work, *words: object) -> None:
    with on_day(IN_APRIL):
        await work(*words)


async def test_a_provider_is_paid_by_one_file_and_its_results_are_booked_once(
    mortal: Mortal, desk: Desk
) -> None:
    with on_day(IN_APRIL):
        await desk.agree_to_account()
        await make.step_up_again(desk.one)
        make_it = (providers.make_provider_file, desk.one, desk.channel.id, "key")
        await mortal.dies("providers.file_written", in_april, *make_it)
        assert await ProviderFile.all().count() == 0
        assert await desk.balances() == (20, 0)
        made = await desk.file("key")
        assert await desk.balances() == (0, 20)
        assert (await desk.file("key")).id == made.id
        payment = await ProviderPayment.get()
        await make.step_up_again(desk.other)
        rows = banking.results((payment.reference, "20.00", "成功"))
        take = (providers.take_provider_results, desk.other, made.id, rows)
        await mortal.dies("providers.results_booked", in_april, *take)
        assert (await ProviderPayment.get()).state is PaymentState.SENT
        assert await desk.balances() == (0, 20)
        assert [(await desk.answered(made, "成功")).booked for _ in range(2)] == [1, 0]
        assert await desk.balances() == (0, 0)
    await no_violations()


async def approve(chief: Actor, statement_id: object) -> None:
    with on_day(IN_APRIL):
        await providers.decide_statement(chief, statement_id, approved=True)  # type: ignore[arg-type]


async def test_a_provider_is_stated_once_and_owed_once(mortal: Mortal) -> None:
    with on_day(1):
        world = await providing.world()
        await world.agree(by_result(world.site))
    with on_day(3):
        await world.sold("400")
    with on_day(IN_APRIL):
        propose = (providers.propose_statement, world.clerk, world.contract.id, MARCH)
        await mortal.dies("providers.statement_written", in_april, *propose)
        assert await ProviderStatement.all().count() == 0
        made = [await propose[0](*propose[1:]) for _ in range(2)]
        assert [replayed for _, replayed in made] == [False, True]
        statement, _ = made[0]
        await make.step_up_again(world.chief)
        await mortal.dies("providers.statement_decided", approve, world.chief, statement.id)
        owed = ledger.account_id(ledger.AccountKind.PROVIDER, world.contract.provider_id, make.CNY)
        assert await ledger.balance_of(owed) == 0
        await approve(world.chief, statement.id)
        assert await ledger.balance_of(owed) == make.yuan(20)
    assert await number_of("outbox_events", "type = 'provider.statement_decided'") == 1
    await no_violations()


async def take_back() -> None:
    with on(0, 20):
        await bonuses.take_back_due()


async def test_what_refunds_take_back_of_an_award_is_taken_once(mortal: Mortal) -> None:
    await in_force(draft())
    agent = await make.agent()
    order = await sell(agent, 1000)
    await awarded()
    assert await held(agent) == (100, 0, 0)
    with on(0, 10):
        await give_back(order, "600")  # 400 are left: 5 %
    with on(0, 20):
        while await ledger.seal_committed():
            pass
    await mortal.dies("bonuses.taken_back", take_back)
    assert await held(agent) == (100, 0, 0)
    for _ in range(2):
        await take_back()
    assert await held(agent) == (20, 0, 0)
    assert await number_of("commission_award_clawbacks") == 1
    await all_is_well()
