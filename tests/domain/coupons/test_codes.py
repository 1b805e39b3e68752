"""Codes: made in batches, shown once, claimed once, and not to be guessed (rows J1, K6)."""

import asyncio

import asyncpg
import pytest

from domain import coupons
from domain.audit.models import AuditEntry
from domain.cards import read_code
from domain.coupons import CampaignState, CouponState
from domain.coupons.batches import CHUNK, SHOWN_AGAIN
from domain.coupons.models import Coupon, CouponBatch
from domain.kernel import Invalid, Refused, clock, page_request, transaction
from tests import make
from tests.domain.coupons.selling import bought, campaign, codes, refusal

pytestmark = pytest.mark.usefixtures("db")


async def test_a_batch_is_made_in_chunks_by_any_number_of_workers_and_each_code_is_shown_once() -> (
    None
):
    made = await campaign("5")
    count = CHUNK + 500
    batch, replayed = await coupons.create_batch(make.OPERATOR, made.id, count, "one")
    again, known = await coupons.create_batch(make.OPERATOR, made.id, count, "one")
    assert (replayed, known, again.id) == (False, True, batch.id)
    assert await coupons.due_batches(9) == [batch.id]
    keeper = await make.operator("coupons:write")
    with pytest.raises(Refused, match="COUPON_BATCH_NOT_READY"):
        await coupons.take_codes(keeper, batch.id, 10, "early")
    await asyncio.gather(*(coupons.make_batch(batch.id) for _ in range(3)))
    assert await Coupon.filter(batch_id=batch.id).count() == count
    assert await coupons.due_batches(9) == []
    hasty = await make.operator("coupons:write", stepped_up=False)
    with pytest.raises(Refused, match="STEP_UP_REQUIRED"):
        await coupons.take_codes(hasty, batch.id, 10, "hasty")
    shown: list[str] = []
    for number in range(4):
        shown += (await coupons.take_codes(keeper, batch.id, 1000, f"take {number}"))[1]
    assert len(set(shown)) == count
    assert all(read_code(code) for code in shown)
    assert (await CouponBatch.get(id=batch.id)).taken == count
    assert await AuditEntry.filter(action="coupon_batch.take").count() == 4
    everything = str(await AuditEntry.all().values_list("details", flat=True))
    assert not any(code in everything for code in shown)


async def test_an_answer_that_was_lost_is_asked_for_again_by_its_key_for_an_hour() -> None:
    made, keeper = await campaign("5"), await make.operator("coupons:write")
    batch, _ = await coupons.create_batch(make.OPERATOR, made.id, 5, "one")
    await coupons.make_batch(batch.id)
    _, first, replayed = await coupons.take_codes(keeper, batch.id, 3, "a")
    left, again, known = await coupons.take_codes(keeper, batch.id, 3, "a")
    assert (again, replayed, known, left.taken) == (first, False, True, 3)
    other = await make.operator("coupons:write")
    calls = [coupons.take_codes(who, batch.id, 3, "a") for who in (other, other)]
    one, two = await asyncio.gather(*calls)
    assert one[1] == two[1]
    assert {one[2], two[2]} == {False, True}, "at once, taken once"
    assert not set(one[1]) & set(first), "a key is of its operator alone"
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await coupons.take_codes(keeper, batch.id, 2, "a")
    assert (await coupons.take_codes(keeper, batch.id, 3, "b"))[1:] == ([], False)
    assert await coupons.forget_seeds() == 0, "the last ones may be asked for again, too"
    later = clock.now() + SHOWN_AGAIN
    with clock.fixed(lambda: later):
        await make.step_up_again(keeper)
        with pytest.raises(Refused, match="INVALID"):  # also where no sweep has come by yet
            await coupons.take_codes(keeper, batch.id, 3, "a")
        assert await coupons.forget_seeds() == 1
        left = await CouponBatch.get(id=batch.id)
        assert (left.seed_sealed, left.forget_at) == (None, None)
        with pytest.raises(Refused) as refused:
            await coupons.take_codes(keeper, batch.id, 3, "a")
    (why,) = refused.value.refusals
    assert isinstance(why, Invalid)
    assert why.reason == "coupon_codes_gone"


async def test_the_database_lets_no_code_be_shown_to_two() -> None:
    (_, *_) = await codes(await campaign("5"), 3)
    batch = await CouponBatch.get()
    async with transaction() as conn:
        with pytest.raises(asyncpg.UniqueViolationError, match="coupon_taken_once"):
            await conn.execute(
                "INSERT INTO coupon_takes (id, batch_id, start, codes, taken_by, taken_at)"
                " VALUES (gen_random_uuid(), $1, 0, 1, gen_random_uuid(), now())",
                batch.id,
            )


async def test_no_code_lies_in_the_database() -> None:
    (code, *_) = await codes(await campaign("5"))
    letters = read_code(code)
    assert letters is not None
    async with transaction() as conn:
        for table in ("coupons", "coupon_batches", "outbox_events", "audit_entries"):
            rows = await conn.fetch(f"SELECT to_jsonb(t)::text AS row FROM {table} t")
            assert not any(code in row["row"] or letters in row["row"] for row in rows)


async def test_a_voided_batch_is_worth_nothing() -> None:
    variant, made = await make.variant(cards=1, unit_cost=1), await campaign("5")
    (code, *_) = await codes(made)
    batch = await CouponBatch.get()
    await coupons.void_batch(make.OPERATOR, batch.id)
    await coupons.void_batch(make.OPERATOR, batch.id)
    assert (await refusal(await make.buyer(), variant.sku, code)).code == "COUPON_NOT_ACCEPTED"
    async with transaction() as conn:
        told = "SELECT count(*) FROM outbox_events WHERE type = 'coupon_batch.voided'"
        assert await conn.fetchval(told) == 1, "the second time changes nothing"


async def test_a_claimed_code_is_of_its_owner_alone_and_is_used_by_its_id() -> None:
    variant, made = await make.variant(cards=3, unit_cost=1), await campaign("5")
    (code, *_) = await codes(made)
    owner, other = await make.buyer(), await make.buyer()
    grants = await asyncio.gather(*(coupons.claim_coupon(owner, code) for _ in range(3)))
    assert len({grant.id for grant in grants}) == 1
    for answer in (coupons.claim_coupon(other, code), coupons.claim_coupon(other, "NONE")):
        with pytest.raises(Refused, match="COUPON_NOT_ACCEPTED"):
            await answer
    assert (await refusal(other, variant.sku, code)).code == "COUPON_NOT_ACCEPTED"
    page = page_request("coupons", 10, None)
    (own,) = (await coupons.coupons_of(owner, page)).rows
    assert (own.state, own.name_en) == (CouponState.USABLE, "Summer")
    placed = await bought(owner, variant.sku, ids=(own.id,))
    assert placed.order.total == make.yuan(44)
    (own,) = (await coupons.coupons_of(owner, page, CouponState.USED)).rows
    assert (await coupons.coupons_of(owner, page, CouponState.USABLE)).rows == []
    assert (await refusal(owner, variant.sku, ids=(own.id,), key="b")).code == "COUPON_EXHAUSTED"
    found = await coupons.figures_of([made.id])
    assert (found[made.id].issued, found[made.id].claimed, found[made.id].used) == (3, 1, 1)


async def test_a_public_code_is_claimed_once_by_each_account() -> None:
    made, buyer = await campaign("5"), await make.buyer()
    first, second = [await coupons.claim_coupon(buyer, word) for word in ("summer", "SUMMER")]
    assert first.id == second.id
    assert (await coupons.claim_coupon(await make.buyer(), "SUMMER")).id != first.id
    await coupons.move_campaign(make.OPERATOR, made.id, CampaignState.ENDED)
    (own,) = (await coupons.coupons_of(buyer, page_request("coupons", 10, None))).rows
    assert own.state is CouponState.EXPIRED


async def test_who_guesses_is_locked_out_and_a_good_code_sounds_like_any() -> None:
    variant = await make.variant(cards=3, unit_cost=1)
    (code, *_) = await codes(await campaign("5"))
    guesser = await make.buyer()
    for number in range(10):
        assert (await refusal(guesser, variant.sku, f"GUESS{number}")).code == (
            "COUPON_NOT_ACCEPTED"
        )
    assert (await refusal(guesser, variant.sku, code)).code == "COUPONS_LOCKED"
    with pytest.raises(Refused, match="COUPONS_LOCKED"):
        await coupons.claim_coupon(guesser, code)
    assert (await bought(guesser, variant.sku)).order.total == make.yuan(49)
    assert (await bought(await make.buyer(), variant.sku, code)).order.total == make.yuan(44)


async def test_the_database_keeps_coupons_and_batches_as_they_are() -> None:
    await coupons.claim_coupon(await make.buyer(), (await codes(await campaign("5")))[0])
    for statement, name in (
        (
            "UPDATE coupons SET owner_id = gen_random_uuid() WHERE owner_id IS NOT NULL",
            "coupon_stays_whose_it_is",
        ),
        ("UPDATE coupon_batches SET taken = 0", "coupon_batch_goes_on"),
        ("UPDATE coupon_batches SET count = 9", "coupon_batch_goes_on"),
        ("UPDATE coupon_batches SET due_at = now()", "coupon_batch_unmade_is_due"),
        (
            "INSERT INTO coupons (id, campaign_id)"
            " SELECT gen_random_uuid(), campaign_id FROM coupons",
            "coupon_of_a_batch_or_somebody",
        ),
        (
            "INSERT INTO coupons (id, campaign_id, batch_id, print)"
            " SELECT gen_random_uuid(), campaign_id, batch_id, print FROM coupons LIMIT 1",
            "coupon_code_once",
        ),
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError) as error:
            async with transaction() as conn:
                await conn.execute(statement)
        assert error.value.constraint_name == name


async def test_no_codes_are_made_for_what_needs_none() -> None:
    automatic = await campaign("5", automatic=True)
    with pytest.raises(Refused, match="INVALID"):
        await coupons.create_batch(make.OPERATOR, automatic.id, 1, "one")
    with pytest.raises(Refused, match="INVALID"):
        await coupons.create_batch(make.OPERATOR, automatic.id, 100_001, "two")
