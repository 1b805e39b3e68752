"""Canaries (mission row B3): planted cards that nobody buys. Who has the code of one has our store.

They lie among the others, sealed like them, and go out with every export; one made for an export
says by its row which export leaked. The alarm is an audit row, an event, a figure of /metrics and
a line of the log; none of them shows a code.
"""

import logging
from collections.abc import Sequence
from uuid import UUID

from domain import audit
from domain.kernel import (
    Actor,
    ActorKind,
    Connection,
    Event,
    Prefix,
    encode_id,
    new_id,
    record_events,
)

CANARY_TOUCHED = "card.canary_touched"

_AMONG = """
SELECT c.id, k.export_id FROM cards c LEFT JOIN card_canaries k ON k.card_id = c.id
WHERE c.id = ANY($1) AND c.state = 'canary' ORDER BY c.id
"""
# While the pepper changes, one of the two columns holds all cards (index.py).
_BY_CODE = """
SELECT id FROM cards WHERE variant_id = $1 AND state = 'canary'
    AND (fingerprint = ANY($2) OR next_fingerprint = ANY($2))
"""

log = logging.getLogger("kameng.canaries")


async def note_canaries(
    conn: Connection, actor: Actor, card_ids: Sequence[UUID], deed: str
) -> list[UUID]:
    """Raise the alarm for those of the cards that were planted, in the caller's transaction.

    `deed` is what was done to them: `reveal`, `import`, `redeem`, `claim` ... Whoever shows, takes
    or redeems cards calls this; one statement when there is none among them.
    """
    found = await conn.fetch(_AMONG, list(card_ids))
    for row in found:
        export_id = str(row["export_id"]) if row["export_id"] else None
        details = {"deed": deed, "exportId": export_id}
        await audit.record(conn, actor, CANARY_TOUCHED, row["id"], details)
        payload = {
            "cardId": encode_id(Prefix.CARD, row["id"]),
            "deed": deed,
            "exportId": export_id,
            "by": str(actor.user_id) if actor.user_id else actor.kind.value,
        }
        await record_events(conn, [Event(CANARY_TOUCHED, new_id(), 1, payload)])
        log.critical("canary touched: card_id=%s deed=%s export_id=%s", row["id"], deed, export_id)
    return [row["id"] for row in found]


async def note_returned(
    conn: Connection,
    variant_id: UUID,
    fingerprints: Sequence[bytes],
    by: UUID | None,
    deed: str = "import",
) -> None:
    """Raise the alarm when codes that somebody brings are those of canaries: they came back."""
    found = [row["id"] for row in await conn.fetch(_BY_CODE, variant_id, list(fingerprints))]
    if found:
        actor = Actor(kind=ActorKind.SYSTEM, user_id=by)
        await note_canaries(conn, actor, found, deed)
