"""Claim links on real PostgreSQL (row C3): claimed once, by the right one, in time, or never."""

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from domain import cards, checkout, claims, orders
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.claims import LinkState, LinkWish, MadeLink
from domain.kernel import (
    ANONYMOUS,
    Actor,
    IdempotencyKeyReused,
    Refusal,
    Refused,
    clock,
    connection,
    crash,
    transaction,
)
from domain.orders import Contact, ContactKind, Order
from tests import make

pytestmark = pytest.mark.usefixtures("db")
PHONE = Contact(ContactKind.PHONE, "+8613800138000")


@pytest.fixture(autouse=True)
def reached() -> Iterator[None]:
    async def everybody(site_id: UUID, kind: ContactKind) -> bool:
        return kind is ContactKind.PHONE

    before, claims.places.reach = claims.places.reach, everybody
    yield
    claims.places.reach = before


async def bought(quantity: int = 2) -> tuple[Actor, Order]:
    variant = await make.variant(cards=quantity)
    buyer = await make.buyer()
    wish = Purchase((LineWish(variant.sku, quantity),), "key")
    return buyer, (await checkout.place_order(buyer, wish)).order


async def linked(buyer: Actor, order: Order, key: str = "link", **terms: Any) -> MadeLink:
    terms.setdefault("expires_at", clock.now() + timedelta(days=1))
    terms.setdefault("card_ids", None)
    wish = LinkWish(order.id, **terms)
    return await claims.create_link(buyer, wish, key, "en")


def token(made: MadeLink) -> str:
    return made.url.partition("#")[2]


def key() -> str:
    return uuid4().hex


async def refusal(work: Any) -> Refusal:
    """The refusal of a claim, with the proof that no use, look or event came of it."""
    before = await traces()
    with pytest.raises(Refused) as refused:
        await work
    assert await traces() == before
    return refused.value.refusals[0]


async def traces() -> list[int]:
    counts = (
        "claim_links",
        "claim_uses",
        "outbox_events",
        "audit_entries WHERE action = 'card.reveal'",
        "cards WHERE reveal_count > 0",
    )
    async with connection() as conn:
        return [await conn.fetchval(f"SELECT count(*) FROM {each}") for each in counts]


async def test_a_link_is_claimed_once_and_a_second_claim_is_refused() -> None:
    buyer, order = await bought()
    made = await linked(buyer, order)
    opened = await claims.redeem(ANONYMOUS, token(made), key())
    assert len(opened) == 2
    assert all(card.secret for card in opened)
    assert isinstance(
        await refusal(claims.redeem(ANONYMOUS, token(made), key())), claims.ClaimLinkUsed
    )
    view = await claims.view_link(token(made), "en")
    assert (view.state, view.uses_left, view.cards) == (LinkState.USED_UP, 0, [])
    async with connection() as conn:
        looks = await conn.fetch(
            "SELECT actor_kind, actor_id, target, details FROM audit_entries"
            " WHERE action = 'card.reveal'"
        )
        shown = await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'revealed'")
        events = await conn.fetch(
            "SELECT type, payload::text FROM outbox_events WHERE subject = $1 ORDER BY sequence",
            made.link.id,
        )
    assert {(row["actor_kind"], row["actor_id"]) for row in looks} == {("link", made.link.id)}
    assert {row["target"] for row in looks} == {card.card_id for card in opened}
    assert shown == 2
    assert [row["type"] for row in events] == ["claim_link.created", "claim_link.claimed"]
    for card in opened:
        assert card.secret not in str(events)


async def test_the_same_claimer_is_shown_the_same_again() -> None:
    buyer, order = await bought(1)
    made, own = await linked(buyer, order), key()
    first = await claims.redeem(ANONYMOUS, token(made), own)
    again = await claims.redeem(ANONYMOUS, token(made), own)
    assert [card.secret for card in again] == [card.secret for card in first]
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM claim_uses") == 1
    later = clock.now() + timedelta(hours=25)
    with clock.fixed(lambda: later):
        assert isinstance(
            await refusal(claims.redeem(ANONYMOUS, token(made), own)), claims.ClaimLinkUsed
        )


class Died(BaseException):
    """What a power cut looks like from inside."""


async def test_a_claim_that_died_before_it_was_shown_is_shown_by_its_own_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buyer, order = await bought(1)
    made, own = await linked(buyer, order), key()

    def die(name: str) -> None:
        if name == "claim.counted":
            raise Died

    monkeypatch.setattr("domain.claims.claiming.crash_point", die)
    with pytest.raises(Died):
        await claims.redeem(ANONYMOUS, token(made), own)
    monkeypatch.setattr("domain.claims.claiming.crash_point", crash.crash_point)
    async with connection() as conn:
        assert await conn.fetchval("SELECT uses FROM claim_links") == 1
        looks = "SELECT count(*) FROM audit_entries WHERE action = 'card.reveal'"
        assert await conn.fetchval(looks) == 1, "audited before anything was decrypted"
        assert await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'revealed'") == 0
    assert isinstance(
        await refusal(claims.redeem(ANONYMOUS, token(made), key())), claims.ClaimLinkUsed
    )
    (card,) = await claims.redeem(ANONYMOUS, token(made), own)
    assert card.secret


async def test_an_expired_and_a_revoked_link_are_refused() -> None:
    buyer, order = await bought(1)
    made, other = await linked(buyer, order), await linked(buyer, order, "other")
    later = clock.now() + timedelta(days=2)
    with clock.fixed(lambda: later):
        assert isinstance(
            await refusal(claims.redeem(ANONYMOUS, token(made), key())), claims.ClaimLinkExpired
        )
    own = key()
    await claims.redeem(ANONYMOUS, token(other), own)
    for _ in range(2):
        revoked = await claims.revoke_link(buyer, other.link.id)
    assert revoked.revoked_at is not None
    for each in (own, key()):
        assert isinstance(
            await refusal(claims.redeem(ANONYMOUS, token(other), each)), claims.ClaimLinkRevoked
        )


async def test_what_is_unknown_and_what_is_forged_sound_the_same() -> None:
    buyer, order = await bought(1)
    made, other = await linked(buyer, order), await linked(buyer, order, "other")
    good = token(made)
    grafted = good[:26] + token(other)[26:]  # an id with another's signature
    for forged in (grafted, good[:-1], good + "A", "kml_" + "A" * 64, ""):
        answers = [
            await refusal(claims.redeem(ANONYMOUS, forged, key())),
            await refusal(claims.view_link(forged, "en")),
            await refusal(claims.challenge(ANONYMOUS, forged)),
        ]
        assert answers == [claims.ClaimLinkUnknown(field=("token",))] * 3


async def test_terms_that_were_changed_in_the_database_open_nothing() -> None:
    buyer, order = await bought(1)
    made = await linked(buyer, order)
    async with transaction() as conn:
        await conn.execute("ALTER TABLE claim_links DISABLE TRIGGER claim_links_fixed")
        await conn.execute("UPDATE claim_links SET max_uses = 20")
        await conn.execute("ALTER TABLE claim_links ENABLE TRIGGER claim_links_fixed")
    assert isinstance(
        await refusal(claims.redeem(ANONYMOUS, token(made), key())), claims.ClaimLinkUnknown
    )


async def test_a_link_is_made_once_a_key_and_shows_the_same_address() -> None:
    buyer, order = await bought(1)
    ends = clock.now() + timedelta(days=1)
    first, again = [await linked(buyer, order, expires_at=ends) for _ in range(2)]
    assert (first.replayed, again.replayed) == (False, True)
    assert first.url == again.url
    assert token(first) not in repr(first)
    assert isinstance(
        await refusal(linked(buyer, order, expires_at=ends, max_uses=2)), IdempotencyKeyReused
    )


async def test_only_chosen_cards_are_handed_on() -> None:
    buyer, order = await bought(3)
    async with connection() as conn:
        ids = [row["id"] for row in await conn.fetch("SELECT id FROM cards ORDER BY id")]
    made = await linked(buyer, order, card_ids=ids[:2])
    view = await claims.view_link(token(made), "en")
    assert len(view.cards) == 2
    assert all(card.masked.startswith("••••") and card.name for card in view.cards)
    opened = await claims.redeem(ANONYMOUS, token(made), key())
    assert {card.card_id for card in opened} == set(ids[:2])
    stranger = (await refusal(linked(buyer, order, "b", card_ids=[uuid4()]))).code
    assert stranger == "NOT_FOUND"


async def test_nobody_but_the_buyer_makes_a_link() -> None:
    buyer, order = await bought(1)
    for other in (await make.buyer(), make.OPERATOR):
        assert (await refusal(linked(other, order))).code == "NOT_FOUND"
    made = await linked(buyer, order)
    with pytest.raises(Refused):
        await claims.revoke_link(await make.buyer(), made.link.id)
    assert (await claims.revoke_link(make.OPERATOR, made.link.id)).revoked_at is not None


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"max_uses": 0}, "claim_uses"),
        ({"max_uses": 21}, "claim_uses"),
        ({"card_ids": []}, "claim_cards"),
        ({"expires_at": timedelta(seconds=5)}, "claim_life"),
        ({"expires_at": timedelta(days=91)}, "claim_life"),
    ],
)
async def test_terms_out_of_range_are_refused(terms: dict[str, Any], reason: str) -> None:
    buyer, order = await bought(1)
    life = terms.get("expires_at")
    if life is not None:
        terms = {**terms, "expires_at": clock.now() + life}
    assert getattr(await refusal(linked(buyer, order, **terms)), "reason", "") == reason


async def test_a_link_for_two_is_claimed_by_two() -> None:
    buyer, order = await bought(1)
    made = await linked(buyer, order, max_uses=2)
    for _ in range(2):
        await claims.redeem(ANONYMOUS, token(made), key())
    assert isinstance(
        await refusal(claims.redeem(ANONYMOUS, token(made), key())), claims.ClaimLinkUsed
    )


async def code_that_was_sent() -> str:
    """What the message carries: derived from the challenge that its event names."""
    async with connection() as conn:
        found = await conn.fetchval(
            "SELECT payload ->> 'challengeId' FROM outbox_events WHERE type = $1"
            " ORDER BY id DESC LIMIT 1",
            claims.CHALLENGED,
        )
    sent = await claims.code_of(UUID(found))
    assert sent is not None
    return sent[1]


async def test_a_bound_link_opens_to_its_recipient_only() -> None:
    buyer, order = await bought(1)
    made = await linked(buyer, order, recipient=PHONE)
    assert (await claims.view_link(token(made), "en")).recipient == "+86••••8000"
    needed = await refusal(claims.redeem(ANONYMOUS, token(made), key()))
    assert needed == claims.ClaimProofNeeded(recipient="+86••••8000", field=("proof",))
    await claims.challenge(ANONYMOUS, token(made))
    code = await code_that_was_sent()
    async with connection() as conn:
        stored = str(
            await conn.fetch(
                "SELECT c.*::text, e.payload::text FROM claim_challenges c, outbox_events e"
            )
        )
    assert code not in stored, "the code is stored nowhere"
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert isinstance(
        await refusal(claims.redeem(ANONYMOUS, token(made), key(), wrong)), claims.ClaimProofWrong
    )
    assert len(await claims.redeem(ANONYMOUS, token(made), key(), f" {code} ")) == 1


Forward = Callable[[int], None]


@pytest.fixture
def forward() -> Iterator[Forward]:
    """Puts the clock forward by so many seconds."""
    moment = [clock.now()]

    def by(seconds: int) -> None:
        moment[0] += timedelta(seconds=seconds)

    with clock.fixed(lambda: moment[0]):
        yield by


async def codes(link: str, number: int, forward: Forward) -> None:
    """Ask for so many codes, a minute after one another."""
    for _ in range(number):
        await claims.challenge(ANONYMOUS, link)
        forward(61)


async def test_a_code_is_tried_five_times_and_a_link_has_five_codes(forward: Forward) -> None:
    buyer, order = await bought(1)
    made = await linked(buyer, order, recipient=PHONE)
    await codes(token(made), 5, forward)
    spent = await refusal(claims.challenge(ANONYMOUS, token(made)))
    assert spent == claims.ClaimCodesSpent(most=5, field=("token",))
    code = await code_that_was_sent()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(5):
        await refusal(claims.redeem(ANONYMOUS, token(made), key(), wrong))
    late = await refusal(claims.redeem(ANONYMOUS, token(made), key(), code))
    assert isinstance(late, claims.ClaimProofWrong), "even the right one, the sixth time"


async def test_nobody_is_pestered_with_codes(forward: Forward) -> None:
    buyer, order = await bought(1)
    made = [await linked(buyer, order, f"link{n}", recipient=PHONE) for n in range(3)]
    await claims.challenge(ANONYMOUS, token(made[0]))
    soon = await refusal(claims.challenge(ANONYMOUS, token(made[0])))
    assert isinstance(soon, claims.ClaimCodeJustSent)
    assert 50 <= soon.seconds <= 60
    forward(61)
    await codes(token(made[0]), 4, forward)
    await codes(token(made[1]), 5, forward)
    spent = await refusal(claims.challenge(ANONYMOUS, token(made[2])))
    assert spent == claims.ClaimCodesSpent(most=10, field=("token",))
    other = Contact(ContactKind.PHONE, "+8613900139000")
    fresh = await linked(buyer, order, "other", recipient=other)
    await claims.challenge(ANONYMOUS, token(fresh))


async def test_an_old_code_is_none() -> None:
    buyer, order = await bought(1)
    made = await linked(buyer, order, recipient=PHONE)
    await claims.challenge(ANONYMOUS, token(made))
    code, later = await code_that_was_sent(), clock.now() + timedelta(minutes=11)
    with clock.fixed(lambda: later):
        assert isinstance(
            await refusal(claims.redeem(ANONYMOUS, token(made), key(), code)),
            claims.ClaimProofWrong,
        )


async def test_a_link_for_whom_nobody_can_write_to_is_not_made() -> None:
    buyer, order = await bought(1)
    mail = Contact(ContactKind.EMAIL, "lan@example.com")
    assert isinstance(
        await refusal(linked(buyer, order, recipient=mail)), claims.RecipientUnreachable
    )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE claim_links SET max_uses = 5",
        "UPDATE claim_links SET expires_at = expires_at + interval '1 day'",
        "UPDATE claim_links SET uses = 0",
        "UPDATE claim_links SET revoked_at = NULL",
        "DELETE FROM claim_links",
        "UPDATE claim_uses SET number = 2",
        "DELETE FROM claim_uses",
        "INSERT INTO claim_uses (id, link_id, number, key_digest, claimed_at)"
        " SELECT uuidv7(), id, 1, 'x', now() FROM claim_links",
    ],
)
async def test_the_database_takes_nothing_back(change: str) -> None:
    buyer, order = await bought(1)
    made = await linked(buyer, order)
    await claims.redeem(ANONYMOUS, token(made), key())
    await claims.revoke_link(buyer, made.link.id)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with transaction() as conn:
            await conn.execute(change)


async def test_the_database_counts_a_use_by_any_path() -> None:
    buyer, order = await bought(1)
    await linked(buyer, order)
    insert = (
        "INSERT INTO claim_uses (id, link_id, number, key_digest, claimed_at)"
        " SELECT uuidv7(), id, 7, $1, now() FROM claim_links RETURNING number"
    )
    async with transaction() as conn:
        assert await conn.fetchval(insert, b"a") == 1
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with transaction() as conn:
            await conn.fetchval(insert, b"b")
    assert refused.value.constraint_name == "claim_link_uses_counted"


async def test_a_line_of_links_is_handed_on_like_a_card() -> None:
    variant = await make.variant(delivery_kind=DeliveryKind.LINK)
    file = io.BytesIO(b"secret\nhttps://play.example/redeem/ABCDE\n")
    wish = cards.ImportWish(variant.sku, make.yuan(1), "test")
    await cards.import_cards(make.OPERATOR, wish, file)
    buyer = await make.buyer()
    purchase = Purchase((LineWish(variant.sku, 1),), "key")
    order = (await checkout.place_order(buyer, purchase)).order
    made = await linked(buyer, order)
    (opened,) = await claims.redeem(ANONYMOUS, token(made), key())
    assert opened.secret == "https://play.example/redeem/ABCDE"


@pytest.mark.parametrize("state", ["disputed", "redeemed"])
async def test_a_card_that_is_no_longer_good_is_not_handed_on(state: str) -> None:
    buyer, order = await bought(2)
    made = await linked(buyer, order)
    async with transaction() as conn:
        bad = await conn.fetchval("SELECT id FROM cards ORDER BY id LIMIT 1")
        await conn.execute(
            f"UPDATE cards SET state = '{state}', first_revealed_at = now() WHERE id = $1", bad
        )
    assert len((await claims.view_link(token(made), "en")).cards) == 1
    (good,) = await claims.redeem(ANONYMOUS, token(made), key())
    assert good.card_id != bad
    assert (await refusal(linked(buyer, order, "bad", card_ids=[bad]))).code == "NOT_FOUND"


async def test_a_link_without_a_good_card_counts_nothing() -> None:
    buyer, order = await bought(1)
    made = await linked(buyer, order)
    async with transaction() as conn:
        await conn.execute("UPDATE cards SET state = 'refunded'")
    assert isinstance(
        await refusal(claims.redeem(ANONYMOUS, token(made), key())), claims.ClaimNothingLeft
    )
    assert (await claims.view_link(token(made), "en")).uses_left == 1
    assert isinstance(await refusal(linked(buyer, order, "late")), claims.ClaimNothingLeft)


async def test_a_share_of_a_code_for_many_is_handed_on() -> None:
    variant = await make.variant()
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(shared=True))
    await make.stock(variant, 1)
    first, earlier = await _share(variant.sku, 1)
    second, order = await _share(variant.sku, 2)
    await orders.reveal_cards(first, earlier.id, None)
    made = await linked(second, order)
    (view,) = (await claims.view_link(token(made), "en")).cards
    assert view.seen_before is False, "another buyer's look is not this share's"
    (opened,) = await claims.redeem(ANONYMOUS, token(made), key())
    assert opened.secret


async def _share(sku: str, number: int) -> tuple[Actor, Order]:
    buyer = await make.buyer()
    purchase = Purchase((LineWish(sku, 1),), f"share{number}")
    return buyer, (await checkout.place_order(buyer, purchase)).order
