"""The life of a payout: the one table of moves, held by `payout_move_listed` in the database."""

from collections.abc import Mapping
from types import MappingProxyType

from domain.payouts.models import PayoutStatus as S

MOVES: Mapping[S, frozenset[S]] = MappingProxyType(
    {
        S.REQUESTED: frozenset({S.APPROVED, S.REFUSED, S.CANCELLED}),
        S.APPROVED: frozenset({S.SUBMITTING, S.ACCEPTED, S.REFUSED}),
        S.SUBMITTING: frozenset({S.ACCEPTED, S.UNKNOWN, S.SUCCEEDED, S.FAILED}),
        S.UNKNOWN: frozenset({S.SUBMITTING, S.ACCEPTED, S.SUCCEEDED, S.FAILED}),
        S.ACCEPTED: frozenset({S.UNKNOWN, S.SUCCEEDED, S.FAILED}),
        S.SUCCEEDED: frozenset({S.RETURNED}),
        S.FAILED: frozenset(),
        S.RETURNED: frozenset(),
        S.REFUSED: frozenset(),
        S.CANCELLED: frozenset(),
    }
)
WITH_CHANNEL = frozenset({S.SUBMITTING, S.ACCEPTED, S.UNKNOWN})
HELD = frozenset({S.REQUESTED, S.APPROVED})
