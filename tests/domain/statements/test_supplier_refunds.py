"""What suppliers gave back, as their statements tell it and as we booked it (mission row F5)."""

from datetime import date, timedelta, timezone

import pytest

from domain import statements
from domain.fulfilment import FulfilmentAttempt, Resolution, SupplyIncident
from domain.kernel import clock
from domain.statements import Outcome, StatementDifference, StatementLine, StatementSource
from domain.suppliers import Supplier
from tests import make
from tests.domain.fulfilment.test_fulfilment import COST, Scripted, port
from tests.domain.fulfilment.test_incidents import late_goods, resolve
from tests.statement_files import Row, open_codes, take

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]


async def bought(port: Scripted) -> tuple[FulfilmentAttempt, SupplyIncident, StatementSource]:
    """Two pieces that came too late, and the source of who brought them."""
    attempt, incident = await late_goods(port, 2)
    supplier = await Supplier.get(id=attempt.supplier_id)
    return attempt, incident, await statements.source_of_supplier(supplier.code)


def row_of(attempt: FulfilmentAttempt, amount: int, **changes: object) -> Row:
    assert attempt.finished_at is not None
    row = Row(attempt.reference, amount, attempt.finished_at, kind="purchase", fee=0)
    return row.but(**changes)


def day_of(source: StatementSource) -> date:
    """Today by the supplier's calendar."""
    offset = timezone(timedelta(minutes=source.offset_minutes))
    return clock.now().astimezone(offset).date()


async def outcomes() -> list[Outcome]:
    return [each.outcome for each in await StatementLine.all().order_by("number", "id")]


@pytest.mark.parametrize("told", ["as a line", "below zero", "within the purchase"])
async def test_what_came_back_agrees_however_it_is_told(port: Scripted, told: str) -> None:
    attempt, incident, source = await bought(port)
    await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    rows = {
        "as a line": [
            row_of(attempt, 2 * COST),
            row_of(attempt, 2 * COST, kind="refund", reference="R1", about=attempt.reference),
        ],
        "below zero": [row_of(attempt, 2 * COST), row_of(attempt, -2 * COST)],
        "within the purchase": [row_of(attempt, 0)],
    }[told]
    await take(source, *rows)
    assert await open_codes() == []
    assert await outcomes() == [Outcome.MATCHED] * len(rows)


async def test_what_came_back_there_alone_agrees_once_it_is_booked(port: Scripted) -> None:
    attempt, incident, source = await bought(port)
    await take(source, row_of(attempt, 2 * COST), row_of(attempt, -2 * COST))
    assert await open_codes() == ["supplier_refund_not_booked"]
    found = await StatementDifference.get()
    assert (found.theirs, found.ours, found.subject_id) == (2 * COST, 0, attempt.id)
    await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    assert await statements.look_again(source, clock.now()) == 1
    assert await open_codes() == []


async def test_another_amount_than_was_booked_differs(port: Scripted) -> None:
    attempt, incident, source = await bought(port)
    await resolve(incident, Resolution.REFUNDED_UPSTREAM, amount=COST)
    await take(source, row_of(attempt, 2 * COST), row_of(attempt, -2 * COST))
    assert await open_codes() == ["supplier_refund_differs"]


async def test_what_no_line_tells_is_missing_there(port: Scripted) -> None:
    attempt, incident, source = await bought(port)
    await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    day = day_of(source)
    days = {"day": day - timedelta(days=1), "until": day + timedelta(days=1)}
    await take(source, row_of(attempt, 2 * COST), **days)
    others = [code for code in await open_codes() if not code.startswith("purchase")]
    assert others == ["supplier_refund_missing_there"]
    await take(source, row_of(attempt, 2 * COST), row_of(attempt, -2 * COST), **days)
    others = [code for code in await open_codes() if not code.startswith("purchase")]
    assert others == []


async def test_what_is_less_in_the_purchase_is_not_missed(port: Scripted) -> None:
    attempt, incident, source = await bought(port)
    await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    day = day_of(source)
    days = {"day": day - timedelta(days=1), "until": day + timedelta(days=1)}
    await take(source, row_of(attempt, 0), **days)
    assert [code for code in await open_codes() if not code.startswith("purchase")] == []


async def test_money_of_no_purchase_of_ours_is_missing_here(port: Scripted) -> None:
    _, _, source = await bought(port)
    await take(source, Row("nobody's", make.yuan(-9), clock.now(), kind="purchase", fee=0))
    assert await open_codes() == ["supplier_refund_unknown_here"]
