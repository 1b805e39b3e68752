"""Pure rules of the trace: the digests that vouch for events, rows and sealed codes.

The triggers of the migration `trace` make the marks in SQL; here they are made again, from the
rows as they are read, so that a verifier does not take the database's word for it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

FIRST_DIGEST = b"\0" * 32
MARK_BYTES = 16
NO_SECRET = b"\0" * MARK_BYTES
ROW, PRINT, SECRET = "row", "print", "secret"
# Which marks an event carries for each of its cards, in their order.
MARKED = {
    "stored": (ROW, PRINT, SECRET),
    "amended": (ROW,),
    "reindexed": (PRINT,),
    "resealed": (SECRET,),
    "moved": (),
}
_NO_DAY = b"\x80\0\0\0"
_FIRST_DAY = date(2000, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def event_digest(previous: bytes, event: Any) -> bytes:
    """The digest of one link: the previous digest and the whole event.

    `order_id` and `buyer_id` are of the event's order line: whose a card is cannot be changed later
    without breaking the link. `marks` is the digest of the event's marks.
    """
    return sha256(previous + b"".join(_framed(part) for part in _parts(event))).digest()


def _parts(event: Any) -> Iterator[bytes]:
    for name in ("id", "card_id", "batch_id", "order_line_id", "attempt_id", "actor_id"):
        yield _bytes_of(event[name])
    for name in ("order_id", "buyer_id", "first_card", "last_card"):
        yield _bytes_of(event[name])
    for name in ("sequence", "unit_number", "cards"):
        yield b"" if event[name] is None else str(event[name]).encode()
    for name in ("action", "old_state", "new_state", "actor_kind", "reason", "details"):
        yield (event[name] or "").encode()
    yield event["at"].astimezone(UTC).isoformat().encode()
    yield event["marks"] or b""


def _bytes_of(value: UUID | None) -> bytes:
    return b"" if value is None else value.bytes


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def marks_of(card: Any) -> dict[str, bytes]:
    """The three marks of a card as it lies there: its row, its fingerprint, its sealed code."""
    card_id = card["id"].bytes
    expires = card["expires_on"]
    day = (
        _NO_DAY if expires is None else (expires - _FIRST_DAY).days.to_bytes(4, "big", signed=True)
    )
    since = card["created_at"] - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    row = (
        card_id
        + card["variant_id"].bytes
        + card["batch_id"].bytes
        + card["unit_cost"].to_bytes(8, "big", signed=True)
        + micros.to_bytes(8, "big", signed=True)
        + day
        + card["masked"].encode()
    )
    return {ROW: _mark(row), PRINT: _mark(card_id + card["fingerprint"]), SECRET: _secret(card)}


def _secret(card: Any) -> bytes:
    if card["sealed"] is None:
        return NO_SECRET
    generation = card["generation"].to_bytes(4, "big", signed=True)
    return _mark(card["id"].bytes + generation + card["sealed"])


def _mark(content: bytes) -> bytes:
    return sha256(content).digest()[:MARK_BYTES]


def marks_in(action: str, marks: bytes) -> Iterator[tuple[UUID, dict[str, bytes]]]:
    """The cards that an event speaks of, and what it says of each."""
    kinds = MARKED[action]
    step = MARK_BYTES * (1 + len(kinds))
    for start in range(0, len(marks), step):
        parts = [
            marks[place : place + MARK_BYTES]
            for place in range(start, min(start + step, len(marks)), MARK_BYTES)
        ]
        yield (
            UUID(bytes=parts[0].ljust(MARK_BYTES, b"\0")),
            dict(zip(kinds, parts[1:], strict=False)),
        )


def path_faults(born: str | None, state: str, steps: Iterable[Any]) -> list[str]:
    """What is wrong with the life of a card that was born as `born` and is `state` now.

    Each step begins where the one before ended, the card's own numbers have no gap, and the last
    one ends in what the card is. Steps come in the order of their time; one that the card took
    together with many others has number 0. Which moves are allowed is the store's own rule.
    """
    faults = []
    at, number = born, 0
    for step in steps:
        own = step["sequence"] > 0
        if own:
            number += 1
            if step["sequence"] != number:
                faults.append(f"event {number} is missing before event {step['sequence']}")
                number = step["sequence"]
        if at is not None and step["old_state"] != at:
            name = f"event {number}" if own else "a move of many cards"
            faults.append(f"{name} begins as {step['old_state']}, not as {at}")
        at = step["new_state"]
    if at is not None and at != state:
        faults.append(f"its events end as {at}, and it is {state}")
    return faults
