"""Each day, what buyers own is compared with what the custodian says it holds (mission row F4).

Nothing is moved. Without a custodian nothing is compared: the ledger alone tells funds apart.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from uuid import UUID

from domain import ledger
from domain.custody.models import CustodyReport
from domain.custody.ports import CustodyPort
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Page,
    PageRequest,
    clock,
    crash_point,
    new_id,
    page_of,
    plain,
    record_events,
    transaction,
    wake_relay,
)

SHORT = "custody.short"
READ_SCOPE = "ledger:read"
LOOK_BACK = 7  # days for which a custodian is asked again

_TELL = """
INSERT INTO custody_reports (id, day, currency, client_funds, held, checked_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (day, currency) DO UPDATE SET held = excluded.held, checked_at = excluded.checked_at,
    client_funds = excluded.client_funds
WHERE custody_reports.held IS NULL RETURNING id
"""


@dataclass(slots=True)
class Custodian:
    """Who holds the money, and where a day of the business begins; set once by the wiring."""

    port: CustodyPort | None = None
    utc_offset: timedelta = timedelta(hours=8)


custodian = Custodian()


async def check_custody() -> int:
    """Compare the days that are not told yet, of the last seven; how many fell short."""
    if custodian.port is None:
        return 0
    today = clock.now().astimezone(timezone(custodian.utc_offset)).date()
    days = [today - timedelta(days=number) for number in range(LOOK_BACK, 0, -1)]
    told = {
        each.day for each in await CustodyReport.filter(day__gte=days[0], held__isnull=False)
    } - {each.day for each in await CustodyReport.filter(day__gte=days[0], held__isnull=True)}
    return sum([await check_day(day) for day in days if day not in told])


async def check_day(day: date) -> int:
    """Ask the custodian for a day's end, and compare; in how many currencies too little is held.

    All of a day is written in one transaction: a day of which a part is told is over.
    """
    port = custodian.port
    if port is None:
        return 0
    owned = sorted((await ledger.client_funds_at(_end_of(day))).items())
    held = [await port.balance(currency, day) for currency, _ in owned]
    crash_point("custody.answered")
    async with transaction() as conn:
        found = zip(owned, held, strict=True)
        short = sum([await _report(conn, day, *funds, there) for funds, there in found])
        crash_point("custody.written")
    wake_relay()
    return short


async def list_reports(actor: Actor, page: PageRequest) -> Page[CustodyReport]:
    """Newest first; needs `ledger:read`."""
    actor.require_scope(READ_SCOPE)
    rows = CustodyReport.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda report: (report.id,))


def _end_of(day: date) -> datetime:
    zone = timezone(custodian.utc_offset)
    return datetime.combine(day + timedelta(days=1), time(), zone)


async def _report(conn: Connection, day: date, currency: str, owned: int, held: int | None) -> int:
    row = (new_id(), day, currency, owned, held, clock.now())
    report = await conn.fetchval(_TELL, *row)
    if report is None or held is None or held >= owned:
        return 0
    payload = {
        "day": day.isoformat(),
        "currency": currency,
        "clientFunds": plain(owned),
        "held": plain(held),
        "missing": plain(owned - held),
    }
    await record_events(conn, [Event(SHORT, report, 1, payload)])
    return 1
