"""The demo's files fit together and hold what the README promises."""

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

from domain import catalog
from domain.catalog import rules

DEMO = Path(__file__).parents[2] / "demo"
TIERS = ("retail", "bronze", "silver", "gold")


def rows(name: str) -> list[dict[str, str]]:
    with (DEMO / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_enough_to_see() -> None:
    products = rows("products.csv")
    assert len(products) >= 60
    assert len({each["category_slug"] for each in products}) >= 10
    assert all(each["name_zh"] and each["name_en"] for each in products)


def test_tags_are_single_words() -> None:
    """The import parts them by |; with another sign they would be one long tag."""
    tags = {tag for each in rows("products.csv") for tag in each["tags"].split("|")}
    assert len(tags) > 20
    assert not [tag for tag in tags if ";" in tag or "," in tag]


def test_every_reference_leads_somewhere() -> None:
    shelves = {each["slug"] for each in rows("categories.csv")}
    products = {each["slug"] for each in rows("products.csv")}
    skus = {each["sku"] for each in rows("variants.csv")}
    suppliers = {each["code"] for each in rows("suppliers.csv")}
    logins = {each["login"] for each in rows("agents.csv")}
    assert {each["parent_slug"] for each in rows("categories.csv")} - {""} <= shelves
    assert {each["category_slug"] for each in rows("products.csv")} <= shelves
    assert {each["product_slug"] for each in rows("variants.csv")} == products
    for name in ("prices.csv", "stock.csv", "offers.csv"):
        assert {each["sku"] for each in rows(name)} <= skus, name
    assert {each["supplier_code"] for each in rows("offers.csv")} == suppliers
    assert {each["parent_login"] for each in rows("agents.csv")} - {""} <= logins


def test_nothing_is_twice() -> None:
    keys = {
        "categories.csv": ("slug",),
        "products.csv": ("slug",),
        "variants.csv": ("sku",),
        "prices.csv": ("sku", "tier"),
        "stock.csv": ("sku",),
        "offers.csv": ("sku", "supplier_code", "supplier_item"),
        "agents.csv": ("login",),
        "commission_rules.csv": ("scope", "scope_code", "level"),
        "coupons.csv": ("code",),
    }
    for name, columns in keys.items():
        counted = Counter(tuple(row[column] for column in columns) for row in rows(name))
        assert max(counted.values()) == 1, name


def test_no_tier_is_dearer_than_a_lesser_one_or_below_cost() -> None:
    costs = {each["sku"]: Decimal(each["unit_cost"]) for each in rows("stock.csv")}
    for each in rows("offers.csv"):
        costs[each["sku"]] = max(costs.get(each["sku"], Decimal(0)), Decimal(each["cost"]))
    prices: dict[str, dict[str, Decimal]] = {}
    for each in rows("prices.csv"):
        prices.setdefault(each["sku"], {})[each["tier"]] = Decimal(each["amount"])
    for sku, tiers in prices.items():
        amounts = [tiers[tier] for tier in TIERS]
        assert amounts == sorted(set(amounts), reverse=True), sku
        assert amounts[-1] > costs.get(sku, Decimal(0)), sku


def test_the_stories_of_the_demo_are_there() -> None:
    stock = {each["sku"]: int(each["quantity"]) for each in rows("stock.csv")}
    assert stock["STEAM-CNY-50"] == 2000
    first = {}
    for each in sorted(rows("offers.csv"), key=lambda each: int(each["priority"])):
        first.setdefault(each["sku"], each["supplier_item"])
    for sku, prefix in (
        ("NETFLIX-USD-25", "soldout-"),
        ("SPOTIFY-USD-10", "slow-"),
        ("XBOX-USD-25", "dearer-"),
    ):
        assert sku not in stock
        assert first[sku].startswith(prefix)
    kinds = {each["kind"] for each in rows("commission_rules.csv")}
    assert kinds == {"percent", "fixed", "price_difference"}


def test_there_is_a_coupon_for_the_first_purchase_that_leaves_a_margin() -> None:
    """Another kind each, and the one of the README fits the printed request."""
    coupons = {each["code"]: each for each in rows("coupons.csv")}
    assert {each["kind"] for each in coupons.values()} == {"fixed", "percent", "threshold"}
    off, minimum = (Decimal(coupons["WELCOME2"][name]) for name in ("value", "minimum"))
    price = min(
        Decimal(each["amount"])
        for each in rows("prices.csv")
        if each["sku"] == "STEAM-CNY-50" and each["tier"] == "retail"
    )
    (cost,) = {
        Decimal(each["unit_cost"]) for each in rows("stock.csv") if each["sku"] == "STEAM-CNY-50"
    }
    assert minimum <= price
    assert price - off > cost


def test_there_is_something_of_each_stock_level_and_kind_of_source() -> None:
    stock = {each["sku"] for each in rows("stock.csv")}
    offers = Counter(each["sku"] for each in rows("offers.csv") if each["enabled"] == "true")
    skus = {each["sku"] for each in rows("variants.csv")}
    assert len([sku for sku in skus - stock if offers[sku] >= 2]) >= 15
    by_hand = {each["sku"] for each in rows("variants.csv") if each["delivery_kind"] == "MANUAL"}
    assert not by_hand & (stock | offers.keys())
    assert len(skus - stock - offers.keys() - by_hand) == 2


def test_there_is_a_product_of_every_category_and_of_every_preset() -> None:
    """Mission row A5: game cards, phone top-up, video, licences, courses, e-books, takeaway and
    ride coupons, gift cards, meal cards, e-commerce benefits, digital collectibles."""
    known = {draft.code: draft for draft in catalog.presets()}
    variants = rows("variants.csv")
    assert {each["type_code"] for each in variants} == known.keys()
    for each in variants:
        assert each["delivery_kind"] == known[each["type_code"]].delivery_kind, each["sku"]
    shelves = {each["slug"] for each in rows("categories.csv")}
    assert {draft.category_slug for draft in known.values()} <= shelves
    kinds = Counter(each["delivery_kind"] for each in variants)
    assert {"CARD_CODE", "LINK", "DIRECT_TOPUP", "MANUAL"} == kinds.keys()


def test_suppliers_are_told_all_that_a_top_up_needs() -> None:
    types = {each["sku"]: each["type_code"] for each in rows("variants.csv")}
    presets = {draft.code: draft for draft in catalog.presets()}
    for each in rows("offers.csv"):
        draft = presets[types[each["sku"]]]
        mapped = {pair.partition("=")[2] for pair in each["field_mapping"].split("|") if pair}
        assert mapped == {field.key for field in draft.account_fields}, each["sku"]


def test_phone_credit_is_found_by_its_sound() -> None:
    found = [
        each["slug"]
        for each in rows("products.csv")
        if set(rules.query_terms("huafei")) <= set(rules.search_terms([each["name_zh"]]))
    ]
    assert len(found) >= 3
    assert all(slug.endswith("-credit") for slug in found)


def test_each_row_is_whole_and_in_form() -> None:
    for path in sorted(DEMO.glob("*.csv")):
        assert not path.read_bytes().startswith(b"\xef\xbb\xbf"), path.name
        for row in rows(path.name):
            assert None not in row, f"{path.name}: {row}"
            assert None not in row.values(), f"{path.name}: {row}"
            assert all(value == value.strip() for value in row.values()), f"{path.name}: {row}"
    amounts = [each["amount"] for each in rows("prices.csv")]
    amounts += [each["cost"] for each in rows("offers.csv")]
    assert all(Decimal(amount) == round(Decimal(amount), 2) > 0 for amount in amounts)
    assert all(20 <= int(each["quantity"]) <= 2_000 for each in rows("stock.csv"))
