"""Complaints are counted by whom they concern, and too many of them are told once (row M3)."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from domain import aftersale, suppliers
from domain.aftersale import ComplaintLevel, ComplaintRate, Decision, RateBy
from domain.catalog.models import Variant
from domain.kernel import Actor, Prefix, clock, connection, encode_id, new_id
from domain.orders import Order, OrderLine
from domain.suppliers import Category, Rejected
from server import metrics
from tests import make
from tests.domain.aftersale.test_disputes import (
    all_is_well,
    bought,
    cards_of,
    complain,
    decide,
    supplier_of,
)
from tests.domain.aftersale.test_lines import asked, by_hand, complain_of, topped_up
from tests.domain.fulfilment.test_fulfilment import Scripted

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Three complaints, and a fifth of what was ordered."""
    before = (aftersale.alarm.percent, aftersale.alarm.least)
    aftersale.alarm.percent, aftersale.alarm.least = 20.0, 3
    yield
    aftersale.alarm.percent, aftersale.alarm.least = before


async def rates(by: RateBy) -> list[ComplaintRate]:
    moment = clock.now()
    since, until = moment - timedelta(days=1), moment + timedelta(days=1)
    return await aftersale.complaint_rates(make.OPERATOR, by, since, until)


async def told() -> list[tuple[str, int, dict[str, Any]]]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT type, sequence, payload FROM outbox_events"
            " WHERE type LIKE 'complaints.%' ORDER BY id"
        )
    return [(row["type"], row["sequence"], orjson.loads(row["payload"])) for row in rows]


async def many(number: int, of: int) -> tuple[Actor, Order, OrderLine]:
    """So many of the delivered cards of one supplier are complained about."""
    who, order, line = await bought(of, supplied=True)
    await complain(who, order, (await cards_of(line))[:number])
    return who, order, line


async def test_pieces_of_all_kinds_of_goods_are_counted(port: Scripted) -> None:
    who, order, line = await bought(3, stock=4, supplied=True)
    (case,) = await complain(who, order, (await cards_of(line))[:1])
    await decide(case, Decision.REPLACE, invalid=True)
    someone, handed, manual = await by_hand(2)
    (slow,) = await complain_of(someone, handed, {manual.id: 1})
    buyer, topup, topped = await topped_up(port)
    (never,) = await complain_of(buyer, topup, {topped.id: None})
    port.queries = {"first": [Rejected(Category.UNKNOWN)]}
    await decide(await asked(never), Decision.REFUND, "b")
    await decide(slow, Decision.REJECT, "c")
    await bought(5)  # nobody complains about these
    counted = {
        by: sorted((each.delivered, each.disputed, each.invalid) for each in await rates(by))
        for by in RateBy
    }
    each = [(1, 1, 1), (2, 1, 0), (4, 1, 1)]  # what was replaced was delivered twice
    assert counted[RateBy.PRODUCT] == each
    assert counted[RateBy.SUPPLIER] == [(1, 1, 1), (4, 1, 1)]
    assert counted[RateBy.BATCH] == [(4, 1, 1)]
    assert counted[RateBy.SITE] == [(12, 3, 2)]
    assert counted[RateBy.AGENT] == []
    (worst, _) = await rates(RateBy.SUPPLIER)
    assert {worst.subject} <= {await supplier_of(line), (await port_supplier(topped))}
    await all_is_well()


async def port_supplier(line: OrderLine) -> Any:
    from domain import fulfilment

    (attempt,) = await fulfilment.attempts_of([line.id])
    return attempt.supplier_id


async def test_what_is_ordered_outside_the_period_is_not_counted() -> None:
    await many(1, 2)
    with make.later(days=5):
        assert await rates(RateBy.SITE) == []


async def test_too_many_complaints_are_told_once_and_so_is_their_end() -> None:
    _, order, line = await many(2, 10)
    assert await aftersale.watch_complaints() == 0  # a fifth, but only two
    who = Actor(kind=make.OPERATOR.kind, user_id=order.buyer_id)
    await complain(who, order, (await cards_of(line))[2:3], "third")
    assert await aftersale.watch_complaints() == 3
    for _ in range(3):
        assert await aftersale.watch_complaints() == 0
    product = (await Variant.get(id=line.variant_id)).product_id  # type: ignore[attr-defined]
    subjects = {
        "PRODUCT": encode_id(Prefix.PRODUCT, product),
        "SUPPLIER": encode_id(Prefix.SUPPLIER, await supplier_of(line)),
        "SITE": encode_id(Prefix.SITE, order.site_id),
    }
    said = await told()
    assert {(each["by"], each["subjectId"]) for _, _, each in said} == set(subjects.items())
    assert {(kind, turn, each["disputed"]) for kind, turn, each in said} == {
        ("complaints.high", 1, 3)
    }
    await bought(10)  # of another product, by the same site
    assert await aftersale.watch_complaints() == 1
    (kind, turn, last) = (await told())[-1]
    assert (kind, turn, last["by"], last["delivered"]) == ("complaints.recovered", 2, "SITE", 20)
    with make.later(days=8):  # a week later nobody speaks of it
        assert await aftersale.watch_complaints() == 2
        assert {kind for kind, *_ in (await told())[-2:]} == {"complaints.recovered"}
    with make.later(days=20):
        assert await aftersale.watch_complaints() == 0
    assert await ComplaintLevel.all().count() == 0


async def test_a_second_crossing_is_told_again() -> None:
    _, order, line = await many(3, 15)
    assert await aftersale.watch_complaints() == 3
    await bought(5)
    await aftersale.watch_complaints()
    who = Actor(kind=make.OPERATOR.kind, user_id=order.buyer_id)
    await complain(who, order, (await cards_of(line))[3:5], "more")
    await aftersale.watch_complaints()
    of_site = [(kind, turn) for kind, turn, each in await told() if each["by"] == "SITE"]
    assert of_site == [
        ("complaints.high", 1),
        ("complaints.recovered", 2),
        ("complaints.high", 3),
    ]


async def test_ten_who_count_at_once_tell_once() -> None:
    await many(3, 3)
    counted = await asyncio.gather(*(aftersale.watch_complaints() for _ in range(10)))
    assert sum(counted) == 3
    assert len(await told()) == 3


async def test_nobody_is_told_when_the_threshold_is_zero() -> None:
    aftersale.alarm.percent = 0
    await many(3, 3)
    assert await aftersale.watch_complaints() == 0


async def test_the_figures_say_whose_goods_are_complained_about() -> None:
    _, _, line = await many(3, 4)
    await aftersale.watch_complaints()
    supplier = await suppliers.Supplier.get(id=await supplier_of(line))
    text = (await metrics.render()).decode()
    for pieces, number in (("delivered", 4), ("disputed", 3), ("invalid", 0)):
        for by, subject in (("site", "main"), ("supplier", supplier.code)):
            labels = f'{{by="{by}",pieces="{pieces}",subject="{subject}"}}'
            assert f"kameng_complaints{labels} {number}.0" in text
    assert 'kameng_complaints_high{by="supplier"} 1.0' in text
    with make.later(days=8):
        await aftersale.watch_complaints()
    text = (await metrics.render()).decode()
    labels = f'{{by="supplier",pieces="disputed",subject="{supplier.code}"}}'
    assert f"kameng_complaints{labels} 0.0" in text
    assert 'kameng_complaints_high{by="supplier"} 0.0' in text


async def test_a_shop_with_many_suppliers_has_few_figures() -> None:
    moment = clock.now()
    variant = await make.variant()
    for number in range(metrics.MAX_SUBJECTS + 5):
        offer = await make.offer(variant, make.yuan(1))
        await ComplaintLevel.create(
            id=new_id(),
            by="SUPPLIER",
            subject=offer.supplier_id,  # type: ignore[attr-defined]
            delivered=100,
            disputed=number,
            invalid=0,
            high=False,
            turns=0,
            counted_at=moment,
            turned_at=moment,
        )
    text = (await metrics.render()).decode()
    shown = [line for line in text.splitlines() if 'pieces="disputed"' in line]
    assert len(shown) == metrics.MAX_SUBJECTS
    assert min(float(line.split()[-1]) for line in shown) == 5  # the least complained about go
