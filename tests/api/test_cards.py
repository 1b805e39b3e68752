"""The card store through the back office's schema."""

from dataclasses import replace
from typing import Any

import pytest

from domain import cards
from domain.catalog.models import Variant
from domain.kernel import Actor
from schema.admin import schema
from schema.locale import texts
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
CLERK = replace(make.OPERATOR, scopes=frozenset({"cards:write"}))
READER = replace(make.OPERATOR, scopes=frozenset({"cards:read"}))
IMPORT = """
mutation Import($input: CardImportInput!) {
  cardImport(input: $input) {
    report { batchId accepted duplicates rejected replayed problems { line reason message } }
    userErrors { code message field }
  }
}
"""
UNDO = """
mutation Undo($input: CardBatchUndoInput!) {
  cardBatchUndo(input: $input) { report { batchId voided kept } userErrors { code field } }
}
"""
BATCHES = """
query Batches($first: Int, $after: String) {
  cardBatches(first: $first, after: $after) {
    nodes { id source accepted duplicates rejected unitCost { amount currency } undoneAt }
    pageInfo { hasNextPage endCursor }
  }
}
"""


async def run(of: Variant, content: str, language: str = "en", **changes: Any) -> dict[str, Any]:
    cost = {"amount": "45.5", "currency": "CNY"}
    given = {"sku": of.sku, "content": content, "unitCost": cost, **changes}
    data = await data_of(schema, IMPORT, CLERK, language, input=given)
    found: dict[str, Any] = data["cardImport"]
    return found


async def test_cards_are_imported_listed_and_taken_back() -> None:
    variant = await make.variant()
    content = "number,secret\n1,AAAA-1\n2,\n3,AAAA-3\n1,AAAA-1\n"
    payload = await run(variant, content, source="market")
    report = payload["report"]
    assert payload["userErrors"] == []
    assert (report["accepted"], report["duplicates"], report["rejected"]) == (2, 1, 1)
    assert report["problems"] == [
        {"line": line, "reason": reason, "message": texts("en")["reasons"][reason]}
        for line, reason in ((3, "card_secret_missing"), (5, "card_twice_in_file"))
    ]
    assert (await run(variant, content))["report"]["replayed"]
    batch = {"input": {"batchId": report["batchId"]}}
    undone = (await data_of(schema, UNDO, CLERK, **batch))["cardBatchUndo"]
    assert undone["report"] == {"batchId": report["batchId"], "voided": 2, "kept": 0}
    (listed,) = (await data_of(schema, BATCHES, READER))["cardBatches"]["nodes"]
    assert listed.pop("undoneAt") is not None
    assert listed == {
        "id": report["batchId"],
        "source": "market",
        "accepted": 2,
        "duplicates": 1,
        "rejected": 1,
        "unitCost": {"amount": "45.50", "currency": "CNY"},
    }


async def test_a_file_that_cannot_be_read_is_told_in_the_callers_language() -> None:
    variant = await make.variant()
    for language, word in (("en", "column"), ("zh", "列")):
        payload = await run(variant, "number,pin\n1,2\n", language)
        (error,) = payload["userErrors"]
        assert payload["report"] is None
        assert error["code"] == "CARD_FILE_INVALID"
        assert word in error["message"]
    assert await cards.CardBatch.all().count() == 0


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        pytest.param({"sku": "NO-SUCH"}, "NOT_FOUND", ["sku"], id="unknown sku"),
        pytest.param({"source": ""}, "INVALID", ["source"], id="no source"),
        pytest.param({"expiresOn": "2020-01-01"}, "INVALID", ["expiresOn"], id="expired"),
        pytest.param(
            {"unitCost": {"amount": "1", "currency": "USD"}},
            "INVALID",
            ["unitCost"],
            id="another currency",
        ),
    ],
)
async def test_a_wish_that_cannot_stand_names_its_field(
    changes: dict[str, Any], code: str, field: list[str]
) -> None:
    payload = await run(await make.variant(), "A-1\n", **changes)
    (error,) = payload["userErrors"]
    assert (error["code"], error["field"]) == (code, field)
    assert await cards.CardBatch.all().count() == 0


async def test_an_id_of_another_kind_is_no_batch() -> None:
    payload = await data_of(schema, UNDO, CLERK, input={"batchId": "ord_0000"})
    assert payload["cardBatchUndo"]["report"] is None
    assert payload["cardBatchUndo"]["userErrors"][0]["code"] == "INVALID"


async def test_reading_and_writing_are_scopes_of_their_own() -> None:
    given = {"sku": "A", "content": "A-1\n", "unitCost": {"amount": "1", "currency": "CNY"}}
    asked: list[tuple[str, Actor, dict[str, Any]]] = [
        (BATCHES, CLERK, {}),
        (IMPORT, READER, {"input": given}),
        (UNDO, READER, {"input": {"batchId": "bat_0"}}),
    ]
    for query, actor, variables in asked:
        result = await ask(schema, query, actor, **variables)
        assert [error.extensions["code"] for error in result.errors] == ["FORBIDDEN"]
