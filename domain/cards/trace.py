"""The trace of one card (mission row B5): from the batch it came with to the buyer it went to.

A complaint comes with a code in hand. The code itself is never looked for over the network: its
fingerprint is made where the keys are (`kameng cards fingerprint`) and asked for instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain import audit, catalog
from domain.cards.canaries import note_canaries, note_prints, prints_of
from domain.cards.checkpoints import TRACE_SCOPE
from domain.cards.models import Card, CardBatch, CardState
from domain.cards.rules import canonical
from domain.cards.state import read_state
from domain.cards.trace_rules import FIRST_DIGEST, event_digest, marks_in
from domain.cards.tracing import EVENT, ORDER_OF_EVENT
from domain.cards.verifying import Expected, batch_faults, card_faults
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Refused,
    connection,
    refresh_keys,
    refuse_unless,
    transaction,
)

FINGERPRINT_BYTES = 32
VARIANTS_AT_ONCE = 500

# A living card is found by the unique keys of its variant, one look for each variant.
_LIVING = """
SELECT c.id FROM variants v CROSS JOIN LATERAL (
    SELECT id FROM cards WHERE variant_id = v.id AND fingerprint = $1 AND state <> 'void'
    UNION ALL
    SELECT id FROM cards WHERE variant_id = v.id AND next_fingerprint = $1 AND state <> 'void'
        AND next_fingerprint IS NOT NULL
) c LIMIT 1
"""
_STORED = """
SELECT c.id, c.variant_id FROM unnest($1::uuid[], $2::bytea[]) AS w (variant_id, print)
CROSS JOIN LATERAL (
    SELECT id, variant_id FROM cards
    WHERE variant_id = w.variant_id AND fingerprint = w.print AND state <> 'void'
) c
"""
_CARD = """
SELECT c.*, s.sealed, s.generation FROM cards c LEFT JOIN card_secrets s ON s.card_id = c.id
WHERE c.id = $1
"""
_OWN = f"""
SELECT {EVENT}, s.sequence AS link, s.digest AS seal, s.sealed_at, p.digest AS previous
FROM card_events e {ORDER_OF_EVENT} LEFT JOIN card_seals s ON s.event_id = e.id
LEFT JOIN card_seals p ON p.sequence = s.sequence - 1
WHERE e.card_id = $1 ORDER BY e.sequence
"""  # noqa: S608
_OF_BATCH = f"""
SELECT {EVENT}, s.sequence AS link, s.digest AS seal, s.sealed_at, p.digest AS previous,
    e.marks AS all_marks
FROM card_events e {ORDER_OF_EVENT} LEFT JOIN card_seals s ON s.event_id = e.id
LEFT JOIN card_seals p ON p.sequence = s.sequence - 1
WHERE e.batch_id = $1 AND e.card_id IS NULL AND e.first_card <= $2 AND e.last_card >= $2
ORDER BY e.sequence
"""  # noqa: S608
_BATCH = """
SELECT b.id, batch_facts(b)::text AS facts, (
    SELECT details::text FROM card_events e WHERE e.batch_id = b.id AND e.card_id IS NULL
        AND e.action = 'batch' ORDER BY e.sequence DESC LIMIT 1) AS told
FROM card_batches b WHERE b.id = $1
"""


class ChainState(StrEnum):
    """What the hash chain says of an event."""

    SEALED = "sealed"  # its link holds
    WAITING = "waiting"  # the sealer has not come to it yet
    BROKEN = "broken"  # it is not what was sealed


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """One step of the card. `cards` is how many cards took it together."""

    id: UUID
    action: str
    at: datetime
    old_state: CardState | None
    new_state: CardState | None
    actor_kind: str | None
    actor_id: UUID | None
    reason: str
    order_line_id: UUID | None
    order_id: UUID | None
    buyer_id: UUID | None
    cards: int
    link: int | None
    sealed_at: datetime | None
    chain_state: ChainState


@dataclass(frozen=True, slots=True)
class CardTrace:
    """A card and all that is known of its way; never its code. No `faults`: all of it holds."""

    card: Card
    batch: CardBatch
    events: list[TracedEvent] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FoundPrint:
    """The fingerprint of a code as a card of one variant, and that card when it is in the store."""

    sku: str
    fingerprint: str
    card_id: UUID | None


async def trace_card(
    actor: Actor, *, card_id: UUID | None = None, fingerprint: str | None = None
) -> CardTrace | None:
    """The trace of a card, by its id or by the fingerprint of its code (hex); None: no such card.

    Needs `cards:trace`; audited. Refuses a wish with neither or both, and what is no fingerprint.
    Of codes that were voided and came in again the living card is meant.
    """
    actor.require_scope(TRACE_SCOPE)
    one = (card_id is None) != (fingerprint is None)
    refuse_unless(one, Invalid(reason="trace_way", field=("fingerprint",)))
    if fingerprint is not None:
        card_id = await _card_of(_bytes_of(fingerprint))
    card = await Card.filter(id=card_id).first() if card_id is not None else None
    async with transaction() as conn:
        found = {"found": card is not None, "by": "fingerprint" if fingerprint else "id"}
        await audit.record(conn, actor, "card.trace", card_id, found)
        if card is not None and fingerprint is not None:
            await note_canaries(conn, actor, [card.id], "lookup")
    if card is None:
        return None
    return await _trace(card)


async def fingerprints_of(
    actor: Actor, number: str, secret: str, sku: str | None = None
) -> list[FoundPrint]:
    """The fingerprints of a code: of the variant `sku`, stored or not, else of each variant that
    has a living card of this code.

    Needs `cards:trace`; audited, without the code. Refuses an unknown SKU.
    """
    actor.require_scope(TRACE_SCOPE)
    await refresh_keys()
    variants = await catalog.skus_of_variants() if sku is None else await _one_sku(sku)
    code = canonical(number, secret)
    found: list[FoundPrint] = []
    async with transaction() as conn:
        state = await read_state(conn)
        ids = list(variants)
        for start in range(0, len(ids), VARIANTS_AT_ONCE):
            prints = [
                (variant_id, fingerprint)
                for variant_id in ids[start : start + VARIANTS_AT_ONCE]
                for fingerprint in state.all_fingerprints(variant_id, code)
            ]
            stored = await _stored(conn, prints)
            found += [
                FoundPrint(variants[variant_id], fingerprint.hex(), stored.get(variant_id))
                for variant_id, fingerprint in prints
                if sku is not None or variant_id in stored
            ]
        details = {"variants": len(ids), "found": sum(each.card_id is not None for each in found)}
        await audit.record(conn, actor, "card.fingerprint", None, details)
        await note_prints(conn, actor, prints_of(number, secret), "lookup")
    return found


async def _one_sku(sku: str) -> dict[UUID, str]:
    variant = (await catalog.variants_by_sku([sku])).get(sku)
    if variant is None:
        raise Refused(Invalid(reason="sku_unknown", field=("sku",)))
    return {variant.id: sku}


async def _stored(conn: Connection, prints: Sequence[tuple[UUID, bytes]]) -> dict[UUID, UUID]:
    columns = [each[0] for each in prints], [each[1] for each in prints]
    return {row["variant_id"]: row["id"] for row in await conn.fetch(_STORED, *columns)}


def _bytes_of(fingerprint: str) -> bytes:
    try:
        content = bytes.fromhex(fingerprint)
    except ValueError:
        content = b""
    whole = len(content) == FINGERPRINT_BYTES
    refuse_unless(whole, Invalid(reason="fingerprint", field=("fingerprint",)))
    return content


async def _card_of(fingerprint: bytes) -> UUID | None:
    async with connection() as conn:
        found: UUID | None = await conn.fetchval(_LIVING, fingerprint)
    return found


async def _trace(card: Card) -> CardTrace:
    """All in one snapshot: what is sold meanwhile must not look like a fault."""
    async with connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        row = await conn.fetchrow(_CARD, card.id)
        own = await conn.fetch(_OWN, card.id)
        shared = await conn.fetch(_OF_BATCH, row["batch_id"], card.id)
        batch_row = await conn.fetchrow(_BATCH, row["batch_id"])
    told = Expected()
    of_batch = []
    for event in shared:
        marks = dict(marks_in(event["action"], event["all_marks"]))
        if card.id in marks:
            told.hear(event, marks[card.id])
            of_batch.append(event)
    faults = [
        *card_faults(row, told if of_batch else None, own),
        *batch_faults(batch_row),
    ]
    events = [_traced(event) for event in sorted([*of_batch, *own], key=lambda each: each["at"])]
    faults += [
        f"link {event.link} does not hold: the event, or the order that it names, was altered"
        for event in events
        if event.chain_state is ChainState.BROKEN
    ]
    return CardTrace(card, await CardBatch.get(id=row["batch_id"]), events, faults)


def _traced(event: Any) -> TracedEvent:
    return TracedEvent(
        id=event["id"],
        action=event["action"],
        at=event["at"],
        old_state=CardState(event["old_state"]) if event["old_state"] else None,
        new_state=CardState(event["new_state"]) if event["new_state"] else None,
        actor_kind=event["actor_kind"],
        actor_id=event["actor_id"],
        reason=event["reason"],
        order_line_id=event["order_line_id"],
        order_id=event["order_id"],
        buyer_id=event["buyer_id"],
        cards=event["cards"] or 1,
        link=event["link"],
        sealed_at=event["sealed_at"],
        chain_state=_chain_state(event),
    )


def _chain_state(event: Any) -> ChainState:
    if event["link"] is None:
        return ChainState.WAITING
    previous = FIRST_DIGEST if event["link"] == 1 else event["previous"]
    holds = previous is not None and event_digest(previous, event) == event["seal"]
    return ChainState.SEALED if holds else ChainState.BROKEN
