"""Use cases of real names: saying who one is, the provider's answer, the staff's look.

A case is opened in one transaction, the provider is asked outside of any, and what it said is
booked in another: whoever dies in between leaves a case that is due, and is asked about again under
the same reference.
"""

from dataclasses import dataclass, field
from uuid import UUID

from domain import audit, identity, papers
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    connection,
    crash_point,
    encode_id,
    keyed_digest,
    know_keys_of,
    new_id,
    open_sealed,
    recent_keys,
    record_events,
    refresh_keys,
    refuse_unless,
    seal_current,
    transaction,
    wake_relay,
)
from domain.realname.models import RealNameCase, RealNameLevel, RealNameState
from domain.realname.ports import Confirmed, Denied, Question, port_of
from domain.realname.refusals import RealNameCaseClosed, RealNameCaseOpen, RealNameNeeded
from domain.realname.rules import (
    MAX_TRIES,
    is_citizen_number,
    is_company_number,
    is_name,
    is_of_age,
    pause_before,
    plain_number,
    reaches,
)

DECIDE_SCOPE = "realname:decide"
PURPOSE, DIGEST_PURPOSE = "real-name", "real-name-number"
MAX_NOTE_LETTERS = 500
SUBMITTED, DECIDED = "real_name.submitted", "real_name.decided"
PAPER_LABELS = ("id_front", "id_back", "licence", "other")
_LEVEL = "SELECT level FROM real_names WHERE user_id = $1"
_DUE = """
SELECT id FROM real_name_cases WHERE state = 'checking' AND due_at <= $1 ORDER BY due_at LIMIT $2
"""
_REACH = """
INSERT INTO real_names (user_id, level, company, number_digest, case_id, reached_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (user_id) DO UPDATE SET level = excluded.level, company = excluded.company,
    number_digest = excluded.number_digest, case_id = excluded.case_id,
    reached_at = excluded.reached_at
"""


@dataclass(slots=True)
class Provider:
    """Which provider is asked; set once by the wiring."""

    name: str = "sandbox"


provider = Provider()


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says to be. A repr shows neither name nor number."""

    name: str = field(repr=False)
    number: str = field(repr=False)
    company: bool = False
    level: RealNameLevel = RealNameLevel.BASIC


async def submit_name(actor: Actor, claim: Claim) -> RealNameCase:
    """Say who one is; the provider is asked at once, by a job (mission row L5).

    FULL waits for documents and a look of staff after the provider's yes. Refuses a name or number
    of a form that cannot be, whoever is not eighteen (INVALID), a second case while one is open
    (REAL_NAME_CASE_OPEN), and a level that was reached already.
    """
    user = actor.require_user()
    number = plain_number(claim.number)
    _check(claim, number)
    reached = await level_of(user)
    new = not reaches(reached, claim.level)
    refuse_unless(new, RealNameCaseClosed(reason="real_name_reached"))
    await recent_keys()
    case_id, moment = new_id(), clock.now()
    try:
        async with transaction() as conn:
            case = await RealNameCase.create(
                id=case_id,
                user_id=user,
                level=claim.level,
                company=claim.company,
                state=RealNameState.CHECKING,
                name_sealed=seal_current(PURPOSE, claim.name.strip().encode(), bound_to(case_id)),
                number_sealed=seal_current(PURPOSE, number.encode(), bound_to(case_id)),
                number_digest=keyed_digest(DIGEST_PURPOSE, number.encode()),
                due_at=moment,
                opened_at=moment,
            )
            details = {"level": claim.level.value, "company": claim.company}
            await audit.record(conn, actor, "real_name.submit", case_id, details)
            await record_events(conn, [_event(SUBMITTED, 1, case)])
            crash_point("realname.submitted")
    except IntegrityError as error:
        raise Refused(RealNameCaseOpen()) from error
    wake_relay()
    return case


async def list_due(limit: int) -> list[UUID]:
    """Cases whose provider is to be asked now."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def check_case(case_id: UUID) -> None:
    """Ask the provider about a case that is due; for jobs, and harmless again."""
    async with transaction():
        case = await RealNameCase.filter(id=case_id).select_for_update().first()
        if case is None or case.due_at is None or case.due_at > clock.now():
            return
        case.tries += 1
        case.due_at = clock.now() + pause_before(case.tries)
        await case.save(force_update=True)
    crash_point("realname.asked")
    await know_keys_of(case.name_sealed, case.number_sealed)
    name, number = words_of(case)
    question = Question(f"rn{case.id.hex}", case.company, name, number)
    answer = await port_of(provider.name).check(question)
    crash_point("realname.answered")
    async with transaction() as conn:
        locked = await RealNameCase.filter(id=case_id).select_for_update().get()
        if locked.state is not RealNameState.CHECKING:
            return
        if isinstance(answer, Denied):
            await _end(conn, SYSTEM, locked, RealNameState.FAILED, answer.why.value)
        elif isinstance(answer, Confirmed) and locked.level is RealNameLevel.BASIC:
            await _end(conn, SYSTEM, locked, RealNameState.PASSED)
        elif isinstance(answer, Confirmed) or locked.tries >= MAX_TRIES:
            locked.state, locked.due_at = RealNameState.REVIEW, None
            locked.reason = "" if isinstance(answer, Confirmed) else "no_answer"
            await locked.save(force_update=True)
    wake_relay()


async def send_document(actor: Actor, case_id: UUID, label: str) -> papers.Ticket:
    """Be allowed to send one document into one's own open case; `label` says what it shows."""
    known = label in PAPER_LABELS
    refuse_unless(known, Invalid(reason="paper_label", field=("label",)))
    async with transaction() as conn:
        case = await RealNameCase.filter(id=case_id).select_for_update().first()
        if case is None or case.user_id != actor.require_user():
            raise Refused(NotFound(what="real-name case", field=("caseId",)))
        open_ = case.decided_at is None
        refuse_unless(open_, RealNameCaseClosed(reason="real_name_decided"))
        return await papers.expect_paper(conn, actor, case_id, label)


async def open_document(actor: Actor, paper_id: UUID) -> papers.Ticket:
    """Be allowed to look at a document of a case, as staff. Audited; needs `realname:decide` and a
    fresh second factor."""
    actor.require_scope(DECIDE_SCOPE)
    await identity.require_step_up(actor)
    async with transaction() as conn:
        paper = await papers.Paper.filter(id=paper_id).first()
        if paper is None or not await RealNameCase.filter(id=paper.subject).exists():
            raise Refused(NotFound(what="document", field=("paperId",)))
        return await papers.open_paper(conn, actor, paper)


async def open_words(actor: Actor, case_id: UUID) -> tuple[str, str]:
    """Name and number of a case, for the eyes of staff. Audited; needs `realname:decide` and a
    fresh second factor."""
    actor.require_scope(DECIDE_SCOPE)
    await identity.require_step_up(actor)
    await refresh_keys()
    async with transaction() as conn:
        case = await RealNameCase.filter(id=case_id).first()
        if case is None:
            raise Refused(NotFound(what="real-name case", field=("caseId",)))
        await audit.record(conn, actor, "real_name.look", case_id, {})
        return words_of(case)


async def decide_case(actor: Actor, case_id: UUID, *, passed: bool, note: str) -> RealNameCase:
    """Decide a case that waits for a look. Audited; needs `realname:decide` and a fresh second
    factor.

    Refuses one's own case (FORBIDDEN), one that does not wait (REAL_NAME_CASE_CLOSED), FULL without
    a document, and a note that is missing or too long.
    """
    actor.require_scope(DECIDE_SCOPE)
    await identity.require_step_up(actor)
    note = note.strip()
    fits = 0 < len(note) <= MAX_NOTE_LETTERS
    refuse_unless(fits, Invalid(reason="change_note", field=("note",)))
    async with transaction() as conn:
        case = await RealNameCase.filter(id=case_id).select_for_update().first()
        if case is None:
            raise Refused(NotFound(what="real-name case", field=("caseId",)))
        own = RealNameCaseClosed(reason="real_name_own")
        refuse_unless(case.user_id != actor.user_id, own)
        waits = case.state is RealNameState.REVIEW
        refuse_unless(waits, RealNameCaseClosed(reason="real_name_not_waiting"))
        if passed and case.level is RealNameLevel.FULL:
            shown = any(
                each.state is papers.PaperState.STORED
                for each in (await papers.papers_of([case_id]))[case_id]
            )
            refuse_unless(shown, RealNameCaseClosed(reason="real_name_no_document"))
        case.note = note
        state = RealNameState.PASSED if passed else RealNameState.FAILED
        await _end(conn, actor, case, state, "" if passed else "staff")
    wake_relay()
    return case


async def level_of(user_id: UUID, conn: Connection | None = None) -> RealNameLevel:
    """The level that a user has reached."""
    if conn is not None:
        return RealNameLevel(await conn.fetchval(_LEVEL, user_id) or "none")
    async with connection() as own:
        return RealNameLevel(await own.fetchval(_LEVEL, user_id) or "none")


async def require_level(conn: Connection, user_id: UUID, needed: RealNameLevel) -> None:
    """Refuses (REAL_NAME_NEEDED) a user who has not reached a level."""
    reached = reaches(await level_of(user_id, conn), needed)
    refuse_unless(reached, RealNameNeeded(level=needed.value))


def words_of(case: RealNameCase) -> tuple[str, str]:
    """Name and number of a case; for a provider, and for eyes that were audited."""
    bound = bound_to(case.id)
    name, number = (
        open_sealed(PURPOSE, sealed, bound) for sealed in (case.name_sealed, case.number_sealed)
    )
    return name.decode(), number.decode()


def bound_to(case_id: UUID) -> bytes:
    """What the seals of a case are bound to."""
    return str(case_id).encode()


def _check(claim: Claim, number: str) -> None:
    asked = claim.level is not RealNameLevel.NONE
    refuse_unless(asked, Invalid(reason="real_name_level", field=("level",)))
    refuse_unless(is_name(claim.name), Invalid(reason="real_name_name", field=("name",)))
    right = is_company_number(number) if claim.company else is_citizen_number(number)
    refuse_unless(right, Invalid(reason="real_name_number", field=("number",)))
    adult = claim.company or is_of_age(number, clock.now().date())
    refuse_unless(adult, Invalid(reason="real_name_age", field=("number",)))


async def _end(
    conn: Connection, actor: Actor, case: RealNameCase, state: RealNameState, reason: str = ""
) -> None:
    """Write how a case ended, and the level that it brought. A failed one's documents go."""
    case.state, case.reason, case.due_at = state, reason, None
    case.decided_at, case.decided_by = clock.now(), actor.user_id
    await case.save(force_update=True)
    if state is RealNameState.PASSED:
        reached = (case.user_id, case.level.value, case.company, case.number_digest)
        await conn.execute(_REACH, *reached, case.id, case.decided_at)
    else:
        await papers.erase_papers(conn, case.id)
    details = {"state": state.value, "level": case.level.value, "reason": reason}
    await audit.record(conn, actor, "real_name.decide", case.id, details)
    await record_events(conn, [_event(DECIDED, 2, case)])
    crash_point("realname.decided")


def _event(event: str, sequence: int, case: RealNameCase) -> Event:
    payload = {
        "caseId": encode_id(Prefix.REAL_NAME_CASE, case.id),
        "userId": encode_id(Prefix.USER, case.user_id),
        "level": case.level.value,
        "state": case.state.value,
        "reason": case.reason,
    }
    return Event(event, case.id, sequence, payload)
