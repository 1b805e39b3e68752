"""Pure rules of fulfilment: when to ask again, when to give up."""

from datetime import datetime, timedelta

from domain.kernel import SCALE
from domain.suppliers import Capabilities

# A supplier must not begin a submission after this long, so a worker that slept cannot buy late.
VALID_FOR = timedelta(seconds=20)
# An attempt whose worker died while submitting is queried once it surely cannot begin any more.
FIRST_QUERY_AFTER = VALID_FOR + timedelta(seconds=5)
QUERY_PAUSES = (1, 2, 4, 8, 15, 30, 60, 120, 300, 600)  # seconds
# A claimed query is asked again by somebody else after this long.
QUERY_LEASE = timedelta(seconds=30)
# A line between two attempts is looked at again after this long.
LINE_LEASE = timedelta(seconds=30)
# A line whose attempt stays open this long is told to the operators, again and again.
INCIDENT_AFTER = timedelta(hours=24)


def lacking_of(total: int, share: int, step: int) -> int:
    """What of a price goes back when only a `share` of 10000 came, in units: rounded up to what can
    be paid (`step` units), in the buyer's favour, and never more than was paid (row C2)."""
    rest = -(-total * (SCALE - share) // SCALE)
    return min(total, -(-rest // step) * step)


def next_query_in(queries: int) -> timedelta:
    """How long to wait before query number `queries` + 1."""
    return timedelta(seconds=QUERY_PAUSES[min(queries, len(QUERY_PAUSES) - 1)])


def may_count_not_found(capabilities: Capabilities, opened_at: datetime, moment: datetime) -> bool:
    """Whether "no such order" says anything yet.

    Only from a supplier that is asked by our own reference, and after the moment from which it
    cannot begin the order any more and has had time to write it down.
    """
    if not capabilities.query_by_own_reference or capabilities.not_found_answers == 0:
        return False
    return moment >= opened_at + VALID_FOR + timedelta(seconds=capabilities.settle_seconds)


def is_final_not_found(capabilities: Capabilities, counted: int) -> bool:
    """Whether "no such order" may be believed: it was said often enough, one after the other."""
    return 0 < capabilities.not_found_answers <= counted
