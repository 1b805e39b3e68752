"""Selling and using gift cards: what is owed, who hears what, and two at once."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from domain import giftcards, invariants, ledger, orders
from domain.cards import own_codes
from domain.cards.models import Card, CardState
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase, place_order
from domain.commissions import RuleDraft, RuleKind, RuleScope, save_rule
from domain.giftcards import (
    Activation,
    Breakage,
    GiftCardProgram,
    GiftCardReason,
    GiftCardStatus,
    GiftCardValue,
    redeeming,
)
from domain.giftcards.models import GiftCard, GiftCardMove, GiftCardRedemption
from domain.kernel import Actor, Money, Refused, clock, connection
from domain.ledger import AccountKind, account_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
ACTIVE, FROZEN, VOID = GiftCardStatus.ACTIVE, GiftCardStatus.FROZEN, GiftCardStatus.VOID
HUNDRED = 100 * make.SCALE
COUNTED = {"value": GiftCardValue.COUNT, "face_units": None, "uses": 3}


async def bought(
    program: GiftCardProgram, buyer: Actor | None = None, quantity: int = 1, key: str = "buy"
) -> tuple[Actor, list[str], list[GiftCard]]:
    """A buyer with cards of the program, and their codes."""
    who = buyer or await make.buyer()
    sku = (await Variant.get(id=program.variant_id)).sku
    placed = await place_order(who, Purchase((LineWish(sku, quantity),), key))
    opened = await orders.reveal_cards(who, placed.order.id, None)
    rows = [await GiftCard.get(card_id=card.card_id) for card in opened]
    return who, [card.secret for card in opened], rows


async def balance(kind: AccountKind, owner: UUID | None = None) -> int:
    return await ledger.balance_of(account_id(kind, owner, "CNY"))


async def wallet(who: Actor) -> int:
    return await balance(AccountKind.WALLET, who.require_user())


async def books_hold() -> None:
    found = await invariants.find_violations()
    assert {each.name: each.violations for each in found if each.violations} == {}


async def refusal_of(attempt: object) -> object:
    with pytest.raises(Refused) as refused:
        await attempt  # type: ignore[misc]
    (refusal,) = refused.value.refusals
    return refusal


async def code_of(attempt: object) -> str:
    return (await refusal_of(attempt)).code  # type: ignore[attr-defined,no-any-return]


async def test_a_sold_card_is_owed_and_no_revenue() -> None:
    program = await make.gift_program(cards=2, valid_days=1_095)
    buyer, _, (row, _) = await bought(program, quantity=2)
    assert await wallet(buyer) == 800 * make.SCALE
    assert await balance(AccountKind.GIFT_CARD) == 2 * HUNDRED
    for kind in (AccountKind.REVENUE, AccountKind.COST, AccountKind.INVENTORY):
        assert await balance(kind) == 0
    assert (row.status, row.balance_units, row.holder_id) == (ACTIVE, HUNDRED, buyer.user_id)
    assert row.expires_at is not None
    assert row.activated_at is not None
    assert row.expires_at - row.activated_at == timedelta(days=1_095)
    (told,) = await GiftCardMove.filter(card_id=row.card_id)
    assert (told.from_status, told.to_status, told.reason) == ("issued", "active", "sold")
    await books_hold()


@pytest.mark.parametrize(
    ("price", "revenue", "cost"), [(105, 5 * make.SCALE, 0), (95, 0, -5 * make.SCALE)]
)
async def test_only_what_is_paid_beyond_the_value_is_earned(
    price: int, revenue: int, cost: int
) -> None:
    program = await make.gift_program(price=price * make.SCALE, cards=1)
    await Variant.filter(id=program.variant_id).update(sold_below_cost=True)
    await bought(program)
    assert await balance(AccountKind.GIFT_CARD) == HUNDRED
    assert await balance(AccountKind.REVENUE) == revenue
    assert await balance(AccountKind.COST) == cost
    await books_hold()


async def test_no_card_is_sold_below_its_value_unawares() -> None:
    program = await make.gift_program(price=99 * make.SCALE, cards=1)
    sku = (await Variant.get(id=program.variant_id)).sku
    buyer = await make.buyer()
    purchase = Purchase((LineWish(sku, 1),), "buy")
    assert await code_of(place_order(buyer, purchase)) == "PRICE_BELOW_COST"
    assert await GiftCard.filter(sold_at__isnull=False).count() == 0


async def test_no_supplier_stands_in_for_cards_that_are_not_issued() -> None:
    program = await make.gift_program()
    variant = await Variant.get(id=program.variant_id)
    await make.offer(variant, 1)
    buyer = await make.buyer()
    purchase = Purchase((LineWish(variant.sku, 1),), "buy")
    assert await code_of(place_order(buyer, purchase)) == "OUT_OF_STOCK"


async def test_nobody_earns_on_stored_value() -> None:
    chain = await make.agent_chain()
    program = await make.gift_program(price=110 * make.SCALE, cards=1)
    for level in (1, 2, 3):
        await make.rule(level, RuleKind.PERCENT, 10_000)
    await bought(program, await make.buyer(referrer=chain[-1].id))
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM commissions") == 0
        line = await conn.fetchrow("SELECT id, consumer FROM order_lines")
        assert line["consumer"]
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute(
                "INSERT INTO commissions (id, order_line_id, consumer, agent_id, level, basis,"
                " amount, currency, rule, earned_at, release_at) VALUES (gen_random_uuid(), $1,"
                " true, $2, 1, 1, 1, 'CNY', '{}', now(), now())",
                line["id"],
                chain[-1].id,
            )
    assert broken.value.constraint_name == "commission_not_on_stored_value"
    draft = RuleDraft(
        RuleKind.PERCENT, 10_000, 1, scope=RuleScope.VARIANT, scope_id=program.variant_id
    )
    assert await code_of(save_rule(make.OPERATOR, draft)) == "INVALID"
    await books_hold()


async def test_a_card_goes_into_a_wallet_in_parts_and_whole() -> None:
    program = await make.gift_program(cards=1)
    _, (code,), (row,) = await bought(program)
    friend = await make.buyer(balance=0)
    part = Money(30 * make.SCALE, "CNY")
    first = await giftcards.redeem(friend, code, part, "one")
    assert (first.redemption.units, first.redemption.balance_after) == (part.units, 70 * make.SCALE)
    again = await giftcards.redeem(friend, code, part, "one")
    assert (again.replayed, again.redemption.id) == (True, first.redemption.id)
    assert await wallet(friend) == part.units
    more = giftcards.redeem(friend, code, Money(70 * make.SCALE + 100, "CNY"), "two")
    assert await code_of(more) == "GIFT_CARD_BALANCE_INSUFFICIENT"
    rest = await giftcards.redeem(friend, code.lower().replace("-", " "), None, "three")
    assert rest.redemption.units == 70 * make.SCALE
    assert await wallet(friend) == HUNDRED
    assert await balance(AccountKind.GIFT_CARD) == 0
    row = await GiftCard.get(card_id=row.card_id)
    assert (row.status, row.balance_units) == (GiftCardStatus.USED_UP, 0)
    assert (await Card.get(id=row.card_id)).state is CardState.REDEEMED
    assert await code_of(giftcards.redeem(friend, code, None, "four")) == "GIFT_CARD_NOT_ACCEPTED"
    other = giftcards.redeem(friend, code, None, "one")
    assert await code_of(other) == "IDEMPOTENCY_KEY_REUSED"
    async with connection() as conn:
        kinds = await conn.fetch("SELECT type FROM outbox_events WHERE type LIKE 'gift_card.red%'")
        audited = await conn.fetchval(
            "SELECT count(*) FROM audit_entries WHERE action = 'gift_card.redeem'"
        )
    assert (len(kinds), audited) == (2, 2)
    await books_hold()


async def test_two_at_once_redeem_a_card_once() -> None:
    program = await make.gift_program(cards=1)
    _, (code,), _ = await bought(program)
    friends = [await make.buyer(balance=0) for _ in range(6)]
    done = await asyncio.gather(
        *(giftcards.redeem(friend, code, None, "key") for friend in friends),
        return_exceptions=True,
    )
    assert sum(isinstance(each, giftcards.Redeemed) for each in done) == 1
    assert all(isinstance(each, giftcards.Redeemed | Refused) for each in done)
    assert sum([await wallet(friend) for friend in friends]) == HUNDRED
    await books_hold()


async def test_the_lock_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without it two read the same balance, and only the database stops the second."""
    monkeypatch.setattr(redeeming, "_HOLD_CARD", "SELECT $1::uuid")
    monkeypatch.setattr(redeeming, "_HOLD", redeeming._FIND)
    taken = redeeming._taken

    async def slow(*args):
        await asyncio.sleep(0.1)
        return await taken(*args)

    monkeypatch.setattr(redeeming, "_taken", slow)
    program = await make.gift_program(cards=1)
    _, (code,), _ = await bought(program)
    friends = [await make.buyer(balance=0) for _ in range(2)]
    part = Money(50 * make.SCALE, "CNY")
    await asyncio.gather(*(giftcards.redeem(friend, code, part, "key") for friend in friends))
    assert await balance(AccountKind.GIFT_CARD) == 0
    held = await GiftCard.first()
    assert held is not None
    assert held.balance_units == 50 * make.SCALE  # what was taken twice was noted once
    found = {each.name: each.violations for each in await invariants.find_violations()}
    assert found["I4-gift"] > 0


async def test_the_same_key_at_once_redeems_once() -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), _ = await bought(program)
    before = await wallet(buyer)
    part = Money(20 * make.SCALE, "CNY")
    done = await asyncio.gather(*(giftcards.redeem(buyer, code, part, "key") for _ in range(4)))
    assert len({each.redemption.id for each in done}) == 1
    assert sorted(each.replayed for each in done) == [False, True, True, True]
    assert await wallet(buyer) == before + part.units
    async with connection() as conn:
        tries = await conn.fetch("SELECT tries, locked_until FROM gift_card_guards")
    assert {(row["tries"], row["locked_until"]) for row in tries} == {(0, None)}
    await books_hold()


async def standing(case: str) -> tuple[Actor, str, GiftCardReason]:
    """A card that is not good, its buyer and the reason."""
    by_hand = {"activation": Activation.BY_HAND} if case == "not_activated" else {}
    program = await make.gift_program(cards=1, valid_days=1_095, **by_hand)
    buyer, (code,), (row,) = await bought(program)
    if case == "frozen":
        await giftcards.move_cards(make.OPERATOR, [row.card_id], FROZEN, "reported stolen")
    elif case == "void":
        await giftcards.move_cards(make.OPERATOR, [row.card_id], VOID, "sold by mistake")
    elif case == "used_up":
        await giftcards.redeem(buyer, code, None, "all")
    elif case == "disputed":
        await Card.filter(id=row.card_id).update(state=CardState.DISPUTED)
    reason = GiftCardReason.FROZEN if case == "disputed" else GiftCardReason(case)
    return buyer, code, reason


@pytest.mark.parametrize("case", ["not_activated", "frozen", "void", "used_up", "disputed"])
async def test_its_buyer_hears_the_reason_and_nobody_else(case: str) -> None:
    buyer, code, reason = await standing(case)
    stranger = await make.buyer(balance=0)
    own = await refusal_of(giftcards.redeem(buyer, code, None, "mine"))
    assert isinstance(own, giftcards.GiftCardUnusable)
    assert (own.why, own.reason) == (reason, f"gift_card_{reason.value}")
    unknown = await refusal_of(giftcards.redeem(stranger, own_codes.new_code(), None, "none"))
    foreign = await refusal_of(giftcards.redeem(stranger, code, None, "foreign"))
    assert foreign == unknown == giftcards.GiftCardNotAccepted(field=("code",))
    assert await wallet(stranger) == 0
    await books_hold()


async def test_a_card_whose_time_is_over_is_refused_whether_or_not_it_was_booked() -> None:
    program = await make.gift_program(cards=1, valid_days=1_095)
    buyer, (code,), _ = await bought(program)
    with make.later(days=1_096):
        own = await refusal_of(giftcards.redeem(buyer, code, None, "one"))
        assert isinstance(own, giftcards.GiftCardUnusable)
        assert own.why is GiftCardReason.EXPIRED
        assert await giftcards.expire_due() == 1
        assert await giftcards.expire_due() == 0
        own = await refusal_of(giftcards.redeem(buyer, code, None, "two"))
        assert isinstance(own, giftcards.GiftCardUnusable)
        assert own.why is GiftCardReason.EXPIRED
    row = await GiftCard.first()
    assert row is not None
    assert (row.status, row.balance_units) == (GiftCardStatus.EXPIRED, HUNDRED)
    assert await balance(AccountKind.GIFT_CARD) == HUNDRED  # kept: it stays owed
    await giftcards.move_cards(make.OPERATOR, [row.card_id], ACTIVE, "the buyer asked")
    await giftcards.redeem(buyer, code, None, "three")
    assert await balance(AccountKind.GIFT_CARD) == 0
    await books_hold()


async def test_a_rest_becomes_income_only_by_the_terms_and_once() -> None:
    program = await make.gift_program(cards=2, valid_days=1_095, breakage=Breakage.INCOME)
    buyer, (code, _), (row, other) = await bought(program, quantity=2)
    await giftcards.redeem(buyer, code, Money(60 * make.SCALE, "CNY"), "one")
    await giftcards.move_cards(make.OPERATOR, [other.card_id], FROZEN, "x")
    with make.later(days=1_096):
        assert await giftcards.expire_due() == 2
    assert await balance(AccountKind.REVENUE) == 140 * make.SCALE
    assert await balance(AccountKind.GIFT_CARD) == 0
    with pytest.raises(Refused):
        await giftcards.move_cards(make.OPERATOR, [row.card_id], ACTIVE, "again")
    await books_hold()


async def test_two_expiries_at_once_book_a_rest_once() -> None:
    program = await make.gift_program(cards=3, valid_days=1_095, breakage=Breakage.INCOME)
    await bought(program, quantity=3)
    with make.later(days=1_096):
        done = await asyncio.gather(*(giftcards.expire_due() for _ in range(4)))
    assert sum(done) == 3
    assert await balance(AccountKind.REVENUE) == 3 * HUNDRED
    await books_hold()


async def test_a_card_activated_by_hand_is_good_from_then_on() -> None:
    program = await make.gift_program(cards=1, valid_days=1_095, activation=Activation.BY_HAND)
    buyer, (code,), (row,) = await bought(program)
    assert (row.status, row.balance_units) == (GiftCardStatus.ISSUED, HUNDRED)
    assert await balance(AccountKind.GIFT_CARD) == HUNDRED
    week_later = clock.now() + timedelta(days=7)
    with clock.fixed(lambda: week_later):
        (moved,) = await giftcards.move_cards(make.OPERATOR, [row.card_id], ACTIVE)
    assert moved.expires_at == week_later + timedelta(days=1_095)
    await giftcards.redeem(buyer, code, None, "one")
    await books_hold()


@pytest.mark.parametrize(("price", "back"), [(105, 60), (100, 60), (90, 54)])
async def test_a_voided_card_is_paid_back_at_what_was_paid_for_it(price: int, back: int) -> None:
    program = await make.gift_program(price=price * make.SCALE, cards=1)
    await Variant.filter(id=program.variant_id).update(sold_below_cost=True)
    buyer, (code,), (row,) = await bought(program)
    friend = await make.buyer(balance=0)
    await giftcards.redeem(friend, code, Money(40 * make.SCALE, "CNY"), "one")
    before = await wallet(buyer)
    await giftcards.move_cards(make.OPERATOR, [row.card_id], VOID, "code seen by others")
    assert await wallet(buyer) == before + back * make.SCALE
    assert await balance(AccountKind.GIFT_CARD) == 0
    await books_hold()


async def test_a_freeze_and_a_redemption_at_once_leave_the_books_right() -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), (row,) = await bought(program)
    done = await asyncio.gather(
        giftcards.redeem(buyer, code, None, "one"),
        giftcards.move_cards(make.OPERATOR, [row.card_id], VOID, "x"),
        giftcards.move_cards(make.OPERATOR, [row.card_id], FROZEN, "x"),
        return_exceptions=True,
    )
    assert all(not isinstance(each, Exception) or isinstance(each, Refused) for each in done)
    assert any(not isinstance(each, Exception) for each in done)
    await books_hold()


async def test_a_card_for_its_buyer_alone_is_for_its_buyer_alone() -> None:
    program = await make.gift_program(cards=1, transferable=False)
    buyer, (code,), _ = await bought(program)
    stranger = await make.buyer(balance=0)
    assert await code_of(giftcards.redeem(stranger, code, None, "x")) == "GIFT_CARD_NOT_ACCEPTED"
    await giftcards.redeem(buyer, code, None, "one")
    await books_hold()


async def test_each_use_of_a_counted_card_earns_its_share() -> None:
    program = await make.gift_program(price=10 * make.SCALE, cards=1, **COUNTED)
    buyer, (code,), (row,) = await bought(program)
    assert (row.uses_left, row.balance_units) == (3, 10 * make.SCALE)
    assert await balance(AccountKind.REVENUE) == 0
    own = await refusal_of(giftcards.redeem(buyer, code, None, "money"))
    assert isinstance(own, giftcards.GiftCardUnusable)
    assert own.why is GiftCardReason.HOLDS_USES
    shares = []
    for number in (1, 2, 2, 3):
        done = await giftcards.use_once(make.OPERATOR, code, f"use{number}")
        shares.append((done.redemption.units, done.redemption.uses_after, done.replayed))
    assert shares == [(33_333, 2, False), (33_333, 1, False), (33_333, 1, True), (33_334, 0, False)]
    assert await balance(AccountKind.REVENUE) == 10 * make.SCALE
    told = await refusal_of(giftcards.use_once(make.OPERATOR, code, "use4"))
    assert isinstance(told, giftcards.GiftCardUnusable)
    assert told.why is GiftCardReason.USED_UP
    assert await code_of(giftcards.use_once(buyer, code, "x")) == "FORBIDDEN"
    await books_hold()


async def test_two_tills_at_once_take_the_last_use_once() -> None:
    program = await make.gift_program(price=10 * make.SCALE, cards=1, **{**COUNTED, "uses": 1})
    _, (code,), _ = await bought(program)
    done = await asyncio.gather(
        *(giftcards.use_once(make.OPERATOR, code, f"use{number}") for number in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, giftcards.Redeemed) for each in done) == 1
    assert await GiftCardRedemption.all().count() == 1
    await books_hold()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("balance_units = balance_units + 1", "gift_card_only_falls"),
        ("balance_units = -1", "gift_card_balance_in_range"),
        ("holder_id = gen_random_uuid()", "gift_card_stays"),
        ("status = 'frozen', moved_because = '', version = version + 1", "gift_card_move_told"),
        (
            "status = 'used_up', version = version + 1",
            "gift_card_ended_empty",
        ),
    ],
)
async def test_the_database_refuses(change: str, constraint: str) -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), _ = await bought(program)
    await giftcards.redeem(buyer, code, Money(make.SCALE, "CNY"), "one")
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as broken:
            await conn.execute(f"UPDATE gift_cards SET {change}")
        assert broken.value.constraint_name == constraint
        for table in ("gift_card_moves", "gift_card_redemptions"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute(f"DELETE FROM {table}")
    await books_hold()


async def test_a_line_of_gift_cards_without_its_cards_is_refused() -> None:
    program = await make.gift_program(cards=1)
    await bought(program)
    async with connection() as conn, conn.transaction():
        await conn.execute(
            "INSERT INTO cards SELECT (jsonb_populate_record(c, jsonb_build_object('id',"
            " gen_random_uuid(), 'fingerprint', '\\x00', 'state', 'available', 'order_line_id',"
            " NULL, 'unit_number', NULL, 'sold_at', NULL))).* FROM cards c"
        )
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute(
                "INSERT INTO order_lines SELECT (jsonb_populate_record(l, jsonb_build_object('id',"
                " gen_random_uuid(), 'position', 7))).* FROM order_lines l"
            )
        assert broken.value.constraint_name == "gift_card_of_each_piece"


async def test_reveal_shows_the_code_to_the_buyer_only() -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), _ = await bought(program)
    assert own_codes.read_code(code) is not None
    stranger = await make.buyer()
    order = await orders.Order.get(buyer_id=buyer.require_user())
    with pytest.raises(Refused):
        await orders.reveal_cards(stranger, order.id, None)
