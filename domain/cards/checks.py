"""Whether cards are real: samples, reports, verdicts, and the rate that freezes a batch (row B7).

The code itself is looked at by the reveal path of the staff, which has its own guards; here stands
what was picked, what was found, and what shows it. The batch is locked before its cards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain import audit
from domain.cards.batches import WRITE_SCOPE, checked_reason, freeze, lock_batch
from domain.cards.models import Card, CardCheck, CardState, CheckOrigin, Verdict
from domain.cards.moves import CHECKED, IN_STOCK, may_move, values
from domain.cards.refusals import CardMoveNotAllowed
from domain.cards.rules import INVALID_MINIMUM, INVALID_PERCENT, too_many_invalid
from domain.cards.writing_off import book_invalid
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    act_as,
    clock,
    connection,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)

MAX_SAMPLE = 1_000
MAX_EVIDENCE_LETTERS = 1_000
TOO_MANY_INVALID = "{invalid} of {checked} checked cards are invalid"

_PICK = """
SELECT c.id FROM cards c WHERE c.batch_id = $1 AND c.state = ANY($2)
    AND NOT EXISTS (SELECT 1 FROM card_checks k WHERE k.card_id = c.id)
ORDER BY random() LIMIT $3
"""
_OPEN = """
INSERT INTO card_checks (id, batch_id, card_id, origin, opened_by, opened_at, evidence)
SELECT id, $1, card, $4, $5, $6, '' FROM unnest($2::uuid[], $3::uuid[]) AS o (id, card)
ON CONFLICT DO NOTHING
"""
_BATCH_OF = "SELECT batch_id FROM cards WHERE id = $1"
_LOCK_CARD = """
SELECT id, state, unit_cost, order_line_id, first_revealed_at FROM cards WHERE id = $1 FOR UPDATE
"""
_JUDGED = """
UPDATE card_checks SET verdict = $2, evidence = $3, judged_by = $4, judged_at = $5
WHERE card_id = $1 AND verdict IS NULL RETURNING origin
"""
_MOVE = "UPDATE cards SET state = $2, hold_id = NULL WHERE id = $1"
# The last word on each card counts: a sample may have been good, and the card found bad later.
_FIGURES = """
SELECT b.id AS batch_id, b.supplier_id,
    (SELECT count(*) FROM cards c WHERE c.batch_id = b.id
        AND c.order_line_id IS NOT NULL AND card_delivered(c.state)) AS delivered,
    (SELECT count(DISTINCT k.card_id) FROM card_checks k
        WHERE k.batch_id = b.id AND k.origin = 'report') AS disputed,
    count(last.verdict) AS checked,
    count(last.verdict) FILTER (WHERE last.verdict = 'invalid') AS invalid
FROM card_batches b LEFT JOIN LATERAL (
    SELECT DISTINCT ON (k.card_id) k.verdict FROM card_checks k
    WHERE k.batch_id = b.id AND k.verdict IS NOT NULL
    ORDER BY k.card_id, k.judged_at DESC, k.id DESC
) last ON true
WHERE {which} GROUP BY b.id
"""
_OF_BATCHES = _FIGURES.format(which="b.id = ANY($1)")
_OF_SUPPLIERS = _FIGURES.format(which="b.supplier_id = ANY($1)")
_RATE = """
SELECT count(*) AS checked, count(*) FILTER (WHERE verdict = 'invalid') AS invalid
FROM (SELECT DISTINCT ON (card_id) verdict FROM card_checks
    WHERE batch_id = $1 AND verdict IS NOT NULL
    ORDER BY card_id, judged_at DESC, id DESC) last
"""
_LIMITS = "SELECT invalid_percent, invalid_minimum FROM stock_policies WHERE variant_id = $1"


@dataclass(frozen=True, slots=True)
class CardQuality:
    """How good cards proved: delivered ones, those that somebody complained about, and checks."""

    delivered: int = 0
    disputed: int = 0
    checked: int = 0
    invalid: int = 0

    @property
    def invalid_rate(self) -> Decimal | None:
        """Confirmed invalid cards as a share of the checked ones; None before the first check."""
        return round(Decimal(self.invalid) / self.checked, 4) if self.checked else None

    def __add__(self, other: "CardQuality") -> "CardQuality":
        """The figures of both together."""
        return CardQuality(
            self.delivered + other.delivered,
            self.disputed + other.disputed,
            self.checked + other.checked,
            self.invalid + other.invalid,
        )


async def sample_batch(actor: Actor, batch_id: UUID, number: int) -> list[CardCheck]:
    """Pick cards of a batch at random for a check; those that were checked before are left out.

    Needs `cards:write`. Fewer are picked when fewer are left. Refuses a number outside 1..1000.
    """
    actor.require_scope(WRITE_SCOPE)
    in_range = 1 <= number <= MAX_SAMPLE
    refuse_unless(in_range, Invalid(reason="sample_size", field=("number",)))
    async with transaction() as conn:
        await lock_batch(conn, batch_id)
        rows = await conn.fetch(_PICK, batch_id, values(CHECKED), number)
        ids = [new_id() for _ in rows]
        await _open(conn, actor, batch_id, ids, [row["id"] for row in rows], CheckOrigin.SAMPLE)
        await audit.record(conn, actor, "card_batch.sample", batch_id, {"cards": len(ids)})
    return await CardCheck.filter(id__in=ids).order_by("id")


async def dispute_card(actor: Actor, card_id: UUID, reason: str) -> Card:
    """Note that a sold card is said not to work: it is disputed until it is judged (row M1).

    Needs `cards:write` and a reason. A disputed card stays so. Refuses a card that nobody bought.
    """
    actor.require_scope(WRITE_SCOPE)
    reason = checked_reason(reason)
    async with transaction() as conn:
        await act_as(conn, actor, reason)
        batch, card = await _lock(conn, card_id)
        if card["state"] != CardState.DISPUTED:
            _refuse_unlisted(card["state"], CardState.DISPUTED)
            await conn.execute(_MOVE, card_id, CardState.DISPUTED.value)
            await open_report(conn, actor, batch["id"], card_id)
            await audit.record(conn, actor, "card.dispute", card_id, {"reason": reason})
    return await Card.get(id=card_id)


async def open_report(conn: Connection, actor: Actor, batch_id: UUID, card_id: UUID) -> None:
    """Somebody says that a card does not work: a check, unless one is open already."""
    await _open(conn, actor, batch_id, [new_id()], [card_id], CheckOrigin.REPORT)


async def judge_card(actor: Actor, card_id: UUID, verdict: Verdict, evidence: str) -> Card:
    """Say whether a card is good, and what shows it; closes its open check, or stands alone.

    Needs `cards:write`. An invalid card leaves the stock, and its cost is lost; a sold one stays
    with its buyer's line. A disputed card that is good goes back to where it was. When too many of
    the batch are invalid, the batch is frozen in the same transaction. Refuses an answer without
    evidence, and what the table of moves does not list.
    """
    actor.require_scope(WRITE_SCOPE)
    evidence = evidence.strip()
    told = 0 < len(evidence) <= MAX_EVIDENCE_LETTERS
    refuse_unless(told, Invalid(reason="evidence", field=("evidence",)))
    async with transaction() as conn:
        await act_as(conn, actor, verdict.value)
        await judge_within(conn, actor, card_id, verdict, evidence)
    wake_relay()
    return await Card.get(id=card_id)


async def judge_within(
    conn: Connection,
    actor: Actor,
    card_id: UUID,
    verdict: Verdict,
    evidence: str,
    back_to: CardState | None = None,
) -> None:
    """`judge_card` in the caller's transaction, which has checked who may, and says who acts.

    `back_to`: where a disputed card goes that is good, when the caller remembers it.
    """
    batch, card = await _lock(conn, card_id)
    await _move(conn, actor, batch, card, verdict, evidence, back_to)
    origin = await _close(conn, actor, batch["id"], card_id, verdict, evidence)
    details = {"verdict": verdict.value, "origin": origin, "evidence": evidence}
    await audit.record(conn, actor, "card.judge", card_id, details)
    if verdict is Verdict.INVALID and batch["frozen_at"] is None:
        await _freeze_if_bad(conn, actor, batch)


async def quality_of_batches(batch_ids: Sequence[UUID]) -> dict[UUID, CardQuality]:
    """The figures of each batch, in one statement."""
    async with connection() as conn:
        rows = await conn.fetch(_OF_BATCHES, list(batch_ids))
    return {row["batch_id"]: _quality(row) for row in rows}


async def quality_of_suppliers(supplier_ids: Sequence[UUID]) -> dict[UUID, CardQuality]:
    """The figures of all batches of each supplier together, in one statement."""
    async with connection() as conn:
        rows = await conn.fetch(_OF_SUPPLIERS, list(supplier_ids))
    found = {supplier_id: CardQuality() for supplier_id in supplier_ids}
    for row in rows:
        found[row["supplier_id"]] += _quality(row)
    return found


async def checks_of(batch_ids: Sequence[UUID]) -> dict[UUID, list[CardCheck]]:
    """The checks of each batch, newest first."""
    found: dict[UUID, list[CardCheck]] = {batch_id: [] for batch_id in batch_ids}
    for check in await CardCheck.filter(batch_id__in=list(batch_ids)).order_by("-id"):
        found[check.batch_id].append(check)
    return found


def _quality(row: Any) -> CardQuality:
    return CardQuality(row["delivered"], row["disputed"], row["checked"], row["invalid"])


async def _lock(conn: Connection, card_id: UUID) -> tuple[Any, Any]:
    batch_id = await conn.fetchval(_BATCH_OF, card_id)
    if batch_id is None:
        raise Refused(NotFound(what="card", field=("cardId",)))
    batch = await lock_batch(conn, batch_id)
    return batch, await conn.fetchrow(_LOCK_CARD, card_id)


def _refuse_unlisted(source: str, target: CardState) -> None:
    listed = may_move(CardState(source), target)
    refuse_unless(listed, CardMoveNotAllowed(source=source, target=target.value, field=("cardId",)))


async def _open(
    conn: Connection,
    actor: Actor,
    batch_id: UUID,
    ids: list[UUID],
    card_ids: list[UUID],
    origin: CheckOrigin,
) -> None:
    moment = clock.now()
    await conn.execute(_OPEN, batch_id, ids, card_ids, origin.value, actor.user_id, moment)


async def _move(
    conn: Connection,
    actor: Actor,
    batch: Any,
    card: Any,
    verdict: Verdict,
    evidence: str,
    back_to: CardState | None,
) -> None:
    """The card to where the verdict puts it, and the books with it."""
    state = CardState(card["state"])
    if verdict is Verdict.VALID:
        # What is settled is not judged anew: a code that was found bad never becomes good.
        settled = state is CardState.INVALID_CONFIRMED
        refuse_unless(
            not settled, CardMoveNotAllowed(source=state, target="valid", field=("cardId",))
        )
        if state is CardState.DISPUTED:
            seen = card["first_revealed_at"] is not None
            before = back_to or (CardState.REVEALED if seen else CardState.SOLD)
            await conn.execute(_MOVE, card["id"], before.value)
        return
    _refuse_unlisted(state, CardState.INVALID_CONFIRMED)
    await conn.execute(_MOVE, card["id"], CardState.INVALID_CONFIRMED.value)
    if state in IN_STOCK:
        await book_invalid(conn, actor, batch, card["unit_cost"], evidence)


async def _close(
    conn: Connection, actor: Actor, batch_id: UUID, card_id: UUID, verdict: Verdict, evidence: str
) -> str:
    """The verdict in the open check, or in one of its own."""
    found = [card_id, verdict.value, evidence, actor.user_id, clock.now()]
    origin = await conn.fetchval(_JUDGED, *found)
    if origin is None:
        await _open(conn, actor, batch_id, [new_id()], [card_id], CheckOrigin.REPORT)
        origin = await conn.fetchval(_JUDGED, *found)
    return str(origin)


async def _freeze_if_bad(conn: Connection, actor: Actor, batch: Any) -> None:
    rate = await conn.fetchrow(_RATE, batch["id"])
    limits = await conn.fetchrow(_LIMITS, batch["variant_id"])
    percent, minimum = tuple(limits) if limits else (INVALID_PERCENT, INVALID_MINIMUM)
    if too_many_invalid(rate["invalid"], rate["checked"], percent, minimum):
        reason = TOO_MANY_INVALID.format(invalid=rate["invalid"], checked=rate["checked"])
        await freeze(conn, actor, batch["id"], reason)
