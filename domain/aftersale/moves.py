"""The life of a case: the one table of moves (decision 0041).

The database holds the same table (`dispute_move_listed` in the migration of after-sale); a test
compares them. A rejection is final once the time to appeal is over.
"""

from collections.abc import Mapping
from types import MappingProxyType

from domain.aftersale.models import DisputeState

OPEN, CHECKING = DisputeState.OPEN, DisputeState.CHECKING
REPLACED, REFUNDED = DisputeState.REPLACED, DisputeState.REFUNDED
REJECTED, APPEALED, UPHELD = DisputeState.REJECTED, DisputeState.APPEALED, DisputeState.UPHELD

MOVES: Mapping[DisputeState, frozenset[DisputeState]] = MappingProxyType(
    {
        OPEN: frozenset({CHECKING, REPLACED, REFUNDED, REJECTED}),
        CHECKING: frozenset({REPLACED, REFUNDED, REJECTED}),
        REJECTED: frozenset({APPEALED}),
        APPEALED: frozenset({REPLACED, REFUNDED, UPHELD}),
        REPLACED: frozenset(),
        REFUNDED: frozenset(),
        UPHELD: frozenset(),
    }
)
# Somebody has to decide.
UNDECIDED = frozenset({OPEN, CHECKING, APPEALED})


def may_move(before: DisputeState, after: DisputeState) -> bool:
    """Whether the table lists the move; staying is not one."""
    return after in MOVES[before]
