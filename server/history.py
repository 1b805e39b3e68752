"""The month before the demo: what regular customers bought in it, and a plan that pays for it.

The shop is filled as of the first of the last month whose bonuses are due, with the clock set back,
and its customers buy on their days by the same code as anybody. So whoever starts the demo finds a
month that is over: awards that the scheduler works out, commission to be taken out, and a period to
be settled (rows H5, H8).
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from pyotp import TOTP

from domain import bonuses, checkout, identity
from domain.bonuses import BonusBasis, PlanDraft
from domain.checkout import LineWish, Purchase
from domain.commissions import AwardKind
from domain.identity import User
from domain.kernel import SYSTEM, Actor, ActorKind, clock, parse_units
from domain.kernel.ids import dated

NOON = 12
STEPS = (("300", 50), ("600", 100))  # from so many yuan of sales on, 1/10000 of all of them
CAP_MARGIN_RATE = 3_000
MONTHS_AFTER = 5


@contextmanager
def on(month: date, day: int, hour: int = 0) -> Iterator[None]:
    """The clock goes on from a day and hour of that month, as long as the block lasts."""
    opens = bonuses.start_of(month) + timedelta(days=day - 1, hours=hour)
    begun = time.monotonic()

    def then() -> datetime:
        return opens + timedelta(seconds=time.monotonic() - begun)

    with clock.fixed(then), dated(then):
        yield


async def approve_plan(month: date, operator: Actor, manager: User, password: str) -> None:
    """A plan from that month on: proposed by the operator, approved by the manager, whose
    authenticator app is taken away again, so that whoever tries the demo enrols one."""
    draft = PlanDraft(
        kind=AwardKind.PERFORMANCE,
        name="月度绩效 Monthly performance",
        basis=BonusBasis.OWN_SALES,
        steps=[(parse_units(start), rate) for start, rate in STEPS],
        cap_margin_rate=CAP_MARGIN_RATE,
        first_month=month,
        last_month=_months_later(month, MONTHS_AFTER),
        note="Comes with the demo.",
    )
    plan = await bonuses.propose_plan(operator, draft)
    signed_in = await identity.open_session(manager, "demo")
    actor = await identity.actor_of_token(signed_in.access_token)
    if actor is None:
        raise RuntimeError("a session that was just opened is not known")
    app = await identity.enrol_totp(actor, password)
    await identity.confirm_totp(actor, TOTP(app.secret).at(clock.now()))
    await bonuses.decide_plan(actor, plan.id, approve=True)
    await identity.disable_totp(SYSTEM, manager.id, "The demo approved its plan with it.")


async def sell(month: date, rows: Iterable[Mapping[str, str]], buyers: Mapping[str, User]) -> None:
    """What customers bought, each order at noon of its day, in the order of the days."""
    for row in rows:
        buyer = Actor(kind=ActorKind.USER, user_id=buyers[row["login"]].id)
        line = LineWish(row["sku"], int(row["quantity"]))
        key = f"demo:{row['login']}:{row['day']}"
        with on(month, int(row["day"]), NOON):
            await checkout.place_order(buyer, Purchase((line,), key))


def _months_later(month: date, many: int) -> date:
    for _ in range(many):
        month = (month + timedelta(days=31)).replace(day=1)
    return month
