"""The verifier names what somebody altered past the triggers, as an administrator could."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain import cards, checkout, ledger
from domain.cards import trace_rules, verifying
from domain.cards.models import Card, CardEvent, CardSeal
from domain.checkout import LineWish, Purchase
from domain.kernel import Invalid, Prefix, Refused, encode_id, transaction
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def tamper(*statements: str) -> None:
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # past all triggers
        for sql in statements:
            await conn.execute(sql)


async def faults(**how: Any) -> list[str]:
    return (await cards.verify_cards(**how)).faults


class Store:
    """Four cards of one batch, the first of them sold; another batch beside it; all sealed."""

    def __init__(self, stored: list[Card], other: Card, line_id: UUID) -> None:
        self.sold, self.free, self.third, self.fourth = stored
        self.other, self.line_id = other, line_id

    def filled(self, text: str) -> str:
        """The statement or the fault with the names of this store."""
        return text.format(
            sold=self.sold.id,
            free=self.free.id,
            third=self.third.id,
            other=self.other.id,
            batch=self.sold.batch_id,
            line=self.line_id,
            SOLD=encode_id(Prefix.CARD, self.sold.id),
            FREE=encode_id(Prefix.CARD, self.free.id),
            THIRD=encode_id(Prefix.CARD, self.third.id),
            BATCH=encode_id(Prefix.CARD_BATCH, self.sold.batch_id),
            NEW=encode_id(Prefix.CARD, UUID(int=7)),
        )


async def store() -> Store:
    (other,) = await make.stock(await make.variant(), 1)
    variant, buyer = await make.variant(), await make.buyer()
    stored = await make.stock(variant, 4)
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    sold = await Card.get(order_line_id=placed.lines[0].id)
    free = [card for card in stored if card.id != sold.id]
    await cards.seal_card_events()
    await ledger.seal_committed()
    assert await faults() == []
    return Store([sold, *free], other, placed.lines[0].id)


NEW_CARD = """
INSERT INTO cards (id, variant_id, batch_id, state, fingerprint, masked, unit_cost, reveal_count,
    created_at)
SELECT '00000000-0000-0000-0000-000000000007', variant_id, batch_id, 'available', '\\x00', '*', 1,
    0, now() FROM cards WHERE id = '{free}'
"""
SWAP = """
UPDATE card_secrets s SET sealed = o.sealed FROM card_secrets o
WHERE (s.card_id = '{free}' AND o.card_id = '{third}')
   OR (s.card_id = '{third}' AND o.card_id = '{free}')
"""
ALTERED = "its sealed code was altered, cut or swapped"
CASES = {
    "the cost of a card": (
        ["UPDATE cards SET unit_cost = 1 WHERE id = '{free}'"],
        ["card {FREE}: its row was altered"],
    ),
    "the expiry of a card": (
        ["UPDATE cards SET expires_on = '2099-01-01' WHERE id = '{free}'"],
        ["card {FREE}: its row was altered"],
    ),
    "what is shown of a card": (
        ["UPDATE cards SET masked = '0000' WHERE id = '{free}'"],
        ["card {FREE}: its row was altered"],
    ),
    "the fingerprint of a card": (
        ["UPDATE cards SET fingerprint = '\\x00' WHERE id = '{free}'"],
        ["card {FREE}: its fingerprint was altered"],
    ),
    "the batch of a card": (
        ["UPDATE cards SET batch_id = o.batch_id FROM cards o"
         " WHERE cards.id = '{free}' AND o.id = '{other}'"],
        ["card {FREE}: its row was altered"],
    ),
    "the state of a card": (
        ["UPDATE cards SET state = 'void' WHERE id = '{free}'"],
        ["card {FREE}: its events end as available, and it is void"],
    ),
    "a sold card put back on the shelf": (
        ["UPDATE cards SET state = 'available', order_line_id = NULL, unit_number = NULL,"
         " sold_at = NULL WHERE id = '{sold}'"],
        ["card {SOLD}: its events end as sold, and it is available"],
    ),
    "whose a sold card is": (
        ["UPDATE cards SET unit_number = 9 WHERE id = '{sold}'"],
        ["card {SOLD}: its events tell of another order line than the one it is sold to"],
    ),
    "a look that was wiped out": (
        ["UPDATE cards SET first_revealed_at = now() WHERE id = '{sold}'"],
        ["card {SOLD}: its first reveal is not the one that was told"],
    ),
    "a card taken away": (
        ["DELETE FROM cards WHERE id = '{free}'",
         "DELETE FROM card_secrets WHERE card_id = '{free}'"],
        ["card {FREE} is gone"],
    ),
    "a card put in": (
        [NEW_CARD],
        ["card {NEW} was put in past the store: no event tells of it"],
    ),
    "one bit of a sealed code": (
        ["UPDATE card_secrets SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)"
         " WHERE card_id = '{free}'"],
        [f"card {{FREE}}: {ALTERED}"],
    ),
    "a sealed code cut": (
        ["UPDATE card_secrets SET sealed = substr(sealed, 1, 20) WHERE card_id = '{free}'"],
        [f"card {{FREE}}: {ALTERED}"],
    ),
    "two sealed codes swapped": (
        [SWAP],
        [f"card {{FREE}}: {ALTERED}", f"card {{THIRD}}: {ALTERED}"],
    ),
    "a sealed code gone": (
        ["DELETE FROM card_secrets WHERE card_id = '{free}'"],
        ["card {FREE}: its sealed code is gone"],
    ),
    "the cost of a batch": (
        ["UPDATE card_batches SET unit_cost = 1 WHERE id = '{batch}'"],
        ["batch {BATCH}: unit_cost was altered, it was 400000"],
    ),
    "the source of a batch": (
        ["UPDATE card_batches SET source = 'elsewhere' WHERE id = '{batch}'"],
        ["batch {BATCH}: source was altered, it was 'test'"],
    ),
    "an event": (
        ["UPDATE card_events SET at = at - interval '1 day' WHERE card_id = '{sold}'"],
        ["event 1 of card {SOLD}, or the order that it names, was altered"],
    ),
    "who moved it": (
        ["UPDATE card_events SET actor_kind = 'operator' WHERE card_id = '{sold}'"],
        ["event 1 of card {SOLD}, or the order that it names, was altered"],
    ),
    "whose the order is": (
        ["UPDATE orders SET buyer_id = gen_random_uuid()"],
        ["event 1 of card {SOLD}, or the order that it names, was altered"],
    ),
    "an event in the middle": (
        ["DELETE FROM card_events WHERE action = 'stored' AND batch_id = '{batch}'"],
        [
            "its event is gone",
            *["{NAME} was put in past the store: no event tells of it"] * 4,
        ],
    ),
    "the only event of a card": (
        ["DELETE FROM card_events WHERE card_id = '{sold}'"],
        [
            "its event is gone",
            "card {SOLD}: its events end as available, and it is sold",
            "card {SOLD}: its events tell of another order line than the one it is sold to",
        ],
    ),
    "an event put in": (
        ["INSERT INTO card_events (id, card_id, batch_id, sequence, at, action, old_state,"
         " new_state, reason) VALUES ('00000000-0000-7000-8000-000000000001', '{free}', '{batch}',"
         " 1, now(),"
         " 'moved', 'available', 'available', '')"],
        ["event 1 of card {FREE} was never sealed"],
    ),
    "a mark": (
        ["UPDATE card_events SET marks = set_byte(marks, 20, get_byte(marks, 20) # 1)"
         " WHERE action = 'stored' AND batch_id = '{batch}'"],
        ["of batch {BATCH}, or the order that it names, was altered", "its row was altered"],
    ),
    "a link": (
        ["UPDATE card_seals SET digest = '\\x00' WHERE sequence = 1"],
        ["link 1: the event 'batch' of batch", "link 2: the event 'stored' of batch"],
    ),
    "a link in the middle": (
        ["DELETE FROM card_seals WHERE sequence = 2"],
        ["link 2 is missing before link 3"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_what_was_altered_is_named(case: str) -> None:
    there = await store()
    statements, expected = CASES[case]
    await tamper(*(there.filled(sql) for sql in statements))
    found = await faults()
    wanted = [there.filled(text.replace("{NAME} ", "")) for text in expected]
    assert len(found) == len(wanted), found
    for text in wanted:
        assert any(text in fault for fault in found), found


async def test_the_same_changes_are_refused_by_the_triggers() -> None:
    await store()
    for table in ("card_events", "card_seals", "trace_checkpoints"):
        await cards.take_checkpoint()
        for sql in (f"DELETE FROM {table}", f"UPDATE {table} SET {column_of(table)}"):
            with pytest.raises(Exception, match="append-only"):
                async with transaction() as conn:
                    await conn.execute(sql)


def column_of(table: str) -> str:
    return {"card_events": "reason = 'x'", "card_seals": "sealed_at = now()"}.get(
        table, "statement = ''"
    )


async def cut_off(there: Store) -> None:
    """Take back the sale together with all that tells of it: the rest fits together."""
    await tamper(
        there.filled("DELETE FROM card_events WHERE card_id = '{sold}'"),
        "DELETE FROM card_seals WHERE event_id NOT IN (SELECT id FROM card_events)",
        there.filled(
            "UPDATE cards SET state = 'available', order_line_id = NULL, unit_number = NULL,"
            " sold_at = NULL WHERE id = '{sold}'"
        ),
    )


async def test_newest_events_that_were_cut_off_are_found_by_the_checkpoint() -> None:
    there = await store()
    taken = await cards.take_checkpoint()
    assert taken is not None
    last = await CardSeal.all().count()
    await cut_off(there)
    gone = f"the chain of cards ended at link {last}, which is gone"
    assert await faults() == [f"checkpoint 1: {gone}"]
    await tamper("DELETE FROM trace_checkpoints")
    assert await faults() == []  # twin: without it nothing tells
    assert await faults(against=[taken]) == [
        "checkpoint 1 was exported and is gone",
        f"exported checkpoint 1: {gone}",
    ]


async def test_a_chain_made_anew_is_found_by_the_checkpoint() -> None:
    there = await store()
    await cards.take_checkpoint()
    await cut_off(there)
    await CardSeal.all().count()
    other = await make.stock(await make.variant(), 1)
    assert other
    await cards.seal_card_events()
    (fault,) = await faults()
    assert "was made anew" in fault


def forge(change: Callable[[cards.Signed], cards.Signed]) -> Callable[[cards.Signed], str]:
    def sql(taken: cards.Signed) -> str:
        forged = change(taken)
        return (
            f"UPDATE trace_checkpoints SET statement = '{forged.statement}',"
            f" signature = '\\x{forged.signature.hex()}',"
            f" public_key = '\\x{forged.public_key.hex()}' WHERE number = 1"
        )

    return sql


def by_a_stranger(taken: cards.Signed) -> cards.Signed:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    statement = taken.statement.replace('"stored":5', '"stored":4')
    assert statement != taken.statement
    return replace(
        taken,
        statement=statement,
        signature=key.sign(statement.encode()),
        public_key=key.public_key().public_bytes_raw(),
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda taken: replace(
                taken, statement=taken.statement.replace('"stored":5', '"stored":4')
            ),
            id="its statement",
        ),
        pytest.param(lambda taken: replace(taken, signature=bytes(64)), id="its signature"),
        pytest.param(by_a_stranger, id="signed by a stranger"),
    ],
)
async def test_an_altered_checkpoint_is_named(
    change: Callable[[cards.Signed], cards.Signed],
) -> None:
    await store()
    taken = await cards.take_checkpoint()
    assert taken is not None
    await tamper(forge(change)(taken))
    assert await faults() == ["checkpoint 1: its signature does not hold"]
    assert "checkpoint 1 is not the one that was exported" in await faults(against=[taken])


async def test_a_missing_checkpoint_is_named() -> None:
    await store()
    for _ in range(3):
        assert await cards.take_checkpoint() is not None
    assert (await cards.verify_cards()).checkpoints == 3
    await tamper("DELETE FROM trace_checkpoints WHERE number = 2")
    assert await faults() == ["checkpoint 2 is missing before 3"]


async def test_a_checkpoint_is_taken_once_a_day() -> None:
    await store()
    assert await cards.take_checkpoint(daily=True) is not None
    assert await cards.take_checkpoint(daily=True) is None


async def test_an_altered_ledger_is_found_by_the_checkpoint() -> None:
    await store()
    taken = await cards.take_checkpoint()
    assert taken is not None
    await tamper("DELETE FROM seals WHERE sequence = (SELECT max(sequence) FROM seals)")
    (fault,) = await faults()
    assert "the chain of ledger ended at link" in fault


async def test_an_export_is_read_back_and_nonsense_refused() -> None:
    await store()
    taken = await cards.take_checkpoint()
    assert taken is not None
    (read,) = cards.read_export([taken.line(), "\n"])
    assert await faults(against=[read]) == []
    with pytest.raises(Refused) as refused:
        cards.read_export(["nonsense"])
    assert refused.value.refusals == (Invalid(reason="checkpoint_unreadable"),)


async def test_checkpoints_outlive_a_rotation_of_the_root_key() -> None:
    await store()
    await cards.take_checkpoint()
    await cards.rotate_keys(make.OPERATOR)
    await cards.seal_card_events()
    await cards.take_checkpoint()
    assert await faults() == []


async def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    there = await store()
    for size in (1, 2, 3):
        monkeypatch.setattr(verifying, "SLICE", size)
        assert await faults() == []
    await tamper(there.filled("DELETE FROM card_secrets WHERE card_id = '{free}'"))
    assert len(await faults()) == 1


async def test_an_event_that_waits_for_the_sealer_is_no_fault_and_an_old_one_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make.stock(await make.variant(), 1)
    assert await faults() == []
    monkeypatch.setattr(verifying, "WINDOW_SECONDS", -1)
    assert all("was never sealed" in fault for fault in await faults())
    assert len(await faults()) == await CardEvent.all().count()


async def test_a_move_of_many_that_one_of_them_did_not_take_is_named() -> None:
    stored = await make.stock(await make.variant(), 150)
    async with transaction() as conn:
        await conn.execute("UPDATE cards SET state = 'frozen'")
    await cards.seal_card_events()
    assert await faults() == []
    await tamper(f"UPDATE cards SET state = 'available' WHERE id = '{stored[3].id}'")
    name = encode_id(Prefix.CARD, stored[3].id)
    assert await faults() == [f"card {name}: its events end as frozen, and it is available"]


def test_a_path_is_followed_from_birth_to_now() -> None:
    def step(sequence: int, old: str, new: str) -> dict[str, Any]:
        return {"sequence": sequence, "old_state": old, "new_state": new}

    path = [step(1, "a", "b"), step(2, "b", "c")]
    assert trace_rules.path_faults("a", "c", path) == []
    assert trace_rules.path_faults("a", "b", path) == ["its events end as c, and it is b"]
    assert trace_rules.path_faults("x", "c", path) == ["event 1 begins as a, not as x"]
    assert trace_rules.path_faults("a", "c", path[1:]) == [
        "event 1 is missing before event 2",
        "event 2 begins as b, not as a",
    ]
