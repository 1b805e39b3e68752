"""Pure rules of the ledger: derived account ids, balanced postings, the chain's digest."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from domain.kernel import new_id
from domain.ledger.models import AccountKind, TransferKind

_ACCOUNTS = UUID("6a0c1f5e-2d0b-5b52-9f0e-6f1f0f6f7a01")
KEPT_KINDS = frozenset(
    {
        AccountKind.WALLET,
        AccountKind.DEPOSIT,
        AccountKind.COMMISSION_AVAILABLE,
        AccountKind.COMMISSION_DEBT,
    }
)
OWNED_KINDS = KEPT_KINDS | {
    AccountKind.CHANNEL,
    AccountKind.COMMISSION,
    AccountKind.PROVIDER,
    AccountKind.SUPPLIER,
    AccountKind.SUPPLIER_CLAIM,
}
PLATFORM_KINDS = tuple(kind for kind in AccountKind if kind not in OWNED_KINDS)
# What a currency needs beside its wallets, once something is sold in it.
EXCHANGED_KINDS = (AccountKind.BANK, AccountKind.EXCHANGE)
FIRST_DIGEST = b"\0" * 32

_known: dict[tuple[AccountKind, UUID | None, str], UUID] = {}
MAX_KNOWN = 50_000


def account_id(kind: AccountKind, owner_id: UUID | None, currency: str) -> UUID:
    """The id of an account: derived from what it is, so that no hot path looks it up."""
    key = (kind, owner_id, currency)
    found = _known.get(key)
    if found is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        found = _known[key] = uuid5(_ACCOUNTS, f"{kind.value}:{owner_id or ''}:{currency}")
    return found


@dataclass(frozen=True, slots=True)
class Posting:
    """One transfer to book: what for, in which currency, and its legs (account, amount)."""

    kind: TransferKind
    reference: UUID
    currency: str
    legs: list[tuple[UUID, int]]
    note: str = ""

    def __post_init__(self) -> None:
        """An unbalanced posting is a fault of the caller; the database would refuse it too."""
        if sum(amount for _, amount in self.legs) != 0:
            raise ValueError(f"the legs of {self.kind} {self.reference} do not sum to zero")


def posting_columns(
    postings: list[Posting], moment: Any
) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """The columns that `INSERT_TRANSFERS` unnests, and those of `INSERT_ENTRIES`. Legs of zero are
    left out, and so is a posting that moves nothing, such as that of a gift."""
    postings = [each for each in postings if any(amount for _, amount in each.legs)]
    ids = [new_id() for _ in postings]
    legs = [
        (transfer, account, amount)
        for transfer, posting in zip(ids, postings, strict=True)
        for account, amount in posting.legs
        if amount
    ]
    transfers: dict[str, list[Any]] = {
        "transfer_ids": ids,
        "transfer_kinds": [posting.kind.value for posting in postings],
        "transfer_references": [posting.reference for posting in postings],
        "transfer_currencies": [posting.currency for posting in postings],
        "transfer_notes": [posting.note for posting in postings],
        "transfer_times": [moment] * len(postings),
    }
    entries: dict[str, list[Any]] = {
        "entry_transfers": [leg[0] for leg in legs],
        "entry_accounts": [leg[1] for leg in legs],
        "entry_amounts": [leg[2] for leg in legs],
    }
    return transfers, entries


def chain_digest(previous: bytes, transfer: Any, entries: list[tuple[UUID, int]]) -> bytes:
    """The digest of one link: the previous digest, the transfer, and its entries in their order."""
    parts = [
        previous,
        transfer["id"].bytes,
        transfer["kind"].encode(),
        transfer["reference"].bytes,
        transfer["currency"].encode(),
        transfer["note"].encode(),
        transfer["posted_at"].isoformat().encode(),
        *(account.bytes + amount.to_bytes(16, "big", signed=True) for account, amount in entries),
    ]
    hasher = sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(4, "big"))
        hasher.update(part)
    return hasher.digest()
