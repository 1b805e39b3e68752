"""The trace of a card through the back office's schema, asked without its code."""

from dataclasses import replace
from typing import Any

import pytest

from domain import cards, checkout, orders
from domain.audit import AuditEntry
from domain.cards.models import Card
from domain.checkout import LineWish, Purchase
from domain.kernel import Prefix, encode_id, transaction
from schema.admin import schema
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
CLERK = replace(make.OPERATOR, scopes=frozenset({"cards:trace"}))
OTHER = replace(make.OPERATOR, scopes=frozenset({"cards:read", "cards:write", "orders:read"}))
TRACE = """
query Trace($id: ID, $fingerprint: String) {
  cardTrace(id: $id, fingerprint: $fingerprint) {
    card { id state masked orderLineId }
    batch { source unitCost { amount } accepted }
    importedBy
    attempt { supplierId }
    owner { orderId number buyerLogin agents { code } }
    events { action oldState newState actorKind actorLogin orderId cards link chainState }
    faults
  }
}
"""


async def trace(**by: Any) -> Any:
    return (await data_of(schema, TRACE, CLERK, **by))["cardTrace"]


async def code_of(card: Card) -> str:
    async with transaction() as conn:
        sealed = await cards.find_sealed(conn, [card.id])
    return (await cards.open_codes(make.OPERATOR, sealed))[0].secret


async def test_a_card_is_traced_from_its_batch_to_its_buyer() -> None:
    agent = (await make.agent_chain())[-1]
    variant, buyer = await make.variant(cards=3), await make.buyer(referrer=agent.id)
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    await orders.reveal_cards(buyer, placed.order.id, None)
    card = await Card.get(order_line_id=placed.lines[0].id)
    assert await cards.seal_card_events() == 5
    card_id = encode_id(Prefix.CARD, card.id)
    found = await trace(id=card_id)
    login = (await make.User.get(id=buyer.user_id)).login
    order_id = encode_id(Prefix.ORDER, placed.order.id)
    assert found["card"]["id"] == card_id
    assert found["card"]["masked"] == card.masked
    assert found["batch"] == {"source": "test", "unitCost": {"amount": "40.00"}, "accepted": 3}
    assert found["owner"]["number"] == placed.order.number
    assert (found["owner"]["orderId"], found["owner"]["buyerLogin"]) == (order_id, login)
    assert found["owner"]["agents"][0]["code"] == agent.code
    assert len(found["owner"]["agents"]) == 3
    steps = [(each["action"], each["oldState"], each["newState"]) for each in found["events"]]
    assert steps[:2] == [("stored", None, "AVAILABLE"), ("moved", "AVAILABLE", "SOLD")]
    assert steps[2][0] == "revealed"
    assert [each["actorLogin"] for each in found["events"]] == [None, login, login]
    assert [each["cards"] for each in found["events"]] == [3, 1, 1]
    assert {each["chainState"] for each in found["events"]} == {"SEALED"}
    assert found["faults"] == []
    assert found["attempt"] is None


async def test_a_card_is_found_by_the_fingerprint_of_its_code() -> None:
    variant = await make.variant()
    other = await make.variant(cards=1)
    (card,) = await make.stock(variant, 1)
    code = await code_of(card)
    await cards.rotate_keys(make.OPERATOR)
    await cards.rotate_index(make.OPERATOR)
    (found,) = await cards.fingerprints_of(CLERK, "", code.lower().replace("-", " "))
    assert (found.sku, found.card_id) == (variant.sku, card.id)
    answer = await trace(fingerprint=found.fingerprint)
    assert answer["card"]["id"] == encode_id(Prefix.CARD, card.id)
    assert [each["action"] for each in answer["events"]] == ["stored", "reindexed"]
    assert {each["chainState"] for each in answer["events"]} == {"WAITING"}
    (absent,) = await cards.fingerprints_of(CLERK, "", code, other.sku)
    assert absent.card_id is None
    assert await trace(fingerprint=absent.fingerprint) is None
    assert await cards.fingerprints_of(CLERK, "", "UNKNOWN-CODE") == []
    for entry in await AuditEntry.filter(action__in=["card.trace", "card.fingerprint"]):
        assert code not in str(entry.details)
    told = await AuditEntry.filter(action="card.trace").order_by("id")
    assert [(each.target, each.details) for each in told] == [
        (card.id, {"found": True, "by": "fingerprint"}),
        (None, {"found": False, "by": "fingerprint"}),
    ]


async def test_what_was_altered_is_told_with_the_trace() -> None:
    variant, buyer = await make.variant(cards=2), await make.buyer()
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    await cards.seal_card_events()
    card = await Card.get(order_line_id=placed.lines[0].id)
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("UPDATE cards SET unit_cost = 1 WHERE id = $1", card.id)
        await conn.execute("UPDATE orders SET buyer_id = gen_random_uuid()")
        await conn.execute("UPDATE card_batches SET source = 'x'")
    found = await trace(id=encode_id(Prefix.CARD, card.id))
    assert [each["chainState"] for each in found["events"]] == ["SEALED", "BROKEN"]
    told = "\n".join(found["faults"])
    assert "its row was altered" in told
    assert "source was altered, it was 'test'" in told
    assert "link 4 does not hold" in told
    assert len(found["faults"]) == 3


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        pytest.param({}, "exactly one", id="neither"),
        pytest.param({"fingerprint": "00" * 32, "id": "ID"}, "exactly one", id="both"),
        pytest.param({"fingerprint": "zz"}, "64 letters", id="no fingerprint"),
        pytest.param({"fingerprint": "00"}, "64 letters", id="a short one"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(
    by: dict[str, str], reason: str
) -> None:
    (card,) = await make.stock(await make.variant(), 1)
    asked = {
        name: encode_id(Prefix.CARD, card.id) if value == "ID" else value
        for name, value in by.items()
    }
    result = await ask(schema, TRACE, CLERK, **asked)
    (error,) = result.errors
    assert error.extensions["code"] == "INVALID"
    assert reason in error.message
    assert await AuditEntry.filter(action="card.trace").count() == 0


async def test_tracing_is_a_scope_of_its_own() -> None:
    (card,) = await make.stock(await make.variant(), 1)
    result = await ask(schema, TRACE, OTHER, id=encode_id(Prefix.CARD, card.id))
    assert [error.extensions["code"] for error in result.errors] == ["FORBIDDEN"]
    assert await AuditEntry.filter(action="card.trace").count() == 0


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"sku": "A", "content": "SECRET-CODE"}, id="a field is missing"),
        pytest.param({"sku": "A", "content": "SECRET-CODE", "x": 1}, id="an unknown field"),
        pytest.param("SECRET-CODE", id="no object"),
        pytest.param({"sku": "A", "content": ["SECRET-CODE"]}, id="of another type"),
    ],
)
async def test_a_value_that_cannot_be_read_is_not_said_back(given: Any) -> None:
    """An import that a client wrote wrongly has its codes in the variables."""
    query = (
        "mutation I($input: CardImportInput!) { cardImport(input: $input) { report { accepted } } }"
    )
    result = await ask(schema, query, make.OPERATOR, input=given)
    messages = [error.message for error in result.errors]
    assert messages
    assert not any("SECRET" in message for message in messages)
    assert any("input" in message for message in messages)
