"""Whose money an account holds, and what each kind of transfer may do with it (mission row F4).

The one table of that. The posting trigger enforces it, by the function that `uses_sql` writes and
each `kameng migrate` replaces: a transfer that takes or gives money where its kind has no business
is refused, and so is one that takes more out of the client funds than its kind has earned.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.ledger.models import AccountKind, TransferKind


class Fund(StrEnum):
    """Whose money it is."""

    CLIENT = "client"  # buyers': theirs until goods were delivered for it
    DEPOSIT = "deposit"  # agents' deposits: theirs, and only a penalty case may take of them
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
    AccountKind.COMMISSION_AVAILABLE: Fund.COMMISSION,
    AccountKind.COMMISSION_DEBT: Fund.COMMISSION,
    AccountKind.PAYOUT_HELD: Fund.COMMISSION,
    AccountKind.PAYOUT_TRANSIT: Fund.COMMISSION,
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
    TransferKind.PAYMENT: _use("wallet channel bank exchange", "prepayment"),
    TransferKind.SALE: _use(
        "prepayment cost commission_expense",
        "gift_card inventory supplier bank commission",
        earns="revenue",
    ),
    TransferKind.REFUND: _use("prepayment", "wallet refund_due", earns="exchange"),
    TransferKind.DELIVERED_REFUND: _use(
        "revenue gift_card loss commission commission_available commission_debt",
        "wallet refund_due commission_expense",
        earns="cost exchange",  # cost: of a gift card below its value, what was given away
    ),
    TransferKind.CARD_PURCHASE: _use("inventory", "bank"),
    TransferKind.CARD_PURCHASE_UNDONE: _use("bank", "inventory"),
    TransferKind.SUPPLY: _use("inventory cost loss", "supplier"),
    TransferKind.SUPPLY_REFUND: _use("supplier", "loss"),
    TransferKind.GIFT_CARD_REDEMPTION: _use("gift_card", "wallet", earns="revenue"),
    TransferKind.GIFT_CARD_VOID: _use("gift_card", "wallet", earns="cost bank"),  # cash: by hand
    TransferKind.GIFT_CARD_BREAKAGE: _use("gift_card", "", earns="revenue"),
    TransferKind.SUSPENSE: _use("channel", "suspense"),
    TransferKind.REFUND_REQUEST: _use("suspense", "refund_due"),
    TransferKind.REFUND_SENT: _use("refund_due", "", earns="channel"),
    TransferKind.REFUND_FAILED: _use("refund_due", "wallet"),
    TransferKind.CARD_WRITE_OFF: _use("loss", "inventory"),
    TransferKind.CARD_RETURN: _use("supplier loss", "inventory loss"),
    TransferKind.REPLACEMENT: _use("loss", "inventory bank"),  # bank: by hand
    TransferKind.SUPPLIER_CLAIM: _use("supplier_claim", "loss"),
    TransferKind.SUPPLIER_CLAIM_SETTLED: _use("bank supplier loss", "supplier_claim"),
    TransferKind.CHANNEL_FEE: _use("channel_fee channel", "channel channel_fee"),
    TransferKind.CHANNEL_SETTLED: _use("bank", "channel"),
    TransferKind.EXCHANGE: _use("wallet", "", earns="exchange"),
    TransferKind.EXCHANGE_BACK: _use("exchange", "wallet"),
    TransferKind.COMMISSION_RELEASED: _use("commission", "commission_available commission_debt"),
    TransferKind.COMMISSION_TO_WALLET: _use("commission_available", "wallet"),
    TransferKind.CASHBACK_CREDITED: _use("cashback", "wallet"),
    TransferKind.CASHBACK_TAKEN_BACK: _use("wallet", "", earns="cashback"),
    TransferKind.BONUS_AWARDED: _use("bonus_expense", "commission"),
    TransferKind.BONUS_TAKEN_BACK: _use(
        "commission commission_available commission_debt", "bonus_expense"
    ),
    TransferKind.DEPOSIT_PAID: _use("wallet", "", earns="deposit"),
    TransferKind.DEPOSIT_RETURNED: _use("deposit", "wallet"),
    TransferKind.DEPOSIT_DEDUCTED: _use("deposit", "penalty"),
    TransferKind.DEPOSIT_RESTORED: _use("penalty", "deposit"),
    TransferKind.PROVIDER_STATEMENT: _use("provider_expense", "provider"),
    TransferKind.PROVIDER_SUBMITTED: _use("provider", "provider_transit"),
    TransferKind.PROVIDER_PAID: _use("provider_transit", "bank"),
    TransferKind.PROVIDER_FAILED: _use("provider_transit", "provider"),
    TransferKind.PROVIDER_RETURNED: _use("bank", "provider"),
    TransferKind.PAYOUT_REQUESTED: _use("commission_available", "payout_held"),
    TransferKind.PAYOUT_GIVEN_UP: _use("payout_held", "commission_available commission_debt"),
    TransferKind.PAYOUT_SUBMITTED: _use("payout_held", "payout_transit"),
    TransferKind.PAYOUT_PAID: _use("payout_transit", "bank payout_fee tax_withheld"),
    TransferKind.PAYOUT_FAILED: _use("payout_transit", "commission_available commission_debt"),
    TransferKind.PAYOUT_RETURNED: _use(
        "bank payout_fee tax_withheld", "commission_available commission_debt"
    ),
}


def use_of(transfer: TransferKind, account: AccountKind, *, up: bool) -> int | None:
    """What the database's `funds_use` answers: None where the kind has no business, 2 where the leg
    counts for the client funds, else 1. `up`: a credit."""
    use = USES[transfer]
    if account not in (use.credits if up else use.debits):
        return None
    return 2 if FUND_OF[account] is Fund.CLIENT or (up and account in use.earns) else 1


def uses_sql() -> str:
    """The database's `funds_use`, which answers as `use_of` does; it replaces the one before it."""
    kinds = "\n".join(
        f"    WHEN '{kind.value}' THEN CASE WHEN up"
        f"\n        THEN {_cases(kind, up=True)}\n        ELSE {_cases(kind, up=False)} END"
        for kind in USES
    )
    return f"""
CREATE OR REPLACE FUNCTION funds_use(transfer text, account text, up boolean) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE transfer
{kinds}
    END::smallint
$$
"""


def _cases(kind: TransferKind, *, up: bool) -> str:
    accounts: dict[int | None, list[str]] = {}
    for account in AccountKind:
        accounts.setdefault(use_of(kind, account, up=up), []).append(f"'{account.value}'")
    of_use = (
        f"WHEN account IN ({', '.join(accounts[use])}) THEN {use}"
        for use in (2, 1)
        if use in accounts
    )
    return f"CASE {' '.join(of_use)} END"
