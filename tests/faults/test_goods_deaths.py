"""Processes die while they work at cards, coupons, prices and what buyers filled in: run again,
everything is done once, and nothing was half done."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from domain import (
    bulk,
    cards,
    checkout,
    coupons,
    giftcards,
    kernel,
    ledger,
    orders,
    pricing,
    realname,
    refunds,
)
from domain.bulk import JobState
from domain.cards import rotation, undoing, writing_off
from domain.cards.models import Card, CardBatch, CardState
from domain.coupons import CouponBatch
from domain.giftcards import Breakage
from domain.kernel import SYSTEM, clock
from domain.ledger import AccountKind, account_id
from domain.orders import Order, OrderStatus
from domain.priceguard import GuardAction
from domain.realname import Claim, RealNameCase
from domain.refunds import RefundDestination, RefundReason, RefundWish
from domain.suppliers import SupplierOffer
from domain.vault import CardExport, CardExportPart, ExportStatus, archive, write_export
from server.keyfile import FileKeys
from server.settings import Settings
from tests import make
from tests.domain.bulk.test_jobs import codes, sent
from tests.domain.cards.test_batches import batch_of, void
from tests.domain.cards.test_keys import codes_of
from tests.domain.coupons.selling import bought, campaign, states
from tests.domain.fulfilment.test_fulfilment import Scripted, port
from tests.domain.fulfilment.test_topup import offered, paid
from tests.domain.giftcards.test_redeeming import balance
from tests.domain.giftcards.test_redeeming import bought as bought_gift
from tests.domain.orders.test_filled_in import ACCOUNT, delivered, in_the_open, line_of
from tests.domain.priceguard.test_guards import guard
from tests.domain.realname.test_realname import NAME, NUMBER
from tests.domain.vault.test_exports import approved, fetched, real_codes, secrets_of, unpacked
from tests.faults.dying import Mortal
from tests.faults.test_kills import no_violations, number_of

pytestmark = pytest.mark.xdist_group("deaths")
__all__ = ["port"]
COST = make.yuan(40)


@pytest_asyncio.fixture
async def key_file(db: None, tmp_path: Path, test_settings: Settings) -> AsyncIterator[Path]:
    """A key file of this test alone."""
    path = tmp_path / "keys.json"
    await kernel.install_keys(FileKeys(path))
    yield path
    await kernel.install_keys(FileKeys(test_settings.key_file))


# --- cards ----------------------------------------------------------------------------------------


async def undo_by_twos(batch_id: UUID) -> cards.UndoReport:
    undoing.CHUNK_CARDS = 2
    return await cards.undo_batch(make.OPERATOR, batch_id)


@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_an_import_is_taken_back_chunk_by_chunk_and_each_card_is_paid_back_once(
    mortal: Mortal, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "CHUNK_CARDS", 2)
    variant, bank = await make.variant(), account_id(AccountKind.BANK, None, make.CNY)
    before = await ledger.balance_of(bank)
    codes = io.BytesIO(b"".join(b"A-%d\n" % number for number in range(5)))
    wish = cards.ImportWish(variant.sku, COST)
    batch = (await cards.import_cards(make.OPERATOR, wish, codes)).batch_id
    await mortal.dies("cards.undo_written", undo_by_twos, batch, nth=nth)
    assert await Card.filter(state=CardState.VOID).count() == 2 * (nth - 1)
    report = await cards.undo_batch(make.OPERATOR, batch)
    assert (report.voided, report.kept) == (5 - 2 * (nth - 1), 0)
    assert await ledger.balance_of(bank) == before
    await no_violations()


async def write_by_tens(export_id: UUID) -> None:
    archive.PART_CARDS = 10
    await write_export(export_id)


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("export.claimed", 1),
        ("export.planted", 1),
        ("export.part", 1),
        ("export.part", 2),
        ("export.ready_written", 1),
    ],
)
async def test_an_archive_holds_each_card_once_whoever_wrote_its_parts(
    mortal: Mortal, point: str, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PART_CARDS", 10)
    variant, taker = await make.variant(cards=25), await make.operator("cards:export")
    export = await approved(variant, taker)
    await mortal.dies(point, write_by_tens, export.id, nth=nth)
    written = {"export.part": nth, "export.ready_written": 3}.get(point, 0)
    assert await CardExportPart.all().count() == written
    await write_export(export.id)  # somebody else may still be at it
    assert (await CardExport.get(id=export.id)).status is ExportStatus.APPROVED
    with make.later(minutes=3):
        await write_export(export.id)
        export = await CardExport.get(id=export.id)
        _, rows = unpacked(await fetched(taker, export))
    found, real = secrets_of(rows), await real_codes(variant)
    assert (len(found), len(set(found))) == (27, 27)
    assert real < set(found)
    assert (export.status, export.cards) == (ExportStatus.READY, 27)
    await no_violations()


async def written_off_by_twos(wish: cards.WriteOffWish) -> None:
    writing_off.SLICE = 2
    await cards.write_off_cards(make.OPERATOR, wish)


@pytest.mark.parametrize("nth", [1, 2])
async def test_a_batch_is_written_off_slice_by_slice_and_lost_once(
    mortal: Mortal, nth: int
) -> None:
    variant = await make.variant()
    batch = await batch_of(variant, 5)
    wish = void(batch_id=batch)
    await mortal.dies("cards.write_off_written", written_off_by_twos, wish, nth=nth)
    loss = account_id(AccountKind.LOSS, None, make.CNY)
    assert await ledger.balance_of(loss) == -2 * (nth - 1) * COST
    await no_violations()
    for _ in range(2):
        assert (await cards.write_off_cards(make.OPERATOR, wish)).cards == 5
    assert await ledger.balance_of(loss) == -5 * COST
    await no_violations()


async def test_what_expires_is_lost_once(mortal: Mortal) -> None:
    variant = await make.variant()
    soon = clock.now().date() + timedelta(days=5)
    wish = cards.ImportWish(variant.sku, COST, expires_on=soon)
    await cards.import_cards(make.OPERATOR, wish, io.BytesIO(b"A-1\nA-2\n"))
    await mortal.dies("cards.expiry_written", cards.expire_cards, days=6)
    loss = account_id(AccountKind.LOSS, None, make.CNY)
    assert await ledger.balance_of(loss) == 0
    with make.later(days=6):
        assert [await cards.expire_cards() for _ in range(2)] == [2, 0]
    assert await ledger.balance_of(loss) == -2 * COST
    await no_violations()


async def test_a_rest_of_a_gift_card_becomes_income_once(mortal: Mortal) -> None:
    program = await make.gift_program(cards=1, valid_days=1_095, breakage=Breakage.INCOME)
    await bought_gift(program)
    before = await balance(AccountKind.REVENUE)
    await mortal.dies("giftcards.expiry_written", giftcards.expire_due, days=1_096)
    assert await balance(AccountKind.REVENUE) == before
    with make.later(days=1_096):
        assert [await giftcards.expire_due() for _ in range(2)] == [1, 0]
    assert await balance(AccountKind.REVENUE) == before + 100 * make.SCALE
    await no_violations()


async def test_an_import_whose_worker_dies_at_its_end_has_imported_once(mortal: Mortal) -> None:
    variant = await make.variant()
    job = await sent(variant, codes(25))
    await mortal.dies("bulk.worked", bulk.run_job, job.id)
    assert await number_of("cards") == 25
    assert (await bulk.get_job(make.OPERATOR, job.id)).state is JobState.RUNNING
    with make.later(minutes=1):
        await bulk.run_job(job.id)
    job = await bulk.get_job(make.OPERATOR, job.id)
    assert job.result is not None
    assert (job.state, job.result["accepted"]) == (JobState.SUCCEEDED, 25)
    assert await number_of("cards") == 25
    assert await number_of("card_batches") == 1
    await no_violations()


# --- what is sealed -------------------------------------------------------------------------------


async def with_keys(path: Path, what: str) -> None:
    """One slice of one line, or of one row."""
    await kernel.install_keys(FileKeys(path))
    if what == "orders.accounts_sealed":
        await orders.seal_open_accounts(1)
    elif what == "orders.accounts_resealed":
        await orders.reseal_accounts(SYSTEM, None, 1)
    elif what == "orders.accounts_erased":
        await orders.erase_overdue_accounts(1)
    else:
        await realname.reseal_names(SYSTEM)


@pytest.mark.usefixtures("port")
async def test_what_lies_in_the_open_is_sealed_or_as_it_was(mortal: Mortal, key_file: Path) -> None:
    point = "orders.accounts_sealed"
    lines = [(await paid(await offered([item])))[1] for item in "ab"]
    for line_id in lines:
        await in_the_open(line_id)
    await mortal.dies(point, with_keys, key_file, point)
    assert await number_of("order_lines", "account IS NOT NULL") == 2
    assert await orders.seal_open_accounts() == 2
    for line_id in lines:
        assert await orders.account_in(await line_of(line_id)) == ACCOUNT


@pytest.mark.usefixtures("port")
@pytest.mark.parametrize("nth", [1, 2])
async def test_new_keys_seal_what_filled_in_slice_by_slice(
    mortal: Mortal, key_file: Path, nth: int
) -> None:
    point = "orders.accounts_resealed"
    lines = [(await paid(await offered([item])))[1] for item in "ab"]
    await FileKeys(key_file).add_version()
    await mortal.dies(point, with_keys, key_file, point, nth=nth)
    for line_id in lines:
        assert await orders.account_in(await line_of(line_id)) == ACCOUNT
    assert await orders.reseal_accounts(SYSTEM, None, 1) == 3 - nth
    for line_id in lines:
        assert await orders.account_in(await line_of(line_id)) == ACCOUNT


async def test_what_buyers_filled_in_is_erased_or_there(
    mortal: Mortal, key_file: Path, port: Scripted
) -> None:
    point = "orders.accounts_erased"
    _, line_id = await delivered(port)
    await mortal.dies(point, with_keys, key_file, point, days=200)
    assert await orders.account_in(await line_of(line_id)) == ACCOUNT
    with make.later(days=200):
        assert [await orders.erase_overdue_accounts(1) for _ in range(2)] == [1, 0]
    assert (await line_of(line_id)).account_erased_at is not None


async def rotated_by_twos(path: Path, batch_id: UUID) -> None:
    await kernel.install_keys(FileKeys(path))
    rotation.SLICE = 2
    await cards.rotate_batch(make.OPERATOR, batch_id)


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("cards.rotation_begun", 1),
        ("cards.rotation_written", 1),
        ("cards.rotation_written", 2),
        ("cards.rotation_ended", 1),
    ],
)
async def test_codes_open_whoever_dies_while_a_batch_gets_a_new_key(
    mortal: Mortal, key_file: Path, point: str, nth: int
) -> None:
    stored = await make.stock(await make.variant(), 5)
    ids = [card.id for card in stored]
    before = await codes_of(*ids)
    await mortal.dies(point, rotated_by_twos, key_file, stored[0].batch_id, nth=nth)
    assert await codes_of(*ids) == before
    done = await cards.rotate_batch(make.OPERATOR, stored[0].batch_id)
    left = {"cards.rotation_written": 5 - 2 * (nth - 1), "cards.rotation_ended": 0}
    assert (done.generation, done.cards, done.broken) == (2, left.get(point, 5), [])
    assert await codes_of(*ids) == before
    batch = await CardBatch.get(id=stored[0].batch_id)
    assert (batch.generation, batch.next_wrapped_key) == (2, None)
    await no_violations()


async def test_new_keys_seal_names_and_numbers(mortal: Mortal, key_file: Path) -> None:
    case = await realname.submit_name(await make.buyer(0), Claim(NAME, NUMBER))
    await FileKeys(key_file).add_version()
    await mortal.dies("kernel.resealed", with_keys, key_file, "names")
    assert realname.words_of(await RealNameCase.get(id=case.id)) == (NAME, NUMBER)
    assert await realname.reseal_names(SYSTEM) == 2
    assert realname.words_of(await RealNameCase.get(id=case.id)) == (NAME, NUMBER)


# --- coupons, orders that end, prices -------------------------------------------------------------


async def test_codes_are_taken_or_still_there(mortal: Mortal) -> None:
    keeper, of = await make.operator("coupons:write"), await campaign()
    batch, _ = await coupons.create_batch(make.OPERATOR, of.id, 3, "batch")
    await coupons.make_batch(batch.id)
    await mortal.dies("coupons.codes_taken", coupons.take_codes, keeper, batch.id, 3, "a")
    assert (await CouponBatch.get(id=batch.id)).taken == 0
    _, found, replayed = await coupons.take_codes(keeper, batch.id, 3, "a")
    assert (len(set(found)), replayed) == (3, False)
    assert await number_of("audit_entries", "action = 'coupon_batch.take'") == 1


async def test_a_coupon_of_a_refunded_order_is_good_again_once(mortal: Mortal) -> None:
    variant = await make.variant(cards=2, unit_cost=1)
    await campaign("5", given_back=True, max_uses=1)
    order = (await bought(await make.buyer(), variant.sku, "SUMMER")).order
    wish = RefundWish(order.id, RefundReason.OTHER, RefundDestination.WALLET, "x")
    await refunds.refund_order(make.OPERATOR, wish, "all")
    await mortal.dies("coupons.given_back", checkout.give_back_coupons, order.id)
    assert await states() == ["used"]
    assert await checkout.coupons_to_give_back(9) == [order.id]
    assert [await checkout.give_back_coupons(order.id) for _ in range(2)] == [1, 0]
    assert await states() == ["returned"]
    await bought(await make.buyer(), variant.sku, "SUMMER")
    await no_violations()


async def test_an_order_that_nobody_paid_ends_with_its_cards_and_its_coupon(
    mortal: Mortal,
) -> None:
    variant = await make.variant(cards=2, unit_cost=1)
    await campaign("5", max_uses=1)
    buyer = await make.buyer(0)
    order = (await bought(buyer, variant.sku, "SUMMER", by_channel=True)).order
    assert await number_of("cards", "state = 'reserved'") == 1
    for point, work in (
        ("checkout.end_written", (checkout.cancel_order, buyer, order.id)),
        ("checkout.end_written", (checkout.expire_order, order.id)),
    ):
        await mortal.dies(point, *work, days=1)
        assert (await Order.get(id=order.id)).status is OrderStatus.PENDING_PAYMENT
        assert await states() == ["locked"]
        assert await number_of("cards", "state = 'reserved'") == 1
    with make.later(days=1):
        assert [await checkout.expire_order(order.id) for _ in range(2)] == [True, False]
    assert (await Order.get(id=order.id)).status is OrderStatus.EXPIRED
    assert await states() == ["released"]
    assert await number_of("cards", "state = 'available'") == 2
    await no_violations()


async def test_prices_are_raised_with_their_note_or_as_they_were(mortal: Mortal) -> None:
    variant = await make.variant(price=make.yuan(90))
    offer = await make.offer(variant, make.yuan(80))
    await guard(GuardAction.RAISE_TO_FLOOR, min_margin_rate=500)
    await SupplierOffer.filter(id=offer.id).update(cost=make.yuan(100))
    await mortal.dies("pricing.guard_written", pricing.watch_prices)
    assert await number_of("prices", f"amount = {make.yuan(90)}") == 1
    assert await number_of("price_inversions") == 0
    assert [await pricing.watch_prices() for _ in range(2)] == [1, 0]
    assert await number_of("prices", f"amount = {make.yuan(105)}") == 1
    assert await number_of("price_inversions") == 1
    assert await number_of("outbox_events", "type = 'price.inverted'") == 1
    await no_violations()
