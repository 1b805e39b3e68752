"""What an order writes into the money ledger (docs/architecture.md, "How money is written")."""

from uuid import UUID

from domain.ledger import AccountKind, Posting, TransferKind, account_id

Legs = list[tuple[UUID, int]]


def payment_posting(
    order_id: UUID, number: str, buyer_id: UUID, total: int, currency: str
) -> Posting:
    """An order is paid by wallet: the money waits as a prepayment until something is delivered."""
    legs = [
        (account_id(AccountKind.WALLET, buyer_id, currency), -total),
        (account_id(AccountKind.PREPAYMENT, None, currency), total),
    ]
    return Posting(TransferKind.PAYMENT, order_id, currency, legs, number)


def channel_payment_posting(
    order_id: UUID, number: str, channel_id: UUID, total: int, currency: str
) -> Posting:
    """An order is paid through a channel, which holds the money for us until it pays it out."""
    legs = [
        (account_id(AccountKind.CHANNEL, channel_id, currency), -total),
        (account_id(AccountKind.PREPAYMENT, None, currency), total),
    ]
    return Posting(TransferKind.PAYMENT, order_id, currency, legs, number)


def counter_payment_posting(order_id: UUID, total: int, currency: str, note: str) -> Posting:
    """An order is paid over a counter: the money is in the till, or in the bank."""
    legs = [
        (account_id(AccountKind.BANK, None, currency), -total),
        (account_id(AccountKind.PREPAYMENT, None, currency), total),
    ]
    return Posting(TransferKind.PAYMENT, order_id, currency, legs, note)


def sale_posting(
    *,
    line_id: UUID,
    number: str,
    currency: str,
    total: int,
    cost: int,
    supplier_id: UUID | None,
    by_hand: bool = False,
    commission_legs: Legs,
) -> Posting:
    """A line is delivered: revenue, its cost (a supplier's, out of stock, paid by hand),
    commissions."""
    own = AccountKind.BANK if by_hand else AccountKind.INVENTORY
    goods_from = AccountKind.SUPPLIER if supplier_id else own
    legs = [
        (account_id(AccountKind.PREPAYMENT, None, currency), -total),
        (account_id(AccountKind.REVENUE, None, currency), total),
        (account_id(AccountKind.COST, None, currency), -cost),
        (account_id(goods_from, supplier_id, currency), cost),
        *commission_legs,
    ]
    return Posting(TransferKind.SALE, line_id, currency, legs, number)


def stored_value_posting(
    *, line_id: UUID, number: str, currency: str, total: int, owed: int
) -> Posting:
    """A line of our own gift cards is delivered: what they hold is owed from now on, and no revenue
    (docs/decisions/0020). What was paid beyond that is earned; what was paid less is given away."""
    beyond = total - owed
    difference = AccountKind.REVENUE if beyond > 0 else AccountKind.COST
    legs = [
        (account_id(AccountKind.PREPAYMENT, None, currency), -total),
        (account_id(AccountKind.GIFT_CARD, None, currency), owed),
        (account_id(difference, None, currency), beyond),
    ]
    return Posting(TransferKind.SALE, line_id, currency, legs, number)


def refund_posting(
    *,
    line_id: UUID,
    number: str,
    currency: str,
    total: int,
    buyer_id: UUID,
    to_channel: bool = False,
    to_exchange: bool = False,
) -> Posting:
    """A line that nobody could deliver: its price goes back to the buyer's wallet, or is owed to
    the buyer until the channel has given it back, or goes into the exchange with the currency that
    it was paid in."""
    kind = AccountKind.REFUND_DUE if to_channel else AccountKind.WALLET
    if to_exchange:
        kind = AccountKind.EXCHANGE
    owner = buyer_id if kind is AccountKind.WALLET else None
    legs = [
        (account_id(AccountKind.PREPAYMENT, None, currency), -total),
        (account_id(kind, owner, currency), total),
    ]
    return Posting(TransferKind.REFUND, line_id, currency, legs, number)
