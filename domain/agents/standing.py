"""Whether an agent earns on a purchase, to stand in the purchase's one READ (field bug 14, L11).

Nobody earns on what they buy themselves. An account counts as an agent's own when it is the agent's
login, when staff marked it, or when it was used on the agent's device, or lately from the agent's
address. What staff say, either way, counts before what was seen.
"""

from collections.abc import Sequence
from enum import StrEnum


class Deed(StrEnum):
    """What an agent may be kept from, for a time or until it has done something."""

    TRADE = "trade"  # to buy at its tier's price
    EARN = "earn"  # commissions on new orders
    RECRUIT = "recruit"  # to invite
    PAYOUT = "payout"


class BarReason(StrEnum):
    """Why an agent in the chain of an order earns nothing on it."""

    INACTIVE = "inactive"  # suspended or closed
    SELF = "self"  # bought by the agent's own login
    MARKED = "marked"  # staff say that the buyer is related to the agent
    DEVICE = "device"  # the buyer is the guest of a device that the agent signs in on
    ADDRESS = "address"  # the agent signed in from the same address a short time ago
    AGREEMENT = "agreement"  # a version in force was not accepted
    PENALTY = "penalty"  # restricted by a case, for a time
    BELOW = "below"  # an agent further down bought for itself


OWN = frozenset({BarReason.SELF, BarReason.MARKED, BarReason.DEVICE, BarReason.ADDRESS})

# For an agent row `{agent}`, with the purchase's own parameters; NULL: it earns. An inactive agent
# that buys for itself is told as the buyer, because that bars those above as well.
BARRED = """
CASE WHEN {agent}.id IS NULL THEN NULL
    WHEN {agent}.user_id = :buyer THEN 'self'
    ELSE coalesce((SELECT CASE marked.related WHEN true THEN 'marked' WHEN false THEN NULL ELSE
        CASE WHEN EXISTS (SELECT 1 FROM agent_footprints f WHERE f.agent_id = {agent}.id
                AND f.kind = 'device' AND f.digest = :device::bytea) THEN 'device'
            WHEN EXISTS (SELECT 1 FROM agent_footprints f WHERE f.agent_id = {agent}.id
                AND f.kind = 'address' AND f.digest = :address::bytea
                AND f.seen_at > :address_since::timestamptz) THEN 'address' END
        END FROM (SELECT (SELECT r.related FROM agent_relations r
            WHERE r.agent_id = {agent}.id AND r.user_id = :buyer)) marked (related)),
        CASE WHEN {agent}.status <> 'active' THEN 'inactive' END)
END
"""


def bar_above(found: Sequence[str | None]) -> list[BarReason | None]:
    """Why each agent of a chain, nearest first, earns nothing; None: it earns.

    Whoever stands above an agent that bought for itself would earn on its downline's own purchase,
    so nobody from there up earns. Whoever stands below has really sold something.
    """
    barred: list[BarReason | None] = []
    own = False
    for reason in found:
        barred.append(BarReason.BELOW if own else None if reason is None else BarReason(reason))
        own = own or reason in OWN
    return barred
