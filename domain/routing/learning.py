"""What is remembered of a supplier from what it said, or did not say (rows D2, D11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.kernel import Connection, clock, named
from domain.routing.events import tell_opened
from domain.routing.queries import STANDING
from domain.routing.rules import (
    DEMOTING,
    OFFER_FAILURES,
    RATE_PENALTY,
    SUPPLIER_FAILURES,
    Fault,
    Standing,
    after_answer,
    fault_of,
    measured,
)
from domain.suppliers import Category

MAKE_GATES = """
WITH one AS (INSERT INTO supplier_gates (supplier_id) VALUES ($1) ON CONFLICT DO NOTHING)
INSERT INTO offer_gates (offer_id) VALUES ($2) ON CONFLICT DO NOTHING
"""
_NAMES = STANDING.split(", ")
# Pieces of larger statements. Nobody else changes how both stand until the transaction ends.
BOTH_GATES = f"""
SELECT {", ".join(f"{of}.{name}" for of in "so" for name in _NAMES)}
FROM supplier_gates s, offer_gates o
WHERE s.supplier_id = :heard_supplier AND o.offer_id = :heard_offer FOR UPDATE
"""  # noqa: S608 - words of this house
LEARN_OF_SUPPLIER = """
UPDATE supplier_gates SET {}, paced_until = greatest(paced_until, :paced)
WHERE supplier_id = :heard_supplier
""".format(", ".join(f"{name} = :own_{name}" for name in _NAMES))
LEARN_OF_OFFER = "UPDATE offer_gates SET {} WHERE offer_id = :heard_offer".format(  # noqa: S608
    ", ".join(f"{name} = :offers_{name}" for name in _NAMES)
)
_BOTH = named(BOTH_GATES)
_LEARN = named(f"WITH own AS ({LEARN_OF_SUPPLIER}) {LEARN_OF_OFFER}")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a supplier said, or did not say. `category` of None: it took the order, or delivered.

    `first`: it answers the submission itself. `final`: the attempt is over, so it counts as
    experience; `took` is how long all of it lasted.
    """

    supplier_id: UUID
    offer_id: UUID
    category: Category | None
    first: bool
    final: bool
    took: timedelta | None = None

    @property
    def fault(self) -> Fault:
        """Whose fault it is."""
        return Fault.NOBODYS if self.category is None else fault_of(self.category)


@dataclass(frozen=True, slots=True)
class Lesson:
    """How a supplier and its offer stood before, and after what was heard."""

    heard: Heard
    before: tuple[Standing, Standing]
    after: tuple[Standing, Standing]
    paced: datetime | None

    @property
    def values(self) -> dict[str, Any]:
        """Those of `LEARN_OF_SUPPLIER` and `LEARN_OF_OFFER`."""
        own, of_offer = self.after
        found: dict[str, Any] = {f"own_{name}": getattr(own, name) for name in _NAMES}
        found |= {f"offers_{name}": getattr(of_offer, name) for name in _NAMES}
        of_both = {"heard_supplier": self.heard.supplier_id, "heard_offer": self.heard.offer_id}
        return {**found, **of_both, "paced": self.paced}

    async def tell(self, conn: Connection) -> None:
        """Tell of each breaker that it has opened."""
        offers = (None, self.heard.offer_id)
        for before, after, offer_id in zip(self.before, self.after, offers, strict=True):
            if before.open_until is None and after.open_until is not None:
                told = (after.reason, after.open_until)
                await tell_opened(conn, self.heard.supplier_id, offer_id, *told)


def lesson_of(gates: Sequence[Any], heard: Heard) -> Lesson:
    """What is learned where both stood as `BOTH_GATES` tells."""
    moment, many = clock.now(), len(_NAMES)
    before = Standing(*gates[:many]), Standing(*gates[many:])
    paced = moment + RATE_PENALTY if heard.fault is Fault.PACE else None
    return Lesson(heard, before, _after(*before, heard, moment), paced)


async def learn(conn: Connection, heard: Heard) -> None:
    """Note what became of a submission, last in the caller's transaction: gates are locked."""
    lesson = lesson_of(await gates_of(conn, heard.supplier_id, heard.offer_id), heard)
    await conn.execute(_LEARN.text, *_LEARN.values(lesson.values))
    await lesson.tell(conn)


async def gates_of(conn: Connection, supplier_id: UUID, offer_id: UUID) -> Sequence[Any]:
    """How a supplier and its offer stand, as `BOTH_GATES` tells; made where they are not yet."""
    values = _BOTH.values({"heard_supplier": supplier_id, "heard_offer": offer_id})
    row = await conn.fetchrow(_BOTH.text, *values)
    if row is None:
        await conn.execute(MAKE_GATES, supplier_id, offer_id)
        row = await conn.fetchrow(_BOTH.text, *values)
    return tuple(row)


def _after(
    own: Standing, of_offer: Standing, heard: Heard, moment: datetime
) -> tuple[Standing, Standing]:
    """How a supplier and its offer stand afterwards.

    A breaker hears the first answer to each submission, and each success; a failure that only a
    query told was a silence before, which was counted then.
    """
    fault = heard.fault
    if heard.first or heard.category is None:
        reason = heard.category.value if heard.category else ""
        own = after_answer(
            own,
            failed=fault is Fault.SUPPLIERS,
            reason=reason,
            most=1 if heard.category in DEMOTING else SUPPLIER_FAILURES,
            moment=moment,
        )
        of_offer = after_answer(
            of_offer,
            failed=fault is Fault.OFFERS,
            reason=reason,
            most=OFFER_FAILURES,
            moment=moment,
        )
    if heard.final and (heard.category is None or fault in (Fault.OFFERS, Fault.SUPPLIERS)):
        good, took = heard.category is None, heard.took
        own = measured(own, good=good, latency=took, moment=moment)
        of_offer = measured(of_offer, good=good, latency=took, moment=moment)
    return own, of_offer
