"""Processes die while they work at cards, coupons, prices and what buyers filled in: run again,
everything is done once, and nothing was half done."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from domain import cards, checkout, coupons, kernel, ledger, orders, pricing, realname, refunds
from domain.cards import undoing
from domain.cards.models import Card, CardState
from domain.coupons import CouponBatch
from domain.kernel import SYSTEM
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
from tests.domain.coupons.selling import bought, campaign, states
from tests.domain.fulfilment.test_fulfilment import Scripted, port
from tests.domain.fulfilment.test_topup import offered, paid
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
    [("export.claimed", 1), ("export.planted", 1), ("export.part", 1), ("export.part", 2)],
)
async def test_an_archive_holds_each_card_once_whoever_wrote_its_parts(
    mortal: Mortal, point: str, nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PART_CARDS", 10)
    variant, taker = await make.variant(cards=25), await make.operator("cards:export")
    export = await approved(variant, taker)
    await mortal.dies(point, write_by_tens, export.id, nth=nth)
    assert await CardExportPart.all().count() == (nth if point == "export.part" else 0)
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
    await mortal.dies("coupons.codes_taken", coupons.take_codes, keeper, batch.id, 3)
    assert (await CouponBatch.get(id=batch.id)).taken == 0
    _, found = await coupons.take_codes(keeper, batch.id, 3)
    assert len(set(found)) == 3
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
