"""The back office keeps contracts with suppliers."""

from datetime import timedelta
from typing import Any

import pytest

from domain.kernel import Prefix, clock, encode_id
from schema.admin import schema
from tests import make
from tests.api.asking import data_of

pytestmark = pytest.mark.usefixtures("db")
SAVE = """mutation Save($input: SupplierContractSaveInput!) { supplierContractSave(input: $input) {
    contract { id number rebateRate minimum { amount }
        terms { variantId sku unitCost { amount } minQuantity exclusive } }
    userErrors { code field } } }"""
END = """mutation End($input: SupplierContractEndInput!) { supplierContractEnd(input: $input) {
    contract { endedAt } userErrors { code field } } }"""
LIST = """{ supplierContracts(supplierCode: "maker") {
    number supplierId supplierCode validUntil } }"""


async def done(document: str, **wish: Any) -> dict[str, Any]:
    (answer,) = (await data_of(schema, document, make.OPERATOR, input=wish)).values()
    found: dict[str, Any] = answer
    return found


async def test_a_contract_is_kept_shown_and_ended() -> None:
    variant = await make.variant()
    offer = await make.offer(variant, make.yuan(80), "maker")
    moment = clock.now()
    term = {"sku": variant.sku, "unitCost": {"amount": "70", "currency": "CNY"}, "minQuantity": 5}
    wish = {
        "supplierCode": "maker",
        "number": "C-1",
        "validFrom": moment.isoformat(),
        "validUntil": (moment + timedelta(days=1)).isoformat(),
        "minimum": {"amount": "1000", "currency": "CNY"},
        "rebateRate": 300,
    }
    saved = (await done(SAVE, **wish, terms=[term]))["contract"]
    assert saved["terms"] == [
        {
            "variantId": encode_id(Prefix.VARIANT, variant.id),
            "sku": variant.sku,
            "unitCost": {"amount": "70.00"},
            "minQuantity": 5,
            "exclusive": False,
        }
    ]
    assert saved["minimum"] == {"amount": "1000.00"}
    (row,) = (await data_of(schema, LIST, make.OPERATOR))["supplierContracts"]
    assert row["supplierId"] == encode_id(Prefix.SUPPLIER, offer.supplier_id)  # type: ignore[attr-defined]
    assert row["supplierCode"] == "maker"
    (error,) = (await done(END, id=saved["id"], reason=" "))["userErrors"]
    assert error["field"] == ["reason"]
    assert (await done(END, id=saved["id"], reason="sold"))["contract"]["endedAt"] is not None
    (error,) = (await done(SAVE, **wish, terms=[{**term, "sku": "none"}]))["userErrors"]
    assert error["field"] == ["terms", "0", "sku"]
