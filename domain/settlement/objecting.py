"""An agent does not agree with a statement or a commission: the house answers, once more where the
agent appeals, and then somebody else does (mission row H9).

An objection moves no money, and what it is about stays as it was: what was frozen is never changed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from domain import agents, audit
from domain.commissions import Commission
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Forbidden,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Prefix,
    Refused,
    clock,
    encode_id,
    page_of,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.settlement.models import (
    Objection,
    ObjectionState,
    SettlementRun,
    SettlementStatement,
)
from domain.settlement.refusals import ObjectionNotPossible
from domain.settlement.running import READ_SCOPE
from domain.vault import FourEyes

RESOLVE_SCOPE = "settlements:resolve"
OPENED, APPEALED, ANSWERED = "objection.opened", "objection.appealed", "objection.answered"
OPEN_FOR, APPEAL_WITHIN = timedelta(days=60), timedelta(days=14)
MAX_LETTERS = 1_000
WAITING = (ObjectionState.OPEN, ObjectionState.APPEALED)


async def open_objection(
    actor: Actor, text: str, statement_id: UUID | None = None, commission_id: UUID | None = None
) -> tuple[Objection, bool]:
    """Object to a statement or a commission of one's own, and whether that was done before: each is
    objected to once. Audited.

    Refuses what is not the caller's (NOT_FOUND), and what was there more than 60 days ago
    (OBJECTION_NOT_POSSIBLE).
    """
    _check_text(text)
    one = (statement_id is None) != (commission_id is None)
    refuse_unless(one, Invalid(reason="objection_subject", field=("statementId",)))
    agent = await _agent_of(actor)
    async with transaction() as conn:
        # One after the other, so that the second call finds what the first has written.
        await conn.execute("SELECT 1 FROM agents WHERE id = $1 FOR NO KEY UPDATE", agent.id)
        mine = Objection.filter(agent_id=agent.id, statement_id=statement_id)
        earlier = await mine.filter(commission_id=commission_id).first()
        if earlier is not None:
            return earlier, True
        since = await _since(agent.id, statement_id, commission_id)
        in_time = clock.now() < since + OPEN_FOR
        refuse_unless(in_time, ObjectionNotPossible(reason="objection_late"))
        made = await Objection.create(
            agent_id=agent.id,
            statement_id=statement_id,
            commission_id=commission_id,
            state=ObjectionState.OPEN,
            text=text.strip(),
            opened_by=actor.require_user(),
            opened_at=clock.now(),
        )
        await _told(conn, actor, OPENED, made)
    wake_relay()
    return made, False


async def appeal_objection(actor: Actor, objection_id: UUID, text: str) -> Objection:
    """Ask for a second look at a rejected objection, by somebody else, within 14 days; audited.
    Refuses one that is not rejected, or was too long ago (OBJECTION_NOT_POSSIBLE)."""
    _check_text(text)
    agent = await _agent_of(actor)
    async with transaction() as conn:
        made = await _locked(objection_id, agent.id)
        rejected = made.state is ObjectionState.REJECTED
        refuse_unless(rejected, ObjectionNotPossible(reason="objection_not_rejected"))
        assert made.answered_at is not None, "what is rejected was answered"
        in_time = clock.now() < made.answered_at + APPEAL_WITHIN
        refuse_unless(in_time, ObjectionNotPossible(reason="objection_appeal_late"))
        made.state, made.appeal, made.appealed_at = (
            ObjectionState.APPEALED,
            text.strip(),
            clock.now(),
        )
        await made.save()
        await _told(conn, actor, APPEALED, made)
    wake_relay()
    return made


async def answer_objection(
    actor: Actor, objection_id: UUID, *, accepted: bool, text: str
) -> Objection:
    """Answer an objection, or its appeal, in words that its agent reads: accepted, with what will
    be done, or rejected, with why. Needs `settlements:resolve`; audited.

    Refuses one that waits for no answer (OBJECTION_NOT_POSSIBLE), and an appeal to whoever has
    rejected it (FOUR_EYES).
    """
    actor.require_scope(RESOLVE_SCOPE)
    _check_text(text)
    by, moment = actor.require_user(), clock.now()
    async with transaction() as conn:
        made = await _locked(objection_id)
        waits = made.state in WAITING
        refuse_unless(waits, ObjectionNotPossible(reason="objection_answered", field=("id",)))
        if made.state is ObjectionState.OPEN:
            made.answer, made.answered_by, made.answered_at = text.strip(), by, moment
            ended = ObjectionState.REJECTED
        else:
            refuse_unless(made.answered_by != by, FourEyes(field=("id",)))
            made.verdict, made.judged_by, made.judged_at = text.strip(), by, moment
            ended = ObjectionState.UPHELD
        made.state = ObjectionState.ACCEPTED if accepted else ended
        await made.save()
        await _told(conn, actor, ANSWERED, made)
    wake_relay()
    return made


async def objections_of_agent(agent_id: UUID, page: PageRequest) -> Page[Objection]:
    """An agent's own, newest first; the caller has checked who asks."""
    rows = Objection.filter(agent_id=agent_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def list_objections(
    actor: Actor, page: PageRequest, states: Sequence[ObjectionState]
) -> Page[Objection]:
    """Those in one of the states, oldest first. Needs `settlements:read`."""
    actor.require_scope(READ_SCOPE)
    rows = Objection.filter(state__in=list(states)).order_by("id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def _agent_of(actor: Actor) -> agents.Agent:
    agent = await agents.agent_of_user(actor.require_user())
    if agent is None:
        raise Refused(Forbidden(scope="agent"))
    return agent


def _check_text(text: str) -> None:
    fits = 1 <= len(text.strip()) <= MAX_LETTERS
    refuse_unless(fits, Invalid(reason="objection_text", field=("text",)))


async def _since(agent_id: UUID, statement_id: UUID | None, commission_id: UUID | None) -> datetime:
    """When the agent could see for the first time what it objects to."""
    if commission_id is not None:
        earned = await Commission.filter(id=commission_id, agent_id=agent_id).first()
        if earned is None:
            raise Refused(NotFound(what="commission", field=("commissionId",)))
        return earned.earned_at
    stated = await SettlementStatement.filter(id=statement_id, agent_id=agent_id).first()
    run = await SettlementRun.get(id=stated.run_id) if stated is not None else None
    if run is None or run.frozen_at is None:
        raise Refused(NotFound(what="statement", field=("statementId",)))
    return run.frozen_at


async def _locked(objection_id: UUID, agent_id: UUID | None = None) -> Objection:
    rows = Objection.filter(id=objection_id).select_for_update()
    if agent_id is not None:
        rows = rows.filter(agent_id=agent_id)
    found = await rows.first()
    if found is None:
        raise Refused(NotFound(what="objection", field=("id",)))
    return found


async def _told(conn: Connection, actor: Actor, event: str, made: Objection) -> None:
    """The audit entry and the event; neither says what anybody wrote."""
    agent = (await agents.agents_by_id([made.agent_id]))[made.agent_id]
    told = {
        "objectionId": encode_id(Prefix.OBJECTION, made.id),
        "agentId": encode_id(Prefix.AGENT, made.agent_id),
        "statementId": _id(Prefix.SETTLEMENT_STATEMENT, made.statement_id),
        "commissionId": _id(Prefix.COMMISSION, made.commission_id),
        "state": made.state.value,
    }
    await audit.record(conn, actor, event, made.id, told)
    place = {OPENED: 1, APPEALED: 3}.get(event, 4 if made.judged_by else 2)
    payload = {**told, "userId": encode_id(Prefix.USER, agent.user_id)}
    await record_events(conn, [Event(event, made.id, place, payload)])


def _id(prefix: Prefix, value: UUID | None) -> str | None:
    return None if value is None else encode_id(prefix, value)
