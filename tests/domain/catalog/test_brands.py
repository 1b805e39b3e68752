"""Brands and their authorisations: what lacks one is not published, shown or sold (row A8)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import catalog, sites, suppliers
from domain.catalog import AuthorisationWish, BrandDraft, ListingMove, ListingStatus
from domain.catalog.models import Brand, Product
from domain.checkout import LineWish, NotForSale, Purchase, place_order
from domain.fulfilment import fulfil_line
from domain.kernel import Actor, ActorKind, Refused, clock, connection, page_request
from domain.orders import LineStatus, OrderLine
from tests import make

pytestmark = pytest.mark.usefixtures("db")
DAY = timedelta(days=1)


async def of_brand(name: str = "Netflix", **changes: Any) -> Any:
    """An approved product of this brand with a variant that has cards."""
    product = await make.product(ListingStatus.SUBMITTED)
    await Product.filter(id=product.id).update(brand=name)
    await Product.filter(id=product.id).update(status=ListingStatus.APPROVED)
    return await make.variant(of=product, cards=2, **changes)


async def brand(name: str = "Netflix", **changes: Any) -> Brand:
    found = await Brand.filter(name=name).first()
    draft = BrandDraft(found.slug if found else name.lower(), name)
    return await catalog.save_brand(
        make.OPERATOR, replace(draft, **changes), brand_id=found.id if found else None
    )


async def authorise(of: Brand, days: float = 90, **changes: Any) -> catalog.BrandAuthorisation:
    moment = clock.now()
    wish = AuthorisationWish(of.id, "NF-2026-1", moment - DAY, moment + timedelta(days=days))
    return await catalog.authorise_brand(make.OPERATOR, replace(wish, **changes))


async def status_of(variant: Any) -> tuple[ListingStatus, str]:
    row = await Product.get(id=variant.product_id)
    return row.status, row.review_reason


async def shown(place: catalog.Place = catalog.MAIN) -> int:
    return len((await catalog.list_products(page_request("p", 100, None), place=place)).rows)


async def bought(variant: Any, buyer: Actor, key: str = "key") -> str:
    try:
        await place_order(buyer, Purchase((LineWish(variant.sku, 1),), key))
    except Refused as refused:
        refusal = refused.refusals[0]
        assert isinstance(refusal, NotForSale), refusal
        return refusal.reason
    return "bought"


async def refused(what: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        await what
    return [".".join((refusal.code, *refusal.field)) for refusal in caught.value.refusals]


async def told_of(subject: UUID) -> list[tuple[str, int]]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT type, sequence FROM outbox_events WHERE subject = $1 ORDER BY sequence", subject
        )
    return [(row["type"], row["sequence"]) for row in rows]


async def events_of(subject: UUID) -> list[str]:
    told = await told_of(subject)
    assert [sequence for _, sequence in told] == list(range(1, len(told) + 1))
    return [kind for kind, _ in told]


async def test_a_product_finds_or_makes_its_brand_by_any_path() -> None:
    first, second = await of_brand("Netflix"), await of_brand("ＮＥＴＦＬＩＸ ".strip())
    plain = await make.product()
    rows = {row.id: row for row in await Product.all()}
    assert await Brand.all().count() == 1
    known = await Brand.get(name="Netflix")
    assert known.slug == "netflix"
    for variant in (first, second):
        row = rows[variant.product_id]
        assert (row.brand, row.brand_id) == ("Netflix", known.id)
    assert (rows[plain.id].brand, rows[plain.id].brand_id) == ("", None)
    await of_brand("奈飞")
    assert (await Brand.get(name="奈飞")).slug.startswith("brand")
    await brand("Other")
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as broken:
            await conn.execute("UPDATE brands SET name = 'x' WHERE name = 'Netflix'")
        assert broken.value.constraint_name == "listing_edit_reviewed"
        with pytest.raises(asyncpg.UniqueViolationError):
            await conn.execute("UPDATE brands SET name = 'netflix' WHERE name = 'Other'")


async def test_a_saved_product_carries_the_brands_own_spelling() -> None:
    await of_brand("Netflix")
    other = await make.product()
    wish = catalog.ProductDraft(
        slug=other.slug, name_zh="x", name_en="x", category_id=other.category_id, brand="netflix"
    )
    saved = await catalog.save_product(make.OPERATOR, wish, product_id=other.id)
    assert saved.brand == "Netflix"
    assert saved.brand_id == (await Brand.get(name="Netflix")).id


async def test_a_renamed_brand_takes_its_products_back_to_review() -> None:
    variant = await of_brand("Netflix")
    known = await Brand.get(name="Netflix")
    draft = BrandDraft("netflix", "Netflix", logo_url="https://cdn.example/n.png")
    await catalog.save_brand(make.OPERATOR, draft, brand_id=known.id, expected_version=1)
    assert (await status_of(variant))[0] is ListingStatus.APPROVED
    saved = await catalog.save_brand(
        make.OPERATOR, replace(draft, name="Netflix Inc"), brand_id=known.id
    )
    row = await Product.get(id=variant.product_id)
    assert (saved.version, row.brand, row.status) == (3, "Netflix Inc", ListingStatus.SUBMITTED)
    assert [version for _, version in await told_of(known.id)] == [2, 3]


async def test_a_banned_word_in_a_brands_name_is_found() -> None:
    variant = await of_brand("Netflix")
    known = await Brand.get(name="Netflix")
    await catalog.save_brand(
        make.OPERATOR, BrandDraft("netflix", "Netflix", name_zh="外 挂"), brand_id=known.id
    )
    await catalog.ban(make.OPERATOR, "no cheats", word="外挂")
    move = catalog.move_listing(
        make.OPERATOR, ListingMove(variant.product_id, ListingStatus.APPROVED)
    )
    assert await refused(move) == ["LISTING_BANNED.to"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "N!"}, "slug"),
        ({"name": ""}, "name"),
        ({"name": " x"}, "name"),
        ({"name_zh": "x" * 65}, "nameZh"),
        ({"logo_url": "http://cdn.example/n.png"}, "logoUrl"),
        ({"logo_url": "javascript:alert(1)"}, "logoUrl"),
        ({"logo_url": "https://user@cdn.example/"}, "logoUrl"),
    ],
)
async def test_a_wrong_brand_is_refused(change: dict[str, Any], field: str) -> None:
    draft = replace(BrandDraft("netflix", "Netflix"), **change)
    assert await refused(catalog.save_brand(make.OPERATOR, draft)) == [f"INVALID.{field}"]
    assert await Brand.all().count() == 0


async def test_a_wrong_document_is_refused() -> None:
    known, moment = await brand(), clock.now()
    wish = AuthorisationWish(known.id, "NF-1", moment, moment + DAY)
    wrong = {
        "INVALID.reference": replace(wish, reference=""),
        "INVALID.documentUrl": replace(wish, document_url="ftp://x.example/1"),
        "INVALID.documentDigest": replace(wish, document_digest="abc"),
        "INVALID.region": replace(wish, region="cn!"),
        "INVALID.validUntil": replace(wish, valid_until=moment),
        "NOT_FOUND.brandId": replace(wish, brand_id=UUID(int=1)),
        "NOT_FOUND.supplierId": replace(wish, supplier_id=UUID(int=1)),
    }
    for code, each in wrong.items():
        assert await refused(catalog.authorise_brand(make.OPERATOR, each)) == [code]
    unprivileged = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"brands:read"}))
    assert await refused(catalog.authorise_brand(unprivileged, wish)) == ["FORBIDDEN"]
    assert (await Brand.get(id=known.id)).version == 1
    assert await events_of(known.id) == ["brand.saved"]


async def test_a_brand_that_needs_a_document_is_sold_with_one_only() -> None:
    variant, buyer = await of_brand(), await make.buyer()
    known = await brand(needs_authorisation=True)
    status, reason = await status_of(variant)
    assert status is ListingStatus.SUSPENDED
    assert reason == "brand Netflix: it needs an authorisation and has none"
    assert await bought(variant, buyer) == "not_listed"
    await catalog.move_listing(
        make.OPERATOR, ListingMove(variant.product_id, ListingStatus.SUBMITTED)
    )
    approval = ListingMove(variant.product_id, ListingStatus.APPROVED)
    assert await refused(catalog.move_listing(make.OPERATOR, approval)) == [
        "BRAND_NOT_AUTHORISED.to"
    ]
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute(
                "UPDATE products SET status = 'approved', reviewed_at = now() WHERE id = $1",
                variant.product_id,
            )
        assert broken.value.constraint_name == "listing_authorised"
    await authorise(known)
    await catalog.move_listing(make.OPERATOR, approval)
    assert await bought(variant, buyer) == "bought"


async def test_an_expired_document_delists_and_says_why_and_nothing_is_sold_between() -> None:
    known = await brand(needs_authorisation=True)
    await authorise(known, days=10)
    variant, buyer = await of_brand(), await make.buyer()
    assert await bought(variant, buyer, "in time") == "bought"
    later = clock.now() + timedelta(days=11)
    with clock.fixed(lambda: later):
        # Nobody has suspended it yet: the shelf and the purchase look for themselves.
        assert (await status_of(variant))[0] is ListingStatus.APPROVED
        assert await shown() == 0
        found = await catalog.find_product(product_id=variant.product_id)
        assert found is None
        assert await bought(variant, buyer, "too late") == "not_sold_here"
        assert await catalog.watch_authorisations() == 1
        assert await catalog.watch_authorisations() == 0
        status, reason = await status_of(variant)
        ended = f"{later - DAY:%Y-%m-%d}"
        assert status is ListingStatus.SUSPENDED
        assert reason == f"brand Netflix: its authorisation NF-2026-1 ended on {ended}"
        (review, *_) = (await catalog.reviews_of([variant.product_id]))[variant.product_id]
        assert (review.reviewer_id, review.reason) == (None, reason)
        await authorise(known, days=90, reference="NF-2026-2")
        again = ListingMove(variant.product_id, ListingStatus.SUBMITTED)
        await catalog.move_listing(make.OPERATOR, again)
        assert (await status_of(variant))[0] is ListingStatus.SUBMITTED


async def test_the_look_at_the_moment_is_needed() -> None:
    """The twin: a brand that needs no document is shown and sold at the same moment."""
    variant, buyer = await of_brand(), await make.buyer()
    later = clock.now() + timedelta(days=11)
    with clock.fixed(lambda: later):
        assert await shown() == 1
        assert await bought(variant, buyer) == "bought"


async def test_a_revoked_document_ends_at_once() -> None:
    known = await brand(needs_authorisation=True)
    document = await authorise(known)
    variant = await of_brand()
    assert await refused(catalog.revoke_authorisation(make.OPERATOR, document.id, " ")) == [
        "INVALID.reason"
    ]
    revoked = await catalog.revoke_authorisation(make.OPERATOR, document.id, "forged")
    assert revoked.revoke_reason == "forged"
    assert (await status_of(variant))[0] is ListingStatus.SUSPENDED
    again = catalog.revoke_authorisation(make.OPERATOR, document.id, "again")
    assert await refused(again) == ["CONFLICT.id"]
    assert await events_of(known.id) == [
        "brand.saved", "brand.authorised", "brand.authorisation_revoked",
    ]  # fmt: skip


async def test_evidence_is_never_rewritten() -> None:
    document = await authorise(await brand())
    async with connection() as conn:
        for statement in (
            "UPDATE brand_authorisations SET valid_until = now() + interval '99 years'",
            "UPDATE brand_authorisations SET reference = 'other'",
            "DELETE FROM brand_authorisations",
        ):
            with pytest.raises(asyncpg.PostgresError) as broken:
                await conn.execute(statement)
            assert broken.value.constraint_name == "authorisation_kept"
        await conn.execute(
            "UPDATE brand_authorisations SET revoked_at = now(), revoke_reason = 'x'"
        )
        with pytest.raises(asyncpg.PostgresError):
            await conn.execute("UPDATE brand_authorisations SET revoked_at = NULL")
    assert document.revoked_at is None


async def test_an_end_that_is_near_is_told_once() -> None:
    known = await brand(needs_authorisation=True)
    await authorise(known, days=29)
    await authorise(known, days=60, reference="NF-2026-2")
    assert await catalog.watch_authorisations() == 0
    assert await catalog.watch_authorisations() == 0
    told = [kind for kind in await events_of(known.id) if kind.endswith("expiring")]
    assert told == ["brand.authorisation_expiring"]


async def test_a_document_of_a_region_holds_there_only() -> None:
    known = await brand(needs_authorisation=True)
    await authorise(known, region="CN")
    variant, buyer = await of_brand(), await make.buyer()
    draft = sites.SiteDraft("china", "中国", "China", "CNY", region="CN")
    china = await sites.save_site(make.OPERATOR, draft)
    assert await shown() == 0
    assert await shown(catalog.place_of(china)) == 1
    assert await bought(variant, buyer, "here") == "not_sold_here"
    assert await bought(variant, replace(buyer, site_id=china.id), "there") == "bought"


async def test_a_suppliers_document_lets_that_supplier_deliver_and_no_other() -> None:
    known = await brand(needs_authorisation=True)
    document = await authorise(known)
    variant, buyer = await of_brand(), await make.buyer()
    good = await make.offer(variant, make.yuan(30), "good")
    bad = await make.offer(variant, make.yuan(20), "bad")
    found = await suppliers.candidates_of(variant.id)
    offers = {each.offer_id for each in found if each.authorised}
    assert offers == {good.id, bad.id}
    await authorise(known, supplier_id=good.supplier_id, reference="S-1")  # type: ignore[attr-defined]
    await catalog.revoke_authorisation(make.OPERATOR, document.id, "replaced")
    assert (await status_of(variant))[0] is ListingStatus.APPROVED
    found = await suppliers.candidates_of(variant.id)
    offers = {each.offer_id for each in found if each.authorised}
    assert offers == {good.id}
    assert await bought(variant, buyer) == "bought"


async def test_what_waits_for_a_supplier_without_document_is_refunded() -> None:
    known = await brand(needs_authorisation=True)
    document = await authorise(known)
    product = await make.product(ListingStatus.SUBMITTED)
    await Product.filter(id=product.id).update(brand="Netflix")
    await Product.filter(id=product.id).update(status=ListingStatus.APPROVED)
    variant, buyer = await make.variant(of=product), await make.buyer()
    await make.offer(variant, make.yuan(30))
    placed = await place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    await catalog.revoke_authorisation(make.OPERATOR, document.id, "forged")
    await fulfil_line(placed.lines[0].id)
    line = await OrderLine.get(id=placed.lines[0].id)
    assert line.status is LineStatus.REFUNDED
