"""Attempts as they are read and written while a line is bought: plain statements, because this is
the hot path of each order that no own card delivers."""

from uuid import UUID

from domain import orders, routing
from domain.fulfilment.models import AttemptStatus, FulfilmentAttempt
from domain.fulfilment.rules import FIRST_QUERY_AFTER
from domain.kernel import Connection, clock, new_id

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
_SAVE = "UPDATE fulfilment_attempts SET {} WHERE id = $1".format(  # noqa: S608 - own words
    ", ".join(f"{name} = ${place}" for place, name in enumerate(_MOVING, 2))
)


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
    chosen = choice.candidate
    assert chosen is not None
    moment, attempt_id = clock.now(), new_id()
    attempt = FulfilmentAttempt(
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
    await conn.execute(_INSERT, *(getattr(attempt, name) for name in _NAMES))
    return attempt


async def save_attempt(conn: Connection, attempt: FulfilmentAttempt) -> None:
    """Write what has become of an attempt that the caller has locked."""
    await conn.execute(_SAVE, attempt.id, *(getattr(attempt, name) for name in _MOVING))
