"""The life of a card: the one table of moves (cards.md part 3, decision 0013).

The database holds the same table (`card_move_listed` in the migration of the life cycle); a test
compares them, and another takes each card of a property test through moves that are not listed.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from domain.cards.models import CardState

IMPORTED, QUARANTINED, AVAILABLE = CardState.IMPORTED, CardState.QUARANTINED, CardState.AVAILABLE
RESERVED, SHARED, FROZEN = CardState.RESERVED, CardState.SHARED, CardState.FROZEN
SOLD, REVEALED, REDEEMED = CardState.SOLD, CardState.REVEALED, CardState.REDEEMED
DISPUTED, INVALID = CardState.DISPUTED, CardState.INVALID_CONFIRMED
REPLACED, REFUNDED = CardState.REPLACED, CardState.REFUNDED
EXPIRED, VOID, RETURNED = CardState.EXPIRED, CardState.VOID, CardState.RETURNED_TO_SUPPLIER
CANARY = CardState.CANARY

MOVES: Mapping[CardState, frozenset[CardState]] = MappingProxyType(
    {
        IMPORTED: frozenset({AVAILABLE, QUARANTINED, SHARED, VOID}),
        QUARANTINED: frozenset({AVAILABLE, SHARED, INVALID, EXPIRED, VOID, RETURNED}),
        AVAILABLE: frozenset(
            {SOLD, RESERVED, SHARED, FROZEN, INVALID, EXPIRED, VOID, RETURNED},
        ),
        RESERVED: frozenset({SOLD, AVAILABLE, FROZEN, INVALID}),
        SHARED: frozenset({FROZEN, INVALID, EXPIRED, VOID, RETURNED}),
        FROZEN: frozenset({AVAILABLE, SHARED, INVALID, EXPIRED, VOID, RETURNED}),
        SOLD: frozenset({REVEALED, REDEEMED, DISPUTED, INVALID, REFUNDED}),
        REVEALED: frozenset({REDEEMED, DISPUTED, INVALID}),
        REDEEMED: frozenset({DISPUTED}),
        DISPUTED: frozenset({SOLD, REVEALED, REDEEMED, INVALID, REPLACED, REFUNDED}),
        INVALID: frozenset({REPLACED, REFUNDED, VOID, RETURNED}),
        REPLACED: frozenset(),
        REFUNDED: frozenset(),
        EXPIRED: frozenset(),
        VOID: frozenset(),
        RETURNED: frozenset(),
        CANARY: frozenset({VOID}),
    }
)

# The ways a card comes into the world.
BORN = frozenset({IMPORTED, QUARANTINED, AVAILABLE, SHARED, CANARY})
# It has an order line, for ever; an invalid card has one when it was sold before.
OWNED = frozenset({SOLD, REVEALED, REDEEMED, DISPUTED, REPLACED, REFUNDED})
# It counts as delivered to its order line: a replaced one gave its place to another card.
DELIVERED = OWNED - {REPLACED} | {INVALID}
# It is in the books as stock: its cost is part of the inventory account.
IN_STOCK = frozenset({QUARANTINED, AVAILABLE, RESERVED, SHARED, FROZEN})
# Taken out of stock by an operator in one step; a reserved card is released or frozen first.
FREE = IN_STOCK - {RESERVED}
# One of its batch may be picked for a check.
CHECKED = frozenset({QUARANTINED, AVAILABLE, SHARED, FROZEN})


def may_move(before: CardState, after: CardState) -> bool:
    """Whether the table lists the move; staying is not one."""
    return after in MOVES[before]


def values(states: Iterable[CardState]) -> list[str]:
    """States as SQL parameters, in a fixed order."""
    return sorted(state.value for state in states)
