"""Awards for months that are over, and what refunds take back of them later (row H5).

A slice of agents is one transaction: their awards, the money, the events and how far the run has
come. Whoever dies has looked at nobody of it, and whoever looks again goes on where it stood.
"""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from uuid import UUID

from domain import agents, commissions, ledger, teams
from domain.bonuses.measuring import SLICE, measure, next_awards, values_of
from domain.bonuses.models import BonusPlan, BonusState
from domain.bonuses.referring import measure_referred, note_one_hand
from domain.bonuses.rules import is_closed, months_between, switches, times, worth_of
from domain.bonuses.statements import (
    BEGIN,
    DONE,
    GO_ON,
    HEAD,
    LOCK,
    MOVE,
    OPEN_RUN,
    RUN,
    TOUCHED,
)
from domain.commissions import Award, AwardClawback, AwardKind
from domain.kernel import (
    Connection,
    Event,
    Prefix,
    clock,
    connection,
    crash_point,
    encode_id,
    new_id,
    plain,
    record_events,
    transaction,
    wake_relay,
)

LINKS_AT_ONCE = 1_000
AWARDED, TAKEN_BACK = "bonus.awarded", "bonus.taken_back"


async def award_due() -> int:
    """Work out the awards of all plans for all months that are over for long enough; of how many
    agents. The same month again finds nobody, whoever asks and however often."""
    open_runs = await _open_runs()
    if not open_runs:
        return 0
    await _bring_up_to_date()
    done = 0
    for plan_id, month in open_runs:
        while (seen := await _award_slice(plan_id, month)) is not None:
            done += seen
            wake_relay()
    return done


async def take_back_due() -> int:
    """Take back of awards what refunds since the last look took of their sales; of how many links
    of the ledger's chain. One at a time: another one waits."""
    done = 0
    while seen := await _take_back_slice():
        done += seen
    return done


async def _open_runs() -> list[tuple[UUID, date]]:
    moment = clock.now()
    plans = await BonusPlan.filter(state=BonusState.APPROVED).order_by("id")
    async with connection() as conn:
        over = {(row["plan_id"], row["month"]) for row in await conn.fetch(DONE)}
    return [
        (plan.id, month)
        for plan in plans
        if plan.kind is not AwardKind.TEAM or switches.team
        for month in months_between(plan.first_month, plan.last_month)
        if is_closed(month, moment) and (plan.id, month) not in over
    ]


async def _bring_up_to_date() -> None:
    """Teams are counted along the sealed chain: what is to be measured must be counted."""
    while await ledger.seal_committed(wait=True):
        pass
    while await teams.count_next():
        pass


async def _award_slice(plan_id: UUID, month: date) -> int | None:
    """Award some agents; how many were looked at. None: nobody is left."""
    async with transaction() as conn:
        await conn.execute(BEGIN)
        await conn.execute(LOCK)
        await conn.execute(OPEN_RUN, new_id(), plan_id, month, clock.now())
        run = await conn.fetchrow(RUN, plan_id, month)
        if run["done_at"] is not None:
            return None
        plan = await BonusPlan.get(id=plan_id)
        found = await next_awards(conn, plan, month, run["cursor"])
        looked, awards = found.looked, found.awards
        await note_one_hand(conn, plan, month, found.one_hand)
        await commissions.record_awards(conn, awards)
        last = max(looked, default=None)
        ends = clock.now() if len(looked) < SLICE else None
        amount = sum(each.amount for each in awards)
        await conn.execute(GO_ON, run["id"], last, len(awards), amount, ends)
        await _tell_awarded(conn, awards)
        crash_point("bonuses.awarded")
    return len(looked)


async def _take_back_slice() -> int:
    async with transaction() as conn:
        await conn.execute(BEGIN)
        after: int = await conn.fetchval(LOCK)
        head: int = await conn.fetchval(HEAD)
        up_to = min(after + LINKS_AT_ONCE, head)
        if up_to <= after:
            return 0
        rows = await conn.fetch(TOUCHED, after, up_to, times.utc_offset)
        gone: dict[UUID, int] = {}
        for (plan_id, month), group in groupby(rows, lambda row: (row["plan_id"], row["month"])):
            touched = list(group)
            plan = await BonusPlan.get(id=plan_id)
            if plan.kind is AwardKind.REFERRAL:
                pairs = [(row["agent_id"], row["subject_id"]) for row in touched]
                found = await measure_referred(conn, plan, pairs, values_of(plan, month))
            else:
                ids = [row["agent_id"] for row in touched]
                found = await measure(conn, plan, month, agent_ids=ids)
            for row in touched:
                worth = worth_of(plan, found[row["subject_id"] or row["agent_id"]])
                # Of referrals that shared the most of a month this one may have had less.
                kept = min(row["amount"], worth.amount) if worth else 0
                gone[row["id"]] = row["amount"] - kept
        taken = await commissions.take_back_awards(conn, gone) if gone else []
        await conn.execute(MOVE, up_to)
        await _tell_taken(conn, taken)
        crash_point("bonuses.taken_back")
    if taken:
        wake_relay()
    return up_to - after


async def _tell_awarded(conn: Connection, awards: Sequence[Award]) -> None:
    owners = await agents.agents_by_id([each.agent_id for each in awards])
    told = []
    for each in awards:
        payload = {
            "userId": encode_id(Prefix.USER, owners[each.agent_id].user_id),
            "agentId": encode_id(Prefix.AGENT, each.agent_id),
            "awardId": encode_id(Prefix.BONUS_AWARD, each.id),
            "kind": each.kind.value,
            "month": each.month.isoformat(),
            "amount": plain(each.amount),
            "currency": each.currency,
        }
        told.append(Event(AWARDED, each.id, 1, payload))
    await record_events(conn, told)


async def _tell_taken(conn: Connection, taken: Sequence[AwardClawback]) -> None:
    owners = await agents.agents_by_id([each.agent_id for each in taken])
    told = []
    for each in taken:
        payload = {
            "userId": encode_id(Prefix.USER, owners[each.agent_id].user_id),
            "agentId": encode_id(Prefix.AGENT, each.agent_id),
            "awardId": encode_id(Prefix.BONUS_AWARD, each.award_id),
            "amount": plain(each.amount),
            "owed": plain(each.owed),
            "currency": each.currency,
        }
        told.append(Event(TAKEN_BACK, each.id, 1, payload))
    await record_events(conn, told)
