"""The figures say what waits."""

from datetime import timedelta

import pytest

from domain import cards, checkout, ledger
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.fulfilment import AttemptStatus, FulfilmentAttempt
from domain.kernel import clock, connection, new_id
from server import metrics
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def test_backlogs_are_counted() -> None:
    variant = await make.variant(cards=1)
    await checkout.place_order(await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key"))
    metrics.request_done("/graphql/shop", 200, 0.01)
    text = (await metrics.render()).decode()
    async with connection() as conn:
        waiting = await conn.fetchval("SELECT count(*) FROM outbox_events")
    assert waiting > 0
    assert f'kameng_backlog{{kind="outbox"}} {waiting}.0' in text
    assert 'kameng_http_requests_total{route="/graphql/shop",status="200"}' in text


def figure(text: str, name: str) -> float:
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


async def test_the_chain_lags_until_it_is_sealed() -> None:
    name = "kameng_ledger_seal_lag_seconds"
    assert figure((await metrics.render()).decode(), name) == 0
    await make.buyer()  # with a wallet that was topped up: a transfer
    assert figure((await metrics.render()).decode(), name) > 0
    await ledger.seal_committed()
    assert figure((await metrics.render()).decode(), name) == 0


async def test_the_chain_of_cards_lags_until_it_is_sealed_and_its_checkpoint_ages() -> None:
    lag, age = "kameng_card_seal_lag_seconds", "kameng_checkpoint_age_seconds"
    text = (await metrics.render()).decode()
    assert (figure(text, lag), figure(text, age)) == (0, 0)
    await make.stock(await make.variant(), 1)
    assert figure((await metrics.render()).decode(), lag) > 0
    await cards.seal_card_events()
    earlier = clock.now() - timedelta(hours=1)
    with clock.fixed(lambda: earlier):
        await cards.take_checkpoint()
    text = (await metrics.render()).decode()
    assert figure(text, lag) == 0
    assert 3_500 < figure(text, age) < 3_700


async def test_open_attempts_are_counted_by_status_and_fall_back_to_zero() -> None:
    variant = await make.variant(cards=0)
    offer = await make.offer(variant, make.yuan(40))
    placed = await checkout.place_order(
        await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key")
    )
    attempt = await FulfilmentAttempt.create(
        line_id=placed.lines[0].id,
        number=1,
        supplier_id=offer.supplier_id,
        offer_id=offer.id,
        item=offer.item,
        quantity=1,
        reference=new_id().hex,
        status=AttemptStatus.UNCERTAIN,
        max_unit_cost=make.yuan(40),
        currency="CNY",
        opened_at=clock.now(),
        next_query_at=clock.now(),
    )
    name = 'kameng_open_attempts{status="uncertain"}'
    assert figure((await metrics.render()).decode(), name) == 1
    attempt.status, attempt.next_query_at = AttemptStatus.SUCCEEDED, None
    attempt.finished_at = clock.now()
    await attempt.save()
    assert figure((await metrics.render()).decode(), name) == 0


async def test_lines_that_wait_for_a_hand_are_counted_and_the_oldest_has_an_age() -> None:
    name = "kameng_manual_line_oldest_seconds"
    assert figure((await metrics.render()).decode(), name) == 0
    variant = await make.variant(delivery_kind=DeliveryKind.MANUAL)
    await checkout.place_order(await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key"))
    text = (await metrics.render()).decode()
    assert figure(text, name) > 0
    assert 'kameng_backlog{kind="manual_lines"} 1.0' in text
