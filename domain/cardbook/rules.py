"""Pure rules of the card book: places, and the digest that chains its folios."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from uuid import UUID

OUTSIDE = "outside"  # where units come from; nothing ever goes back there
FIRST_DIGEST = b"\0" * 32


@dataclass(frozen=True, slots=True)
class Moved:
    """So many units of a batch went from one place to another on a day."""

    day: date
    batch_id: UUID
    from_place: str
    to_place: str
    units: int
    cost: int


def folio_digest(previous: bytes, first: int, last: int, moves: Sequence[Moved]) -> bytes:
    """The digest of a folio: the one before, its links, and its moves in their fixed order."""
    hasher = sha256(previous)
    hasher.update(first.to_bytes(8, "big") + last.to_bytes(8, "big"))
    for each in sorted(moves, key=_order):
        hasher.update(each.day.isoformat().encode())
        hasher.update(each.batch_id.bytes)
        hasher.update(f"{each.from_place}>{each.to_place};".encode())
        hasher.update(each.units.to_bytes(8, "big") + each.cost.to_bytes(16, "big"))
    return hasher.digest()


def balances(moves: Sequence[Moved]) -> dict[tuple[UUID, str], tuple[int, int]]:
    """What the moves change, by batch and place: (units, cost). The sum of all of it is zero."""
    found: dict[tuple[UUID, str], tuple[int, int]] = {}
    for each in moves:
        for place, sign in ((each.from_place, -1), (each.to_place, 1)):
            units, cost = found.get((each.batch_id, place), (0, 0))
            found[each.batch_id, place] = (units + sign * each.units, cost + sign * each.cost)
    return {key: found[key] for key in sorted(found, key=lambda key: (key[0].bytes, key[1]))}


def _order(each: Moved) -> tuple[date, bytes, str, str, int, int]:
    place = each.day, each.batch_id.bytes, each.from_place, each.to_place
    return *place, each.units, each.cost
