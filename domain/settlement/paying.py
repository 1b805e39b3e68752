"""Paying a run out: one batch of payouts for all agents, proposed by one person.

Agent by agent what its statement left available is asked for, in slices that each move the
proposal's cursor; who cannot be paid is listed with the reason. Then all that waits becomes one
batch, which another person approves with a fresh second factor (`payoutBatchDecide`).
"""

from typing import Any
from uuid import UUID

from domain import audit, payouts
from domain.kernel import (
    Actor,
    Connection,
    NotFound,
    Refused,
    clock,
    crash_point,
    new_id,
    refresh_keys,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.settlement.counting import NOBODY
from domain.settlement.models import ProposalState, RunState, SettlementProposal, SettlementRun
from domain.settlement.refusals import SettlementUnfinished
from domain.settlement.running import WRITE_SCOPE, Told, quiet

SLICE = 200  # agents of one transaction
_LOCK_RUN = "SELECT * FROM settlement_runs WHERE id = $1 FOR UPDATE"
_LOCK = "SELECT * FROM settlement_proposals WHERE run_id = $1 FOR UPDATE"
_AVAILABLE = """
SELECT count(*)::int FROM settlement_statements WHERE run_id = $1 AND closing_available > 0
"""
_NEXT = """
SELECT agent_id, closing_available FROM settlement_statements
WHERE run_id = $1 AND agent_id > $2 AND closing_available > 0 ORDER BY agent_id LIMIT $3
"""
_KEEP = """
INSERT INTO settlement_payouts (id, run_id, agent_id, wanted, payout_id, withheld)
SELECT gen_random_uuid(), $1, * FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::text[])
"""
_GO_ON = "UPDATE settlement_proposals SET looked = looked + $2, cursor = $3 WHERE id = $1"
_DONE = "UPDATE settlement_proposals SET state = 'PROPOSED', batch_id = $2 WHERE id = $1"
_WAITING = """
SELECT id FROM payouts WHERE run_id = $1 AND status = 'REQUESTED' AND batch_id IS NULL
ORDER BY id FOR UPDATE
"""


async def propose_payouts(actor: Actor, run_id: UUID, note: str = "") -> SettlementProposal:
    """Begin to ask for what a frozen run left available; `ask_for_payouts` does the work.

    Needs `settlements:write` and `payouts:propose`; audited. Asked again it is the same proposal;
    when its batch was rejected meanwhile, what still waits becomes a new one, in the name of
    whoever asks now. Refuses a run that is not frozen (SETTLEMENT_UNFINISHED).
    """
    actor.require_scope(WRITE_SCOPE)
    actor.require_scope(payouts.PROPOSE_SCOPE)
    payouts.check_note(note, needed=False)
    by = actor.require_user()
    async with transaction() as conn:
        run = await conn.fetchrow(_LOCK_RUN, run_id)
        if run is None:
            raise Refused(NotFound(what="settlement run", field=("runId",)))
        frozen = run["state"] == RunState.FROZEN
        refuse_unless(frozen, SettlementUnfinished(period=run["period"], field=("runId",)))
        earlier = await SettlementProposal.filter(run_id=run_id).select_for_update().first()
        if earlier is not None:
            await _propose_again(conn, actor, earlier, run["currency"], note)
            return earlier
        made = await SettlementProposal.create(
            id=new_id(),
            run_id=run_id,
            state=ProposalState.ASKING,
            agents=await conn.fetchval(_AVAILABLE, run_id),
            cursor=NOBODY,
            note=note.strip(),
            proposed_by=by,
            proposed_at=clock.now(),
        )
        details = {"period": run["period"], "currency": run["currency"]}
        await audit.record(conn, actor, "settlement.propose", run_id, details)
    return made


async def ask_for_payouts(actor: Actor, run_id: UUID, told: Told = quiet) -> SettlementProposal:
    """Ask for what is left to be asked for, and put all that waits into one batch. Does nothing to
    what is proposed already. `actor`: who proposed it, in whose name the batch is."""
    while await _ask_slice(run_id, told):
        crash_point("settlement.payouts_committed")
    async with transaction() as conn:
        row = await conn.fetchrow(_LOCK, run_id)
        if row["state"] == ProposalState.ASKING:
            refuse_unless(actor.user_id == row["proposed_by"], payouts.PayoutSamePerson())
            run = await SettlementRun.get(id=run_id)
            batch = await _batch_of(conn, actor, run_id, run.currency, row["note"])
            await conn.execute(_DONE, row["id"], batch)
    wake_relay()
    return await SettlementProposal.get(run_id=run_id)


async def _ask_slice(run_id: UUID, told: Told) -> bool:
    await refresh_keys()  # names and accounts are opened below, inside the transaction
    async with transaction() as conn:
        row = await conn.fetchrow(_LOCK, run_id)
        if row is None:
            raise Refused(NotFound(what="settlement run"))
        if row["state"] != ProposalState.ASKING:
            return False
        agents = await conn.fetch(_NEXT, run_id, row["cursor"], SLICE)
        if not agents:
            return False
        run = await SettlementRun.get(id=run_id)
        wanted = {each["agent_id"]: each["closing_available"] for each in agents}
        collected = await payouts.collect_payouts(conn, run_id, run.currency, wanted)
        await _keep(conn, run_id, wanted, collected)
        crash_point("settlement.payouts_written")
        await conn.execute(_GO_ON, row["id"], len(agents), agents[-1]["agent_id"])
        told(row["looked"] + len(agents), row["agents"])
    return True


async def _keep(
    conn: Connection, run_id: UUID, wanted: dict[UUID, int], collected: list[Any]
) -> None:
    await conn.execute(
        _KEEP,
        run_id,
        [each.agent_id for each in collected],
        [wanted[each.agent_id] for each in collected],
        [each.payout.id if each.payout else None for each in collected],
        [each.withheld for each in collected],
    )


async def _propose_again(
    conn: Connection, actor: Actor, earlier: SettlementProposal, currency: str, note: str
) -> None:
    """What still waits of a rejected batch, in a new one."""
    if earlier.batch_id is None:
        return
    batch = await payouts.PayoutBatch.get(id=earlier.batch_id)
    if batch.status is payouts.BatchStatus.REJECTED:
        again = await _batch_of(conn, actor, earlier.run_id, currency, note)
        if again is not None:
            earlier.batch_id = again
            await earlier.save(update_fields=["batch_id"])


async def _batch_of(
    conn: Connection, actor: Actor, run_id: UUID, currency: str, note: str
) -> UUID | None:
    """One batch of all that waits of a run; None: nothing does."""
    waiting = [row["id"] for row in await conn.fetch(_WAITING, run_id)]
    if not waiting:
        return None
    return (await payouts.make_batch(conn, actor, waiting, note, currency, run_id)).id
