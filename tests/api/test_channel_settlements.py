"""A channel's money arrives at the bank: booked once, and never more than the channel holds."""

import asyncio
from typing import Any

import asyncpg
import pytest

from domain import ledger
from domain.audit import AuditEntry
from domain.invariants import find_violations
from domain.kernel import Prefix, encode_id, new_id, transaction
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.payments import PaymentChannel
from schema.admin import schema
from tests import make, vendor
from tests.api.asking import ask, data_of
from tests.statement_files import pay
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
BOOK = """mutation Book($input: ChannelSettlementBookInput!) {
  channelSettlementBook(input: $input) {
    channel { code } held { amount } replayed userErrors { code field } } }"""


async def shop() -> PaymentChannel:
    """A channel through which two cards were paid, 49 yuan each."""
    bank = Vendor()
    channel = await vendor.channel(bank)
    for _ in range(2):
        await pay(bank, channel)
    return channel


async def book(channel: PaymentChannel, yuan: str, reference: str = "po-1", **more: Any) -> Any:
    clerk = await make.operator("ledger:write")
    wish = {
        "channelId": encode_id(Prefix.PAYMENT_CHANNEL, channel.id),
        "amount": {"amount": yuan, "currency": "CNY"},
        "reference": reference,
    } | more
    return (await data_of(schema, BOOK, clerk, input=wish))["channelSettlementBook"]


async def balance(kind: AccountKind, channel: PaymentChannel | None = None) -> int:
    return await ledger.balance_of(account_id(kind, channel.id if channel else None, make.CNY))


async def test_a_payout_of_a_channel_is_booked_once() -> None:
    channel = await shop()
    before = await balance(AccountKind.BANK)
    first = await book(channel, "60", note="monday")
    assert first == {
        "channel": {"code": channel.code},
        "held": {"amount": "38.00"},
        "replayed": False,
        "userErrors": [],
    }
    again = await book(channel, "60")
    assert (again["replayed"], again["held"]) == (True, {"amount": "38.00"})
    assert await balance(AccountKind.CHANNEL, channel) == -make.yuan(38)
    assert await balance(AccountKind.BANK) == before - make.yuan(60)
    assert await AuditEntry.filter(action="payment_channel.settled").count() == 1
    assert [each.name for each in await find_violations() if each.violations] == []


async def test_five_at_once_book_it_once() -> None:
    channel = await shop()
    told = await asyncio.gather(*(book(channel, "60") for _ in range(5)))
    assert sorted(each["replayed"] for each in told) == [False, True, True, True, True]
    assert await balance(AccountKind.CHANNEL, channel) == -make.yuan(38)


async def test_what_cannot_be_is_refused() -> None:
    channel = await shop()
    await book(channel, "60")
    wrong = [
        (book(channel, "61"), "CONFLICT", ["reference"]),
        (book(channel, "38.01", "po-2"), "INVALID", ["amount"]),
        (book(channel, "0", "po-2"), "INVALID", ["amount"]),
        (book(channel, "1", " "), "INVALID", ["reference"]),
        (book(channel, "1", "x" * 65), "INVALID", ["reference"]),
        (book(channel, "1", "po-2", channelId="pch_00000000000000000000000001"), "NOT_FOUND", None),
        (
            book(channel, "1", "po-2", amount={"amount": "1", "currency": "USD"}),
            "INVALID",
            ["amount", "currency"],
        ),
    ]
    for told, code, where in wrong:
        (error,) = (await told)["userErrors"]
        assert error["code"] == code
        assert where is None or error["field"] == where
    assert await balance(AccountKind.CHANNEL, channel) == -make.yuan(38)
    wish = {"channelId": "pch_1", "amount": {"amount": "1", "currency": "CNY"}, "reference": "x"}
    nobody = await ask(schema, BOOK, await make.operator("payments:write"), input=wish)
    assert [error.extensions["code"] for error in nobody.errors] == ["FORBIDDEN"]


async def test_the_database_lets_it_touch_no_other_account() -> None:
    """Least of all buyers' money."""
    channel = await shop()
    legs = [
        (account_id(AccountKind.CHANNEL, channel.id, make.CNY), make.yuan(1)),
        (account_id(AccountKind.REVENUE, None, make.CNY), -make.yuan(1)),
    ]
    posting = Posting(TransferKind.CHANNEL_SETTLED, new_id(), make.CNY, legs)
    async with transaction() as conn:
        with pytest.raises(asyncpg.PostgresError, match="has no business"):
            await ledger.post(conn, [posting])
