"""Attempts as they are read and written while a line is bought: plain statements, because this is
the hot path of each order that no own card delivers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain import orders, routing
from domain.fulfilment.models import AttemptStatus, FulfilmentAttempt
from domain.fulfilment.rules import FIRST_QUERY_AFTER
from domain.kernel import Connection, clock, named, new_id

# All that the model has, so that none is forgotten which comes later.
_NAMES = tuple(FulfilmentAttempt._meta.fields_db_projection.values())
_COLUMNS = ", ".join(_NAMES)
_PLACES = ", ".join(f"${place}" for place in range(1, len(_NAMES) + 1))
_INSERT = f"INSERT INTO fulfilment_attempts ({_COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - own words
_OF_LINE = f"SELECT {_COLUMNS} FROM fulfilment_attempts WHERE line_id = $1 ORDER BY number"  # noqa: S608
_OF_LINE_LOCKED = f"{_OF_LINE} FOR UPDATE"
_LOCKED = f"SELECT {_COLUMNS} FROM fulfilment_attempts WHERE id = $1 FOR UPDATE"  # noqa: S608
# What an attempt is of never changes, so it is not written again.
_FIXED = frozenset(
    [
        "id",
        "line_id",
        "number",
        "supplier_id",
        "offer_id",
        "item",
        "quantity",
        "units",
        "reference",
        "max_unit_cost",
        "offered_cost",
        "currency",
        "opened_at",
        "reorder_id",
    ]
)
_MOVING = tuple(name for name in _NAMES if name not in _FIXED)
# Pieces of larger statements: all attempts of a line, locked, as `attempts_in` reads them; what has
# become of one that is locked; and a new one, once another is written.
ALL_LOCKED = f"""
SELECT array_agg(ROW({_COLUMNS}) ORDER BY number)
FROM (SELECT * FROM fulfilment_attempts WHERE line_id = :line ORDER BY number FOR UPDATE) a
"""  # noqa: S608 - own words
SAVE = "UPDATE fulfilment_attempts SET {} WHERE id = :attempt".format(  # noqa: S608 - own words
    ", ".join(f"{name} = :now_{name}" for name in _MOVING)
)
INSERT_AFTER = "INSERT INTO fulfilment_attempts ({}) SELECT {} FROM".format(
    _COLUMNS, ", ".join(f":new_{name}" for name in _NAMES)
)
_SAVE = named(SAVE)


async def attempts_of_line(
    conn: Connection, line_id: UUID, *, locked: bool = False
) -> list[FulfilmentAttempt]:
    """All attempts for a line, oldest first."""
    rows = await conn.fetch(_OF_LINE_LOCKED if locked else _OF_LINE, line_id)
    return [FulfilmentAttempt._init_from_db(**row) for row in rows]


async def locked_attempt(conn: Connection, attempt_id: UUID) -> FulfilmentAttempt:
    """An attempt that is there, as it stands now; nobody else changes it meanwhile."""
    row = await conn.fetchrow(_LOCKED, attempt_id)
    return FulfilmentAttempt._init_from_db(**row)


async def insert_attempt(
    conn: Connection,
    line: orders.LockedLine,
    choice: routing.Choice,
    need: routing.Need,
    reorder_id: UUID | None = None,
) -> FulfilmentAttempt:
    """The attempt for an offer that was chosen; of a closed line, for the reorder of a case."""
    attempt = new_attempt(line, choice, need, reorder_id)
    await conn.execute(_INSERT, *(getattr(attempt, name) for name in _NAMES))
    return attempt


async def save_attempt(conn: Connection, attempt: FulfilmentAttempt) -> None:
    """Write what has become of an attempt that the caller has locked."""
    await conn.execute(_SAVE.text, *_SAVE.values(saved_values(attempt)))


def new_attempt(
    line: orders.LockedLine,
    choice: routing.Choice,
    need: routing.Need,
    reorder_id: UUID | None = None,
) -> FulfilmentAttempt:
    """The same, for the caller to write by `INSERT_AFTER` with what `new_values` tells."""
    chosen = choice.candidate
    assert chosen is not None
    moment, attempt_id = clock.now(), new_id()
    return FulfilmentAttempt(
        id=attempt_id,
        line_id=line.id,
        number=need.number,
        supplier_id=chosen.supplier_id,
        offer_id=chosen.offer_id,
        item=chosen.item,
        quantity=need.quantity,
        units=chosen.units,
        reference=f"k{attempt_id.hex}",
        status=AttemptStatus.SUBMITTING,
        max_unit_cost=choice.max_unit_cost,
        offered_cost=chosen.cost,
        currency=chosen.currency,
        next_query_at=moment + FIRST_QUERY_AFTER,
        opened_at=moment,
        reorder_id=reorder_id,
    )


def attempts_in(rows: Sequence[Sequence[Any]]) -> list[FulfilmentAttempt]:
    """Attempts as `ALL_LOCKED` tells them."""
    return [FulfilmentAttempt._init_from_db(**dict(zip(_NAMES, row, strict=True))) for row in rows]


def saved_values(attempt: FulfilmentAttempt) -> dict[str, Any]:
    """The values of `SAVE`."""
    found = {f"now_{name}": getattr(attempt, name) for name in _MOVING}
    return {"attempt": attempt.id, **found}


def new_values(attempt: FulfilmentAttempt) -> dict[str, Any]:
    """The values of `INSERT_AFTER`."""
    return {f"new_{name}": getattr(attempt, name) for name in _NAMES}
