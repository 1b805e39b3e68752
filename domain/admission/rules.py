"""Pure rules of admission: how much may be invited, and by whom."""

from datetime import timedelta

from domain.agents import Tier
from domain.realname import RealNameLevel

MAX_USES = 50
LONGEST = timedelta(days=90)
MAX_STATEMENT, MAX_FINDINGS = 1_000, 2_000
# Open invitations of one agent, by how sure the house is of who it is.
MOST_OPEN = {RealNameLevel.NONE: 0, RealNameLevel.BASIC: 5, RealNameLevel.FULL: 20}
_RANKS = {tier: rank for rank, tier in enumerate(Tier)}


def is_better(tier: Tier, than: Tier) -> bool:
    """Whether a tier pays less than another one."""
    return _RANKS[tier] > _RANKS[than]
