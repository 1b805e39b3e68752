"""Claiming: what a link is, proving to be its recipient, and being shown the cards."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

import asyncpg

from domain import cards, catalog, orders
from domain.claims import statements
from domain.claims.models import ClaimChallenge, ClaimLink, LinkState
from domain.claims.refusals import (
    ClaimCodeJustSent,
    ClaimCodesSpent,
    ClaimLinkExpired,
    ClaimLinkRevoked,
    ClaimLinkUnknown,
    ClaimLinkUsed,
    ClaimNothingLeft,
    ClaimProofNeeded,
    ClaimProofWrong,
)
from domain.claims.rules import (
    CODE_LIFE,
    CODE_PAUSE,
    CODES_COUNTED_FOR,
    MAX_CODES,
    MAX_CODES_TO_ONE,
    MAX_TRIES,
    MIN_CLAIM_KEY_LETTERS,
    SHOWN_AGAIN_FOR,
    Signed,
    Token,
    one_time_code,
    read_token,
    signed_tag,
    state_of,
)
from domain.claims.service import TOKEN_PURPOSE, as_link, cards_to_hand_on, link_event
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Refusal,
    Refused,
    clock,
    connection,
    crash_point,
    keyed_digest,
    new_id,
    purpose_key,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.kernel.idempotency import check_key

KEY_PURPOSE = "claim-key"
CODE_PURPOSE = "claim-code"
CLAIMED, CHALLENGED = "claim_link.claimed", "claim_link.challenged"
_NOBODY = Signed(UUID(int=0), UUID(int=0), datetime.fromtimestamp(0, UTC), 1, b"")


@dataclass(frozen=True, slots=True)
class ClaimableCard:
    """A card as its link shows it before it is claimed."""

    name: str
    masked: str
    expires_on: date | None
    seen_before: bool  # its code was shown to somebody already


@dataclass(frozen=True, slots=True)
class ClaimView:
    """What a link is. Cards are told only while it is open."""

    state: LinkState
    expires_at: datetime
    uses_left: int
    recipient: str | None  # masked; whoever claims proves to be this one
    cards: Sequence[ClaimableCard]


async def view_link(token: str, language: str) -> ClaimView:
    """What a link is, masked; nothing is counted. Refuses a token that opens nothing."""
    async with connection() as conn:
        row = await conn.fetchrow(statements.FIND, _id(token))
        _check_token(token, row)
        state = _state(row)
        found: list[UUID] = []
        if state is LinkState.OPEN:
            found = await cards_to_hand_on(conn, row["order_id"], row["card_ids"])
    return ClaimView(
        state,
        row["expires_at"],
        max(0, row["max_uses"] - row["uses"]),
        row["recipient_masked"],
        await _shown(row["order_id"], found, language),
    )


async def challenge(actor: Actor, token: str) -> datetime:
    """Have a one-time code sent to the link's recipient; when it ends.

    The code is derived when it is sent, so neither the database nor a queue ever holds it.
    Refuses a link that is not open, one that is bound to nobody (INVALID), a code within a minute
    of the last one, a sixth one of the link, and an eleventh one to its recipient in a day.
    """
    challenge_id, moment = new_id(), clock.now()
    async with transaction() as conn:
        row = await conn.fetchrow(statements.LOCK, _id(token))
        _check_token(token, row)
        _refuse_closed(row)
        bound = row["recipient_digest"] is not None
        refuse_unless(bound, Invalid(reason="claim_unbound", field=("token",)))
        number = await _next_code(conn, row, moment)
        ends = moment + CODE_LIFE
        await conn.execute(statements.CHALLENGE, challenge_id, row["id"], number, moment, ends)
        await _tell(conn, CHALLENGED, row["id"], challengeId=str(challenge_id))
    wake_relay()
    return ends


async def redeem(
    actor: Actor, token: str, idempotency_key: str, proof: str | None = None
) -> list[cards.OpenedCard]:
    """Claim a link: the codes of its cards, audited as shown to the link before any is decrypted.

    The same key shows the same claim again for 24 hours. Refuses, having counted nothing: an
    unknown token, a link that is used up, expired or revoked, a missing or wrong proof (whose try
    is counted), cards that cannot be shown.
    """
    strong = len(check_key(idempotency_key)) >= MIN_CLAIM_KEY_LETTERS
    refuse_unless(strong, Invalid(reason="claim_key", field=("idempotencyKey",)))
    key = keyed_digest(KEY_PURPOSE, idempotency_key.encode())
    wrong: Refusal | None = None
    sealed: list[cards.SealedCard] = []
    try:
        async with transaction() as conn:
            row = await conn.fetchrow(statements.LOCK, _id(token))
            _check_token(token, row)
            claimer = as_link(actor, row["id"])
            if not await _claimed_before(conn, row, key):
                _refuse_closed(row)
                wrong = await _wrong_proof(conn, row, proof)
                if wrong is None:
                    await _count(conn, row, key)
            if wrong is None:
                sealed = await _audited(conn, claimer, row)
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "claim_link_uses_counted":
            raise
        raise Refused(ClaimLinkUsed(field=("token",))) from error
    if wrong is not None:
        raise Refused(wrong)  # after the commit: the try counts
    wake_relay()
    crash_point("claim.counted")
    opened = await orders.open_audited(claimer, sealed, row["order_id"])
    crash_point("claim.shown")
    return opened


async def code_of(challenge_id: UUID) -> tuple[ClaimLink, str, datetime] | None:
    """A challenge's link, its code, and when that ends; None once it has ended. For the sender."""
    found = await ClaimChallenge.filter(id=challenge_id).select_related("link").first()
    if found is None or found.expires_at <= clock.now():
        return None
    return found.link, one_time_code(purpose_key(CODE_PURPOSE), found.id), found.expires_at


def _id(token: str) -> UUID:
    """The id in a token; one that no link has when the token has another form."""
    parts = read_token(token)
    return parts.link_id if parts else UUID(int=0)


def _check_token(token: str, row: Any) -> None:
    """Refuses alike what has no link and what is signed wrongly, after the same work."""
    parts = read_token(token) or Token(UUID(int=0), b"")
    covered = _NOBODY if row is None else _signed(row)
    version = 1 if row is None else row["key_version"]
    expected = signed_tag(purpose_key(TOKEN_PURPOSE, version), covered)
    good = hmac.compare_digest(expected, parts.tag) and row is not None
    refuse_unless(good, ClaimLinkUnknown(field=("token",)))


def _signed(row: Any) -> Signed:
    digest = bytes(row["recipient_digest"] or b"")
    return Signed(row["id"], row["order_id"], row["expires_at"], row["max_uses"], digest)


def _state(row: Any) -> LinkState:
    return state_of(row["revoked_at"], row["expires_at"], row["uses"], row["max_uses"], clock.now())


def _refuse_closed(row: Any) -> None:
    path = ("token",)
    closed: dict[LinkState, Refusal] = {
        LinkState.REVOKED: ClaimLinkRevoked(field=path),
        LinkState.USED_UP: ClaimLinkUsed(field=path),
        LinkState.EXPIRED: ClaimLinkExpired(expired_at=row["expires_at"], field=path),
    }
    refusal = closed.get(_state(row))
    if refusal is not None:
        raise Refused(refusal)


async def _claimed_before(conn: Connection, row: Any, key: bytes) -> bool:
    """Whether this key has claimed the link lately; revoking ends that too."""
    claimed_at = await conn.fetchval(statements.EARLIER_USE, row["id"], key)
    if claimed_at is None:
        return False
    if row["revoked_at"] is not None:
        raise Refused(ClaimLinkRevoked(field=("token",)))
    lately = clock.now() - claimed_at <= SHOWN_AGAIN_FOR
    refuse_unless(lately, ClaimLinkUsed(field=("token",)))
    return True


async def _wrong_proof(conn: Connection, row: Any, proof: str | None) -> Refusal | None:
    """Why a bound link does not open; a wrong code is counted, and the fifth one ends it."""
    if row["recipient_digest"] is None:
        return None
    newest = await conn.fetchrow(statements.NEWEST_CHALLENGE, row["id"])
    if proof is None or newest is None:
        return ClaimProofNeeded(recipient=row["recipient_masked"], field=("proof",))
    if newest["tries"] >= MAX_TRIES or newest["expires_at"] <= clock.now():
        return ClaimProofWrong(field=("proof",))
    code = one_time_code(purpose_key(CODE_PURPOSE), newest["id"])
    if hmac.compare_digest(code.encode(), proof.strip().encode()):
        return None
    await conn.execute(statements.TRIED, newest["id"])
    return ClaimProofWrong(field=("proof",))


async def _next_code(conn: Connection, row: Any, moment: datetime) -> int:
    """Which number the link's next code has; refuses one too many, or too soon."""
    newest = await conn.fetchrow(statements.NEWEST_CHALLENGE, row["id"])
    number: int = newest["number"] + 1 if newest else 1
    refuse_unless(number <= MAX_CODES, ClaimCodesSpent(most=MAX_CODES, field=("token",)))
    if newest is not None:
        wait = newest["created_at"] + CODE_PAUSE - moment
        soon = ClaimCodeJustSent(seconds=ceil(wait.total_seconds()), field=("token",))
        refuse_unless(wait <= timedelta(0), soon)
    digest = bytes(row["recipient_digest"])
    await conn.execute(statements.ALONE_WITH_RECIPIENT, digest.hex())
    since = moment - CODES_COUNTED_FOR
    sent = await conn.fetchval(statements.CODES_TO_RECIPIENT, digest, since)
    most = ClaimCodesSpent(most=MAX_CODES_TO_ONE, field=("token",))
    refuse_unless(sent < MAX_CODES_TO_ONE, most)
    return number


async def _count(conn: Connection, row: Any, key: bytes) -> None:
    await conn.fetchval(statements.USE, new_id(), row["id"], key, clock.now())
    await _tell(conn, CLAIMED, row["id"])


async def _audited(conn: Connection, claimer: Actor, row: Any) -> list[cards.SealedCard]:
    """The link's cards that can still be handed on, with their audit rows; refuses none at all."""
    left = await cards_to_hand_on(conn, row["order_id"], row["card_ids"])
    refuse_unless(bool(left), ClaimNothingLeft(field=("token",)))
    details = {"claimLinkId": str(row["id"])}
    return await orders.audited_cards(conn, claimer, row["order_id"], left, details)


async def _tell(conn: Connection, event: str, link_id: UUID, **more: Any) -> None:
    sequence = await conn.fetchval(statements.TOLD, link_id)
    link = await ClaimLink.get(id=link_id)
    await record_events(conn, [link_event(event, sequence, link, **more)])


async def _shown(order_id: UUID, card_ids: Sequence[UUID], language: str) -> list[ClaimableCard]:
    """Cards as the order's buyer has them, of a shared code its own share."""
    lines = (await orders.lines_of([order_id]))[order_id] if card_ids else []
    of_lines = await cards.cards_of_lines([line.id for line in lines])
    by_id = {card.id: card for delivered in of_lines.values() for card in delivered}
    wanted = [by_id[card_id] for card_id in card_ids]
    names = await _names([card.variant_id for card in wanted], language)
    return [
        ClaimableCard(
            names[card.variant_id],
            card.masked,
            card.expires_on,
            card.first_revealed_at is not None,
        )
        for card in wanted
    ]


async def _names(variant_ids: Sequence[UUID], language: str) -> dict[UUID, str]:
    """What people call a variant: its product's name and its own."""
    variants = await catalog.variants_by_id(list(set(variant_ids)), language)
    products = await catalog.products_by_id(
        list({each.product_id for each in variants.values()}), language
    )
    return {
        variant_id: f"{products[each.product_id].name} {each.name}"
        for variant_id, each in variants.items()
    }
