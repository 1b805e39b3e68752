"""Looks of the staff at codes (mission rows B3, L4).

Permission, a fresh second factor, a reason, an audit row per card committed before anything is
decrypted; and above the daily number a second person. A look of the staff is no look of the buyer:
the card's own counts do not move.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain import audit, cards, identity
from domain.kernel import (
    Actor,
    ActorKind,
    Connection,
    Event,
    Forbidden,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    claim_key,
    clock,
    encode_id,
    input_hash,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.vault.limits import limits
from domain.vault.models import RevealStatus, StaffReveal
from domain.vault.refusals import FourEyes, NotOpen
from domain.vault.rules import (
    APPROVED_FOR,
    DAY,
    GRANTED_FOR,
    MAX_CARDS_A_LOOK,
    MAX_CASE_LETTERS,
    MAX_REASON_LETTERS,
    WAITS_FOR,
)

REVEAL_SCOPE = "cards:reveal"
APPROVE_SCOPE = "cards:approve"
REVEALED = "card.revealed"
REQUESTED = "card_reveal.requested"
DECIDED = {True: "card_reveal.approved", False: "card_reveal.rejected"}

# Two looks of one operator at once must not both find room under the daily number.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('vault.reveal'), hashtext($1))"
_KNOWN = "SELECT count(*) FROM cards WHERE id = ANY($1)"
_TODAY = """
SELECT count(DISTINCT (l.reveal_id, l.card_id)) FROM staff_looks l
JOIN staff_reveals r ON r.id = l.reveal_id
WHERE l.operator_id = $1 AND l.at > $2 AND r.status = 'granted'
"""
_LOOKED = """
INSERT INTO staff_looks (id, reveal_id, card_id, operator_id, at)
SELECT id, $2, card_id, $3, $4 FROM unnest($1::uuid[], $5::uuid[]) AS l (id, card_id)
"""
_COUNT_EVENT = """
UPDATE staff_reveals SET event_count = event_count + 1 WHERE id = $1 RETURNING event_count
"""
_DECIDE = """
UPDATE staff_reveals SET status = $2, approver_id = $3, decided_at = $4, decision = $5,
    good_until = $6
WHERE id = $1 AND status = 'waiting' AND requested_at > $7 RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class StaffWish:
    """Which cards an operator wants to see, and why."""

    card_ids: tuple[UUID, ...]
    reason: str
    case_id: str
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class StaffRevealed:
    """What came of it. Without codes while a second person has not approved."""

    request: StaffReveal
    secrets: Sequence[cards.OpenedCard] = field(repr=False)
    replayed: bool = False


async def reveal(actor: Actor, wish: StaffWish) -> StaffRevealed:
    """Show an operator the codes of up to twenty cards, or ask a second person to allow it.

    Needs `cards:reveal`, a session of an operator, a fresh step-up and a reason. Above the number
    of cards a day that the settings name, the request waits, and the same key shows the codes once
    another operator has approved it. The same key again shows the same cards, with an audit row
    each time, while the request is good. Refuses unknown cards (NOT_FOUND); a request that was
    rejected or has run out (REQUEST_NOT_OPEN).
    """
    operator = require_operator(actor, REVEAL_SCOPE)
    _check(wish)
    hashed = input_hash([wish.card_ids, wish.reason, wish.case_id])
    async with transaction() as conn:
        await identity.require_step_up(actor)
        fresh = new_id()
        known = await claim_key(
            conn, operator, "cardRevealByStaff", wish.idempotency_key, hashed, fresh
        )
        if known is None:
            request = await _ask(conn, operator, wish, fresh)
            await _tell_waiting(conn, actor, request)
        else:
            request = await StaffReveal.filter(id=known).select_for_update().get()
        sealed = await _shown(conn, actor, request)
    wake_relay()
    return StaffRevealed(request, await cards.open_codes(actor, sealed), known is not None)


async def open_request(actor: Actor, reveal_id: UUID) -> StaffRevealed:
    """The codes of the caller's own request, once it was approved; see `reveal`."""
    operator = require_operator(actor, REVEAL_SCOPE)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        found = StaffReveal.filter(id=reveal_id, requester_id=operator)
        request = await found.select_for_update().first()
        if request is None:
            raise Refused(NotFound(what="request", field=("id",)))
        waits = request.status is RevealStatus.WAITING
        refuse_unless(not waits, NotOpen(reason="request_waiting", field=("id",)))
        sealed = await _shown(conn, actor, request)
    wake_relay()
    return StaffRevealed(request, await cards.open_codes(actor, sealed), replayed=True)


async def decide_reveal(
    actor: Actor, reveal_id: UUID, approve: bool, reason: str = ""
) -> StaffReveal:
    """Approve or reject a look of another operator; needs `cards:approve` and a fresh step-up.

    Refuses the requester (FOUR_EYES; the database does, too), a rejection without a reason, and a
    request that was decided or has lapsed (REQUEST_NOT_OPEN): of two who decide at once one does.
    """
    approver = require_operator(actor, APPROVE_SCOPE)
    check_reason(reason, needed=not approve)
    moment = clock.now()
    async with transaction() as conn:
        await identity.require_step_up(actor)
        request = await StaffReveal.filter(id=reveal_id).first()
        if request is None:
            raise Refused(NotFound(what="request", field=("id",)))
        refuse_unless(request.requester_id != approver, FourEyes(field=("id",)))
        status = RevealStatus.APPROVED if approve else RevealStatus.REJECTED
        until = moment + APPROVED_FOR if approve else None
        args = (reveal_id, status, approver, moment, reason.strip(), until, moment - WAITS_FOR)
        decided = await conn.fetchval(_DECIDE, *args)
        refuse_unless(bool(decided), NotOpen(reason="request_decided", field=("id",)))
        request = await StaffReveal.get(id=reveal_id)
        details = {"requester": str(request.requester_id), "reason": reason.strip()}
        await audit.record(conn, actor, DECIDED[approve], reveal_id, details)
        await _event(conn, DECIDED[approve], request, {"approverId": _user(approver)})
    wake_relay()
    return request


def require_operator(actor: Actor, scope: str) -> UUID:
    """The operator who asks. A person of the back office only: no key, no buyer, no agent."""
    actor.require_scope(scope)
    person = actor.kind is ActorKind.OPERATOR and actor.session_id is not None
    refuse_unless(person, Forbidden(scope="session"))
    return actor.require_user()


def check_reason(reason: str, *, needed: bool = True) -> None:
    """Refuse a reason that is missing or too long."""
    fits = (not needed or bool(reason.strip())) and len(reason.strip()) <= MAX_REASON_LETTERS
    refuse_unless(fits, Invalid(reason="review_reason", field=("reason",)))


def _check(wish: StaffWish) -> None:
    some = 1 <= len(set(wish.card_ids)) == len(wish.card_ids) <= MAX_CARDS_A_LOOK
    refuse_unless(some, Invalid(reason="reveal_cards", field=("cardIds",)))
    check_reason(wish.reason)
    known = len(wish.case_id) <= MAX_CASE_LETTERS and (wish.case_id or " ").isprintable()
    refuse_unless(known, Invalid(reason="case_id", field=("caseId",)))


async def _ask(conn: Connection, operator: UUID, wish: StaffWish, reveal_id: UUID) -> StaffReveal:
    await conn.execute(_ALONE, operator.hex)
    if await conn.fetchval(_KNOWN, list(wish.card_ids)) != len(wish.card_ids):
        raise Refused(NotFound(what="card", field=("cardIds",)))
    moment = clock.now()
    looked = await conn.fetchval(_TODAY, operator, moment - DAY)
    alone = looked + len(wish.card_ids) <= limits.reveals_per_day
    return await StaffReveal.create(
        id=reveal_id,
        requester_id=operator,
        card_ids=list(wish.card_ids),
        reason=wish.reason.strip(),
        case_id=wish.case_id.strip(),
        status=RevealStatus.GRANTED if alone else RevealStatus.WAITING,
        requested_at=moment,
        good_until=moment + GRANTED_FOR if alone else None,
    )


async def _tell_waiting(conn: Connection, actor: Actor, request: StaffReveal) -> None:
    if request.status is not RevealStatus.WAITING:
        return
    details = {"cards": len(request.card_ids), "reason": request.reason, "caseId": request.case_id}
    await audit.record(conn, actor, REQUESTED, request.id, details)
    await _event(conn, REQUESTED, request, {})


async def _shown(
    conn: Connection, actor: Actor, request: StaffReveal
) -> Sequence[cards.SealedCard]:
    """The cards to open after this transaction, each with its look and its audit row."""
    if request.status is RevealStatus.WAITING:
        return ()
    moment = clock.now()
    good = request.good_until is not None and request.good_until > moment
    rejected = request.status is RevealStatus.REJECTED
    refuse_unless(not rejected, NotOpen(reason="request_rejected"))
    refuse_unless(good, NotOpen(reason="request_over"))
    ids = list(request.card_ids)
    args = ([new_id() for _ in ids], request.id, request.requester_id, moment, ids)
    await conn.execute(_LOOKED, *args)
    details = {
        "revealId": str(request.id),
        "reason": request.reason,
        "caseId": request.case_id,
        "approvedBy": str(request.approver_id) if request.approver_id else None,
    }
    for card_id in ids:
        await audit.record(conn, actor, "card.reveal_by_staff", card_id, details)
    told = {"kind": "staff", "cardIds": [encode_id(Prefix.CARD, each) for each in ids]}
    await _event(conn, REVEALED, request, told)
    return await cards.find_sealed(conn, ids)


async def _event(conn: Connection, event: str, request: StaffReveal, more: dict[str, Any]) -> None:
    sequence = await conn.fetchval(_COUNT_EVENT, request.id)
    payload = {
        "revealId": encode_id(Prefix.STAFF_REVEAL, request.id),
        "operatorId": _user(request.requester_id),
        "caseId": request.case_id,
        "cards": len(request.card_ids),
        **more,
    }
    await record_events(conn, [Event(event, request.id, sequence, payload)])


def _user(user_id: UUID) -> str:
    return encode_id(Prefix.USER, user_id)
