"""kill -9 of sweeps between their steps: every commission becomes available once (row H2), and so
is it with awards and cashback (rows H5, H11)."""

import asyncio
from datetime import timedelta

import pytest

from domain import cashback, checkout, commissions, ledger
from domain.bonuses import BonusRun
from domain.cashback import CashbackState
from domain.cashback.models import Cashback
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind, balances_of
from domain.kernel import clock
from domain.ledger import AccountKind, account_id
from tests import make
from tests.bonus_benches import draft, in_force, sell
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, number_of, run

pytestmark = pytest.mark.xdist_group("kills")


@pytest.mark.parametrize("point", ["commissions.marked", "commissions.released"])
async def test_the_scheduler_dies_in_a_sweep(installation: Installation, point: str) -> None:
    agents = [await make.agent() for _ in range(2)]
    await make.rule(1, RuleKind.PERCENT, 100_000, hold_days=0)
    for each in agents:
        variant = await make.variant(price=make.yuan(100), cards=1, unit_cost=1)
        buyer = await make.buyer(referrer=each.id)
        await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    await make.backdate_commissions(minutes=10)
    installation.start("scheduler", crash_at=point)
    await run(installation.wait_for_crash, "scheduler", 60)
    installation.start("scheduler")
    for _ in range(600):
        if await number_of("commission_releases") == 2:
            break
        await asyncio.sleep(0.1)
    for each in agents:
        held = await balances_of(each.id, make.CNY)
        assert (held.pending.units, held.available.units) == (0, make.yuan(10))
    assert await commissions.release_due() == 0
    await no_violations()


@pytest.mark.parametrize("point", ["bonuses.awarded", "cashback.followed", "cashback.credited"])
async def test_the_scheduler_dies_in_awards_and_in_cashback(
    installation: Installation, point: str
) -> None:
    """A slice is one transaction: what died with it is done again, and all of it once."""
    plan = await in_force(draft(2), 2)
    agent, buyer = await make.agent(), await make.buyer()
    await sell(agent, 200, back=2)
    rule = cashback.RuleWish(
        name="kept",
        cap=make.yuan(5),
        valid_until=clock.now() + timedelta(days=9),
        rate=200,
        hold_days=0,
    )
    await cashback.save_rule(make.OPERATOR, rule)
    variant = await make.variant(price=make.yuan(100), cards=1)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    installation.start("scheduler", crash_at=point)
    await run(installation.wait_for_crash, "scheduler", 90)
    installation.start("scheduler")
    for _ in range(900):
        given = await Cashback.filter(state=CashbackState.CREDITED).count()
        if given and await BonusRun.filter(plan_id=plan.id, done_at__isnull=False).exists():
            break
        await asyncio.sleep(0.1)
    held = await balances_of(agent.id, make.CNY)
    assert (held.pending.units, held.available.units) == (make.yuan(10), 0)
    wallet = account_id(AccountKind.WALLET, buyer.user_id, make.CNY)
    assert await ledger.balance_of(wallet) == make.yuan(902)
    await no_violations()
