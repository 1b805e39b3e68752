"""probe"""
from datetime import timedelta
import pytest
from domain import fulfilment, orders
from domain.fulfilment import service, AttemptStatus
from domain.kernel import clock, connection
from domain.suppliers import *
from tests.domain.fulfilment.test_fulfilment import *  # noqa
from tests.domain.fulfilment.test_fulfilment import port, Scripted, paid_line, goods, query_now, state_of
for _n in [n for n in list(globals()) if n.startswith("test_")]:
    del globals()[_n]
pytestmark = pytest.mark.usefixtures("db")

async def test_rerouted_then_uncertain(port):
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Rejected(Category.OUT_OF_STOCK)], "second": [Uncertain()]}
    await fulfilment.fulfil_line(line_id)
    assert (await state_of(line_id))[1] == [AttemptStatus.REJECTED, AttemptStatus.UNCERTAIN]

async def test_incident_then_goods_short(port):
    _, line_id = await paid_line(["first"])
    port.submits = {"first": [Accepted("x")]}
    port.queries = {"first": [goods(1, cost=make.yuan(120))]}
    await fulfilment.fulfil_line(line_id)
    for h in (25, 50):
        m = clock.now() + timedelta(hours=h)
        with clock.fixed(lambda: m):
            await fulfilment.fulfil_line(line_id)
    await query_now(line_id, 51*3600)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED

async def test_accepted_is_never_given_up(port):
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Accepted(None)], "second": [goods(start=5)]}
    port.queries = {"first": [NotFound()]*3}
    await fulfilment.fulfil_line(line_id)
    for s in (60, 600, 6000):
        await query_now(line_id, s)
    assert len(port.submitted) == 1

async def test_not_found_consecutive(port):
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Uncertain()], "second": [goods(start=5)]}
    port.queries = {"first": [NotFound(), Uncertain(), NotFound()]}
    await fulfilment.fulfil_line(line_id)
    for s in (60, 600, 6000):
        await query_now(line_id, s)
    assert len(port.submitted) == 1

async def test_surplus(port):
    buyer, line_id = await paid_line(["first"])
    port.submits = {"first": [goods(2)]}
    await fulfilment.fulfil_line(line_id)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
