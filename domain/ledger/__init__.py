"""The ledger's face."""

from domain.ledger.funds import CLIENT_KINDS, FUND_OF, USES, Fund, use_of, uses_sql
from domain.ledger.models import Account, AccountKind, Entry, Transfer, TransferKind
from domain.ledger.queries import (
    AccountEntry,
    Wallet,
    balance_of,
    balances_of,
    client_funds_at,
    entries_of,
    wallet_of,
)
from domain.ledger.refusals import BalanceShort
from domain.ledger.rules import (
    EXCHANGED_KINDS,
    PLATFORM_KINDS,
    Posting,
    account_id,
    posting_columns,
)
from domain.ledger.sealer import ChainReport, digest_at, head_of, seal_committed, verify
from domain.ledger.service import (
    INSERT_ENTRIES,
    INSERT_TRANSFERS,
    open_accounts,
    open_platform_accounts,
    post,
    settled_entry,
    take_checkpoints,
    top_up,
)

__all__ = [
    "CLIENT_KINDS",
    "EXCHANGED_KINDS",
    "FUND_OF",
    "INSERT_ENTRIES",
    "INSERT_TRANSFERS",
    "PLATFORM_KINDS",
    "USES",
    "Account",
    "AccountEntry",
    "AccountKind",
    "BalanceShort",
    "ChainReport",
    "Entry",
    "Fund",
    "Posting",
    "Transfer",
    "TransferKind",
    "Wallet",
    "account_id",
    "balance_of",
    "balances_of",
    "client_funds_at",
    "digest_at",
    "entries_of",
    "head_of",
    "open_accounts",
    "open_platform_accounts",
    "post",
    "posting_columns",
    "seal_committed",
    "settled_entry",
    "take_checkpoints",
    "top_up",
    "use_of",
    "uses_sql",
    "verify",
    "wallet_of",
]
