"""Own prices of agents as tables: row by row, told by line and reason, and out and in again."""

from datetime import timedelta
from io import BytesIO

import pytest

from domain import bulk, pricebook
from domain.agents import AgentType, Tier
from domain.agents.models import Agent
from domain.catalog.models import Category, Product, Variant
from domain.kernel import Actor, Refused, clock, connection
from domain.pricebook import AgentPrice, OwnPricesWish, export_own_prices, import_own_prices
from domain.pricebook.importing import COLUMNS, TIMES
from tests import make

pytestmark = pytest.mark.usefixtures("db")
EVENTS = "SELECT type FROM outbox_events WHERE type LIKE 'agent_price.%'"
HEAD = ",".join((*COLUMNS, *TIMES))


def table(*rows: str) -> BytesIO:
    return BytesIO("\n".join((HEAD, *rows)).encode())


async def imported(*rows: str, dry_run: bool = False, whole: bool = False) -> tuple[int, int, dict]:
    """How many were made and stood already, and why lines were left out."""
    report = await import_own_prices(make.OPERATOR, table(*rows), OwnPricesWish(dry_run, whole))
    return report.created, report.unchanged, {each.line: each.reason for each in report.errors}


async def goods() -> tuple[Variant, Category]:
    """Retail 50, silver 46, which cost 30."""
    variant = await make.variant(
        price=make.yuan(50), tier_prices={Tier.SILVER: make.yuan(46)}, cards=1, unit_cost=300_000
    )
    product = await Product.get(id=variant.product_id)
    return variant, await Category.get(id=product.category_id)


async def agents() -> tuple[Agent, Agent, Agent]:
    """One, another below it, and a promoter."""
    top = await make.agent(tier=Tier.SILVER)
    promoter = await make.agent(agent_type=AgentType.PROMOTER)
    return top, await make.agent(top, Tier.SILVER), promoter


async def test_every_row_is_set_or_told_by_its_line_and_reason() -> None:
    (variant, shelf), (top, below, promoter) = await goods(), await agents()
    past = (clock.now() - timedelta(days=1)).isoformat()
    rows = (
        f"{top.code.lower()},{variant.sku},,CNY,45,,,,good",  # 2
        f"{below.code},,{shelf.slug},,,1.5,,,",  # 3
        f"{below.code},{variant.sku},,CNY,44,,,,",  # 4: less than the one above
        f"{top.code},{variant.sku},,CNY,20,,2040-01-01T00:00:00+08:00,,",  # 5: below cost
        f"NOBODY,{variant.sku},,CNY,45,,,,",  # 6
        f"{top.code},NONE,,CNY,45,,,,",  # 7
        f"{top.code},,none,,,5,,,",  # 8
        f"{top.code},{variant.sku},{shelf.slug},CNY,45,5,,,",  # 9: both
        f"{top.code},,{shelf.slug},,,0.005,,,",  # 10: finer than a rate is
        f"{promoter.code},{variant.sku},,CNY,45,,,,",  # 11
        f"{top.code},{variant.sku},,CNY,45,,{past},,",  # 12
        f"{top.code},{variant.sku},,CNY,45,,2040-02-01T00:00:00,,",  # 13: without a zone
        f"{top.code},{variant.sku},,CNY,45,,,,again",  # 14
        f"{top.code},,{shelf.slug},,,x,,,",  # 15
        "too,few",  # 16
    )
    told = {
        4: "agent_price_inverted",
        5: "price_below_floor",
        6: "agent_code_unknown",
        7: "sku_unknown",
        8: "category_unknown",
        9: "agent_price_target",
        10: "agent_price_rate",
        11: "agent_price_fixed",
        12: "agent_price_past",
        13: "agent_price_time",
        14: "twice_in_file",
        15: "amount_not_a_number",
        16: "field_count",
    }
    assert await imported(*rows, dry_run=True) == (2, 0, told)
    assert await AgentPrice.all().count() == 0
    assert await imported(*rows, whole=True) == (2, 0, told)
    assert await AgentPrice.all().count() == 0
    async with connection() as conn:
        assert await conn.fetch(EVENTS) == []
    assert await imported(*rows) == (2, 0, told)
    made = {each.agent_id: each for each in await AgentPrice.all()}
    assert (made[top.id].amount, made[top.id].note) == (make.yuan(45), "good")
    assert made[below.id].off_rate == 150
    async with connection() as conn:
        assert [row["type"] for row in await conn.fetch(EVENTS)] == ["agent_price.set"] * 2


async def test_what_goes_out_comes_in_again_and_changes_nothing() -> None:
    (variant, shelf), (top, below, _) = await goods(), await agents()
    rows = (
        f"{top.code},{variant.sku},,CNY,45.1234,,,2040-01-01T00:00:00+08:00,=note",
        f"{top.code},{variant.sku},,CNY,45,,2041-01-01T00:00:00+08:00,,",
        f"{below.code},,{shelf.slug},,,1.25,,,",
    )
    assert await imported(*rows) == (3, 0, {})
    for _ in range(2):
        pieces = [piece async for piece in bulk.as_csv(await export_own_prices(make.OPERATOR))]
        again = await import_own_prices(make.OPERATOR, BytesIO(b"".join(pieces)), OwnPricesWish())
        assert (again.created, again.unchanged, again.errors) == (0, 3, [])
    assert await AgentPrice.all().count() == 3


async def test_scopes_and_sizes_are_asked_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = await make.operator("agents:read")
    with pytest.raises(Refused, match="FORBIDDEN"):
        await import_own_prices(reader, table(), OwnPricesWish())
    with pytest.raises(Refused, match="FORBIDDEN"):
        await pricebook.begin_own_prices(reader, OwnPricesWish())
    writer: Actor = await make.operator("prices:write")
    with pytest.raises(Refused, match="FORBIDDEN"):
        await export_own_prices(writer)
    monkeypatch.setattr("domain.pricebook.importing.MOST_ROWS", 1)
    with pytest.raises(Refused, match="IMPORT_FILE_INVALID"):
        await import_own_prices(writer, table("a,,,,,,,,", "b,,,,,,,,"), OwnPricesWish())
