"""Statements as partners would write them, and what they are of."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from domain import checkout, payments, statements
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, clock, plain
from domain.payments import Payment, PaymentChannel, StartWish, Way
from domain.statements import (
    Foreseen,
    LineKind,
    Outcome,
    StatementDifference,
    StatementImport,
    StatementSource,
    StatementTally,
    StatementWish,
)
from tests import make
from tests.vendor import Vendor

COLUMNS = ("kind", "reference", "about", "provider_id", "amount", "fee", "currency", "at")
CHANNEL_FEE = 2_000  # 0.20 yuan


@dataclass(frozen=True)
class Row:
    """One line of a plain CSV."""

    reference: str
    amount: int
    at: datetime
    kind: str = "payment"
    about: str = ""
    provider_id: str = ""
    fee: int = CHANNEL_FEE
    currency: str = "CNY"

    def but(self, **changes: object) -> "Row":
        """The same with something changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def csv_of(*rows: Row) -> io.BytesIO:
    """A file of the plain layout."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        values = {name: getattr(row, name) for name in COLUMNS}
        values |= {"amount": plain(row.amount), "fee": plain(row.fee), "at": row.at.isoformat()}
        writer.writerow(values.values())
    return io.BytesIO(text.getvalue().encode())


def today() -> date:
    """The day of a vendor whose calendar is UTC."""
    return clock.now().astimezone(UTC).date()


async def pay(
    bank: Vendor, channel: PaymentChannel, buyer: Actor | None = None, *, booked: bool = True
) -> Payment:
    """A payment of a card through a channel; `booked`: we have heard that it was paid."""
    variant, buyer = await make.variant(cards=1), buyer or await make.buyer(0)
    key = f"key {variant.sku}"
    purchase = Purchase((LineWish(variant.sku, 1),), key, by_channel=True)
    order = (await checkout.place_order(buyer, purchase)).order
    wish = StartWish(order.id, channel.id, Way.PAGE, key)
    payment = (await payments.start_payment(buyer, wish)).payment
    paid = bank.pay(payment.reference)
    if booked:
        await checkout.confirm_payment(payment.id, paid, "query")
    return await Payment.get(id=payment.id)


def row_of(payment: Payment, **changes: object) -> Row:
    """What an honest vendor says of a payment."""
    at = payment.paid_at or clock.now()
    amount = payment.paid_amount or payment.amount
    row = Row(payment.reference, amount, at, provider_id=payment.provider_id or "V0")
    return row.but(**changes)


async def take(
    source: StatementSource, *rows: Row, day: date | None = None, until: date | None = None
) -> StatementImport:
    """Import a file of these rows; of a day, when it is said. What a dry run says beforehand is
    what comes, each time."""
    wish = StatementWish("bill.csv", first_day=day, last_day=until or day)
    foreseen = await statements.rehearse(make.OPERATOR, source, wish, csv_of(*rows))
    before, counted = await differences(), await _counted(source)
    report = await statements.import_file(make.OPERATOR, source, wish, csv_of(*rows))
    if not report.replayed:
        assert (foreseen.lines, foreseen.fresh) == (report.lines, report.fresh)
    after = await differences()
    came = [each for each in after.values() if each.id not in before]
    assert sorted(map(_told, foreseen.differences)) == sorted(map(_told, came))
    over = [each for each in before.values() if each.closed_at is None and after[each.id].closed_at]
    assert foreseen.resolves == len(over)
    counts = Counter({(row.kind, row.outcome): row.number for row in foreseen.sums})
    gone = Counter((each.kind, each.outcome) for each in over)
    assert await _counted(source) == counted + counts - gone
    return report


async def differences() -> dict[UUID, StatementDifference]:
    """All differences, by their ids."""
    return {each.id: each for each in await StatementDifference.all()}


async def _counted(source: StatementSource) -> Counter[tuple[LineKind, Outcome]]:
    found: Counter[tuple[LineKind, Outcome]] = Counter()
    for each in await StatementTally.filter(source_id=source.id):
        found[each.kind, each.outcome] += each.number
    return +found


def _told(found: StatementDifference | Foreseen) -> tuple[str, ...]:
    theirs, ours = (str(each) for each in (found.theirs, found.ours))
    return (found.code, found.outcome.value, found.reference, found.currency, theirs, ours)


async def open_codes() -> list[str]:
    """The differences that nobody has closed."""
    found = await StatementDifference.filter(state__in=["OPEN", "ASKED"]).order_by("id")
    return [each.code for each in found]


def midnight() -> datetime:
    """The end of today's day, in UTC."""
    return datetime.combine(today() + timedelta(days=1), datetime.min.time(), UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """The world at a moment."""
    with clock.fixed(lambda: moment):
        yield


def yesterday_at_noon() -> datetime:
    """Far from any midnight of UTC."""
    return midnight() - timedelta(hours=36)
