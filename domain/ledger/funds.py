"""Whose money an account holds, and what each kind of transfer may do with it (mission row F4).

The one table of that. The posting trigger enforces it (`funds_use` in the migrations; a house test
compares the two): a transfer that takes or gives money where its kind has no business is refused,
and so is one that takes more out of the client funds than its kind has earned.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.ledger.models import AccountKind, TransferKind


class Fund(StrEnum):
    """Whose money it is."""

    CLIENT = "client"  # buyers': theirs until goods were delivered for it
    DEPOSIT = "deposit"  # agents' deposits: theirs; nothing moves them yet
    COMMISSION = "commission"  # owed to agents
    PLATFORM = "platform"  # the house's own, and what it holds or owes in its own name


_CLIENT = {
    AccountKind.WALLET,
    AccountKind.PREPAYMENT,
    AccountKind.REFUND_DUE,
    AccountKind.SUSPENSE,
    AccountKind.GIFT_CARD,
}
FUND_OF: dict[AccountKind, Fund] = {
    **dict.fromkeys(AccountKind, Fund.PLATFORM),
    **dict.fromkeys(_CLIENT, Fund.CLIENT),
    AccountKind.DEPOSIT: Fund.DEPOSIT,
    AccountKind.COMMISSION: Fund.COMMISSION,
}
CLIENT_KINDS = tuple(kind for kind in AccountKind if FUND_OF[kind] is Fund.CLIENT)


@dataclass(frozen=True, slots=True)
class Use:
    """What a kind of transfer may do: debit, credit, and by which credits client funds may lessen.

    Each transfer's legs on client funds and those of `earns` sum to zero or more: what leaves the
    client funds was earned by a delivery, or has left the house for its owner.
    """

    debits: frozenset[AccountKind]
    credits: frozenset[AccountKind]
    earns: frozenset[AccountKind] = frozenset()


def _use(debits: str, credits: str, earns: str = "") -> Use:
    debit, credit, earned = (
        frozenset(map(AccountKind, names.split())) for names in (debits, credits, earns)
    )
    return Use(debit, credit | earned, earned)


USES: dict[TransferKind, Use] = {
    TransferKind.TOPUP: _use("bank", "wallet"),
    TransferKind.PAYMENT: _use("wallet channel bank", "prepayment"),
    TransferKind.SALE: _use(
        "prepayment cost commission_expense",
        "gift_card inventory supplier bank commission",
        earns="revenue",
    ),
    TransferKind.REFUND: _use("prepayment", "wallet refund_due"),
    TransferKind.DELIVERED_REFUND: _use(
        "revenue gift_card loss commission",
        "wallet refund_due commission_expense",
        earns="cost",  # a gift card sold below its value: what was given away comes back
    ),
    TransferKind.CARD_PURCHASE: _use("inventory", "bank"),
    TransferKind.CARD_PURCHASE_UNDONE: _use("bank", "inventory"),
    TransferKind.SUPPLY: _use("inventory cost loss", "supplier"),
    TransferKind.GIFT_CARD_REDEMPTION: _use("gift_card", "wallet", earns="revenue"),
    TransferKind.GIFT_CARD_VOID: _use("gift_card", "wallet", earns="cost bank"),  # cash: by hand
    TransferKind.GIFT_CARD_BREAKAGE: _use("gift_card", "", earns="revenue"),
    TransferKind.SUSPENSE: _use("channel", "suspense"),
    TransferKind.REFUND_REQUEST: _use("suspense", "refund_due"),
    TransferKind.REFUND_SENT: _use("refund_due", "", earns="channel"),
    TransferKind.REFUND_FAILED: _use("refund_due", "wallet"),
    TransferKind.CARD_WRITE_OFF: _use("loss", "inventory"),
    TransferKind.CARD_RETURN: _use("supplier loss", "inventory loss"),
    TransferKind.REPLACEMENT: _use("loss", "inventory"),
    TransferKind.SUPPLIER_CLAIM: _use("supplier_claim", "loss"),
    TransferKind.SUPPLIER_CLAIM_SETTLED: _use("bank supplier loss", "supplier_claim"),
}


def use_of(transfer: TransferKind, account: AccountKind, *, up: bool) -> int | None:
    """What the database's `funds_use` answers: None where the kind has no business, 2 where the leg
    counts for the client funds, else 1. `up`: a credit."""
    use = USES[transfer]
    if account not in (use.credits if up else use.debits):
        return None
    return 2 if FUND_OF[account] is Fund.CLIENT or (up and account in use.earns) else 1
