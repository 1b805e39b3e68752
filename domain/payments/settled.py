"""What a payment channel has paid out to the house's bank account.

Buyers' money waits in the channel's account until the vendor pays it out. That is booked by whoever
sees it at the bank, once for each payout of the vendor, so that both accounts are what is there.
"""

from dataclasses import dataclass
from uuid import UUID, uuid5

from domain import audit, ledger
from domain.kernel import (
    Actor,
    Conflict,
    Invalid,
    Money,
    NotFound,
    Refused,
    is_payable,
    plain,
    refuse_unless,
    transaction,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.payments.models import PaymentChannel

SCOPE = "ledger:write"
MAX_REFERENCE_LETTERS, MAX_NOTE_LETTERS = 64, 200
_BOOKED = """
SELECT e.amount FROM transfers t JOIN entries e ON e.transfer_id = t.id
WHERE t.kind = 'channel_settled' AND t.reference = $1 AND e.account_id = $2
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was booked, and what the channel holds for the house now. Units of 1/10000."""

    channel: PaymentChannel
    held: Money
    replayed: bool


async def book_settlement(
    actor: Actor, channel_id: UUID, money: Money, reference: str, note: str = ""
) -> Settled:
    """The vendor of a channel has paid so much out to the bank; `reference` is its own number of
    that payout. Needs `ledger:write`; audited.

    The same reference again is the same payout: replayed, or refused (CONFLICT) with another
    amount. Refuses an unknown channel (NOT_FOUND), another currency, an amount that is not payable
    or above what the channel holds, and a reference or note that is empty, too long or not
    printable (INVALID).
    """
    actor.require_scope(SCOPE)
    reference, note = reference.strip(), note.strip()
    named = 0 < len(reference) <= MAX_REFERENCE_LETTERS and reference.isprintable()
    refuse_unless(named, Invalid(reason="settlement_reference", field=("reference",)))
    told = len(note) <= MAX_NOTE_LETTERS and note.isprintable()
    refuse_unless(told, Invalid(reason="text_too_long", field=("note",)))
    payable = money.units > 0 and is_payable(money.units, money.currency)
    refuse_unless(payable, Invalid(reason="amount_not_payable", field=("amount",)))
    async with transaction() as conn:
        channel = await PaymentChannel.filter(id=channel_id).select_for_update().first()
        if channel is None:
            raise Refused(NotFound(what="payment channel", field=("channelId",)))
        same = money.currency == channel.currency
        refuse_unless(same, Invalid(reason="currency", field=("amount", "currency")))
        operation, account = uuid5(channel.id, reference), _account_of(channel)
        held = -await ledger.balance_of(account)
        earlier = await conn.fetchval(_BOOKED, operation, account)
        if earlier is not None:
            refuse_unless(earlier == money.units, Conflict(what="payout", field=("reference",)))
            return Settled(channel, Money(held, channel.currency), replayed=True)
        enough = money.units <= held
        refuse_unless(enough, Invalid(reason="settlement_above_held", field=("amount",)))
        bank = (AccountKind.BANK, None, channel.currency)
        await ledger.open_accounts(conn, [bank])
        legs = [(account_id(*bank), -money.units), (account, money.units)]
        kind = TransferKind.CHANNEL_SETTLED
        await ledger.post(conn, [Posting(kind, operation, channel.currency, legs, note)])
        details = {"amount": plain(money.units), "reference": reference, "note": note}
        await audit.record(conn, actor, "payment_channel.settled", channel.id, details)
    return Settled(channel, Money(held - money.units, channel.currency), replayed=False)


def _account_of(channel: PaymentChannel) -> UUID:
    return account_id(AccountKind.CHANNEL, channel.id, channel.currency)
