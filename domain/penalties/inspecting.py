"""Each month a sample of agents is drawn, and somebody looks at what each of them does (row G17).

Admission looks twice before somebody becomes an agent; this looks again, at random, for as long as
it is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from secrets import token_hex
from uuid import UUID

from domain import audit, papers
from domain.agents import Agent
from domain.kernel import (
    SYSTEM,
    Actor,
    Event,
    NotFound,
    Page,
    PageRequest,
    Prefix,
    Refused,
    clock,
    crash_point,
    encode_id,
    new_id,
    page_of,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.penalties.locking import READ_SCOPE, told
from domain.penalties.models import (
    Inspection,
    InspectionRound,
    InspectionState,
    Violation,
)
from domain.penalties.noticing import require_evidence, write_case
from domain.penalties.refusals import PenaltyNotPossible, PenaltySamePerson
from domain.penalties.rules import EVIDENCE, sample_size
from domain.penalties.statements import ACTIVE_AGENTS, DRAW, ROUND

INSPECT_SCOPE = "agents:inspect"
DRAWN, REPORTED = "inspection.drawn", "inspection.reported"
BEFORE_ITS_CASE = 0  # a case has the id of its inspection, and its events begin with 1


@dataclass(slots=True)
class Sampling:
    """How many agents of a hundred are drawn each month, and where a month begins; set once by the
    wiring. 0: none."""

    percent: float = 5.0
    utc_offset: timedelta = timedelta(hours=8)


sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody found; a bad one opens a case of this violation, unless none is named."""

    good: bool
    findings: str
    violation: Violation | None = None
    grave: bool = False


async def draw_round() -> int:
    """Draw this month's sample, once whoever asks; how many agents are to be looked at.

    Whoever became an agent in this month is not among them.
    """
    if sampling.percent <= 0:
        return 0
    async with transaction() as conn:
        month = _this_month()
        began = datetime(month.year, month.month, 1, tzinfo=timezone(sampling.utc_offset))
        if await InspectionRound.filter(month=month).exists():
            return 0
        active = int(await conn.fetchval(ACTIVE_AGENTS, began))
        size, round_id, seed = sample_size(active, sampling.percent), new_id(), token_hex(16)
        row = (round_id, month, seed, active, size, clock.now())
        if not await conn.fetchval(ROUND, *row):
            return 0  # somebody else has drawn
        drawn = [each["id"] for each in await conn.fetch(DRAW, began, seed, size)]
        for agent_id in drawn:
            await Inspection.create(
                round_id=round_id, agent_id=agent_id, state=InspectionState.WAITING
            )
        details = {"month": month.isoformat(), "active": active, "size": len(drawn)}
        await audit.record(conn, SYSTEM, "inspection.draw", round_id, details)
        await record_events(conn, [Event(DRAWN, round_id, 1, details)])
        crash_point("penalties.drawn")
    wake_relay()
    return len(drawn)


async def send_inspection_document(actor: Actor, inspection_id: UUID) -> papers.Ticket:
    """Be allowed to add a document to an inspection that waits. Needs `agents:inspect`."""
    actor.require_scope(INSPECT_SCOPE)
    async with transaction() as conn:
        inspection = await _lock(inspection_id)
        return await papers.expect_paper(conn, actor, inspection.id, EVIDENCE)


async def report_inspection(actor: Actor, inspection_id: UUID, report: Report) -> Inspection:
    """Say what was found; a bad one may open a case, of which its agent hears by a notice only.

    Needs `agents:inspect`; audited. Refuses one that is over, a bad one without a document
    (PENALTY_NOT_POSSIBLE), and the agent itself (PENALTY_SAME_PERSON).
    """
    actor.require_scope(INSPECT_SCOPE)
    findings = told(report.findings, "findings")
    async with transaction() as conn:
        inspection = await _lock(inspection_id)
        agent = await Agent.get(id=inspection.agent_id)
        refuse_unless(agent.user_id != actor.require_user(), PenaltySamePerson())
        if not report.good:
            await require_evidence(inspection.id)
        inspection.state = InspectionState.GOOD if report.good else InspectionState.BAD
        opens = not report.good and report.violation is not None
        inspection.findings, inspection.opened_case = findings, opens
        inspection.inspected_by, inspection.inspected_at = actor.require_user(), clock.now()
        await inspection.save(force_update=True)
        details = {"good": report.good, "case": opens}
        await audit.record(conn, actor, "inspection.report", inspection.id, details)
        if not report.good and report.violation is not None:
            await write_case(
                conn,
                actor,
                agent.id,
                report.violation,
                findings,
                grave=report.grave,
                case_id=inspection.id,
            )
        payload = {
            "inspectionId": encode_id(Prefix.INSPECTION, inspection.id),
            "agentId": encode_id(Prefix.AGENT, agent.id),
            **details,
        }
        await record_events(conn, [Event(REPORTED, inspection.id, BEFORE_ITS_CASE, payload)])
        crash_point("penalties.inspected")
    wake_relay()
    return inspection


async def list_inspections(
    actor: Actor, states: Sequence[InspectionState], page: PageRequest
) -> Page[Inspection]:
    """Inspections in these states, oldest first; needs `agents:inspect` or `penalties:read`."""
    if not actor.is_staff(INSPECT_SCOPE):
        actor.require_scope(READ_SCOPE)
    rows = Inspection.all().order_by("id").limit(page.first + 1)
    if states:
        rows = rows.filter(state__in=list(states))
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def _lock(inspection_id: UUID) -> Inspection:
    row = await Inspection.filter(id=inspection_id).select_for_update().first()
    if row is None:
        raise Refused(NotFound(what="inspection", field=("inspectionId",)))
    waits = row.state is InspectionState.WAITING
    refuse_unless(waits, PenaltyNotPossible(reason="inspection_over"))
    return row


def _this_month() -> date:
    return clock.now().astimezone(timezone(sampling.utc_offset)).date().replace(day=1)
