"""Suppliers and offers, as operators keep them and files bring them."""

import io
from dataclasses import replace
from typing import Any

import pytest

from domain import ledger, suppliers
from domain.kernel import Actor, Refused, SealBroken, connection
from domain.ledger import AccountKind, account_id
from domain.suppliers import OfferWish, Supplier, SupplierOffer, SupplierState, SupplierWish
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
CLERK = replace(make.OPERATOR, scopes=frozenset({"suppliers:write", "suppliers:read"}))
READER = replace(make.OPERATOR, scopes=frozenset({"suppliers:read"}))
SECRET = "the-shared-secret"
KEY = "secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WISH = SupplierWish("alpha", "Alpha 供货", "generic_http", "https://alpha.test/api", SECRET)


async def refused(doing: Any) -> str:
    with pytest.raises(Refused) as caught:
        await doing
    (refusal,) = caught.value.refusals
    return f"{refusal.code} {getattr(refusal, 'reason', getattr(refusal, 'what', ''))}".strip()


async def audits() -> list[str]:
    async with connection() as conn:
        return [row[0] for row in await conn.fetch("SELECT action FROM audit_entries ORDER BY id")]


async def test_a_secret_is_sealed_and_opened_for_its_connection_only() -> None:
    supplier = await suppliers.save_supplier(CLERK, WISH)
    async with connection() as conn:
        row = str(dict(await conn.fetchrow("SELECT * FROM suppliers")))
        audit = str([dict(each) for each in await conn.fetch("SELECT * FROM audit_entries")])
    adapter, opened = await suppliers.connection_of(supplier.id)
    assert (adapter, opened.secret) == ("generic_http", SECRET)
    for text in (row, audit, repr(opened), repr(WISH)):
        assert SECRET not in text


async def test_a_sealed_secret_moved_to_another_supplier_does_not_open() -> None:
    first = await suppliers.save_supplier(CLERK, WISH)
    second = await suppliers.save_supplier(CLERK, replace(WISH, code="beta", secret="other"))
    second.secret_sealed = first.secret_sealed
    await second.save()
    with pytest.raises(SealBroken) as caught:
        await suppliers.connection_of(second.id)
    assert SECRET not in str(caught.value)


async def test_a_change_keeps_the_secret_unless_a_new_one_is_sent() -> None:
    first = await suppliers.save_supplier(CLERK, WISH)
    changed = await suppliers.save_supplier(CLERK, replace(WISH, name="Other", secret=None))
    assert (changed.id, changed.version, changed.name) == (first.id, 2, "Other")
    assert (await suppliers.connection_of(first.id))[1].secret == SECRET
    await suppliers.save_supplier(CLERK, replace(WISH, secret="new"))
    assert (await suppliers.connection_of(first.id))[1].secret == "new"
    assert await Supplier.all().count() == 1
    assert await audits() == ["supplier.save"] * 3


async def test_settings_reach_the_adapter_and_stay_unless_new_ones_are_sent() -> None:
    told = {"customer_id": "1017", "sandbox": "true"}
    supplier = await suppliers.save_supplier(CLERK, replace(WISH, settings=told))
    _, opened = await suppliers.connection_of(supplier.id)
    assert opened.settings == told
    assert opened.callback_url.endswith(f"/callbacks/suppliers/{supplier.id}")
    await suppliers.save_supplier(CLERK, replace(WISH, name="Other"))
    assert (await suppliers.connection_of(supplier.id))[1].settings == told
    await suppliers.save_supplier(CLERK, replace(WISH, settings={}))
    assert (await suppliers.connection_of(supplier.id))[1].settings == {}


async def test_settings_of_a_file_are_kept_when_it_has_no_such_column() -> None:
    head = "code,name,adapter,base_url_setting,priority"
    rows = f"{head},settings\nalpha,Alpha,generic_http,here,1,customer_id=1017|sandbox=true\n"
    addresses = {"here": "http://suppliers.test"}
    report = await suppliers.import_suppliers(
        CLERK, io.BytesIO(rows.encode()), addresses, lambda _: SECRET
    )
    assert (report.updated, report.errors) == (1, [])
    bare = f"{head}\nalpha,Alpha,generic_http,here,1\n"
    for file, changed in ((rows, 0), (bare, 0)):
        report = await suppliers.import_suppliers(
            CLERK, io.BytesIO(file.encode()), addresses, lambda _: SECRET
        )
        assert report.updated == changed
    supplier = await Supplier.get(code="alpha")
    assert supplier.settings == {"customer_id": "1017", "sandbox": "true"}


async def test_a_new_supplier_has_an_account_to_owe_it() -> None:
    supplier = await suppliers.save_supplier(CLERK, WISH)
    owed = account_id(AccountKind.SUPPLIER, supplier.id, make.CNY)
    assert await ledger.balance_of(owed) == 0
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM accounts WHERE id = $1", owed) == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"secret": None}, "supplier_secret_missing"),
        ({"secret": ""}, "supplier_secret_missing"),
        ({"code": ""}, "supplier_code"),
        ({"code": "供"}, "supplier_code"),
        ({"code": "a" * 33}, "supplier_code"),
        ({"name": ""}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"base_url": "ftp://alpha.test"}, "supplier_url"),
        ({"base_url": "https://"}, "supplier_url"),
        ({"base_url": "https://user@alpha.test"}, "supplier_url"),
        ({"base_url": "http://[::1"}, "supplier_url"),
        ({"base_url": "http://alpha.test:99999"}, "supplier_url"),
        ({"base_url": "http://alpha.test/\0"}, "supplier_url"),
        ({"base_url": "https://alpha.test/" + "a" * 300}, "supplier_url"),
        ({"settings": {"": "1"}}, "supplier_settings"),
        ({"settings": {"a": "1" * 501}}, "supplier_settings"),
        ({"settings": {str(n): "1" for n in range(21)}}, "supplier_settings"),
    ],
)
async def test_a_supplier_that_cannot_stand(changes: dict[str, Any], why: str) -> None:
    assert (await refused(suppliers.save_supplier(CLERK, replace(WISH, **changes)))).endswith(why)
    assert await Supplier.all().count() == 0


async def test_an_adapter_that_nobody_wrote() -> None:
    with pytest.raises(Refused) as caught:
        await suppliers.save_supplier(CLERK, replace(WISH, adapter="none"))
    (refusal,) = caught.value.refusals
    assert isinstance(refusal, suppliers.AdapterUnknown)
    assert "generic_http" in refusal.known


async def test_an_offer_is_changed_and_not_doubled() -> None:
    variant = await make.variant()
    await suppliers.save_supplier(CLERK, WISH)
    wish = OfferWish(variant.sku, "alpha", "item-1", make.yuan(80))
    first = await suppliers.save_offer(CLERK, wish)
    again = await suppliers.save_offer(CLERK, wish)
    assert first.id == again.id
    assert await audits() == ["supplier.save", "supplier_offer.save"]
    dearer = await suppliers.save_offer(CLERK, replace(wish, cost=make.yuan(81)))
    assert (dearer.id, dearer.cost) == (first.id, make.yuan(81))
    assert await SupplierOffer.all().count() == 1
    assert len(await audits()) == 3


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"cost": 0}, "offer_cost"),
        ({"cost": -1}, "offer_cost"),
        ({"currency": "USD"}, "currency"),
        ({"item": ""}, "offer_item"),
        ({"item": "a" * 97}, "offer_item"),
        ({"item": "a\0"}, "offer_item"),
        ({"sku": "NONE"}, "variant"),
        ({"supplier_code": "none"}, "supplier"),
    ],
)
async def test_an_offer_that_cannot_stand(changes: dict[str, Any], why: str) -> None:
    variant = await make.variant()
    await suppliers.save_supplier(CLERK, WISH)
    wish = replace(OfferWish(variant.sku, "alpha", "item-1", make.yuan(80)), **changes)
    assert (await refused(suppliers.save_offer(CLERK, wish))).endswith(why)
    assert await SupplierOffer.all().count() == 0


@pytest.mark.parametrize("actor", [READER, replace(make.OPERATOR, scopes=frozenset())])
async def test_nobody_writes_without_the_scope(actor: Actor) -> None:
    variant = await make.variant()
    await suppliers.save_supplier(CLERK, WISH)
    offer = OfferWish(variant.sku, "alpha", "item-1", make.yuan(80))
    assert "FORBIDDEN" in await refused(suppliers.save_supplier(actor, replace(WISH, code="b")))
    assert "FORBIDDEN" in await refused(suppliers.save_offer(actor, offer))
    assert (await Supplier.all().count(), await SupplierOffer.all().count()) == (1, 0)


async def test_nobody_reads_without_the_scope() -> None:
    nobody = replace(make.OPERATOR, scopes=frozenset())
    assert "FORBIDDEN" in await refused(suppliers.list_suppliers(nobody))
    assert await suppliers.list_suppliers(READER) == []


async def test_paused_suppliers_and_switched_off_offers_sell_nothing() -> None:
    offered, paused, off, bare = [await make.variant() for _ in range(4)]
    await suppliers.save_supplier(CLERK, WISH)
    resting = replace(WISH, code="beta", state=SupplierState.PAUSED)
    await suppliers.save_supplier(CLERK, resting)
    for code, variant, enabled in (
        ("alpha", offered, True),
        ("beta", offered, True),
        ("beta", paused, True),
        ("alpha", off, False),
    ):
        wish = OfferWish(variant.sku, code, "item", make.yuan(80), enabled=enabled)
        await suppliers.save_offer(CLERK, wish)
    ids = [each.id for each in (offered, paused, off, bare)]
    async with count_statements() as statements:
        assert await suppliers.variants_with_offers(ids) == {offered.id}
    assert len(statements) == 1
    found = await suppliers.candidates_of(offered.id)
    assert sorted(each.enabled and each.active for each in found) == [False, True]
    assert not any(each.active for each in await suppliers.candidates_of(paused.id))


SUPPLIERS = b"""code,name,adapter,base_url_setting,priority
alpha,Alpha,generic_http,simulator,10
beta,Beta,generic_http,simulator,20
lost,Lost,generic_http,nowhere,20
odd,Odd,none,simulator,20
"""
OFFERS = b"""sku,supplier_code,supplier_item,cost,currency,priority,enabled
%s,alpha,item-1,80.50,CNY,10,true
%s,beta,item-2,81,CNY,20,false
NONE,alpha,item-3,80,CNY,10,true
"""


async def import_suppliers() -> Any:
    return await suppliers.import_suppliers(
        CLERK, io.BytesIO(SUPPLIERS), {"simulator": "http://127.0.0.1:1/"}, "secret-of-{}".format
    )


async def test_a_file_of_suppliers_changes_nothing_the_second_time() -> None:
    first, second = await import_suppliers(), await import_suppliers()
    assert (first.updated, len(first.errors)) == (2, 2)
    assert (second.updated, second.unchanged, len(second.errors)) == (0, 2, 2)
    alpha = await Supplier.get(code="alpha")
    assert (alpha.base_url, alpha.version) == ("http://127.0.0.1:1/alpha", 1)
    assert (await suppliers.connection_of(alpha.id))[1].secret == "secret-of-alpha"


async def test_a_file_of_offers_says_truly_what_it_changed() -> None:
    variant = await make.variant()
    await import_suppliers()
    file = OFFERS.replace(b"%s", variant.sku.encode())
    first = await suppliers.import_offers(CLERK, io.BytesIO(file))
    second = await suppliers.import_offers(CLERK, io.BytesIO(file))
    assert (first.updated, first.unchanged, len(first.errors)) == (2, 0, 1)
    assert (second.updated, second.unchanged, len(second.errors)) == (0, 2, 1)
    assert (await SupplierOffer.get(item="item-1")).cost == make.yuan("80.5")
    switched = file.replace(b"false", b"true")  # the same cost, and yet a change
    third = await suppliers.import_offers(CLERK, io.BytesIO(switched))
    assert (third.updated, third.unchanged) == (1, 1)
    assert (await SupplierOffer.get(item="item-2")).enabled


async def test_nobody_else_is_asked_about_open_purchases(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    supplier = await suppliers.save_supplier(CLERK, WISH)

    async def open_ones(_: Any, ids: Any) -> dict[Any, int]:
        return {ids[0]: 2}

    monkeypatch.setattr(suppliers.places, "open_purchases", open_ones)
    for changes in ({"base_url": "https://other.test"}, {"adapter": "hook", "secret": KEY}):
        with pytest.raises(Refused) as caught:
            await suppliers.save_supplier(CLERK, replace(WISH, **changes))
        assert caught.value.refusals == (suppliers.SupplierHasOpen(open=2, field=("baseUrl",)),)
    same = replace(WISH, base_url=f"{WISH.base_url}/", secret="rotated", name="New name")
    assert (await suppliers.save_supplier(CLERK, same)).name == "New name"
    moved = replace(WISH, base_url="https://other.test", same_party=True)
    await suppliers.save_supplier(CLERK, moved)
    assert (await suppliers.connection_of(supplier.id))[1].base_url == "https://other.test"


async def test_without_open_purchases_an_address_is_free_to_change() -> None:
    await suppliers.save_supplier(CLERK, WISH)
    moved = await suppliers.save_supplier(CLERK, replace(WISH, base_url="https://other.test"))
    assert moved.base_url == "https://other.test"


async def test_a_secret_that_cannot_sign_is_refused_and_a_paused_supplier_need_not_be_right() -> (
    None
):
    wrong = replace(WISH, adapter="hook", secret="secret=whsec_short")
    with pytest.raises(Refused) as caught:
        await suppliers.save_supplier(CLERK, wrong)
    (refusal,) = caught.value.refusals
    assert isinstance(refusal, suppliers.ConnectionUnusable)
    assert (refusal.name, refusal.reason) == ("secret", "connection_unreadable")
    assert "short" not in repr(refusal)
    assert await Supplier.all().count() == 0
    await suppliers.save_supplier(CLERK, replace(wrong, state=SupplierState.PAUSED))
    kept = replace(wrong, secret=None)  # what is stored is looked at, too
    assert (await refused(suppliers.save_supplier(CLERK, kept))).endswith("connection_unreadable")
    await suppliers.save_supplier(CLERK, replace(wrong, secret=KEY))
