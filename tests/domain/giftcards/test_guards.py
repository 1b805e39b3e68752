"""Guessing codes: tries are counted in the database, lock, and tell nothing (mission row K6)."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from domain import giftcards
from domain.cards import own_codes
from domain.giftcards import GiftCardStatus, guards, redeeming, rules
from domain.giftcards.models import GiftCard, GuardKind
from domain.kernel import Actor, Refused, clock, connection, new_id
from tests import make
from tests.domain.giftcards.test_redeeming import bought, code_of, wallet
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
FREE = rules.FREE_TRIES[GuardKind.USER]


async def guess(actor: Actor, code: str = "") -> str:
    return await code_of(giftcards.redeem(actor, code or own_codes.new_code(), None, str(new_id())))


async def person(ip: str = "", *, balance: int = 0) -> Actor:
    return replace(await make.buyer(balance=balance), session_id=new_id(), ip=ip)


async def tries_of(kind: GuardKind) -> list[int]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT tries FROM gift_card_guards WHERE kind = $1 ORDER BY tries", kind.value
        )
    return [row["tries"] for row in rows]


async def test_guessing_locks_and_a_good_code_does_not_open_it() -> None:
    program = await make.gift_program(cards=1)
    _, (code,), _ = await bought(program)
    guesser = await person("203.0.113.5")
    answers = [await guess(guesser) for _ in range(FREE + 3)]
    assert answers == ["GIFT_CARD_NOT_ACCEPTED"] * FREE + ["GIFT_CARD_LOCKED"] * 3
    assert await guess(guesser, code) == "GIFT_CARD_LOCKED"
    assert await wallet(guesser) == 0
    card = await GiftCard.first()
    assert card is not None
    assert card.balance_units == 100 * make.SCALE
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT payload FROM outbox_events WHERE type = 'gift_card.locked_out'"
        )
        audited = await conn.fetchval(
            "SELECT count(*) FROM audit_entries WHERE action = 'gift_card.locked_out'"
        )
    assert (len(told), audited) == (1, 1)
    assert '"user"' in told[0]["payload"]
    assert "203.0.113.5" not in told[0]["payload"]


async def test_a_lock_ends_and_is_forgotten_after_a_quiet_day() -> None:
    guesser = await person()
    for _ in range(FREE):
        await guess(guesser)
    with make.later(seconds=50):
        assert await guess(guesser) == "GIFT_CARD_LOCKED"
    with make.later(seconds=61):
        assert await guess(guesser) == "GIFT_CARD_NOT_ACCEPTED"
        assert await guess(guesser) == "GIFT_CARD_LOCKED"
    with make.later(seconds=61 + 110):
        assert await guess(guesser) == "GIFT_CARD_LOCKED"
    with make.later(days=2):
        for _ in range(FREE):
            assert await guess(guesser) == "GIFT_CARD_NOT_ACCEPTED"
        assert await guess(guesser) == "GIFT_CARD_LOCKED"


async def test_each_further_try_doubles_the_lock() -> None:
    guesser, waits, passed = await person(), [], 0
    for _ in range(FREE):
        await guess(guesser)
    for _ in range(6):
        with make.later(minutes=passed), pytest.raises(Refused) as refused:
            await giftcards.redeem(guesser, own_codes.new_code(), None, str(new_id()))
        (locked,) = refused.value.refusals
        assert isinstance(locked, giftcards.GiftCardLocked)
        waits.append(locked.minutes)
        passed += locked.minutes
        with make.later(minutes=passed):
            assert await guess(guesser) == "GIFT_CARD_NOT_ACCEPTED"
    assert waits == [1, 2, 4, 8, 16, 32]


async def test_a_hundred_guesses_at_once_are_a_hundred_guesses() -> None:
    guesser = await person()
    answers = await asyncio.gather(*(guess(guesser) for _ in range(30)))
    assert answers.count("GIFT_CARD_NOT_ACCEPTED") == FREE
    assert answers.count("GIFT_CARD_LOCKED") == 30 - FREE


async def test_counting_before_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: counted after the try, all at once pass the door together."""
    count = guards.count_try

    async def nothing(actor: Actor, code: str, index: bytes) -> guards.Try:
        return guards.Try([], {}, clock.now())

    async def late(actor: Actor, tried: guards.Try) -> None:
        await asyncio.sleep(0.05)
        with suppress(Refused):
            await count(actor, own_codes.new_code(), b"x")

    monkeypatch.setattr(redeeming, "count_try", nothing)
    monkeypatch.setattr(redeeming, "tell_lockout", late)
    guesser = await person()
    answers = await asyncio.gather(*(guess(guesser) for _ in range(20)), return_exceptions=True)
    assert answers.count("GIFT_CARD_NOT_ACCEPTED") > FREE


@pytest.mark.parametrize("exists", [True, False])
async def test_one_code_is_tried_a_few_times_by_all_together(exists: bool) -> None:
    program = await make.gift_program(cards=1, transferable=False)
    buyer, (real,), _ = await bought(program)
    code = real if exists else own_codes.new_code()
    answers = [await guess(await person(), code) for _ in range(FREE + 2)]
    assert answers == ["GIFT_CARD_NOT_ACCEPTED"] * FREE + ["GIFT_CARD_LOCKED"] * 2
    if exists:  # its buyer waits a minute like everybody, and then uses it
        assert await guess(buyer, code) == "GIFT_CARD_LOCKED"
        with make.later(minutes=1, seconds=1):
            await giftcards.redeem(buyer, code, None, "mine")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("198.51.100.7", "198.51.100.7", id="one address"),
        pytest.param("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", id="one household"),
    ],
)
async def test_an_address_is_locked_whoever_signs_in_from_it(first: str, second: str) -> None:
    free = rules.FREE_TRIES[GuardKind.ADDRESS]
    for number in range(free):
        assert await guess(await person(first if number % 2 else second)) != "GIFT_CARD_LOCKED"
    assert await guess(await person(second)) == "GIFT_CARD_LOCKED"
    assert await guess(await person("192.0.2.1")) == "GIFT_CARD_NOT_ACCEPTED"


async def test_a_session_is_counted_by_itself() -> None:
    session = new_id()
    for _ in range(FREE):
        await guess(replace(await person(), session_id=session))
    assert await guess(replace(await person(), session_id=session)) == "GIFT_CARD_LOCKED"


async def test_a_good_try_does_not_count_nor_pay_for_bad_ones() -> None:
    """Whoever redeems a coin of an own card between two guesses is locked all the same."""
    program = await make.gift_program(cards=1)
    buyer, (code,), _ = await bought(program, await person("", balance=200 * make.SCALE))
    answers = []
    for number in range(FREE + 1):
        try:
            await giftcards.redeem(buyer, code, make.money(1), f"coin{number}")
        except Refused as refused:
            answers.append(refused.refusals[0].code)
        answers.append(await guess(buyer))
    assert answers.count("GIFT_CARD_NOT_ACCEPTED") == FREE
    assert answers[-1] == "GIFT_CARD_LOCKED"


async def test_good_tries_alone_never_lock() -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), _ = await bought(program, await person("192.0.2.9", balance=200 * make.SCALE))
    for number in range(2 * FREE):
        await giftcards.redeem(buyer, code, make.money(1), f"coin{number}")
    for kind in GuardKind:
        assert set(await tries_of(kind)) == {0}


async def test_a_slip_of_the_pen_costs_no_try_and_no_gift_card_is_looked_for() -> None:
    program = await make.gift_program(cards=1)
    _, (code,), _ = await bought(program)
    guesser = await person()
    wrong = ("A" if code[0] != "A" else "B") + code[1:]
    async with count_statements() as seen:
        for _ in range(3 * FREE):
            assert await guess(guesser, wrong) == "GIFT_CARD_MISTYPED"
    (canaries,) = set(seen) - {"BEGIN;", "COMMIT;"}
    assert "canary_prints" in canaries
    assert await tries_of(GuardKind.USER) == []


async def cases() -> dict[str, str]:
    """A code for each thing that may be wrong, none of them the guesser's."""
    program = await make.gift_program(cards=4)
    held = await make.gift_program(cards=1, activation=giftcards.Activation.BY_HAND)
    own = await make.gift_program(cards=1, transferable=False)
    buyer, codes, rows = await bought(program, quantity=3)
    _, (waiting,), _ = await bought(held, key="held")
    _, (personal,), _ = await bought(own, key="own")
    ids = [row.card_id for row in rows]
    await giftcards.move_cards(make.OPERATOR, [ids[0]], GiftCardStatus.FROZEN, "x")
    await giftcards.move_cards(make.OPERATOR, [ids[1]], GiftCardStatus.VOID, "x")
    await giftcards.redeem(buyer, codes[2], None, "all")
    return {
        "frozen": codes[0],
        "void": codes[1],
        "used up": codes[2],
        "not active": waiting,
        "another's": personal,
        "unknown": own_codes.new_code(),
    }


async def test_whatever_is_wrong_takes_the_same_statements_and_gets_the_same_answer() -> None:
    taken: dict[str, list[str]] = {}
    answers = set()
    for name, code in (await cases()).items():
        guesser = await person("192.0.2.77")
        async with count_statements() as seen:
            with pytest.raises(Refused) as refused:
                await giftcards.redeem(guesser, code, None, "key")
        taken[name] = list(seen)
        answers.add(refused.value.refusals)
    assert answers == {(giftcards.GiftCardNotAccepted(field=("code",)),)}
    assert len({tuple(statements) for statements in taken.values()}) == 1
    assert len(taken["unknown"]) > 5
