"""Batches: quarantine, checks, the rate that freezes, write-offs; and the books after each."""

import asyncio
import io
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from domain import cards, checkout, invariants, ledger
from domain.cards import batches
from domain.cards.models import CardState
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, Refused, connection, new_id, transaction
from domain.ledger import AccountKind, account_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
COST = make.yuan(40)


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def batch_of(of: Variant, number: int = 10, **origin: Any) -> UUID:
    text = "\n".join(f"CODE-{of.sku}-{each:05}" for each in range(number))
    wish = cards.ImportWish(of.sku, COST, origin=cards.BatchOrigin(**origin))
    return (await cards.import_cards(make.OPERATOR, wish, io.BytesIO(text.encode()))).batch_id


async def states(batch: UUID) -> dict[str, int]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT state, count(*) AS n FROM cards WHERE batch_id = $1 GROUP BY 1", batch
        )
    return {row["state"]: row["n"] for row in rows}


async def told(subject: UUID) -> list[tuple[str, int]]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT type, sequence FROM outbox_events WHERE subject = $1 ORDER BY sequence", subject
        )
    return [tuple(row) for row in rows]


async def buy(buyer: Actor, of: Variant, quantity: int = 1) -> list[cards.Card]:
    wish = Purchase((LineWish(of.sku, quantity),), str(new_id()))
    line = (await checkout.place_order(buyer, wish)).lines[0].id
    return (await cards.cards_of_lines([line]))[line]


async def balance(kind: AccountKind, owner: UUID | None = None) -> int:
    return await ledger.balance_of(account_id(kind, owner, make.CNY))


async def broken() -> list[str]:
    return [each.name for each in await invariants.find_violations() if each.violations]


async def refusal(work: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        await work
    first = caught.value.refusals[0]
    return first.code, getattr(first, "reason", "")


def void(key: str = "key", **which: Any) -> cards.WriteOffWish:
    return cards.WriteOffWish(cards.WriteOffKind.VOID, "a leak", key, **which)


async def test_a_quarantined_batch_is_not_for_sale_until_it_is_released() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    offer = await make.offer(await make.variant(), COST, code="alpha")
    batch = await batch_of(
        variant, 3, supplier_code="alpha", reference="R-1", note="by mail", quarantine=True
    )
    row = await cards.CardBatch.get(id=batch)
    assert (row.supplier_id, row.reference, row.note) == (offer.supplier_id, "R-1", "by mail")  # type: ignore[attr-defined]
    assert await states(batch) == {"quarantined": 3}
    assert await cards.stock_of([variant.id], 9) == {variant.id: 0}
    assert (await refusal(buy(buyer, variant)))[0] == "OUT_OF_STOCK"
    assert await broken() == []
    for _ in range(2):  # a second time changes nothing
        assert (await cards.release_batch(make.OPERATOR, batch)).released_at is not None
    assert await states(batch) == {"available": 3}
    assert len(await buy(buyer, variant)) == 1
    assert await told(batch) == [("card_batch.imported", 1), ("card_batch.released", 2)]
    assert await broken() == []


async def test_a_batch_with_picked_cards_is_not_released_before_they_are_judged() -> None:
    variant = await make.variant()
    batch = await batch_of(variant, 5, quarantine=True)
    picked = await cards.sample_batch(make.OPERATOR, batch, 2)
    assert len({check.card_id for check in picked}) == 2
    assert (await refusal(cards.release_batch(make.OPERATOR, batch)))[0] == "CARD_CHECKS_OPEN"
    assert await states(batch) == {"quarantined": 5}
    for check in picked:
        await cards.judge_card(
            make.OPERATOR, check.card_id, cards.Verdict.VALID, "seen at the issuer"
        )
    again = await cards.sample_batch(make.OPERATOR, batch, 9)
    assert len(again) == 3, "a card is picked once"
    assert not {check.card_id for check in again} & {check.card_id for check in picked}
    for check in again:
        await cards.judge_card(make.OPERATOR, check.card_id, cards.Verdict.VALID, "seen")
    await cards.release_batch(make.OPERATOR, batch)
    assert await states(batch) == {"available": 5}


async def test_a_batch_above_the_threshold_is_frozen_once_and_its_loss_is_booked() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    batch = await batch_of(variant, 20)
    (sold,) = await buy(buyer, variant)
    await cards.save_policy(
        make.OPERATOR, variant.sku, cards.PolicyChange(invalid_percent=40, invalid_minimum=2)
    )
    picked = await cards.sample_batch(make.OPERATOR, batch, 5)
    verdicts = [False, True, True, False]  # 1 of 1, 1 of 2, 1 of 3, 2 of 4: above 40 percent
    for check, good in zip(picked, verdicts, strict=False):
        assert (await cards.CardBatch.get(id=batch)).frozen_at is None
        verdict = cards.Verdict.VALID if good else cards.Verdict.INVALID
        await cards.judge_card(make.OPERATOR, check.card_id, verdict, "asked the issuer")
    frozen = await cards.CardBatch.get(id=batch)
    assert frozen.frozen_reason == "2 of 4 checked cards are invalid"
    assert await states(batch) == {"frozen": 17, "invalid": 2, "sold": 1}
    assert (await refusal(buy(buyer, variant)))[0] == "OUT_OF_STOCK"
    assert await balance(AccountKind.LOSS) == -2 * COST
    await cards.judge_card(make.OPERATOR, picked[4].card_id, cards.Verdict.INVALID, "dead")
    names = [name for name, _ in await told(batch)]
    assert names.count("card_batch.frozen") == 1
    assert names.count("card_batch.invalid_found") == 3
    quality = (await cards.quality_of_batches([batch]))[batch]
    assert quality == cards.CardQuality(delivered=1, disputed=0, checked=5, invalid=3)
    assert str(quality.invalid_rate) == "0.6000"
    assert (await cards.Card.get(id=sold.id)).state is CardState.SOLD
    assert await broken() == []


async def test_an_unfrozen_batch_sells_again_and_a_quarantined_one_stays_where_it_was() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    batch = await batch_of(variant, 3)
    apart = await batch_of(await make.variant(), 2, quarantine=True)
    for each in (batch, apart, batch):
        await cards.freeze_batch(make.OPERATOR, each, "a complaint")
    assert (await states(batch), await states(apart)) == ({"frozen": 3}, {"quarantined": 2})
    assert (await refusal(cards.release_batch(make.OPERATOR, apart)))[0] == "CARD_BATCH_FROZEN"
    assert (await refusal(cards.unfreeze_batch(make.OPERATOR, batch, " ")))[0] == "INVALID"
    for each in (batch, apart, batch):
        await cards.unfreeze_batch(make.OPERATOR, each, "cleared up")
    assert (await states(batch), await states(apart)) == ({"available": 3}, {"quarantined": 2})
    await buy(buyer, variant)
    assert [name for name, _ in await told(batch)] == [
        "card_batch.imported",
        "card_batch.frozen",
        "card_batch.unfrozen",
    ]


async def test_a_large_batch_is_frozen_in_slices_and_a_killed_run_is_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "SETTLED_AT_ONCE", 4)
    variant = await make.variant()
    batch = await batch_of(variant, 10)
    await cards.freeze_batch(make.OPERATOR, batch, "a complaint")
    assert await states(batch) == {"frozen": 4, "available": 6}
    assert [await cards.settle_batches() for _ in range(3)] == [4, 2, 0]
    assert await states(batch) == {"frozen": 10}


async def test_a_freeze_beside_purchases_gives_each_card_one_fate() -> None:
    variant = await make.variant(price=make.yuan(49))
    batch = await batch_of(variant, 60)
    buyers = [await make.buyer() for _ in range(20)]

    async def try_to_buy(buyer: Actor) -> int:
        try:
            return len(await buy(buyer, variant))
        except Refused:
            return 0

    async def freeze() -> int:
        await cards.freeze_batch(make.OPERATOR, batch, "a complaint")
        return 0

    work = [try_to_buy(each) for each in buyers]
    sold = sum(await asyncio.gather(*work[:10], freeze(), *work[10:]))
    found = await states(batch)
    assert found == {"frozen": 60 - sold} | ({"sold": sold} if sold else {})
    assert await broken() == []


async def test_two_verdicts_at_once_freeze_once() -> None:
    variant = await make.variant()
    batch = await batch_of(variant, 8)
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(invalid_minimum=2))
    picked = await cards.sample_batch(make.OPERATOR, batch, 4)
    judge = cards.judge_card
    await asyncio.gather(
        *(judge(make.OPERATOR, each.card_id, cards.Verdict.INVALID, "dead") for each in picked)
    )
    assert [name for name, _ in await told(batch)].count("card_batch.frozen") == 1
    assert await states(batch) == {"invalid": 4, "frozen": 4}
    assert await balance(AccountKind.LOSS) == -4 * COST
    assert await broken() == []


async def test_a_held_card_of_a_frozen_batch_is_not_kept_for_its_buyer() -> None:
    variant = await make.variant()
    batch = await batch_of(variant, 2)
    held = await make.hold(variant)
    assert await states(batch) == {"reserved": 1, "available": 1}
    await cards.freeze_batch(make.OPERATOR, batch, "a complaint")
    assert await states(batch) == {"frozen": 2}
    with pytest.raises(Refused, match="HOLD_OVER"):
        async with transaction() as conn:
            await cards.use_hold(conn, held.id, new_id())


async def test_a_disputed_card_goes_back_or_is_confirmed_invalid() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    batch = await batch_of(variant, 3)
    good, bad = await buy(buyer, variant, 2)
    inventory, loss = await balance(AccountKind.INVENTORY), await balance(AccountKind.LOSS)
    for card in (good, bad):
        for _ in range(2):
            await cards.dispute_card(make.OPERATOR, card.id, "the buyer says: used")
    await cards.judge_card(make.OPERATOR, good.id, cards.Verdict.VALID, "unused at the issuer")
    await cards.judge_card(make.OPERATOR, bad.id, cards.Verdict.INVALID, "used before its sale")
    assert (await cards.Card.get(id=good.id)).state is CardState.SOLD
    confirmed = await cards.Card.get(id=bad.id)
    assert (confirmed.state, confirmed.order_line_id) == (
        CardState.INVALID_CONFIRMED,
        bad.order_line_id,
    )
    # Its cost was the sale's; whether the supplier makes up for it is another story.
    assert (await balance(AccountKind.INVENTORY), await balance(AccountKind.LOSS)) == (
        inventory,
        loss,
    )
    quality = (await cards.quality_of_batches([batch]))[batch]
    assert quality == cards.CardQuality(delivered=2, disputed=2, checked=2, invalid=1)
    assert await value("SELECT count(*) FROM audit_entries WHERE action = 'card.dispute'") == 2
    assert await broken() == []


async def test_a_verdict_needs_evidence_and_a_move_that_is_listed() -> None:
    (card,) = await make.stock(await make.variant(), 1)
    judge = cards.judge_card
    assert await refusal(judge(make.OPERATOR, card.id, cards.Verdict.INVALID, " ")) == (
        "INVALID",
        "evidence",
    )
    assert (await refusal(cards.dispute_card(make.OPERATOR, card.id, "x")))[0] == (
        "CARD_MOVE_NOT_ALLOWED"
    )
    await judge(make.OPERATOR, card.id, cards.Verdict.INVALID, "dead")
    for verdict in cards.Verdict:
        code, _ = await refusal(judge(make.OPERATOR, card.id, verdict, "again"))
        assert code == "CARD_MOVE_NOT_ALLOWED"
    assert await value("SELECT count(*) FROM card_checks") == 1
    assert await balance(AccountKind.LOSS) == -40 * make.SCALE


async def test_voided_cards_are_written_off_and_their_codes_may_come_again() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    batch = await batch_of(variant, 4)
    (sold,) = await buy(buyer, variant)
    free = await cards.Card.filter(batch_id=batch, state="available").order_by("id")
    report = await cards.write_off_cards(make.OPERATOR, void(card_ids=(free[0].id,)))
    assert (report.cards, report.cost) == (1, COST)
    again = await cards.write_off_cards(make.OPERATOR, void(card_ids=(free[0].id,)))
    assert again.operation_id == report.operation_id
    assert await balance(AccountKind.LOSS) == -COST
    mixed = void("other", card_ids=(free[1].id, sold.id))
    assert (await refusal(cards.write_off_cards(make.OPERATOR, mixed)))[0] == (
        "CARD_MOVE_NOT_ALLOWED"
    )
    assert (await cards.Card.get(id=free[1].id)).state is CardState.AVAILABLE
    rest = await cards.write_off_cards(make.OPERATOR, void("rest", batch_id=batch))
    assert (rest.cards, await states(batch)) == (2, {"void": 3, "sold": 1})
    assert await balance(AccountKind.INVENTORY) == 0
    assert await broken() == []


async def test_returned_cards_are_owed_by_their_supplier_the_invalid_ones_too() -> None:
    offer = await make.offer(await make.variant(), COST, code="alpha")
    variant = await make.variant()
    batch = await batch_of(variant, 3, supplier_code="alpha")
    first = await cards.Card.filter(batch_id=batch).order_by("id").first()
    assert first is not None
    await cards.judge_card(make.OPERATOR, first.id, cards.Verdict.INVALID, "dead")
    assert await balance(AccountKind.LOSS) == -COST
    wish = cards.WriteOffWish(cards.WriteOffKind.RETURNED, "bad lot", "key", batch_id=batch)
    assert (await cards.write_off_cards(make.OPERATOR, wish)).cards == 3
    assert await states(batch) == {"returned": 3}
    assert await balance(AccountKind.LOSS) == 0
    assert await balance(AccountKind.SUPPLIER, offer.supplier_id) == -3 * COST  # type: ignore[attr-defined]
    assert await broken() == []
    # A code that the supplier took back does not come in once more.
    text = f"CODE-{variant.sku}-00000\nNEW-CODE-1\n".encode()
    report = await cards.import_cards(
        make.OPERATOR, cards.ImportWish(variant.sku, COST), io.BytesIO(text)
    )
    assert (report.accepted, report.duplicates) == (1, 1)


async def test_without_a_supplier_a_return_is_a_loss() -> None:
    batch = await batch_of(await make.variant(), 2)
    wish = cards.WriteOffWish(cards.WriteOffKind.RETURNED, "bad lot", "key", batch_id=batch)
    await cards.write_off_cards(make.OPERATOR, wish)
    assert await balance(AccountKind.LOSS) == -2 * COST
    assert await broken() == []


async def test_a_run_of_slices_that_was_killed_goes_on_with_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from domain.cards import writing_off

    monkeypatch.setattr(writing_off, "SLICE", 4)
    batch = await batch_of(await make.variant(), 10)
    real, calls = writing_off._next_slice, 0

    async def dies(*args: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionError("killed")
        return await real(*args)

    monkeypatch.setattr(writing_off, "_next_slice", dies)
    with pytest.raises(ConnectionError):
        await cards.write_off_cards(make.OPERATOR, void(batch_id=batch))
    assert await states(batch) == {"void": 4, "available": 6}
    assert await broken() == []
    report = await cards.write_off_cards(make.OPERATOR, void(batch_id=batch))
    assert (report.cards, report.cost, len(report.write_offs)) == (10, 10 * COST, 3)
    assert await balance(AccountKind.LOSS) == -10 * COST


async def test_the_database_keeps_checks_and_write_offs() -> None:
    batch = await batch_of(await make.variant(), 2)
    (check,) = await cards.sample_batch(make.OPERATOR, batch, 1)
    await cards.judge_card(make.OPERATOR, check.card_id, cards.Verdict.INVALID, "dead")
    for sql in (
        "UPDATE card_checks SET verdict = 'valid'",
        "DELETE FROM card_checks",
        "UPDATE card_write_offs SET cost = 0",
        "DELETE FROM card_write_offs",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with transaction() as conn:
                await conn.execute(sql)


async def test_who_lacks_the_scope_changes_nothing() -> None:
    batch = await batch_of(await make.variant(), 1)
    nobody = await make.buyer()
    card = (await cards.Card.filter(batch_id=batch).first()).id  # type: ignore[union-attr]
    for work in (
        cards.release_batch(nobody, batch),
        cards.freeze_batch(nobody, batch, "x"),
        cards.unfreeze_batch(nobody, batch, "x"),
        cards.sample_batch(nobody, batch, 1),
        cards.judge_card(nobody, card, cards.Verdict.VALID, "x"),
        cards.dispute_card(nobody, card, "x"),
        cards.write_off_cards(nobody, void(batch_id=batch)),
        cards.save_policy(nobody, "x", cards.PolicyChange()),
    ):
        assert (await refusal(work))[0] == "FORBIDDEN"
    assert await states(batch) == {"available": 1}
    assert await told(batch) == [("card_batch.imported", 1)]


async def test_policies_are_changed_within_their_ranges_and_by_version() -> None:
    variant = await make.variant()
    save = cards.save_policy
    change = cards.PolicyChange(safety_stock=5)
    policy = await save(make.OPERATOR, variant.sku, change, expected_version=0)
    assert (policy.safety_stock, policy.hold_limit, policy.version) == (5, 20, 1)
    assert (await refusal(save(make.OPERATOR, variant.sku, change, 0)))[0] == "CONFLICT"
    bad = cards.PolicyChange(safety_stock=-1, invalid_percent=0)
    assert (await refusal(save(make.OPERATOR, variant.sku, bad)))[1] == "policy_range"
    assert (await refusal(save(make.OPERATOR, "none", change)))[0] == "NOT_FOUND"
    audited = "SELECT details FROM audit_entries WHERE action = 'stock_policy.save'"
    assert orjson.loads(await value(audited)) == {"safety_stock": 5}
