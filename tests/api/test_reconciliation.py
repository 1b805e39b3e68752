"""The reconciler through the back office's schema (mission row F3)."""

from dataclasses import replace

import pytest

from domain import checkout, reconciliation
from domain.checkout import LineWish, Purchase
from domain.kernel import clock, transaction
from domain.reconciliation.rules import KINDS
from schema.admin import schema
from schema.locale import LANGUAGES, texts
from server import metrics
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
READER = replace(make.OPERATOR, scopes=frozenset({"ledger:read"}))
DAY = """
query Day($day: Date!) {
  reconciliation(day: $day) {
    day waiting
    agreed { name number amount { amount currency } }
    moneyLedger { name number amount { amount } }
    cardLedger { place arrived gone cost { amount } }
    differences { id matter kind message moneyLedger { amount } cardLedger { amount } state }
  }
}
"""
SETTLE = """
mutation Settle($input: ReconciliationSettleInput!) {
  reconciliationSettle(input: $input) { finding { state note } userErrors { code message } }
}
"""


async def test_a_day_shows_both_books_and_a_difference_is_settled() -> None:
    variant = await make.variant(cards=3)
    await checkout.place_order(await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key"))
    (victim, *_) = await make.stock(variant, 2, make.yuan(5))
    async with transaction() as conn:
        await conn.execute("UPDATE cards SET state = 'void' WHERE id = $1", victim.id)
    await reconciliation.reconcile()
    today = clock.now().date().isoformat()
    shown = (await data_of(schema, DAY, READER, day=today))["reconciliation"]
    agreed = {line["name"]: (line["number"], line["amount"]["amount"]) for line in shown["agreed"]}
    assert agreed == {"stored": (2, "130.00"), "sold": (1, "40.00")}
    assert sum(line["arrived"] - line["gone"] for line in shown["cardLedger"]) == 0
    (finding,) = shown["differences"]
    assert (finding["matter"], finding["kind"]) == ("LEFT", "cards_without_write_off")
    assert (finding["moneyLedger"]["amount"], finding["cardLedger"]["amount"]) == ("0.00", "5.00")
    assert "book their write-off" in finding["message"]
    assert b"kameng_reconciliation_open 1.0" in await metrics.render()
    wish = {"id": finding["id"], "note": "voided by a script"}
    denied = await ask(schema, SETTLE, READER, input=wish)
    assert [error.extensions["code"] for error in denied.errors] == ["FORBIDDEN"]
    done = (await data_of(schema, SETTLE, make.OPERATOR, input=wish))["reconciliationSettle"]
    assert done["finding"] == {"state": "SETTLED", "note": "voided by a script"}
    twice = (await data_of(schema, SETTLE, make.OPERATOR, input=wish))["reconciliationSettle"]
    assert twice["userErrors"][0]["code"] == "FINDING_CLOSED"
    listed = "{ reconciliationFindings(state: OPEN) { nodes { id } } }"
    assert (await data_of(schema, listed, READER))["reconciliationFindings"]["nodes"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_difference_says_what_to_do(language: str) -> None:
    assert set(texts(language)["findings"]) == set(KINDS)
