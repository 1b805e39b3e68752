"""Settlement as long work of the back office: a job with its progress (docs/settlement.md)."""

from typing import Any
from uuid import UUID

from domain import bulk
from domain.kernel import Actor, Prefix, encode_id, parse_units, plain
from domain.settlement.paying import ask_for_payouts
from domain.settlement.queries import totals_of
from domain.settlement.running import STEPS, count_run, dry_run
from domain.settlement.sums import Totals

KIND = "settlement"


async def queue_run(actor: Actor, run_id: UUID) -> bulk.Job:
    """A job that writes what is left of a run."""
    return await bulk.queue_work(actor, KIND, {"run_id": str(run_id)}, STEPS)


async def queue_dry_run(actor: Actor, period: str, currency: str) -> bulk.Job:
    """A job that tells what a run would come to."""
    return await bulk.queue_work(actor, KIND, {"period": period, "currency": currency}, STEPS)


async def queue_payouts(actor: Actor, run_id: UUID) -> bulk.Job:
    """A job that asks for the payouts of a run, in the name of whoever proposed them."""
    return await bulk.queue_work(actor, KIND, {"payouts_of": str(run_id)}, STEPS)


async def work_off_settlement(work: bulk.Work) -> bulk.Outcome:
    """What a job of settlement does."""

    def told(looked: int, agents: int) -> None:
        work.progress(min(STEPS, STEPS * looked // max(agents, 1)))

    wish = work.wish
    if "payouts_of" in wish:
        proposal = await ask_for_payouts(work.actor, UUID(wish["payouts_of"]), told)
        batch = encode_id(Prefix.PAYOUT_BATCH, proposal.batch_id) if proposal.batch_id else None
        return bulk.Outcome({"payoutBatchId": batch, "agents": proposal.looked, "stored": True})
    if "run_id" not in wish:
        totals = await dry_run(work.actor, wish["period"], wish["currency"], told)
        return bulk.Outcome(_report(totals, stored=False))
    run = await count_run(UUID(wish["run_id"]), told)
    totals = (await totals_of([run.id]))[run.id]
    report = _report(totals, stored=True)
    return bulk.Outcome({"runId": encode_id(Prefix.SETTLEMENT_RUN, run.id), **report})


def report_of(job: bulk.Job) -> Totals | None:
    """What a job of settlement came to, once it is done."""
    told = job.result or {}
    if job.kind != KIND or "amounts" not in told:
        return None
    amounts = {name: parse_units(text) for name, text in told["amounts"].items()}
    return Totals(told["currency"], amounts, told["statements"], told["lines"])


def _report(totals: Totals, *, stored: bool) -> dict[str, Any]:
    amounts = {name: plain(units) for name, units in totals.amounts.items()}
    counts = {"statements": totals.statements, "lines": totals.lines}
    return {"stored": stored, "currency": totals.currency, **counts, "amounts": amounts}
