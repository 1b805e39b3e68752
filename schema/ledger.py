"""Wallets: what a buyer can spend, and every movement of it."""

from datetime import datetime

import strawberry

from domain import ledger
from domain.kernel import Prefix
from domain.ledger import TransferKind
from resolvers import ledger as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="One movement of a wallet. Above zero: money came in.")
@presents(ledger.AccountEntry)
class LedgerEntry:
    id: strawberry.ID = id_field(Prefix.LEDGER_ENTRY)
    kind: TransferKind
    amount: Money
    at: datetime
    note: str


@strawberry.type(description="Money that a buyer may spend here.")
@presents(ledger.Wallet)
class Wallet:
    id: strawberry.ID = id_field(Prefix.WALLET)
    available: Money
    entries: Connection[LedgerEntry] = field(resolvers.entries, description="Newest first.")


@strawberry.type(description="The wallet holds less than is needed.")
@presents(ledger.BalanceShort)
class BalanceShortError(UserError):
    required: Money
    available: Money


@strawberry.type
class WalletTopupPayload:
    wallet: Wallet | None
    replayed: bool = False
    user_errors: list[UserError]


@strawberry.type
class LedgerPartnerQuery:
    wallet: Wallet = field(
        resolvers.wallet_of_viewer,
        permissions=[Scope("wallet:read")],
        description="What the partner can spend.",
    )


@strawberry.type
class LedgerAdminMutation:
    wallet_topup: WalletTopupPayload = mutation(
        resolvers.wallet_topup,
        payload=WalletTopupPayload,
        permissions=[Scope("ledger:write")],
        description="Credit a buyer's wallet with money received outside. Audited.",
    )
