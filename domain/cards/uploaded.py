"""Card files that came as the input of a job."""

from dataclasses import asdict
from datetime import date
from typing import Any

from domain import bulk
from domain.cards.batches import BatchOrigin
from domain.cards.importing import CardImportReport, ImportWish, check_wish, import_cards
from domain.kernel import Actor, Prefix, encode_id

JOB = "card_import"


async def begin_card_import(actor: Actor, wish: ImportWish) -> bulk.Upload:
    """A job that will import the file that is about to come; refuses at once what never could."""
    await check_wish(actor, wish)
    told = asdict(wish)
    told["expires_on"] = wish.expires_on.isoformat() if wish.expires_on else None
    return await bulk.begin_upload(actor, JOB, told)


async def work_off_card_import(work: bulk.Work) -> bulk.Outcome:
    """Import the cards of a job's input; killed in the middle, the next attempt goes on."""
    report = await import_cards(work.actor, wish_of(work.wish), work.input, work.progress)
    subject = report.batch_id
    return bulk.Outcome(counts_of(report), subject, [] if subject else report.all_problems)


def wish_of(told: dict[str, Any]) -> ImportWish:
    """The wish of a job as it was made."""
    day = told["expires_on"]
    return ImportWish(
        **{
            **told,
            "expires_on": date.fromisoformat(day) if day else None,
            "origin": BatchOrigin(**told["origin"]),
        }
    )


def counts_of(report: CardImportReport) -> dict[str, Any]:
    """What an import did, as a job shows it."""
    batch = report.batch_id
    return {
        "batchId": encode_id(Prefix.CARD_BATCH, batch) if batch else None,
        "accepted": report.accepted,
        "duplicates": report.duplicates,
        "rejected": report.rejected,
        "fromNumbers": report.from_numbers,
        "replayed": report.replayed,
        "resumed": report.resumed,
        "stored": report.stored,
    }
