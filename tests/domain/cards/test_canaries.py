"""Canaries: planted, never sold, and loud when somebody touches one."""

import io
import logging
from collections.abc import Callable
from dataclasses import replace

import asyncpg
import pytest

from domain import aftersale, cards, checkout, giftcards
from domain.cards import CanaryWish, own_codes, planting, rules
from domain.cards.models import Card, CardState
from domain.checkout import LineWish, Purchase
from domain.invariants import find_violations
from domain.kernel import Prefix, Refused, connection, encode_id, transaction
from server import metrics
from tests import make

pytestmark = pytest.mark.usefixtures("db")
KEEPER = replace(make.OPERATOR, scopes=frozenset({"cards:canary"}))


async def alarms() -> list[tuple[str, str]]:
    """The card and the deed of each alarm, as the audit log and the events tell it."""
    async with connection() as conn:
        audited = await conn.fetch(
            "SELECT target::text AS card, details->>'deed' AS deed FROM audit_entries"
            " WHERE action = 'card.canary_touched' ORDER BY id"
        )
        events = await conn.fetchval(
            "SELECT count(*) FROM outbox_events WHERE type = 'card.canary_touched'"
        )
    assert events == len(audited)
    return [(row["card"], row["deed"]) for row in audited]


async def planted(count: int = 1, **changes: str) -> tuple[make.Variant, list[Card]]:
    variant = await make.variant()
    report = await cards.plant_canaries(KEEPER, CanaryWish(variant.id, count, "key", **changes))
    return variant, await Card.filter(batch_id=report.batch_id)


async def code_of(card: Card) -> cards.OpenedCard:
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, [card.id])
    (opened,) = await cards.open_codes(make.OPERATOR, sealed, alarm=False)
    return opened


async def test_canaries_are_sealed_like_any_card_and_never_sold() -> None:
    variant, birds = await planted(3, secret_form="XBOX-####-????-####-????")
    assert {bird.state for bird in birds} == {CardState.CANARY}
    codes = {(await code_of(bird)).secret for bird in birds}
    assert len(codes) == 3
    assert all(code.startswith("XBOX-") and code[5:9].isdigit() for code in codes)
    assert await cards.stock_of([variant.id], 10) == {variant.id: 0}
    buyer, purchase = await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key")
    with pytest.raises(Refused) as refused:
        await checkout.place_order(buyer, purchase)
    assert refused.value.refusals[0].code == "OUT_OF_STOCK"
    assert await alarms() == []
    assert [each.name for each in await find_violations() if each.violations] == []


async def test_the_same_key_plants_once_and_the_trace_holds() -> None:
    variant = await make.variant()
    wish = CanaryWish(variant.id, 2, "key")
    first, again = [await cards.plant_canaries(KEEPER, wish) for _ in range(2)]
    assert (first.replayed, again.replayed) == (False, True)
    assert first.batch_id == again.batch_id
    assert await Card.all().count() == 2
    with pytest.raises(Refused) as refused:
        await cards.plant_canaries(KEEPER, replace(wish, count=3))
    assert refused.value.refusals[0].code == "IDEMPOTENCY_KEY_REUSED"
    await cards.seal_card_events()
    report = await cards.verify_cards()
    assert report.faults == []


async def test_the_database_sells_no_canary() -> None:
    _, (bird,) = await planted()
    async with connection() as conn:
        for state in ("sold", "available", "redeemed"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute("UPDATE cards SET state = $2 WHERE id = $1", bird.id, state)
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("DELETE FROM card_canaries WHERE card_id = $1", bird.id)


async def test_opening_one_raises_the_alarm_without_its_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, (bird,) = await planted()
    secret = (await code_of(bird)).secret
    (honest,) = await make.stock(await make.variant(), 1)
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, [honest.id, bird.id])
    with caplog.at_level(logging.CRITICAL, "kameng.canaries"):
        await cards.open_codes(make.OPERATOR, sealed)
    assert await alarms() == [(str(bird.id), "reveal")]
    (line,) = caplog.records
    assert str(bird.id) in line.getMessage()
    assert 'kameng_card_alarms{kind="canary_touched"} 1.0' in (await metrics.render()).decode()
    async with connection() as conn:
        for table in ("audit_entries", "outbox_events", "card_canaries", "cards", "card_batches"):
            text = str([dict(row) for row in await conn.fetch(f"SELECT * FROM {table}")])
            assert secret not in text
    assert secret not in caplog.text


async def test_honest_cards_are_opened_without_alarm() -> None:
    (honest,) = await make.stock(await make.variant(), 1)
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, [honest.id])
    await cards.open_codes(make.OPERATOR, sealed)
    assert await alarms() == []


async def test_one_that_comes_back_in_an_import_raises_the_alarm() -> None:
    variant, (bird,) = await planted()
    secret = (await code_of(bird)).secret
    file = io.BytesIO(f"secret\nHONEST-1\n{secret.lower().replace('-', ' ')}\n".encode())
    report = await cards.import_cards(make.OPERATOR, cards.ImportWish(variant.sku, 1), file)
    assert (report.accepted, report.duplicates) == (1, 1)
    assert await alarms() == [(str(bird.id), "import")]


async def test_one_that_is_looked_up_by_a_rehearsal_raises_the_alarm() -> None:
    variant, (bird,) = await planted()
    secret = (await code_of(bird)).secret
    wish = cards.ImportWish(variant.sku, 1, dry_run=True)
    await cards.import_cards(make.OPERATOR, wish, io.BytesIO(f"secret\n{secret}\n".encode()))
    assert await alarms() == [(str(bird.id), "rehearsal")]


async def test_one_that_is_looked_up_by_its_code_raises_the_alarm() -> None:
    variant, (bird,) = await planted()
    (honest,) = await make.stock(variant, 1)
    tracer = replace(make.OPERATOR, scopes=frozenset({"cards:trace"}))
    for card, expected in ((honest, 0), (bird, 1)):
        opened = await code_of(card)
        found = await cards.fingerprints_of(tracer, opened.number or "", opened.secret)
        assert len(await alarms()) == expected
    await cards.trace_card(tracer, fingerprint=found[0].fingerprint)
    assert await alarms() == [(str(bird.id), "lookup")] * 2
    await cards.trace_card(tracer, card_id=bird.id)  # whoever looks into the alarm raises none
    assert len(await alarms()) == 2


async def test_one_that_a_supplier_delivers_raises_the_alarm() -> None:
    variant, (bird,) = await planted()
    code = await code_of(bird)
    fresh = await cards.fresh_key()
    async with transaction() as conn:
        await cards.store_purchased(
            conn,
            fresh,
            variant_id=variant.id,
            attempt_id=variant.id,
            source="alpha",
            codes=[(code.number or "", code.secret)],
            unit_cost=1,
            currency="CNY",
        )
    assert await alarms() == [(str(bird.id), "import")]


async def own_codes_of(variant: make.Variant) -> tuple[Card, str]:
    """A canary among our own gift cards, and its code."""
    report = await cards.plant_canaries(KEEPER, CanaryWish(variant.id, 1, "own", "GC########"))
    bird = await Card.get(batch_id=report.batch_id)
    return bird, (await code_of(bird)).secret


async def test_one_is_known_whatever_its_code_is_brought_as() -> None:
    _, (bird,) = await planted()
    secret = (await code_of(bird)).secret
    other = await make.variant()
    text = f"number,secret\nHONEST,{secret.lower()}\n{secret.replace('-', ' ')},PIN-1\n"
    wish = cards.ImportWish(other.sku, 1)
    report = await cards.import_cards(make.OPERATOR, wish, io.BytesIO(text.encode()))
    assert (report.accepted, report.duplicates) == (2, 0)  # of another variant: cards like any
    assert await alarms() == [(str(bird.id), "import")]
    dry = replace(wish, dry_run=True)
    await cards.import_cards(make.OPERATOR, dry, io.BytesIO(f"secret\n{secret}\n".encode()))
    tracer = replace(make.OPERATOR, scopes=frozenset({"cards:trace"}))
    await cards.fingerprints_of(tracer, "", secret, other.sku)
    assert [deed for _, deed in await alarms()] == ["import", "rehearsal", "lookup"]
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT payload->>'broughtAs' AS as FROM outbox_events"
            " WHERE type = 'card.canary_touched' ORDER BY id"
        )
    assert [row["as"] for row in told[:2]] == [encode_id(Prefix.VARIANT, other.id)] * 2


async def test_a_part_that_anybody_may_meet_by_chance_is_no_sign() -> None:
    _, (bird,) = await planted(number_form="2030-SHOP-CARDS-##", secret_form="?" * 9)
    code = await code_of(bird)
    other = await make.variant()
    text = f"number,secret\n{code.number},HONEST-1\n"
    wish = cards.ImportWish(other.sku, 1)
    await cards.import_cards(make.OPERATOR, wish, io.BytesIO(text.encode()))
    assert await alarms() == []
    text = f"number,secret\nOTHER,{code.secret}\n"
    await cards.import_cards(make.OPERATOR, wish, io.BytesIO(text.encode()))
    assert await alarms() == [(str(bird.id), "import")]


@pytest.mark.parametrize("typed", [str, str.lower, lambda code: code.replace("-", " ")])
async def test_one_of_our_gift_cards_that_somebody_redeems_raises_the_alarm(
    typed: Callable[[str], str],
) -> None:
    program = await make.gift_program(cards=1)
    bird, code = await own_codes_of(await make.Variant.get(id=program.variant_id))
    thief, honest = await make.buyer(), await make.buyer()
    answers = []
    for who, each in ((thief, typed(code)), (honest, own_codes.new_code())):
        with pytest.raises(Refused) as refused:
            await giftcards.redeem(who, each, None, "key")
        answers.append(refused.value.refusals)
    assert answers[0] == answers[1] == (giftcards.GiftCardNotAccepted(field=("code",)),)
    assert await alarms() == [(str(bird.id), "redeem")]
    async with connection() as conn:
        audited = await conn.fetchrow(
            "SELECT actor_id FROM audit_entries WHERE action = 'card.canary_touched'"
        )
    assert audited["actor_id"] == thief.user_id


async def test_one_of_another_pool_that_is_tried_as_a_gift_card_raises_the_alarm() -> None:
    _, (bird,) = await planted()
    with pytest.raises(Refused) as refused:
        await giftcards.redeem(await make.buyer(), (await code_of(bird)).secret, None, "key")
    assert refused.value.refusals[0].code == "GIFT_CARD_MISTYPED"
    assert await alarms() == [(str(bird.id), "redeem")]


async def test_a_canary_of_own_gift_cards_has_a_right_check_letter() -> None:
    program = await make.gift_program(cards=3)
    of = await make.Variant.get(id=program.variant_id)
    _, planted_code = await own_codes_of(of)
    honest = await Card.filter(variant_id=of.id, state=CardState.AVAILABLE)
    copied = planting.look_alikes([await code_of(card) for card in honest], 5)
    for code in (planted_code, *(each.secret for each in copied)):
        assert own_codes.read_code(code) is not None
    assert all(each.number.startswith(program.prefix) for each in copied)
    assert [each.name for each in await find_violations() if each.violations] == []


async def test_one_that_a_buyer_writes_of_raises_the_alarm() -> None:
    _, (bird,) = await planted()
    secret = (await code_of(bird)).secret
    variant, buyer = await make.variant(cards=1), await make.buyer()
    order = (await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))).order
    sold = await Card.get(variant_id=variant.id)
    text = f"我的卡密是{secret.lower().replace('-', ' ')}，无效 (used?)"
    wish = aftersale.DisputeWish((sold.id,), aftersale.DisputeReason.OTHER, text, "case")
    await aftersale.open_disputes(buyer, order.id, wish)
    assert await alarms() == [(str(bird.id), "dispute")]
    refused = replace(wish, card_ids=(bird.id,), idempotency_key="other")
    with pytest.raises(Refused):
        await aftersale.open_disputes(buyer, order.id, refused)
    assert len(await alarms()) == 2  # whatever becomes of the case


async def test_those_without_prints_get_some() -> None:
    variant, (bird,) = await planted()
    async with connection() as conn:
        await conn.execute("DELETE FROM canary_prints")
    assert [await cards.print_canaries() for _ in range(2)] == [1, 0]
    file = io.BytesIO(f"secret\n{(await code_of(bird)).secret}\n".encode())
    await cards.import_cards(make.OPERATOR, cards.ImportWish(variant.sku, 1), file)
    assert await alarms() == [(str(bird.id), "import")]


async def test_an_ordinary_duplicate_raises_none() -> None:
    variant = await make.variant()
    for number in range(2):
        text = "secret\nSAME-1\n" + f"OTHER-{number}\n"
        wish = cards.ImportWish(variant.sku, 1)
        await cards.import_cards(make.OPERATOR, wish, io.BytesIO(text.encode()))
    assert await alarms() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"count": 0}, "INVALID"),
        ({"count": 101}, "INVALID"),
        ({"secret_form": "####-####"}, "INVALID"),
        ({"secret_form": ""}, "INVALID"),
        ({"secret_form": "?" * 65}, "INVALID"),
        ({"source": ""}, "INVALID"),
        ({"source": "issued"}, "INVALID"),
        ({"idempotency_key": ""}, "INVALID"),
        ({"variant_id": make.OPERATOR.user_id}, "NOT_FOUND"),
    ],
)
async def test_a_wish_that_cannot_stand_plants_nothing(
    changes: dict[str, object], code: str
) -> None:
    variant = await make.variant()
    with pytest.raises(Refused) as refused:
        await cards.plant_canaries(KEEPER, replace(CanaryWish(variant.id, 1, "key"), **changes))
    assert refused.value.refusals[0].code == code
    assert await Card.all().count() == 0


async def test_planting_is_a_scope_of_its_own_and_audited() -> None:
    variant = await make.variant()
    clerk = replace(make.OPERATOR, scopes=frozenset({"cards:write", "cards:read"}))
    with pytest.raises(Refused) as refused:
        await cards.plant_canaries(clerk, CanaryWish(variant.id, 1, "key"))
    assert refused.value.refusals[0].code == "FORBIDDEN"
    await cards.plant_canaries(KEEPER, CanaryWish(variant.id, 1, "key"))
    async with connection() as conn:
        found = await conn.fetch("SELECT 1 FROM audit_entries WHERE action = 'card_canary.plant'")
    assert len(found) == 1


def test_the_form_of_real_codes_keeps_what_all_share() -> None:
    form = rules.form_like(["PSN-12ab-XY", "PSN-98cd-ZK", "PSN-55ef-QQ"])
    made = rules.drawn(form)
    assert made.startswith("PSN-")
    assert made[4:6].isdigit()
    assert made[6:8].islower()
    assert made[8] == "-"
    assert made[9:].isupper()
    assert len(made) == 11
