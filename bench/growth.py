"""`kameng bench growth`: what an installation of many agents and orders costs day by day.

Over the books of bench/books.py: the jobs that run by themselves, each to its end, with the longest
transaction that they held; pages of the back office, with the rows that their statements took into
their hands; the price book of many agents and goods; what a provider's contract is counted from.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from bench.books import settle_statistics
from bench.filling import OPERATOR
from bench.installation import filled, write_results
from bench.plans import heard, taken_by, told
from bench.prices import book_of_prices
from bench.settlement import (
    APPLICATION,
    Wish,
    fill,
    measured_apart,
    month_of_books,
    operator,
    seal_all,
)
from bench.steps import Steps
from domain import (
    bonuses,
    cashback,
    catalog,
    commissions,
    coupons,
    ledger,
    orders,
    pricebook,
    providers,
    settlement,
    teams,
    tiers,
)
from domain.agents import Agent, Tier
from domain.checkout import CURRENCY
from domain.commissions import AwardKind, Commission
from domain.coupons import CampaignKind, CampaignState, CampaignWish
from domain.kernel import SCALE, Actor, Money, PageRequest, clock, connection
from domain.providers import ContractBasis, ContractModel, ProviderKind, TermsDraft
from resolvers.context import Context
from schema.admin import schema as back_office
from schema.documents import Door
from server.wiring import connect, disconnect

AFTER = timedelta(days=9)  # a month's end: all that is worked out for it is due
CODES = 100_000  # of one batch of coupons
GOODS = 10_000
FEW_LINES = 10  # where nothing of the books is looked at
PAGE = 100
_AGENT = """nodes { id code name tier parent { code } balances { pending { amount }
    available { amount } owed { amount } } }"""
_COMMISSION = """nodes { orderNumber level amount { amount } clawedBack { amount } state }"""
LISTS = {
    "agents": f"{{ agents(first: 100, after: %s) {{ {_AGENT} pageInfo {{ endCursor }} }} }}",
    "orderFiles": """{ orderFiles(first: 100, after: %s) { nodes { order { id number status
        total { amount } lines { sku quantity } } costBreakdown { total { amount } } }
        pageInfo { endCursor } } }""",
    "orders": "{ orders(first: 100, after: %s) { nodes { id number } pageInfo { endCursor } } }",
    "payouts": """{ payouts(first: 100, after: %s) { nodes { id status amount { amount } }
        pageInfo { endCursor } } }""",
    "bonusAwards": """{ bonusAwards(first: 100, after: %s) { nodes { agentName award { id } }
        pageInfo { endCursor } } }""",
    "campaigns": """{ campaigns(first: 100, after: %s) { nodes { id batches { count made taken }
        figures { issued used } } pageInfo { endCursor } } }""",
    "cashbackRules": """{ cashbackRules(first: 100, after: %s) { nodes { rule { id } credited }
        pageInfo { endCursor } } }""",
    "settlementRuns": """{ settlementRuns(first: 20, after: %s) { nodes { id totals { statements }
        statements(first: 100) { nodes { agentName statement { number } } } }
        pageInfo { endCursor } } }""",
}


class _Unbounded:
    """Counts no tries."""

    async def hit(self, zone: str, subject: str, ip: str) -> int:
        """Allowed."""
        return 0


@dataclass(frozen=True)
class _Wish(Wish):
    """The same, with how many goods agents have prices for, and whether just these are measured."""

    goods: int = GOODS
    only_prices: bool = False


def measure(agents: int, lines: int, goods: int, *, only_prices: bool) -> list[dict[str, Any]]:
    """The rows of all four parts, or those of prices alone."""
    lines = FEW_LINES if only_prices else lines
    with filled(partial(fill, agents, lines)) as (settings, _):
        where = settings.database_url, str(settings.key_file)
        rows = measured_apart("bench.growth", _Wish(*where, agents, lines, goods, only_prices))
    write_results("prices" if only_prices else "growth", rows)
    return rows


async def _run(wish: _Wish) -> list[dict[str, Any]]:
    await connect(wish.settings, APPLICATION)
    steps = Steps(wish.settings, APPLICATION)
    conn = await asyncpg.connect(wish.database_url)
    try:
        if wish.only_prices:
            reads = await book_of_prices(conn, steps, wish.goods)
            return [*reads, *steps.rows]
        staff = await _plans(steps)
        with _at(month_of_books().ends_at + AFTER):
            await _jobs(steps, wish.lines)
            await settle_statistics(conn)
            reads = [*await _pages(wish), *await book_of_prices(conn, steps, wish.goods)]
            reads += await _contracts(*staff)
    finally:
        await conn.close()
        await disconnect()
    return [*steps.rows, *reads]


@contextmanager
def _at(moment: datetime) -> Iterator[None]:
    """A clock that goes on from a moment."""
    begun = time.monotonic()
    with clock.fixed(lambda: moment + timedelta(seconds=time.monotonic() - begun)):
        yield


async def _plans(steps: Steps) -> tuple[Actor, Actor]:
    """What the jobs work by, said before the first sale: terms of tiers and volumes, plans of
    bonuses, a rule of cashback for one day, a campaign with a batch of codes."""
    month = month_of_books()
    first = date.fromisoformat(f"{month.name}-01")
    with _at(month.starts_at + timedelta(seconds=1)):
        one = await operator("clerk", "bonuses:write", "providers:write", "coupons:write")
        other = await operator("chief", "bonuses:approve", "providers:approve")
        for tier, yuan in ((Tier.SILVER, 1_000), (Tier.GOLD, 20_000)):
            sales = Money(yuan * SCALE, CURRENCY)
            await tiers.set_terms(OPERATOR, tiers.TermsWish(tier, 1, sales))
            step = pricebook.VolumeStep(yuan * SCALE, 100)
            await pricebook.set_volume_ladder(OPERATOR, tier, [step])
        for kind, basis in (
            (AwardKind.PERFORMANCE, bonuses.BonusBasis.OWN_SALES),
            (AwardKind.PROMOTION, bonuses.BonusBasis.NEW_CUSTOMER_SALES),
        ):
            draft = bonuses.PlanDraft(
                kind, kind.value, basis, ((SCALE, 50),), 1_000, first, first, "bench"
            )
            plan = await bonuses.propose_plan(one, draft)
            await bonuses.decide_plan(other, plan.id, approve=True)
        until = clock.now() + timedelta(days=1)
        wish = cashback.RuleWish("bench", 10 * SCALE, until, rate=10)
        await cashback.save_rule(OPERATOR, wish)
        campaign = await coupons.save_campaign(
            OPERATOR,
            CampaignWish(
                name_zh="券",
                name_en="Coupon",
                kind=CampaignKind.FIXED,
                currency=CURRENCY,
                starts_at=clock.now(),
                value=SCALE,
            ),
        )
        await coupons.move_campaign(OPERATOR, campaign.id, CampaignState.RUNNING)
        batch, _ = await coupons.create_batch(one, campaign.id, CODES, "bench")
    await steps.timed("coupon_codes", CODES, lambda: coupons.make_batch(batch.id))
    return one, other


async def _jobs(steps: Steps, lines: int) -> None:
    """What the scheduler does by itself, each to its end."""
    jobs: tuple[tuple[str, Callable[[], Awaitable[Any]]], ...] = (
        ("seal", seal_all),
        ("teams", partial(_all_of, teams.count_next)),
        ("checkpoints", ledger.take_checkpoints),
        ("release_due", commissions.release_due),
        ("cashback_noted", cashback.follow_chain),
        ("sold_in_thirty_days", _sold),
        ("tiers_reviewed", tiers.review_due),
        ("tiers_applied", partial(_all_of, tiers.apply_due)),
        ("volumes", tiers.count_volumes),
        ("bonuses", bonuses.award_due),
        ("awards_taken_back", bonuses.take_back_due),
    )
    for name, work in jobs:
        await steps.timed(name, lines, work)


async def _all_of(work: Callable[[], Awaitable[int]]) -> None:
    while await work():
        pass


async def _sold() -> None:
    await catalog.remember_sales(await orders.sold_since(clock.now() - timedelta(days=60)))


async def _pages(wish: Wish) -> list[dict[str, Any]]:
    """Pages of the back office: the first and the next, and what their statements took."""
    rows = []
    for name, document in LISTS.items():
        cursor = await _asked(document % "null")
        rows.append(await told(f"page_{name}", partial(_asked, document % "null")))
        if cursor is not None:
            after = partial(_asked, document % f'"{cursor}"')
            rows.append(await told(f"page_{name}_next", after))
    agent = await Agent.all().first()
    assert agent is not None
    earned = await Commission.filter(agent_id=agent.id).order_by("-id").offset(50).first()
    assert earned is not None
    further = (str(earned.id),)
    for name, position in (("", None), ("_next", further)):
        page = PageRequest(PAGE, position, "bench")
        read = partial(commissions.list_commissions, agent.id, page)
        rows.append(await told(f"page_commissions{name}", read))
    return rows


async def _asked(document: str) -> str | None:
    """Where the page ends."""
    context = Context(OPERATOR, "en", "bench", _Unbounded())
    result = await back_office.execute(document, context_value=context, root_value=Door())
    assert not result.errors, result.errors
    (page,) = (result.data or {}).values()
    ends: str | None = page["pageInfo"]["endCursor"]
    return ends


@dataclass(frozen=True)
class _Span:
    """Entries of the ledger between two moments."""

    name: str
    begin: int
    end: int


async def _contracts(clerk: Actor, chief: Actor) -> list[dict[str, Any]]:
    """What a contract for all that the house sells is counted from: a day of it, and the month."""
    month = month_of_books()
    with _at(month.starts_at + timedelta(seconds=2)):
        kind = ProviderKind.COMPANY
        provider = await providers.save_provider(clerk, "BENCH", "Bench", kind)
        contract = await providers.open_contract(clerk, provider.id, "bench")
        draft = TermsDraft(
            *(ContractModel.RESULT, month.name),
            basis=ContractBasis.NET_SALES,
            rate=50_000,
            site_id=OPERATOR.site_id,
        )
        terms = await providers.propose_terms(clerk, contract.id, draft)
        await providers.decide_terms(chief, terms.id, approved=True)
    day = month.starts_at + timedelta(days=2)
    async with connection() as conn:
        begin, one, two, end = [
            await settlement.border_at(conn, moment)
            for moment in (month.starts_at, day, day + timedelta(days=1), clock.now())
        ]
    spans = (_Span("facts_of_a_day", one, two), _Span("facts_of_the_month", begin, end))
    return [await _facts(contract.id, span) for span in spans]


async def _facts(contract_id: UUID, span: _Span) -> dict[str, Any]:
    async with heard() as seen:
        begun = time.perf_counter()
        found = await providers.count_facts(contract_id, span.begin, span.end)
        took = time.perf_counter() - begun
    async with connection() as conn:
        taken = [await taken_by(conn, each) for each in seen[:1]]
    row = {
        "name": span.name,
        "number": sum(each.orders for each in found.values()),
        "took_s": round(took, 2),
        "statements": len(seen),
        "entries": span.end - span.begin,
        "rows_read_by_the_first": sum(each.rows for each in taken),
        "longest_ms": round(max(each.ms for each in taken)),
    }
    print(row, file=sys.stderr)
    return row


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(_Wish(**json.loads(sys.stdin.read()))))))
