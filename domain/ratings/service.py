"""A buyer rates what was bought, once a line, and may change it for a while (row M4).

One transaction: the rating, the sums of its product (by trigger), its event, the audit of whoever
judges a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import audit, cards, catalog, orders
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    is_text,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import GuestProof, LineStatus
from domain.ratings.models import Rating, RatingState, RatingTag
from domain.ratings.refusals import LineNotRatable, RatingTextBanned
from domain.ratings.rules import (
    MAX_REASON_LETTERS,
    MAX_TAGS,
    MAX_TEXT_LETTERS,
    may_edit_until,
    ways,
)
from domain.ratings.statements import FACTS

JUDGE = "ratings:judge"
GIVEN, JUDGED = "rating.given", "rating.judged"
ENDED = (LineStatus.DELIVERED, LineStatus.REFUNDED)


@dataclass(frozen=True, slots=True)
class RatingWish:
    """What a buyer says of one line: 1 to 5 stars, some tags, perhaps some words."""

    line_id: UUID
    stars: int
    tags: tuple[RatingTag, ...] = ()
    text: str = field(default="", repr=False)

    def check(self) -> None:
        """Refuses other than 1 to 5 stars, too many tags, and a text that cannot be shown."""
        refuse_unless(1 <= self.stars <= 5, Invalid(reason="rating_stars", field=("stars",)))
        few = len(self.tags) <= MAX_TAGS
        refuse_unless(few, Invalid(reason="rating_tags", field=("tags",)))
        shown = not self.text.strip() or is_text(self.text, MAX_TEXT_LETTERS)
        refuse_unless(shown, Invalid(reason="rating_text", field=("text",)))


async def rate_line(actor: Actor, wish: RatingWish, proof: GuestProof | None = None) -> Rating:
    """Rate a line of the caller's own order, or change one's rating of it.

    A guest proves the order by `proof`. Refuses a line that is not at its end, was delivered too
    long ago, or was rated too long ago (LINE_NOT_RATABLE), and a banned word (RATING_TEXT_BANNED).
    A line of somebody else sounds like none (NOT_FOUND).
    """
    wish.check()
    proved = None if proof is None else await orders.find_by_guest(actor, proof)
    async with transaction() as conn:  # whatever becomes of the rating
        await cards.note_text(conn, actor, wish.text, "rating")
    try:
        async with transaction() as conn:
            facts = await conn.fetchrow(FACTS, wish.line_id)
            own = facts is not None and (
                facts["buyer_id"] == actor.require_user()
                if proof is None
                else proved is not None and facts["order_id"] == proved.id
            )
            refuse_unless(own, NotFound(what="order line", field=("lineId",)))
            await _refuse_banned(conn, wish.text)
            rating = await Rating.filter(line_id=wish.line_id).select_for_update().first()
            if rating is None:
                rating = await _give(facts, wish)
            else:
                await _change(rating, facts, wish)
            await record_events(conn, [_event(GIVEN, rating)])
    except IntegrityError as error:  # twice at once
        raise Refused(Conflict(what="rating", field=("lineId",))) from error
    wake_relay()
    return rating


async def judge_text(actor: Actor, rating_id: UUID, *, publish: bool, reason: str = "") -> Rating:
    """Show the text of a rating, or hide it; its stars count in any case. Audited.

    Needs `ratings:judge`. Refuses a rating without a text, and hiding without a reason.
    """
    actor.require_scope(JUDGE)
    told = not reason.strip() or is_text(reason, MAX_REASON_LETTERS)
    told = told and (publish or bool(reason.strip()))
    refuse_unless(told, Invalid(reason="review_reason", field=("reason",)))
    async with transaction() as conn:
        rating = await Rating.filter(id=rating_id).select_for_update().first()
        if rating is None or rating.state is RatingState.PLAIN:
            raise Refused(NotFound(what="rating", field=("ratingId",)))
        rating.state = RatingState.PUBLISHED if publish else RatingState.HIDDEN
        rating.judged_by, rating.judged_at = actor.require_user(), clock.now()
        rating.judgement = reason.strip()
        rating.version += 1
        await rating.save(force_update=True)
        await record_events(conn, [_event(JUDGED, rating)])
        details = {"publish": publish, "reason": rating.judgement}
        await audit.record(conn, actor, "rating.judge", rating_id, details)
    wake_relay()
    return rating


async def _refuse_banned(conn: Connection, text: str) -> None:
    word = await catalog.banned_word(conn, text) if text.strip() else None
    if word is not None:
        raise Refused(RatingTextBanned(word=word, field=("text",)))


async def _give(facts: Any, wish: RatingWish) -> Rating:
    moment = clock.now()
    if LineStatus(facts["status"]) not in ENDED:
        raise _not_now(facts, "rating_not_yet")
    ended: datetime = facts["delivered_at"] or facts["closed_at"] or moment
    if moment > ended + ways.rate:
        raise _not_now(facts, "rating_too_late")
    return await Rating.create(
        id=new_id(),
        line_id=wish.line_id,
        order_id=facts["order_id"],
        buyer_id=facts["buyer_id"],
        product_id=facts["product_id"],
        site_id=facts["site_id"],
        agent_id=facts["agent_id"],
        supplier_id=facts["supplier_id"],
        after_case=facts["decided_at"] is not None,
        stars=wish.stars,
        tags=_tags(wish.tags),
        text=wish.text.strip(),
        state=_state_of(wish.text),
        rated_at=moment,
    )


async def _change(rating: Rating, facts: Any, wish: RatingWish) -> None:
    moment = clock.now()
    if moment > may_edit_until(rating.rated_at, facts["decided_at"]):
        raise _not_now(facts, "rating_fixed")
    text = wish.text.strip()
    if text != rating.text:  # somebody has to read it anew
        rating.text, rating.state = text, _state_of(text)
        rating.judged_by = rating.judged_at = None
        rating.judgement = ""
    rating.stars, rating.tags = wish.stars, _tags(wish.tags)
    rating.after_case = facts["decided_at"] is not None
    rating.edited_at = moment
    rating.version += 1
    await rating.save(force_update=True)


def _tags(tags: Sequence[RatingTag]) -> list[str]:
    return sorted({tag.value for tag in tags})


def _state_of(text: str) -> RatingState:
    if not text.strip():
        return RatingState.PLAIN
    return RatingState.PENDING if ways.texts_wait else RatingState.PUBLISHED


def _not_now(facts: Any, reason: str) -> Refused:
    return Refused(LineNotRatable(sku=facts["sku"], reason=reason, field=("lineId",)))


def _event(kind: str, rating: Rating) -> Event:
    """What is told of a rating: never its words."""
    payload = {
        "ratingId": encode_id(Prefix.RATING, rating.id),
        "orderId": encode_id(Prefix.ORDER, rating.order_id),
        "lineId": encode_id(Prefix.ORDER_LINE, rating.line_id),
        "productId": encode_id(Prefix.PRODUCT, rating.product_id),
        "stars": rating.stars,
        "state": rating.state.value,
    }
    return Event(kind, rating.id, rating.version, payload)
