"""What payouts write into the money ledger (docs/architecture.md)."""

from uuid import UUID

from domain.commissions import Book
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.payouts.models import Payout

K = AccountKind


def requested(payout: Payout, book: Book) -> Posting:
    """Out of what the agent has available; nobody takes it twice."""
    legs = [(book.account, -payout.amount), (_own(K.PAYOUT_HELD, payout), payout.amount)]
    return _posting(TransferKind.PAYOUT_REQUESTED, payout, legs)


def given_up(payout: Payout, book: Book) -> Posting:
    """Back to the agent before anything was sent; what it owes meanwhile comes first."""
    legs = [(_own(K.PAYOUT_HELD, payout), -payout.amount), *book.credit(payout.amount)]
    return _posting(TransferKind.PAYOUT_GIVEN_UP, payout, legs)


def submitted(payout: Payout) -> Posting:
    """From now on it may leave the house at any moment."""
    held, transit = _own(K.PAYOUT_HELD, payout), _own(K.PAYOUT_TRANSIT, payout)
    legs = [(held, -payout.amount), (transit, payout.amount)]
    return _posting(TransferKind.PAYOUT_SUBMITTED, payout, legs)


def paid(payout: Payout) -> Posting:
    """It has left; the house keeps its fee, and the tax for the tax office."""
    legs = [(_own(K.PAYOUT_TRANSIT, payout), -payout.amount), *_where(payout, 1)]
    return _posting(TransferKind.PAYOUT_PAID, payout, legs)


def failed(payout: Payout, book: Book) -> Posting:
    """It surely has not left: it is the agent's again."""
    legs = [(_own(K.PAYOUT_TRANSIT, payout), -payout.amount), *book.credit(payout.amount)]
    return _posting(TransferKind.PAYOUT_FAILED, payout, legs)


def returned(payout: Payout, book: Book) -> Posting:
    """It had left and came back: all of it is the agent's again, fee and tax included."""
    legs = [*_where(payout, -1), *book.credit(payout.amount)]
    return _posting(TransferKind.PAYOUT_RETURNED, payout, legs)


def net_of(payout: Payout) -> int:
    """What the receiver gets."""
    net: int = payout.amount - payout.fee - payout.tax
    return net


def _where(payout: Payout, sign: int) -> list[tuple[UUID, int]]:
    return [
        (_own(K.BANK, payout), sign * net_of(payout)),
        (_own(K.PAYOUT_FEE, payout), sign * payout.fee),
        (_own(K.TAX_WITHHELD, payout), sign * payout.tax),
    ]


def _own(kind: AccountKind, payout: Payout) -> UUID:
    return account_id(kind, None, payout.currency)


def _posting(kind: TransferKind, payout: Payout, legs: list[tuple[UUID, int]]) -> Posting:
    return Posting(kind, payout.id, payout.currency, legs)
