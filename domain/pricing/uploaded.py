"""Products and prices that came as the input of a job."""

import asyncio
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import BinaryIO

from domain import bulk, catalog
from domain.kernel import Actor, Invalid, Refused, refuse_unless
from domain.pricing.importing import FILE, import_prices

PRODUCTS, PRICES = "product_import", "price_import"
TABLES = ("categories", "products", "variants")


@dataclass(frozen=True, slots=True)
class TableWish:
    """What a file is. A CSV file is one `table`; a workbook may have a sheet for each, by name."""

    table: str
    approve: bool = False
    dry_run: bool = False
    all_or_nothing: bool = False


async def begin_table_import(actor: Actor, wish: TableWish) -> bulk.Upload:
    """A job that will import the file that is about to come. Needs `prices:write` for prices,
    `products:write` for products, and `listings:review` to approve them."""
    if wish.table == "prices":
        actor.require_scope("prices:write")
        return await bulk.begin_upload(actor, PRICES, asdict(wish))
    actor.require_scope("products:write")
    refuse_unless(wish.table in TABLES, Invalid(reason="table", field=("table",)))
    if wish.approve:
        actor.require_scope("listings:review")
    return await bulk.begin_upload(actor, PRODUCTS, asdict(wish))


async def import_table(
    actor: Actor, wish: TableWish, file: BinaryIO
) -> dict[str, catalog.ImportReport]:
    """Import a file of products or prices, each in one transaction; a report for each table.

    Refuses, before anything is written, a file that cannot be read as a whole.
    """
    if wish.table == "prices":
        report = await import_prices(
            actor, file, dry_run=wish.dry_run, all_or_nothing=wish.all_or_nothing
        )
        return {FILE: report}
    refuse_unless(wish.table in TABLES, Invalid(reason="table", field=("table",)))
    tables = _tables(wish.table, file)
    file.seek(0)
    content = file.read()
    files = {table: BytesIO(content) for table in tables}
    reports = await catalog.import_catalog(
        actor,
        files.get("categories"),
        files.get("products"),
        files.get("variants"),
        approve=wish.approve,
        dry_run=wish.dry_run,
        all_or_nothing=wish.all_or_nothing,
    )
    return {name: report for name, report in reports.items() if name.partition(".")[0] in files}


async def work_off_table_import(work: bulk.Work) -> bulk.Outcome:
    """Import the products or prices of a job's input."""
    wish = TableWish(**work.wish)
    file = BytesIO(await asyncio.to_thread(work.input.read))
    return _outcome(wish, await import_table(work.actor, wish, file))


def _tables(table: str, file: BinaryIO) -> list[str]:
    """The tables in a file: the one it was said to be, or those its sheets are named for."""
    try:
        if not bulk.is_workbook(file):
            return [table]
        sheets = [sheet.name.strip().lower() for sheet in bulk.read_workbook(file)]
    except bulk.Unreadable as fault:
        invalid = catalog.ImportFileInvalid(file=table, line=fault.line, reason=fault.reason)
        raise Refused(invalid) from None
    return [each for each in TABLES if each in sheets] or [table]


def _outcome(wish: TableWish, reports: dict[str, catalog.ImportReport]) -> bulk.Outcome:
    total = catalog.ImportReport()
    for report in reports.values():
        total.add(report)
    kept = wish.all_or_nothing and bool(total.errors)
    result = {
        "created": total.created,
        "updated": total.updated,
        "unchanged": total.unchanged,
        "rejected": len(total.errors),
        "stored": not (wish.dry_run or kept),
    }
    problems = [
        bulk.Problem(error.line, error.reason, error.file, error.text) for error in total.errors
    ]
    return bulk.Outcome(result, None, problems)
