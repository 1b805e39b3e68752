"""Product types as data: made, changed, archived; never a banned word, always reviewed (A3, A7)."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import catalog
from domain.catalog import (
    AccountField,
    DeliveryKind,
    FieldKind,
    ListingStatus,
    ProductTypeDraft,
    VariantDraft,
    review,
    types,
)
from domain.catalog.models import Product, ProductType, ProductTypeVersion, Variant
from domain.kernel import Actor, PageRequest, Refused, connection, new_id, transaction
from tests import make

pytestmark = pytest.mark.usefixtures("db")
PHONE = AccountField("phone", FieldKind.PHONE, "手机号", "Phone number", region="CN")
TOPUP = ProductTypeDraft(
    "phone-credit", "话费", "Phone credit", DeliveryKind.DIRECT_TOPUP, (PHONE,)
)
WRITER = Actor(kind=make.OPERATOR.kind, user_id=new_id(), scopes=frozenset({"products:write"}))


async def execute(sql: str, *values: Any) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *values)


async def refusals(draft: ProductTypeDraft, **more: Any) -> list[tuple[str, tuple[str, ...]]]:
    before = await ProductTypeVersion.all().count()
    with pytest.raises(Refused) as refused:
        await catalog.save_type(make.OPERATOR, draft, **more)
    assert await ProductTypeVersion.all().count() == before
    return [(getattr(r, "reason", r.code), r.field) for r in refused.value.refusals]


async def test_a_type_is_made_and_each_change_is_a_version() -> None:
    made = await catalog.save_type(make.OPERATOR, TOPUP)
    wider = replace(TOPUP, account_fields=(PHONE, replace(PHONE, key="second", required=False)))
    saved = await catalog.save_type(make.OPERATOR, wider, type_id=made.id, expected_version=1)
    assert (saved.version, [row["key"] for row in saved.account_fields]) == (2, ["phone", "second"])
    kept = await ProductTypeVersion.filter(type_id=made.id).order_by("version")
    assert [(row.version, len(row.account_fields)) for row in kept] == [(1, 1), (2, 2)]
    sql = "SELECT array_agg(sequence ORDER BY sequence) FROM outbox_events WHERE subject = $1"
    assert await execute(sql, made.id) == [1, 2]
    sql = "SELECT count(*) FROM audit_entries WHERE target = $1 AND action = 'product_type.save'"
    assert await execute(sql, made.id) == 2
    assert catalog.from_rows(saved.account_fields) == wider.account_fields


async def test_what_a_type_may_not_be() -> None:
    made = await catalog.save_type(make.OPERATOR, TOPUP)
    optional = (replace(PHONE, required=False),)
    assert await refusals(replace(TOPUP, account_fields=optional)) == [
        ("type_needs_account", ("accountFields",))
    ]
    assert await refusals(replace(TOPUP, code="Phone")) == [("slug", ("code",))]
    assert await refusals(TOPUP) == [("CONFLICT", ("code",))]
    assert await refusals(TOPUP, type_id=made.id, expected_version=7) == [
        ("CONFLICT", ("expectedVersion",))
    ]
    manual = replace(TOPUP, delivery_kind=DeliveryKind.MANUAL)
    assert await refusals(manual, type_id=made.id) == [("type_fixed", ("deliveryKind",))]
    assert await refusals(TOPUP, type_id=new_id()) == [("NOT_FOUND", ("id",))]
    with pytest.raises(Refused):
        await catalog.save_type(replace(WRITER, scopes=frozenset({"products:read"})), TOPUP)


async def listing(type_code: str, status: ListingStatus = ListingStatus.APPROVED) -> Product:
    product = await make.product(ListingStatus.DRAFT)
    draft = VariantDraft(f"S-{product.slug}", product.id, "十元", "Ten", type_code=type_code)
    await catalog.save_variant(make.OPERATOR, draft)
    if status is ListingStatus.APPROVED:
        for to in (ListingStatus.SUBMITTED, ListingStatus.APPROVED):
            await catalog.move_listing(make.OPERATOR, catalog.ListingMove(product.id, to))
    return await Product.get(id=product.id)


async def status_of(product_id: UUID) -> ListingStatus:
    return (await Product.get(id=product_id)).status


async def test_a_change_that_buyers_see_is_reviewed_unless_a_reviewer_made_it() -> None:
    made = await catalog.save_type(make.OPERATOR, TOPUP)
    shown = await listing(made.code)
    renamed = replace(TOPUP, account_fields=(replace(PHONE, label_en="Mobile"),))
    await catalog.save_type(make.OPERATOR, renamed, type_id=made.id)
    assert await status_of(shown.id) is ListingStatus.APPROVED
    await catalog.save_type(WRITER, replace(renamed, category_slug="credit"), type_id=made.id)
    assert await status_of(shown.id) is ListingStatus.APPROVED
    await catalog.save_type(WRITER, TOPUP, type_id=made.id)
    assert await status_of(shown.id) is ListingStatus.SUBMITTED


async def saved_during_an_approval() -> ListingStatus:
    """A writer saves a type while a reviewer, who has seen the old one, approves its product."""
    made = await catalog.save_type(make.OPERATOR, TOPUP)
    shown = await listing(made.code, ListingStatus.DRAFT)
    move = catalog.ListingMove(shown.id, ListingStatus.SUBMITTED)
    await catalog.move_listing(make.OPERATOR, move)
    moved = (ListingStatus.SUBMITTED, ListingStatus.APPROVED)
    looking = asyncio.Event()

    async def approve() -> None:
        async with transaction() as conn:
            await conn.execute(review.LOCK_SHARED)
            looking.set()
            await asyncio.sleep(0.3)
            await review.move(conn, make.OPERATOR, [shown.id], moved, "")

    async def save() -> None:
        await looking.wait()
        await catalog.save_type(WRITER, replace(TOPUP, name_en="Other"), type_id=made.id)

    await asyncio.gather(approve(), save())
    return await status_of(shown.id)


async def test_what_a_reviewer_has_not_seen_is_not_on_the_shelf() -> None:
    assert await saved_during_an_approval() is ListingStatus.SUBMITTED


async def test_without_the_lock_it_would_be() -> None:
    """The twin."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(types, "LOCK_ALONE", review.LOCK_SHARED)
        assert await saved_during_an_approval() is ListingStatus.APPROVED


@pytest.mark.parametrize(
    "hidden",
    [
        replace(PHONE, label_en="W-A L L hack"),
        replace(PHONE, help_zh="wallhack"),
        AccountField(
            "tool",
            FieldKind.SELECT,
            "工具",
            "Tool",
            options=(catalog.FieldOption("x", "Ｗallhack", "X"),),
        ),
        AccountField("wallhack", FieldKind.TEXT, "一", "One"),
    ],
    ids=["label", "help", "option", "key"],
)
async def test_a_banned_word_is_in_no_type(hidden: AccountField) -> None:
    await catalog.ban(make.OPERATOR, "cheating", word="wallhack")
    second = replace(hidden, key=hidden.key.replace("phone", "second"))
    draft = replace(TOPUP, account_fields=(PHONE, second))
    assert await refusals(draft) == [("LISTING_BANNED", ("accountFields",))]
    assert await refusals(replace(TOPUP, name_en="Wallhack")) == [
        ("LISTING_BANNED", ("accountFields",))
    ]


async def test_a_later_ban_suspends_what_shows_the_word_in_a_field() -> None:
    draft = replace(TOPUP, account_fields=(replace(PHONE, help_en="for your wallhack"),))
    await catalog.save_type(make.OPERATOR, draft)
    shown, other = await listing(draft.code), await make.product()
    await catalog.ban(make.OPERATOR, "cheating", word="wallhack")
    assert await status_of(shown.id) is ListingStatus.SUSPENDED
    assert await status_of(other.id) is ListingStatus.APPROVED
    await catalog.move_listing(
        make.OPERATOR, catalog.ListingMove(shown.id, ListingStatus.SUBMITTED)
    )
    with pytest.raises(Refused) as refused:
        await catalog.move_listing(
            make.OPERATOR, catalog.ListingMove(shown.id, ListingStatus.APPROVED)
        )
    assert refused.value.refusals[0].code == "LISTING_BANNED"


async def test_plain_sql_cannot_show_a_banned_word_by_a_type() -> None:
    made = await catalog.save_type(make.OPERATOR, TOPUP)
    shown = await listing("card-code")
    bad = await catalog.save_type(
        make.OPERATOR, replace(TOPUP, code="bad", name_en="Aimbot", account_fields=(PHONE,))
    )
    await catalog.ban(make.OPERATOR, "cheating", word="aimbot")
    for sql, value in (
        ("UPDATE product_types SET name_zh = 'aim bot' WHERE id = $1", made.id),
        (
            "UPDATE product_types SET account_fields ="
            " jsonb_set(account_fields, '{0,help_en}', '\"aim-bot\"') WHERE id = $1",
            made.id,
        ),
    ):
        with pytest.raises(asyncpg.CheckViolationError, match="banned"):
            await execute(sql, value)
    sql = "UPDATE variants SET type_id = $2, delivery_kind = 'DIRECT_TOPUP' WHERE product_id = $1"
    with pytest.raises(asyncpg.CheckViolationError, match="banned"):
        await execute(sql, shown.id, bad.id)


async def test_a_variant_is_of_the_kind_of_its_type() -> None:
    product = await listing("direct-topup", ListingStatus.DRAFT)
    variant = await Variant.get(product_id=product.id)
    assert variant.delivery_kind is DeliveryKind.DIRECT_TOPUP
    assert variant.type_id == catalog.plain_type_id(DeliveryKind.DIRECT_TOPUP)
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="variant_kind_of_its_type"):
        await execute("UPDATE variants SET delivery_kind = 'LINK' WHERE id = $1", variant.id)
    for sql in (
        "UPDATE product_types SET delivery_kind = 'LINK' WHERE code = 'manual'",
        "UPDATE product_types SET code = 'by-hand' WHERE code = 'manual'",
        "DELETE FROM product_types WHERE code = 'manual'",
        "DELETE FROM product_type_versions",
        "UPDATE product_type_versions SET version = 9",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await execute(sql)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "variant_type"),
        ({"type_code": "unknown"}, "NOT_FOUND"),
        ({"type_code": "link", "delivery_kind": DeliveryKind.MANUAL}, "variant_type"),
    ],
)
async def test_a_variant_names_a_type_that_there_is(changes: dict[str, Any], reason: str) -> None:
    product = await make.product(ListingStatus.DRAFT)
    with pytest.raises(Refused) as refused:
        await catalog.save_variant(
            make.OPERATOR, VariantDraft("SKU", product.id, "一", "One", **changes)
        )
    (refusal,) = refused.value.refusals
    assert getattr(refusal, "reason", refusal.code) == reason
    assert not await Variant.exists()


async def test_an_archived_type_gets_no_more_variants_and_keeps_those_it_has() -> None:
    made = await catalog.save_type(make.OPERATOR, TOPUP)
    old = await Variant.get(product_id=(await listing(made.code)).id)
    archived = await catalog.save_type(
        make.OPERATOR, replace(TOPUP, archived=True), type_id=made.id
    )
    assert archived.archived_at is not None
    product = await make.product(ListingStatus.DRAFT)
    draft = VariantDraft("SKU-NEW", product.id, "一", "One", type_code=made.code)
    with pytest.raises(Refused) as refused:
        await catalog.save_variant(make.OPERATOR, draft)
    assert refused.value.refusals[0].reason == "type_archived"  # type: ignore[attr-defined]
    again = VariantDraft(old.sku, old.product_id, "十元", "Ten yuan", type_code=made.code)
    await catalog.save_variant(make.OPERATOR, again, variant_id=old.id)
    in_use = await catalog.list_types(PageRequest(100, None, "productTypes"))
    assert made.code not in [row.code for row in in_use.rows]
    everything = await catalog.list_types(PageRequest(100, None, "productTypes"), archived=True)
    assert made.code in [row.code for row in everything.rows]


async def test_each_kind_has_its_plain_type() -> None:
    rows = {row.id: row for row in await ProductType.filter(preset=True)}
    for kind in DeliveryKind:
        row = rows[catalog.plain_type_id(kind)]
        assert (row.code, row.delivery_kind) == (catalog.plain_code(kind), kind)
