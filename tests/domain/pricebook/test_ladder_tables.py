"""Ladders as tables: set whole or left out whole, told row by row, and out and in again (E1)."""

from io import BytesIO

import pytest

from domain import bulk, catalog, pricebook, pricing
from domain.agents import Tier
from domain.kernel import Refused, connection
from domain.pricebook import (
    LadderTable,
    LadderTableWish,
    LadderWish,
    PriceLadder,
    Step,
    VolumeLadder,
    VolumeStep,
    export_price_ladders,
    export_volume_ladders,
    import_ladders,
    set_ladder,
    set_volume_ladder,
)
from domain.pricebook.ladder_tables import COLUMNS
from tests import make

pytestmark = pytest.mark.usefixtures("db")
TIERS = {Tier.BRONZE: make.yuan(48), Tier.SILVER: make.yuan(47), Tier.GOLD: make.yuan(46)}
EVENTS = "SELECT type FROM outbox_events WHERE type LIKE '%ladder.set'"
NOTED = "SELECT count(*) FROM price_inversions"
VERSION = "SELECT version FROM variants WHERE id = $1"
Told = tuple[int, int, dict[int, str]]


def table(kind: LadderTable, *rows: str, listed: bool = False) -> BytesIO:
    head = ",".join((*COLUMNS[kind], *(["list"] if listed else [])))
    return BytesIO("\n".join((head, *rows)).encode())


async def imported(
    kind: LadderTable, *rows: str, listed: bool = False, dry: bool = False, whole: bool = False
) -> Told:
    """How many rows were set and stood already, and why lines were left out."""
    wish = LadderTableWish(kind.value, dry, whole)
    report = await import_ladders(make.OPERATOR, table(kind, *rows, listed=listed), wish)
    return report.created, report.unchanged, {each.line: each.reason for each in report.errors}


async def goods() -> catalog.Variant:
    """Retail 50, bronze 48, silver 47, gold 46, which cost 40."""
    return await make.variant(price=make.yuan(50), tier_prices=TIERS, cards=1, unit_cost=400_000)


async def standing(variant: catalog.Variant, tier: Tier) -> list[tuple[int, int]]:
    """The steps of the newest ladder."""
    row = await PriceLadder.filter(variant_id=variant.id, tier=tier.value).order_by("-id").first()
    return [] if row is None else list(zip(row.from_quantities, row.amounts, strict=True))


async def told(statement: str) -> list[object]:
    async with connection() as conn:
        return [row[0] for row in await conn.fetch(statement)]


async def test_a_ladder_is_set_with_all_of_its_rows_or_none_of_them() -> None:
    one, other = await goods(), await goods()
    rows = (
        f"{one.sku},silver,CNY,100,45.5",  # 2: in any order
        f"{one.sku},gold,CNY,10,45",  # 3: whole
        f"{one.sku},silver,CNY,10,46",  # 4
        f"{other.sku},silver,CNY,10,46",  # 5: right by itself
        f"{other.sku},silver,CNY,100,46",  # 6: does not fall
        f"{other.sku},gold,CNY,10,45",  # 7
        f"{other.sku},gold,CNY,10,44",  # 8: the same quantity
        f"{other.sku},bronze,CNY,10,39",  # 9: below its cost
        f"{one.sku},retail,CNY,10,45",  # 10
        f"{one.sku},steel,CNY,10,45",  # 11
        "NONE,gold,CNY,10,45",  # 12
        "NONE,gold,CNY,20,44",  # 13: each row of it
        f"{one.sku},gold,USD,10,45",  # 14: no such list
        f"{one.sku},bronze,CNY,x,45",  # 15
        f"{one.sku},bronze,CNY,20,",  # 16: beside 15
    )
    left_out = {
        5: "ladder_row_beside",
        6: "price_steps_fall",
        7: "price_steps_rise",
        8: "ladder_row_beside",
        9: "price_below_floor",
        10: "tier_of_an_agent",
        11: "tier",
        12: "sku_unknown",
        13: "sku_unknown",
        14: "ladder_without_price",
        15: "whole_number",
        16: "ladder_row_beside",
    }
    kind = LadderTable.PRICES
    assert await imported(kind, *rows, dry=True) == (3, 0, left_out)
    assert await imported(kind, *rows, whole=True) == (3, 0, left_out)
    assert (await PriceLadder.all().count(), await told(EVENTS)) == (0, [])
    assert await imported(kind, *rows) == (3, 0, left_out)
    assert await standing(one, Tier.SILVER) == [(10, 460_000), (100, 455_000)]
    assert await standing(one, Tier.GOLD) == [(10, 450_000)]
    assert await PriceLadder.all().count() == 2
    assert await told(EVENTS) == ["price_ladder.set"] * 2
    assert await told(NOTED) == [1]


async def test_volumes_come_in_by_the_same_rules() -> None:
    rows = (
        "silver,1000,1.5",  # 2
        "silver,100,0.5",  # 3
        "gold,100,2",  # 4
        "gold,200,2",  # 5: does not rise
        "bronze,100,0.005",  # 6: finer than a rate is
        "retail,100,1",  # 7
    )
    left_out = {
        4: "ladder_row_beside",
        5: "volume_rates_rise",
        6: "agent_price_rate",
        7: "tier_of_an_agent",
    }
    assert await imported(LadderTable.VOLUMES, *rows, whole=True) == (2, 0, left_out)
    assert await VolumeLadder.all().count() == 0
    assert await imported(LadderTable.VOLUMES, *rows) == (2, 0, left_out)
    (made,) = await VolumeLadder.all()
    assert (made.tier, made.off_rates) == ("silver", [50, 150])
    assert made.from_volumes == [make.yuan(100), make.yuan(1_000)]
    assert await told(EVENTS) == ["volume_ladder.set"]


async def written(exported: bulk.Table) -> bytes:
    return b"".join([piece async for piece in bulk.as_csv(exported)])


async def test_what_goes_out_comes_in_again_and_changes_nothing() -> None:
    variant = await goods()
    draft = pricing.PriceListDraft("promo", "促销", "Promo", "CNY", priority=1)
    await pricing.save_price_list(make.OPERATOR, draft)
    listed = [pricing.TierPrice("retail", make.yuan(49)), pricing.TierPrice("silver", 465_000)]
    await pricing.set_prices(make.OPERATOR, variant.id, listed, list_code="promo")
    steps = (Step(10, 460_000), Step(100, 455_001))
    for tier, code, given in (
        (Tier.SILVER, None, steps),
        (Tier.SILVER, "promo", (Step(3, 450_000),)),
        (Tier.GOLD, None, (Step(3, 450_000),)),
        (Tier.GOLD, None, ()),  # ended
    ):
        await set_ladder(make.OPERATOR, LadderWish(variant.id, tier, given, code))
    await set_volume_ladder(make.OPERATOR, Tier.GOLD, [VolumeStep(1_234_500, 125)])
    # A list price that fell below a step since then is no reason to refuse what stands.
    lower = [pricing.TierPrice("silver", 458_000), pricing.TierPrice("gold", 458_000)]
    await pricing.set_prices(make.OPERATOR, variant.id, lower)
    counts = (await PriceLadder.all().count(), await VolumeLadder.all().count())
    async with connection() as conn:
        version = await conn.fetchval(VERSION, variant.id)
    for out, kind, lines, stood in (
        (
            export_price_ladders,
            LadderTable.PRICES,
            [
                "sku,tier,currency,from_quantity,price,list",
                f"{variant.sku},silver,CNY,10,46.00,",
                f"{variant.sku},silver,CNY,100,45.5001,",
                f"{variant.sku},silver,CNY,3,45.00,promo",
            ],
            3,
        ),
        (
            export_volume_ladders,
            LadderTable.VOLUMES,
            ["tier,from_volume,off_percent", "gold,123.45,1.25"],
            1,
        ),
    ):
        content = await written(await out(make.OPERATOR))
        assert content.decode("utf-8-sig").split() == lines
        wish = LadderTableWish(kind.value)
        again = await import_ladders(make.OPERATOR, BytesIO(content), wish)
        assert (again.created, again.unchanged, again.errors) == (0, stood, [])
    assert (await PriceLadder.all().count(), await VolumeLadder.all().count()) == counts
    async with connection() as conn:
        assert await conn.fetchval(VERSION, variant.id) == version


async def test_a_row_without_a_step_ends_a_ladder_and_a_base_list_has_two_names() -> None:
    variant = await goods()
    at = f"{variant.sku},silver,CNY"
    both = (f"{at},10,46,", f"{at},20,45,base-cny")
    assert await imported(LadderTable.PRICES, *both, listed=True) == (1, 0, {3: "twice_in_file"})
    assert await standing(variant, Tier.SILVER) == [(10, 460_000)]
    unknown = (f"{at},10,46,nowhere", f"{variant.sku},silver,USD,10,46,base-cny")
    assert (await imported(LadderTable.PRICES, *unknown, listed=True))[2] == {
        2: "price_list_unknown",
        3: "currency",
    }
    for expected in ((1, 0, {}), (0, 1, {})):
        assert await imported(LadderTable.PRICES, f"{at},,") == expected
    assert await standing(variant, Tier.SILVER) == []
    await imported(LadderTable.VOLUMES, "silver,100,1")
    assert await imported(LadderTable.VOLUMES, "silver,,") == (1, 0, {})
    newest = await VolumeLadder.all().order_by("-id").first()
    assert newest is not None
    assert newest.from_volumes == []


async def test_a_file_that_cannot_be_read_whole_sets_no_ladder_that_lacks_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variant = await goods()
    at = f"{variant.sku},silver,CNY"
    wish = LadderTableWish(LadderTable.PRICES.value)
    broken = table(LadderTable.PRICES, f"{at},10,46", f"{at},100,45,5")
    with pytest.raises(Refused) as caught:
        await import_ladders(make.OPERATOR, broken, wish)
    refusal = caught.value.refusals[0]
    assert (refusal.code, refusal.line, refusal.reason) == ("IMPORT_FILE_INVALID", 3, "field_count")
    monkeypatch.setattr("domain.pricebook.ladder_tables.MOST_ROWS", 1)
    many = table(LadderTable.PRICES, f"{at},10,46", f"{at},100,45")
    with pytest.raises(Refused, match="IMPORT_FILE_INVALID"):
        await import_ladders(make.OPERATOR, many, wish)
    assert await PriceLadder.all().count() == 0


async def test_scopes_are_asked_before_anything_is_written() -> None:
    reader = await make.operator("products:read")
    wish = LadderTableWish(LadderTable.PRICES.value)
    for asked in (
        import_ladders(reader, table(LadderTable.PRICES), wish),
        pricebook.begin_ladders(reader, wish),
        export_volume_ladders(reader),
        export_price_ladders(await make.operator("prices:write", "agents:read")),
    ):
        with pytest.raises(Refused, match="FORBIDDEN"):
            await asked
