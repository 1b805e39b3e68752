"""Statements that came as the input of a job."""

from dataclasses import asdict
from datetime import date
from typing import Any

from domain import bulk
from domain.kernel import Actor, Invalid, Prefix, Refused, encode_id
from domain.statements.importing import StatementWish, check_wish, import_file
from domain.statements.layouts import WRITE_SCOPE, layout_of
from domain.statements.models import Party, StatementSource
from domain.statements.rehearsal import rehearse
from domain.statements.sources import source_of_channel, source_of_payouts, source_of_supplier

JOB = "statement_import"


async def source_of(party: Party, code: str, *, keep: bool = True) -> StatementSource:
    """The source of a channel, a supplier or payouts, by its code; without `keep` one that is not
    there yet is not written down."""
    match party:
        case Party.CHANNEL:
            return await source_of_channel(code, keep=keep)
        case Party.SUPPLIER:
            return await source_of_supplier(code, keep=keep)
        case Party.PAYOUT:
            return await source_of_payouts(code, keep=keep)


async def begin_statement_import(
    actor: Actor, party: Party, code: str, wish: StatementWish, *, dry_run: bool = False
) -> bulk.Upload:
    """A job that will take in the file that is about to come, or in a `dry_run` say what would come
    of it; needs `statements:write`."""
    actor.require_scope(WRITE_SCOPE)
    check_wish(wish)
    await layout_of(wish.layout)
    source = await source_of(party, code, keep=not dry_run)
    told = asdict(wish)
    for name in ("first_day", "last_day"):
        told[name] = told[name].isoformat() if told[name] else None
    if dry_run:
        return await bulk.begin_upload(actor, JOB, {"dry_run": [party.value, code], **told})
    return await bulk.begin_upload(actor, JOB, {"source": str(source.id), **told})


async def work_off_statement_import(work: bulk.Work) -> bulk.Outcome:
    """Take in the statement of a job's input; killed in the middle, the next attempt goes on."""
    told: dict[str, Any] = dict(work.wish)
    dry, stored = told.pop("dry_run", None), told.pop("source", None)
    for name in ("first_day", "last_day"):
        told[name] = date.fromisoformat(told[name]) if told[name] else None
    wish = StatementWish(**told)
    if dry is not None:
        return await _rehearsed(work, Party(dry[0]), dry[1], wish)
    source = await StatementSource.filter(id=stored).first()
    if source is None:
        raise Refused(Invalid(reason="statement_source"))
    report = await import_file(work.actor, source, wish, work.input, work.progress)
    result = {
        "fileId": encode_id(Prefix.STATEMENT_FILE, report.file_id),
        "accepted": report.fresh,
        "duplicates": report.lines - report.fresh - report.left_out,
        "rejected": report.left_out,
        "replayed": report.replayed,
        "resumed": report.resumed,
        "stored": True,
    }
    return bulk.Outcome(result, report.file_id)


async def _rehearsed(work: bulk.Work, party: Party, code: str, wish: StatementWish) -> bulk.Outcome:
    source = await source_of(party, code, keep=False)
    found = await rehearse(work.actor, source, wish, work.input, work.progress)
    differences = [each.as_problem() for each in found.differences]
    problems = sorted([*found.problems, *differences], key=lambda each: each.line)
    return bulk.Outcome(found.as_result(), problems=problems)
