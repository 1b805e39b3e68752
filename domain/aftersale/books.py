"""What after-sale writes into the money ledger (docs/architecture.md, "How money is written")."""

from uuid import UUID

from domain.ledger import AccountKind, Posting, TransferKind, account_id


def replacement_posting(dispute_id: UUID, cost: int, currency: str) -> Posting:
    """A card leaves the stock for nothing: it is a loss until its supplier owes for it."""
    legs = [
        (account_id(AccountKind.INVENTORY, None, currency), cost),
        (account_id(AccountKind.LOSS, None, currency), -cost),
    ]
    return Posting(TransferKind.REPLACEMENT, dispute_id, currency, legs)


def handed_posting(dispute_id: UUID, cost: int, currency: str) -> Posting:
    """An operator hands goods over once more, for what they cost the house."""
    legs = [
        (account_id(AccountKind.BANK, None, currency), cost),
        (account_id(AccountKind.LOSS, None, currency), -cost),
    ]
    return Posting(TransferKind.REPLACEMENT, dispute_id, currency, legs)


def claim_posting(claim_id: UUID, supplier_id: UUID, amount: int, currency: str) -> Posting:
    """A supplier is to make good what a bad card of its cost us."""
    legs = [
        (account_id(AccountKind.SUPPLIER_CLAIM, supplier_id, currency), -amount),
        (account_id(AccountKind.LOSS, None, currency), amount),
    ]
    return Posting(TransferKind.SUPPLIER_CLAIM, claim_id, currency, legs)


def settlement_posting(
    claim_id: UUID, supplier_id: UUID, amount: int, recovered: int, currency: str, *, credited: bool
) -> Posting:
    """A claim is over: what came is money, or lowers what we owe; the rest is lost after all."""
    kind = AccountKind.SUPPLIER if credited else AccountKind.BANK
    legs = [
        (account_id(AccountKind.SUPPLIER_CLAIM, supplier_id, currency), amount),
        (account_id(kind, supplier_id if credited else None, currency), -recovered),
        (account_id(AccountKind.LOSS, None, currency), recovered - amount),
    ]
    return Posting(TransferKind.SUPPLIER_CLAIM_SETTLED, claim_id, currency, legs)
