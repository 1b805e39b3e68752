"""A payment vendor inside the test's own process, with a book of its own and faults on demand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count

import orjson

from domain import payments
from domain.kernel import clock, parse_units, plain, refuse_inside_a_transaction
from domain.payments import Capabilities, PaymentChannel, Redirect, Way
from domain.payments.ports import (
    CallbackResult,
    Closed,
    CloseResult,
    Connection,
    Forged,
    NotFound,
    Notice,
    NoticeState,
    Paid,
    PaymentOrder,
    Pending,
    QueryResult,
    RefundCompleted,
    RefundOrder,
    RefundQueryResult,
    RefundResult,
    Refused,
    Reply,
    Started,
    StartResult,
    Statement,
    StatementKind,
    StatementResult,
    StatementRow,
    Uncertain,
    Why,
)
from tests import make

ADAPTER = "vendor"
MERCHANT = "merchant-1"
_numbers = count(1)


@dataclass
class Entry:
    """One payment as the vendor has it."""

    order: PaymentOrder
    merchant: str
    paid: Paid | None = None
    closed: bool = False


@dataclass
class Vendor:
    """The port, and what the vendor really did."""

    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            ways=frozenset(Way),
            currencies=frozenset({"CNY"}),
            active_query=True,
            refund=True,
            close=True,
            split=False,
            callback_signed=True,
            callback_encrypted=False,
            statement=True,
        )
    )
    setting_names: frozenset[str] = frozenset()
    secret_names: frozenset[str] = frozenset({"key"})
    entries: dict[str, Entry] = field(default_factory=dict)
    refunds: dict[str, int] = field(default_factory=dict)
    # Days whose statement is made, each with what is in it beside the truth.
    bills: dict[date, list[StatementRow]] = field(default_factory=dict)
    silent: bool = False  # answers nothing for sure
    starts: list[StartResult] = field(default_factory=list)  # scripted answers, before true ones
    refund_answers: list[RefundResult] = field(default_factory=list)

    def pay(self, reference: str, amount: int | None = None) -> Paid:
        """The buyer pays."""
        entry = self.entries[reference]
        assert not entry.closed, "a vendor takes no money for what it has closed"
        entry.paid = Paid(
            f"V{next(_numbers)}",
            entry.order.amount if amount is None else amount,
            entry.order.currency,
            entry.merchant,
            clock.now(),
        )
        return entry.paid

    async def start(self, connection: Connection, order: PaymentOrder) -> StartResult:
        refuse_inside_a_transaction()
        if self.starts:
            return self.starts.pop(0)
        self.entries.setdefault(order.reference, Entry(order, connection.merchant))
        return Started(Redirect(f"https://vendor.example/{order.reference}"))

    async def query(self, connection: Connection, reference: str) -> QueryResult:
        refuse_inside_a_transaction()
        if self.silent:
            return Uncertain(Why.PROVIDER_DOWN)
        entry = self.entries.get(reference)
        if entry is None:
            return NotFound()
        if entry.paid is not None:
            return entry.paid
        return Closed() if entry.closed else Pending()

    async def close(self, connection: Connection, reference: str) -> CloseResult:
        refuse_inside_a_transaction()
        result = await self.query(connection, reference)
        if isinstance(result, Pending):
            self.entries[reference].closed = True
            return Closed()
        return result

    async def refund(self, connection: Connection, refund: RefundOrder) -> RefundResult:
        refuse_inside_a_transaction()
        if self.refund_answers:
            answer = self.refund_answers.pop(0)
            if isinstance(answer, Uncertain):
                self.refunds[refund.refund_reference] = refund.amount  # and yet it was done
            return answer
        self.refunds[refund.refund_reference] = refund.amount
        return RefundCompleted("R1", refund.amount)

    async def refund_query(self, connection: Connection, refund: RefundOrder) -> RefundQueryResult:
        refuse_inside_a_transaction()
        done = self.refunds.get(refund.refund_reference)
        return NotFound() if done is None else RefundCompleted("R1", done)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        if headers.get("signature") != connection.secrets["key"]:
            return Forged(Why.SIGNATURE)
        told = orjson.loads(body)
        return Notice(
            told["reference"],
            told["provider_id"],
            parse_units(told["amount"]),
            told["currency"],
            told["merchant"],
            NoticeState(told["state"]),
            datetime.fromisoformat(told["at"]),
        )

    def reply(self, taken: bool) -> Reply:
        return Reply(200 if taken else 400, b"taken" if taken else b"again")

    async def statement(self, connection: Connection, day: date) -> StatementResult:
        """What was paid on a day of UTC, six in a thousand kept; once it is made."""
        if day not in self.bills:
            return Refused(Why.NOT_READY)
        return Statement(day, [*self.bills[day], *self._rows_of(day)])

    def _rows_of(self, day: date) -> list[StatementRow]:
        return [
            StatementRow(
                StatementKind.PAYMENT,
                entry.order.reference,
                entry.paid.provider_id,
                entry.paid.amount,
                entry.paid.amount * 6 // 1000,
                entry.paid.currency,
                entry.paid.paid_at,
                raw=f"{entry.order.reference},{entry.paid.provider_id}",
            )
            for entry in self.entries.values()
            if entry.paid is not None and entry.paid.paid_at.astimezone(UTC).date() == day
        ]


def told(reference: str, paid: Paid, **changes: str) -> bytes:
    """The body of a callback that tells of a payment, unless a test changes it."""
    body = {
        "reference": reference,
        "provider_id": paid.provider_id,
        "amount": plain(paid.amount),
        "currency": paid.currency,
        "merchant": paid.merchant,
        "state": "paid",
        "at": clock.now().isoformat(),
    }
    return orjson.dumps(body | changes)


SIGNED = {"signature": "right"}


async def channel(vendor: Vendor, code: str = "", merchant: str = MERCHANT) -> PaymentChannel:
    """A channel of this vendor, whose callbacks are signed with "right"."""
    payments.register(ADAPTER, vendor)
    wish = payments.ChannelWish(
        code=code or f"channel{next(_numbers)}",
        adapter=ADAPTER,
        merchant=merchant,
        name_zh="测试支付",
        name_en="Test payment",
        base_url="https://vendor.example",
        ways=(Way.PAGE,),
        secrets={"key": "right"},
    )
    return await payments.save_channel(make.OPERATOR, wish)
