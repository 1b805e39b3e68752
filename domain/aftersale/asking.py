"""The supplier is asked over its port what became of disputed goods (row M1).

Outside any transaction, by a job. A supplier that says of a delivered order that it was refused, or
taken back, has surely not delivered it: the case is proved, and the supplier owes. What a code is
worth no query tells, so of cards only such a "no" is noted. What an operator noted is left alone.
"""

from datetime import timedelta
from uuid import UUID

from domain import audit, fulfilment
from domain.aftersale.locking import lock_case
from domain.aftersale.models import CheckResult, Dispute, DisputeState
from domain.aftersale.moves import UNDECIDED
from domain.kernel import SYSTEM, act_as, clock, connection, crash_point, transaction
from domain.suppliers import Accepted, Completed, QueryResult, Rejected, Uncertain

MAX_ASKS = 6
LEASE = timedelta(seconds=60)
PAUSES = (5, 30, 300, 1_800, 7_200)  # seconds, while an answer says nothing
_CLAIM = """
UPDATE disputes SET ask_at = $2, asks = asks + 1 WHERE id = $1 AND ask_at <= $3
RETURNING attempt_id, card_id IS NULL AS of_line, asks
"""
_DUE = "SELECT id FROM disputes WHERE ask_at <= $1 ORDER BY ask_at LIMIT $2"


async def due_questions(limit: int) -> list[UUID]:
    """Cases whose supplier is to be asked now."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def ask_supplier(dispute_id: UUID) -> None:
    """Ask the supplier of a case what became of its attempt, when that is due, and note the answer.

    May run any number of times: one of them asks, and nothing is asked of a decided case.
    """
    moment = clock.now()
    async with transaction() as conn:
        claimed = await conn.fetchrow(_CLAIM, dispute_id, moment + LEASE, moment)
    if claimed is None:
        return
    result = await fulfilment.look_at(claimed["attempt_id"])
    crash_point("aftersale.asked")
    asks = claimed["asks"]
    if isinstance(result, Accepted | Uncertain) and asks < MAX_ASKS:
        await _write(dispute_id, timedelta(seconds=PAUSES[asks - 1]), None, "")
        return
    await _write(dispute_id, None, _verdict(result, of_line=claimed["of_line"]), _words(result))


def _verdict(result: QueryResult | None, *, of_line: bool) -> CheckResult | None:
    """What an answer says of the goods; None when it says nothing worth noting."""
    if isinstance(result, Rejected):
        return CheckResult.INVALID
    if result is None or not of_line:
        return None
    whole = isinstance(result, Completed) and result.whole
    return CheckResult.VALID if whole else CheckResult.UNKNOWN


def _words(result: QueryResult | None) -> str:
    """The answer in words for the back office: no text of the supplier's, which may hold codes."""
    said = type(result).__name__.lower()
    category = result.category.value if isinstance(result, Rejected | Uncertain) else ""
    return f"query: {said} {category}".strip()


async def _write(
    dispute_id: UUID, again_in: timedelta | None, said: CheckResult | None, words: str
) -> None:
    async with transaction() as conn:
        await act_as(conn, SYSTEM, "checked")
        dispute: Dispute = (await lock_case(conn, dispute_id)).dispute
        if dispute.state not in UNDECIDED or dispute.checked_by is not None:
            return  # somebody was faster
        dispute.ask_at = None if again_in is None else clock.now() + again_in
        if said is not None:
            if dispute.state is DisputeState.OPEN:
                dispute.state = DisputeState.CHECKING
            dispute.check_result, dispute.check_answer = said, words
            dispute.checked_at = clock.now()
            details = {"result": said.value, "answer": words, "asks": dispute.asks}
            await audit.record(conn, SYSTEM, "dispute.check", dispute_id, details)
        await dispute.save(force_update=True)
