"""Reads of the reconciler."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from domain import cardbook
from domain.kernel import Actor, Money, Page, PageRequest, page_of
from domain.reconciliation.models import (
    FindingState,
    ReconciliationDay,
    ReconciliationFinding,
    ReconciliationItem,
)
from domain.reconciliation.service import READ_SCOPE

_ACCOUNT = "account."


@dataclass(frozen=True, slots=True)
class BookLine:
    """One line of a day: a matter that agreed so often, or what an account kind moved by."""

    name: str
    number: int
    amount: Money


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """What came to a place of the card book and went from it; `cost` is of the difference."""

    place: str
    arrived: int
    gone: int
    cost: Money


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A day (UTC) in both books. `waiting`: matters whose other side is still on the way."""

    day: date
    agreed: list[BookLine]
    money_ledger: list[BookLine]
    card_ledger: list[PlaceLine]
    differences: list[ReconciliationFinding]
    waiting: int


async def reconciliation_of(actor: Actor, day: date) -> Reconciliation:
    """What both books moved on a day, what agreed, and each difference; needs `ledger:read`."""
    actor.require_scope(READ_SCOPE)
    lines = await ReconciliationDay.filter(day=day).order_by("currency", "line")
    agreed: list[BookLine] = []
    moved: list[BookLine] = []
    for each in lines:
        name = each.line.removeprefix(_ACCOUNT)
        line = BookLine(name, each.number, Money(each.amount, each.currency))
        (moved if each.line.startswith(_ACCOUNT) else agreed).append(line)
    places = [
        PlaceLine(each.place, each.arrived, each.gone, Money(each.cost, each.currency))
        for each in await cardbook.places_on(day)
    ]
    differences = await ReconciliationFinding.filter(day=day).order_by("id").limit(500)
    waiting = await ReconciliationItem.filter(finding_id__isnull=True).count()
    return Reconciliation(day, agreed, moved, places, differences, waiting)


async def list_findings(
    actor: Actor, page: PageRequest, state: FindingState | None = None
) -> Page[ReconciliationFinding]:
    """Differences of all days, newest first; needs `ledger:read`."""
    actor.require_scope(READ_SCOPE)
    wanted: dict[str, Any] = {} if state is None else {"state": state}
    rows = ReconciliationFinding.filter(**wanted).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda finding: (finding.id,))
