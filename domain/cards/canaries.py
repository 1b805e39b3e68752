"""Canaries (mission row B3): planted cards that nobody buys. Who has the code of one has our store.

They lie among the others, sealed like them, and go out with every export; one made for an export
says by its row which export leaked. Cards are compared within their variant alone; a canary is
known by prints of its own, whatever its code is brought as (docs/decisions/0051). The alarm is an
audit row, an event, a figure of /metrics and a line of the log; none of them shows a code.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

from domain import audit
from domain.cards.rules import ways_in_text, ways_to_say
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Prefix,
    encode_id,
    keyed_digest,
    new_id,
    record_events,
)

CANARY_TOUCHED = "card.canary_touched"

_AMONG = """
SELECT c.id, k.export_id FROM cards c LEFT JOIN card_canaries k ON k.card_id = c.id
WHERE c.id = ANY($1) AND c.state = 'canary' ORDER BY c.id
"""
_BY_PRINT = "SELECT DISTINCT card_id FROM canary_prints WHERE digest = ANY($1)"
_KEEP = """
INSERT INTO canary_prints (id, digest, card_id)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::uuid[])
ON CONFLICT DO NOTHING
"""

log = logging.getLogger("kameng.canaries")


async def note_canaries(
    conn: Connection,
    actor: Actor,
    card_ids: Sequence[UUID],
    deed: str,
    variant_id: UUID | None = None,
) -> list[UUID]:
    """Raise the alarm for those of the cards that were planted, in the caller's transaction.

    `deed` is what was done to them: `reveal`, `import`, `redeem`, `dispute` ... Whoever shows,
    takes or redeems cards calls this; one statement when there is none among them. `variant_id` is
    what their codes were brought as, which may be another variant than they lie in.
    """
    found = await conn.fetch(_AMONG, list(card_ids))
    for row in found:
        export_id = str(row["export_id"]) if row["export_id"] else None
        brought_as = encode_id(Prefix.VARIANT, variant_id) if variant_id else None
        details = {"deed": deed, "exportId": export_id, "broughtAs": brought_as}
        await audit.record(conn, actor, CANARY_TOUCHED, row["id"], details)
        payload = {
            "cardId": encode_id(Prefix.CARD, row["id"]),
            "deed": deed,
            "exportId": export_id,
            "broughtAs": brought_as,
            "by": str(actor.user_id) if actor.user_id else actor.kind.value,
        }
        await record_events(conn, [Event(CANARY_TOUCHED, new_id(), 1, payload)])
        log.critical("canary touched: card_id=%s deed=%s export_id=%s", row["id"], deed, export_id)
    return [row["id"] for row in found]


async def note_prints(
    conn: Connection,
    actor: Actor,
    prints: Sequence[bytes],
    deed: str,
    variant_id: UUID | None = None,
) -> None:
    """Raise the alarm when among brought codes, by their prints, are those of canaries.

    One statement when there are none. `variant_id` is what they were brought as.
    """
    if not prints:
        return
    found = [row["card_id"] for row in await conn.fetch(_BY_PRINT, list(prints))]
    if found:
        await note_canaries(conn, actor, found, deed, variant_id)


async def note_code(conn: Connection, actor: Actor, code: str, deed: str) -> None:
    """The same for a single code that somebody tries."""
    await note_prints(conn, actor, prints_of("", code), deed)


async def note_text(conn: Connection, actor: Actor, text: str, deed: str) -> None:
    """The same for what somebody wrote; one look at whether there are canaries at all."""
    if await any_canaries(conn):
        prints = [_print(each) for each in ways_in_text(text)]
        await note_prints(conn, actor, prints, deed)


async def any_canaries(conn: Connection) -> bool:
    """Whether a look for canaries is worth its time."""
    found: bool = await conn.fetchval("SELECT EXISTS (SELECT 1 FROM canary_prints)")
    return found


def prints_of(number: str, secret: str) -> list[bytes]:
    """Under which a brought code is looked for among the canaries of all variants."""
    return [_print(each) for each in ways_to_say(number, secret)]


async def keep_prints(conn: Connection, told: Sequence[tuple[UUID, str]]) -> None:
    """Remember what gives canaries away, in the caller's transaction."""
    cards, texts = [card_id for card_id, _ in told], [text for _, text in told]
    await conn.execute(_KEEP, [new_id() for _ in told], [_print(text) for text in texts], cards)


def _print(text: str) -> bytes:
    """The key never changes: a canary's code is worth nothing, and its row says what it is."""
    return keyed_digest("canary-print", text.encode())
