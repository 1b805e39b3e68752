"""An order without a session: what opens it, what does not, and what is written down."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import checkout, kernel, orders
from domain.checkout import LineWish, Purchase
from domain.kernel import (
    ANONYMOUS,
    Actor,
    ActorKind,
    IdempotencyKeyReused,
    Invalid,
    KeyRing,
    NotFound,
    Refused,
    connection,
    sealing,
    transaction,
)
from domain.orders import ContactKind, GuestProof
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
PASSWORD = "peach-blossom"


async def bought(key: str = "key", **left: Any) -> orders.Order:
    """A delivered order of a fresh buyer, left with a contact or a password."""
    variant = await make.variant(cards=2)
    keepsake = await orders.keepsake_of(left.get("contact"), left.get("password"), "en")
    purchase = Purchase((LineWish(variant.sku, 1),), key, keepsake=keepsake)
    return (await checkout.place_order(await make.buyer(), purchase)).order


async def audited(action: str) -> list[UUID | None]:
    async with connection() as conn:
        rows = await conn.fetch("SELECT target FROM audit_entries WHERE action = $1", action)
    return [row["target"] for row in rows]


async def reveals() -> int:
    return len(await audited("card.reveal"))


async def test_the_token_opens_its_own_order_and_no_other() -> None:
    one, other = await bought("a"), await bought("b")
    token = orders.guest_token(one.id)
    assert len(token.split("_", 2)[2]) == 43, "256 bits"
    assert orders.guest_token(one.id) == token, "a replay shows the same"
    found = await orders.find_by_guest(ANONYMOUS, GuestProof(one.number, token))
    assert found is not None
    assert found.id == one.id
    assert await orders.find_by_guest(ANONYMOUS, GuestProof(other.number, token)) is None
    assert await audited("order.guest_look") == [one.id]
    assert await audited("order.guest_refused") == [other.id]


@pytest.mark.parametrize(
    "token",
    ["", "kmg_1_", "kmg_1_" + "A" * 43, "kmg_999999_" + "A" * 43, "名"],
)
async def test_a_wrong_token_shows_nothing(token: str) -> None:
    order = await bought()
    assert await orders.find_by_guest(ANONYMOUS, GuestProof(order.number, token)) is None
    with pytest.raises(Refused) as refused:
        await orders.reveal_by_guest(ANONYMOUS, GuestProof(order.number, token), None)
    assert isinstance(refused.value.refusals[0], NotFound)
    assert await reveals() == 0


async def test_a_wrong_number_and_a_wrong_proof_cost_and_sound_the_same() -> None:
    order = await bought(password=PASSWORD)
    seen: list[list[str]] = []
    answers = []
    for proof in (
        GuestProof(order.number, "kmg_1_" + "A" * 43),
        GuestProof("261126-NOSUCHNUMB", "kmg_1_" + "A" * 43),
    ):
        async with count_statements() as statements:
            answers.append(await orders.find_by_guest(ANONYMOUS, proof))
        seen.append(statements)
    assert answers == [None, None]
    assert seen[0] == seen[1]
    refusals = []
    for proof in (
        GuestProof(order.number, password="wrong-password"),
        GuestProof("261126-NOSUCHNUMB", password=PASSWORD),
    ):
        with pytest.raises(Refused) as refused:
            await orders.reveal_by_guest(ANONYMOUS, proof, None)
        refusals.append(refused.value.refusals)
    assert refusals[0] == refusals[1]


async def test_number_and_password_open_and_reveal() -> None:
    order = await bought(password=PASSWORD)
    proof = GuestProof(order.number.lower(), password=PASSWORD)
    assert (await orders.find_by_guest(ANONYMOUS, proof)) is not None
    (card,) = await orders.reveal_by_guest(ANONYMOUS, proof, None)
    assert card.secret
    assert await audited("card.reveal") == [card.card_id]


async def test_an_order_without_a_password_is_not_opened_by_an_empty_one() -> None:
    """Field bug: an empty value matched orders that had none."""
    order = await bought()
    for password in ("", "None", "null"):
        proof = GuestProof(order.number, password=password)
        assert await orders.find_by_guest(ANONYMOUS, proof) is None


@pytest.mark.parametrize("proof", [("n", None, None), ("n", "t", "p")])
async def test_exactly_one_proof_is_asked_for(proof: tuple[str, str | None, str | None]) -> None:
    with pytest.raises(Refused) as refused:
        await orders.find_by_guest(ANONYMOUS, GuestProof(*proof))
    assert refused.value.refusals == (Invalid(reason="guest_proof"),)


async def test_padding_a_number_finds_nothing() -> None:
    """Tries are counted by the number as it was sent: two spellings must not be one order."""
    order = await bought()
    for number in (f" {order.number}", f"{order.number} ", order.number.replace("-", "－")):
        proof = GuestProof(number, orders.guest_token(order.id))
        assert await orders.find_by_guest(ANONYMOUS, proof) is None


async def test_a_purchase_with_a_contact_costs_no_further_statement() -> None:
    variant = await make.variant(cards=1)
    contact = orders.contact_of(None, "138 0013 8000")
    keepsake = await orders.keepsake_of(contact, PASSWORD, "zh")
    buyer = await make.buyer()
    async with count_statements() as seen:
        placed = await checkout.place_order(
            buyer, Purchase((LineWish(variant.sku, 1),), "key", keepsake=keepsake)
        )
    assert len(seen) == 2
    kept = await orders.OrderKeepsake.get(order_id=placed.order.id)
    assert (kept.kind, kept.contact_masked, kept.language) == (
        ContactKind.PHONE,
        "+86••••8000",
        "zh",
    )
    assert b"13800138000" not in kept.contact_sealed
    assert contact is not None
    opened = orders.unsealed_contact(ContactKind.PHONE, kept.contact_sealed, placed.order.id)
    assert opened == contact
    assert opened.value == "+8613800138000"
    for shown in (repr(contact), repr(keepsake), str(kept.lookup_hash)):
        assert "13800138000" not in shown
        assert PASSWORD not in shown


async def test_a_replay_with_another_password_is_another_purchase() -> None:
    variant, buyer = await make.variant(cards=2), await make.buyer()

    async def buy(password: str | None) -> bool:
        keepsake = await orders.keepsake_of(None, password, "en")
        wish = Purchase((LineWish(variant.sku, 1),), "key", keepsake=keepsake)
        return (await checkout.place_order(buyer, wish)).replayed

    assert [await buy(PASSWORD), await buy(PASSWORD)] == [False, True]
    for other in ("another-password", None):
        with pytest.raises(Refused) as refused:
            await buy(other)
        assert isinstance(refused.value.refusals[0], IdempotencyKeyReused)
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM order_keepsakes") == 1


@pytest.mark.parametrize(
    ("email", "phone", "reason"),
    [
        ("nobody", None, "contact_email"),
        ("a@b", None, "contact_email"),
        ("a@b.com\nBcc: c@d.com", None, "contact_email"),
        (None, "12", "contact_phone"),
        (None, "+86 138 0013 8000 ext. 5", "contact_phone"),
        ("a@b.com", "13800138000", "contact_twice"),
    ],
)
def test_what_is_no_contact_is_refused(email: str | None, phone: str | None, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        orders.contact_of(email, phone)
    (refusal,) = refused.value.refusals
    assert isinstance(refusal, Invalid)
    assert refusal.reason == reason


@pytest.mark.parametrize("password", ["1234567", "12345678", "88888888", "Password1"])
async def test_a_weak_look_up_password_is_refused(password: str) -> None:
    with pytest.raises(Refused) as refused:
        await orders.keepsake_of(None, password, "en")
    assert refused.value.refusals[0].code == "PASSWORD_WEAK"


@pytest.mark.parametrize(
    "values",
    [
        "'email', NULL, NULL, 'a', NULL",
        "'fax', 'x', 'x', 'a', NULL",
        "NULL, NULL, NULL, NULL, NULL",
        "NULL, NULL, NULL, NULL, 'in clear'",
    ],
)
async def test_half_a_keepsake_and_a_clear_password_are_refused_by_the_database(
    values: str,
) -> None:
    order = await bought()
    with pytest.raises(asyncpg.CheckViolationError):
        async with transaction() as conn:
            await conn.execute(
                "INSERT INTO order_keepsakes (order_id, kind, contact_sealed, contact_digest,"
                f" contact_masked, lookup_hash, language) VALUES ($1, {values}, 'en')",
                order.id,
            )


async def test_a_keepsake_is_forgotten_or_kept() -> None:
    await bought(password=PASSWORD)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with transaction() as conn:
            await conn.execute("UPDATE order_keepsakes SET language = 'zh'")
    async with transaction() as conn:
        assert await conn.execute("DELETE FROM order_keepsakes") == "DELETE 1"


async def test_what_was_left_with_an_order_is_forgotten_by_who_may() -> None:
    order = await bought(password=PASSWORD, contact=orders.contact_of("lan@example.com", None))
    async with connection() as conn:
        buyer = await conn.fetchval("SELECT buyer_id FROM orders WHERE id = $1", order.id)
    with pytest.raises(Refused) as refused:
        await orders.forget_keepsake(await make.buyer(), order.id)
    assert isinstance(refused.value.refusals[0], NotFound)
    assert await orders.OrderKeepsake.all().count() == 1
    for _ in range(2):
        await orders.forget_keepsake(Actor(kind=ActorKind.USER, user_id=buyer), order.id)
    assert await orders.OrderKeepsake.all().count() == 0
    assert await audited("order.keepsake_forget") == [order.id]
    proof = GuestProof(order.number, password=PASSWORD)
    assert await orders.find_by_guest(ANONYMOUS, proof) is None


async def test_a_token_outlives_a_rotation_of_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    order = await bought()
    old = orders.guest_token(order.id)
    ring = kernel.keys()
    newer = max(ring.versions) + 1
    rotated = KeyRing({**ring.versions, newer: b"n" * 32}, newer)
    monkeypatch.setattr(sealing, "_ring", rotated)
    fresh = orders.guest_token(order.id)
    assert fresh.startswith(f"kmg_{newer}_")
    for token in (old, fresh):
        assert await orders.find_by_guest(ANONYMOUS, GuestProof(order.number, token)) is not None
    monkeypatch.setattr(sealing, "_ring", ring)
    monkeypatch.setattr(sealing, "_purposes", {})
    lost = await orders.find_by_guest(ANONYMOUS, GuestProof(order.number, fresh))
    assert lost is None, "of a version that is not here"
