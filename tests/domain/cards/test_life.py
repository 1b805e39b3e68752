"""Any order of what people and schedulers do to cards, against a model in plain Python.

Real PostgreSQL; after each step every card stands where the model says, the books agree with the
shelf, and nothing illegal that was tried by plain SQL has left a mark.
"""

import asyncio
import io
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain import cards, checkout, invariants, orders, sites
from domain.cards import batches
from domain.cards.models import CardState as S
from domain.cards.moves import FREE, MOVES, OWNED
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, Refused, clock, connection, new_id, transaction
from jobs import schedule
from tests import make

pytestmark = pytest.mark.usefixtures("db")

COST, PERCENT, LEAST = make.yuan(3), 50, 2
AN_INDEX = st.integers(min_value=0, max_value=1_000)
NAMED = ("I4", "I5", "I6", "I10")


@dataclass
class ModelCard:
    """What the model knows of a card."""

    batch: UUID
    state: S
    expires: bool
    order: UUID | None = None
    hold: UUID | None = None
    seen: bool = False
    open_check: bool = False
    verdict: cards.Verdict | None = None
    checked: bool = False


@dataclass
class ModelBatch:
    """What the model knows of a batch."""

    quarantined: bool
    frozen: bool = False


@dataclass
class Model:
    """The whole store as it should be."""

    cards: dict[UUID, ModelCard] = field(default_factory=dict)
    batches: dict[UUID, ModelBatch] = field(default_factory=dict)
    holds: dict[UUID, int] = field(default_factory=dict)

    def of(self, batch: UUID, *states: S) -> list[UUID]:
        """The cards of a batch in one of the states."""
        return [card for card, it in self.cards.items() if it.batch == batch and it.state in states]

    def available(self) -> int:
        """How many cards can be sold or held."""
        return sum(it.state is S.AVAILABLE for it in self.cards.values())

    def freeze(self, batch: UUID) -> None:
        """Off the shelf, held ones too."""
        self.batches[batch].frozen = True
        for card in self.of(batch, S.AVAILABLE, S.RESERVED):
            self.cards[card].state, self.cards[card].hold = S.FROZEN, None


class Life(RuleBasedStateMachine):
    """What may happen to cards, in any order."""

    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.variant: Variant
        self.buyer: Actor
        self.number = 0

    def run(self, work: Awaitable[Any]) -> Any:
        """On the loop of the tests, whose connections these are."""

        async def waited() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(waited(), self.loop).result(60)

    def answer(self, work: Awaitable[Any]) -> Any:
        """The result, or the code of the refusal."""
        try:
            return self.run(work)
        except Refused as refused:
            return refused.refusals[0].code

    def pick(self, index: int, *states: S) -> UUID | None:
        found = [card for card, it in self.model.cards.items() if it.state in states]
        return found[index % len(found)] if found else None

    def a_batch(self, index: int) -> UUID:
        batches = list(self.model.batches)
        return batches[index % len(batches)]

    @initialize()
    def open_shop(self) -> None:
        async def opened() -> tuple[Variant, Actor]:
            variant = await make.variant(price=make.yuan(5))
            change = cards.PolicyChange(invalid_percent=PERCENT, invalid_minimum=LEAST)
            await cards.save_policy(make.OPERATOR, variant.sku, change)
            return variant, await make.buyer(make.yuan(9_000))

        self.variant, self.buyer = self.run(opened())

    @rule(number=st.integers(1, 5), quarantine=st.booleans(), expires=st.booleans())
    def import_batch(self, number: int, quarantine: bool, expires: bool) -> None:
        self.number += 1
        rows = "\n".join(f"L{self.number}-{each}-{self.variant.sku}" for each in range(number))
        wish = cards.ImportWish(
            self.variant.sku,
            COST,
            expires_on=clock.now().date() + timedelta(days=1) if expires else None,
            origin=cards.BatchOrigin(quarantine=quarantine),
        )
        report = self.run(cards.import_cards(make.OPERATOR, wish, io.BytesIO(rows.encode())))
        state = S.QUARANTINED if quarantine else S.AVAILABLE
        self.model.batches[report.batch_id] = ModelBatch(quarantine)
        for card in self.run(cards.Card.filter(batch_id=report.batch_id).order_by("id").values()):
            self.model.cards[card["id"]] = ModelCard(report.batch_id, state, expires)

    @precondition(lambda self: self.model.batches)
    @rule(index=AN_INDEX)
    def release(self, index: int) -> None:
        batch = self.a_batch(index)
        it = self.model.batches[batch]
        answer = self.answer(cards.release_batch(make.OPERATOR, batch))
        if not it.quarantined:
            assert answer == "INVALID" or answer.released_at is not None
        elif it.frozen:
            assert answer == "CARD_BATCH_FROZEN"
        elif any(c.open_check for c in self.model.cards.values() if c.batch == batch):
            assert answer == "CARD_CHECKS_OPEN"
        else:
            it.quarantined = False
            for card in self.model.of(batch, S.QUARANTINED):
                self.model.cards[card].state = S.AVAILABLE

    @precondition(lambda self: self.model.batches)
    @rule(index=AN_INDEX)
    def freeze(self, index: int) -> None:
        batch = self.a_batch(index)
        self.run(cards.freeze_batch(make.OPERATOR, batch, "doubt"))
        self.model.freeze(batch)

    @precondition(lambda self: self.model.batches)
    @rule(index=AN_INDEX)
    def unfreeze(self, index: int) -> None:
        batch = self.a_batch(index)
        self.run(cards.unfreeze_batch(make.OPERATOR, batch, "cleared"))
        self.model.batches[batch].frozen = False
        for card in self.model.of(batch, S.FROZEN):
            self.model.cards[card].state = S.AVAILABLE

    @precondition(lambda self: self.model.batches)
    @rule(index=AN_INDEX, number=st.integers(1, 3))
    def sample(self, index: int, number: int) -> None:
        batch = self.a_batch(index)
        picked = self.run(cards.sample_batch(make.OPERATOR, batch, number))
        free = [
            each
            for each in self.model.of(batch, S.QUARANTINED, S.AVAILABLE, S.FROZEN)
            if not self.model.cards[each].checked
        ]
        assert {check.card_id for check in picked} <= set(free)
        assert len(picked) == min(number, len(free))
        for check in picked:
            it = self.model.cards[check.card_id]
            it.open_check = it.checked = True

    @precondition(lambda self: self.model.cards)
    @rule(index=AN_INDEX, verdict=st.sampled_from(cards.Verdict))
    def judge(self, index: int, verdict: cards.Verdict) -> None:
        card = self.pick(index, *S)
        assert card is not None
        it = self.model.cards[card]
        answer = self.answer(cards.judge_card(make.OPERATOR, card, verdict, "seen"))
        wrong = it.state is S.INVALID_CONFIRMED
        if verdict is cards.Verdict.INVALID:
            wrong = S.INVALID_CONFIRMED not in MOVES[it.state]
        if wrong:
            assert answer == "CARD_MOVE_NOT_ALLOWED"
            return
        it.verdict, it.open_check, it.checked = verdict, False, True
        if verdict is cards.Verdict.INVALID:
            it.state, it.hold = S.INVALID_CONFIRMED, None
            self.freeze_if_bad(it.batch)
        elif it.state is S.DISPUTED:
            it.state = S.REVEALED if it.seen else S.SOLD

    def freeze_if_bad(self, batch: UUID) -> None:
        known = [c.verdict for c in self.model.cards.values() if c.batch == batch and c.verdict]
        invalid = known.count(cards.Verdict.INVALID)
        bad = invalid >= LEAST and invalid * 100 > len(known) * PERCENT
        if bad and not self.model.batches[batch].frozen:
            self.model.freeze(batch)

    @rule(quantity=st.integers(1, 3))
    def buy(self, quantity: int) -> None:
        wish = Purchase((LineWish(self.variant.sku, quantity),), str(new_id()))
        answer = self.answer(checkout.place_order(self.buyer, wish))
        if self.model.available() < quantity:
            assert answer == "OUT_OF_STOCK"
            return
        line = answer.lines[0].id
        got = self.run(cards.cards_of_lines([line]))[line]
        assert len(got) == quantity
        for card in got:
            it = self.model.cards[card.id]
            assert it.state is S.AVAILABLE, "sold from elsewhere than the shelf"
            it.state, it.order = S.SOLD, answer.order.id

    @rule(quantity=st.integers(1, 3))
    def hold(self, quantity: int) -> None:
        answer = self.answer(make.hold(self.variant, quantity))
        if self.model.available() < quantity:
            assert answer == "CARDS_SHORT"
            return
        for row in self.run(cards.Card.filter(hold_id=answer.id).values()):
            it = self.model.cards[row["id"]]
            assert it.state is S.AVAILABLE, "held from elsewhere than the shelf"
            it.state, it.hold = S.RESERVED, answer.id
        self.model.holds[answer.id] = quantity

    @precondition(lambda self: self.model.holds)
    @rule(index=AN_INDEX)
    def release_hold(self, index: int) -> None:
        held = list(self.model.holds)[index % len(self.model.holds)]

        async def released() -> bool:
            async with transaction() as conn:
                return await cards.release_hold(conn, held)

        self.run(released())
        for it in self.model.cards.values():
            if it.hold == held:
                it.state, it.hold = S.AVAILABLE, None

    @rule(index=AN_INDEX)
    def reveal(self, index: int) -> None:
        card = self.pick(index, *OWNED)
        if card is None:
            return
        order = self.model.cards[card].order
        assert order is not None
        shown = self.run(orders.reveal_cards(self.buyer, order, None))
        mine = {c: it for c, it in self.model.cards.items() if it.order == order}
        open_now = {
            c
            for c, it in mine.items()
            if it.state in (S.SOLD, S.REVEALED)
            or (it.state in (S.DISPUTED, S.INVALID_CONFIRMED) and it.seen)
        }
        assert {each.card_id for each in shown} == open_now
        for each in open_now:
            mine[each].seen = True
            if mine[each].state is S.SOLD:
                mine[each].state = S.REVEALED

    @precondition(lambda self: self.model.cards)
    @rule(index=AN_INDEX)
    def dispute(self, index: int) -> None:
        card = self.pick(index, *S)
        assert card is not None
        it = self.model.cards[card]
        answer = self.answer(cards.dispute_card(make.OPERATOR, card, "used"))
        if it.state is S.DISPUTED:
            return
        if S.DISPUTED not in MOVES[it.state]:
            assert answer == "CARD_MOVE_NOT_ALLOWED"
            return
        it.state, it.open_check, it.checked = S.DISPUTED, True, True

    @precondition(lambda self: self.model.cards)
    @rule(index=AN_INDEX)
    def void(self, index: int) -> None:
        card = self.pick(index, *S)
        assert card is not None
        it = self.model.cards[card]
        wish = cards.WriteOffWish(cards.WriteOffKind.VOID, "a leak", str(new_id()), (card,))
        answer = self.answer(cards.write_off_cards(make.OPERATOR, wish))
        if it.state not in FREE:
            assert answer == "CARD_MOVE_NOT_ALLOWED"
            return
        it.state = S.VOID

    @precondition(lambda self: self.model.batches)
    @rule(index=AN_INDEX)
    def give_back(self, index: int) -> None:
        batch = self.a_batch(index)
        kind = cards.WriteOffKind.RETURNED
        wish = cards.WriteOffWish(kind, "bad lot", str(new_id()), batch_id=batch)
        self.run(cards.write_off_cards(make.OPERATOR, wish))
        for card in self.model.of(batch, *FREE, S.INVALID_CONFIRMED):
            if self.model.cards[card].order is None:
                self.model.cards[card].state = S.RETURNED_TO_SUPPLIER

    @rule()
    def expire(self) -> None:
        later = clock.now() + timedelta(days=2)
        with clock.fixed(lambda: later):
            self.run(cards.expire_cards())
        for it in self.model.cards.values():
            if it.expires and it.state in FREE:
                it.state = S.EXPIRED

    @precondition(lambda self: self.model.cards)
    @rule(index=AN_INDEX, after=st.sampled_from(S))
    def try_an_illegal_move(self, index: int, after: S) -> None:
        """By plain SQL, as somebody at the database's prompt would."""
        card = self.pick(index, *S)
        assert card is not None
        it = self.model.cards[card]
        if after in MOVES[it.state] or after is it.state:
            return
        sql = (
            "UPDATE cards SET state = $2, hold_id = NULL, order_line_id = NULL,"
            " unit_number = NULL, sold_at = NULL WHERE id = $1"
        )
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            self.run(_execute(sql, card, after.value))

    @invariant()
    def the_store_is_as_the_model_says(self) -> None:
        if not self.model.cards:
            return
        rows = self.run(cards.Card.filter(variant_id=self.variant.id).values())
        found = {row["id"]: (row["state"], row["hold_id"]) for row in rows}
        assert found == {card: (it.state, it.hold) for card, it in self.model.cards.items()}

    @invariant()
    def the_promises_hold(self) -> None:
        broken = self.run(_broken())
        assert broken == []


async def _execute(sql: str, *args: object) -> None:
    async with transaction() as conn:
        await conn.execute(sql, *args)


async def _broken() -> list[str]:
    async with connection() as conn:
        return [
            each.name
            for each in invariants.INVARIANTS
            if each.name in NAMED and await conn.fetchval(each.broken)
        ]


async def live(*phases: Phase) -> None:
    """Run lives in a thread of their own; each step is done on this loop."""
    Life.loop = asyncio.get_running_loop()
    bounds = settings(
        max_examples=10,
        stateful_step_count=30,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Life, settings=bounds)


async def test_whatever_happens_to_cards_the_store_stays_as_it_should_be() -> None:
    await live(Phase.generate, Phase.shrink)


async def test_a_store_that_sells_what_is_frozen_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: let a freeze move one card only, and the model above tells."""
    monkeypatch.setattr(batches, "SETTLED_AT_ONCE", 1)
    Life.loop = asyncio.get_running_loop()

    def a_short_life() -> None:
        life = Life()
        life.open_shop()
        life.import_batch(number=4, quarantine=False, expires=False)
        life.the_store_is_as_the_model_says()
        life.freeze(index=0)
        with pytest.raises(AssertionError):
            life.the_store_is_as_the_model_says()

    await asyncio.to_thread(a_short_life)


async def test_the_trace_vouches_for_everything_that_operators_and_schedulers_do() -> None:
    variant, buyer = await make.variant(cards=12), await make.buyer()
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(safety_stock=99))
    await cards.set_quota(make.OPERATOR, variant.sku, sites.MAIN_ID, 2)
    soon = clock.now().date() + timedelta(days=1)
    wish = cards.ImportWish(
        variant.sku, COST, expires_on=soon, origin=cards.BatchOrigin(quarantine=True, note="x")
    )
    report = await cards.import_cards(make.OPERATOR, wish, io.BytesIO(b"E-1\nE-2\nE-3\nE-4\n"))
    batch = report.batch_id
    assert batch is not None
    (check,) = await cards.sample_batch(make.OPERATOR, batch, 1)
    await cards.judge_card(make.OPERATOR, check.card_id, cards.Verdict.INVALID, "dead")
    await cards.release_batch(make.OPERATOR, batch)
    await cards.freeze_batch(make.OPERATOR, batch, "doubt")
    await cards.unfreeze_batch(make.OPERATOR, batch, "fine")
    held = await make.hold(variant, 2)
    await cards.tell_expiring()
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "key"))
    await orders.reveal_cards(buyer, placed.order.id, None)
    first = (await cards.cards_of_lines([placed.lines[0].id]))[placed.lines[0].id][0]
    await cards.dispute_card(make.OPERATOR, first.id, "used")
    later = clock.now() + timedelta(days=2)
    with clock.fixed(lambda: later):
        await schedule.watch_stock()
        await schedule.expire_stock()
    assert (await cards.CardHold.get(id=held.id)).state is cards.HoldState.LAPSED
    whole = cards.WriteOffWish(cards.WriteOffKind.VOID, "end", "key", batch_id=batch)
    await cards.write_off_cards(make.OPERATOR, whole)
    await cards.seal_card_events()
    assert (await cards.verify_cards()).faults == []
    assert await _broken() == []
