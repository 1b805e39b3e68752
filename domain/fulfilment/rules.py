"""Pure rules of fulfilment: when to ask again, when to give up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.kernel import SCALE
from domain.suppliers import Capabilities

# A supplier must not begin a submission after this long, so a worker that slept cannot buy late.
VALID_FOR = timedelta(seconds=20)
# An attempt whose worker died while submitting is queried once it surely cannot begin any more.
FIRST_QUERY_AFTER = VALID_FOR + timedelta(seconds=5)
QUERY_PAUSES = (1, 2, 4, 8, 15, 30, 60, 120, 300, 600)  # seconds
UNANSWERED_QUERY_PART = 4
# A claimed query is asked again by somebody else after this long.
QUERY_LEASE = timedelta(seconds=30)
# A line between two attempts is looked at again after this long.
LINE_LEASE = timedelta(seconds=30)
# An attempt that its supplier answers no query about any more is looked at again this seldom: a
# callback, or a person, may end it still.
FORGOTTEN_PAUSE = timedelta(days=1)
# A supplier that says so often, and for so long, that it is done, and shows no goods, is a matter
# for people; from then on it is asked this seldom, and at once when it calls back.
WITHHELD_ANSWERS, WITHHELD_AFTER = 5, timedelta(minutes=5)
WITHHELD_PAUSE = timedelta(hours=1)
# A line whose attempt stays open this long is told to the operators, again and again.
INCIDENT_AFTER = timedelta(hours=24)

# An attempt that is over is asked about again so often, at distances that grow by this factor.
MOST_RECHECKS, RECHECK_FACTOR = 6, 5
# While its supplier does not answer it is asked on, ever more seldom: after a part of its age.
RECHECKED_FOR, UNANSWERED_PART = timedelta(days=14), 8


@dataclass(slots=True)
class Times:
    """How long this installation waits, and what it lets one person decide; set once by the
    wiring. Amounts in units of 1/10000."""

    recheck: timedelta = timedelta(seconds=60)
    alert: timedelta = timedelta(minutes=15)  # an attempt that is open for longer is told
    alone_units: int = 500 * SCALE  # one operator may give up an attempt of this amount


times = Times()


def recheck_in(rechecks: int) -> timedelta:
    """How long to wait before an attempt that is over is asked about again: 1 minute, 5, 25, two
    hours, ten, two days, where nothing else is set."""
    grown: timedelta = times.recheck * RECHECK_FACTOR ** min(rechecks, MOST_RECHECKS)
    return grown


def next_recheck(asked: int, age: timedelta, *, answered: bool) -> tuple[int, timedelta | None]:
    """How many questions count by now, and in how long the next one is due; None when nobody asks
    any more. Those that nobody answers do not count."""
    counted = asked + answered
    if counted >= MOST_RECHECKS or (not answered and age > RECHECKED_FOR):
        return counted, None
    pause = recheck_in(counted)
    return counted, pause if answered else max(pause, age / UNANSWERED_PART)


def lacking_of(total: int, share: int, step: int) -> int:
    """What of a price goes back when only a `share` of 10000 came, in units: rounded up to what can
    be paid (`step` units), in the buyer's favour, and never more than was paid (row C2)."""
    rest = -(-total * (SCALE - share) // SCALE)
    return min(total, -(-rest // step) * step)


def next_query_in(queries: int, age: timedelta, *, answered: bool) -> timedelta:
    """How long to wait before query number `queries` + 1 about an order of this age.

    Never longer than it has lasted already: callbacks make queries of their own. While nobody
    answers only for a part of that, so that the end of an outage is soon seen.
    """
    pause = timedelta(seconds=QUERY_PAUSES[min(queries, len(QUERY_PAUSES) - 1)])
    most = age if answered else age / UNANSWERED_QUERY_PART
    return min(pause, max(most, timedelta(seconds=QUERY_PAUSES[0])))


def not_found_counts_from(capabilities: Capabilities, opened_at: datetime) -> datetime | None:
    """From when on "no such order" says anything; None: never.

    Only from a supplier that is asked by our own reference, and after the moment from which it
    cannot begin the order any more and has had time to write it down.
    """
    if not capabilities.query_by_own_reference or capabilities.not_found_answers == 0:
        return None
    return opened_at + VALID_FOR + timedelta(seconds=capabilities.settle_seconds)


def may_count_not_found(capabilities: Capabilities, opened_at: datetime, moment: datetime) -> bool:
    """Whether "no such order" says anything yet."""
    counts_from = not_found_counts_from(capabilities, opened_at)
    return counts_from is not None and moment >= counts_from


def may_still_ask(
    capabilities: Capabilities, upstream_id: str | None, opened_at: datetime, moment: datetime
) -> bool:
    """Whether a supplier can tell anything of an order of then."""
    if not capabilities.query_by_own_reference and upstream_id is None:
        return False
    return not is_forgotten(capabilities, opened_at, moment)


def asked_from(capabilities: Capabilities, opened_at: datetime) -> datetime:
    """When a supplier can tell something of an order for the first time."""
    return opened_at + timedelta(seconds=capabilities.query_delay_seconds)


def is_forgotten(capabilities: Capabilities, opened_at: datetime, moment: datetime) -> bool:
    """Whether a supplier answers no query about an order of then any more."""
    kept = capabilities.retention_days
    return kept is not None and moment >= opened_at + timedelta(days=kept)


def is_withheld(answers: int, since: datetime, moment: datetime) -> bool:
    """Whether a supplier that says it is done will hardly show its goods by itself."""
    return answers >= WITHHELD_ANSWERS and moment - since >= WITHHELD_AFTER


def is_final_not_found(capabilities: Capabilities, counted: int) -> bool:
    """Whether "no such order" may be believed: it was said often enough, one after the other."""
    return 0 < capabilities.not_found_answers <= counted
