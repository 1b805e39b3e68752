"""`kameng cards import`, `kameng catalog import`, `kameng agents import-prices` and
`import-ladders`, `kameng export`: tables in and out."""

import asyncio
import csv
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from server.connected import connected, operator

if TYPE_CHECKING:
    from domain import bulk, cards, catalog

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
DryRun = Annotated[bool, typer.Option(help="Only tell what would happen.")]
AllOrNothing = Annotated[bool, typer.Option(help="Store nothing when a row is wrong.")]


class Format(StrEnum):
    """How a table is written."""

    CSV = "csv"
    XLSX = "xlsx"


class Exported(StrEnum):
    """What can be taken away."""

    PRODUCTS = "products"
    PRICES = "prices"
    AGENT_PRICES = "agent-prices"
    PRICE_LADDERS = "price-ladders"
    VOLUME_LADDERS = "volume-ladders"
    CARDS = "cards"


class TableName(StrEnum):
    """What a single file is."""

    CATEGORIES = "categories"
    PRODUCTS = "products"
    VARIANTS = "variants"
    PRICES = "prices"


class Ladders(StrEnum):
    """What a table of ladders holds."""

    PRICES = "price-ladders"
    VOLUMES = "volume-ladders"


def catalog_import(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    approve: Annotated[bool, typer.Option(help="Approve the file's products at once.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Import categories, products, variants and prices from a folder of CSV files.

    Without --approve the products wait for a review. Example: kameng catalog import demo --approve
    """
    from domain import pricing

    work = connected(
        lambda: pricing.import_folder(operator(), folder, approve=approve, dry_run=dry_run)
    )
    _show_reports(asyncio.run(work), stored=not dry_run)


def catalog_import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    table: Annotated[TableName, typer.Option(help="What a CSV file is.")] = TableName.PRODUCTS,
    approve: Annotated[bool, typer.Option(help="Approve the file's products at once.")] = False,
    dry_run: DryRun = False,
    all_or_nothing: AllOrNothing = False,
) -> None:
    """Import one file: CSV of one table, or a workbook whose sheets are named like tables.

    Example: kameng catalog import-file products.xlsx --dry-run
    """
    from domain import pricing

    wish = pricing.TableWish(table.value, approve, dry_run, all_or_nothing)
    with file.open("rb") as opened:
        work = connected(lambda: pricing.import_table(operator(), wish, opened))
        reports = asyncio.run(work)
    wrong = any(report.errors for report in reports.values())
    _show_reports(reports, stored=not (dry_run or (all_or_nothing and wrong)))


def agents_import_prices(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    dry_run: DryRun = False,
    all_or_nothing: AllOrNothing = False,
) -> None:
    """Set own prices of agents from a table: CSV, or a workbook with the sheet `agent-prices`.

    Rows that are refused are told and left out. `kameng export agent-prices` writes the same table.
    Example: kameng agents import-prices agent-prices.csv --dry-run
    """
    from domain import pricebook

    wish = pricebook.OwnPricesWish(dry_run, all_or_nothing)
    with file.open("rb") as opened:
        work = connected(lambda: pricebook.import_own_prices(operator(), opened, wish))
        report = asyncio.run(work)
    stored = not (dry_run or (all_or_nothing and report.errors))
    _show_reports({file.name: report}, stored=stored)


def agents_import_ladders(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    table: Annotated[
        Ladders, typer.Option(help="Steps by the quantity of an order, or by a month's volume.")
    ] = Ladders.PRICES,
    dry_run: DryRun = False,
    all_or_nothing: AllOrNothing = False,
) -> None:
    """Set what agents of a tier pay for many from a table: CSV, or a workbook; a row is a step.

    Ladders that are refused are told and left out. `kameng export price-ladders` writes the same
    table. Example: kameng agents import-ladders price-ladders.csv --dry-run
    """
    from domain import pricebook

    wish = pricebook.LadderTableWish(table.value, dry_run, all_or_nothing)
    with file.open("rb") as opened:
        work = connected(lambda: pricebook.import_ladders(operator(), opened, wish))
        report = asyncio.run(work)
    stored = not (dry_run or (all_or_nothing and report.errors))
    _show_reports({file.name: report}, stored=stored)


def cards_import(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    sku: Annotated[str, typer.Option(help="The variant that the cards are of.")],
    cost: Annotated[str, typer.Option(help="What one card cost, e.g. 45.50.")],
    source: Annotated[str, typer.Option(help="Where they came from.")] = "import",
    expires: Annotated[str | None, typer.Option(help="Last day of validity, 2030-12-31.")] = None,
    encoding: Annotated[str, typer.Option(help="utf-8 or gb18030.")] = "utf-8",
    supplier: Annotated[str, typer.Option(help="Code of the supplier they came from.")] = "",
    reference: Annotated[str, typer.Option(help="Number of the receipt.")] = "",
    quarantine: Annotated[bool, typer.Option(help="Nothing is for sale yet.")] = False,
    dry_run: DryRun = False,
    all_or_nothing: AllOrNothing = False,
    problems: Annotated[
        Path | None, typer.Option(help="Write every row that was left out to this CSV file.")
    ] = None,
) -> None:
    """Import a file of card codes: CSV, text with one card a line, JSON lines or XLSX.

    The same file again changes nothing; one that was cut off goes on.
    Example: kameng cards import codes.csv --sku STEAM-CNY-50 --cost 45.50
    """
    from domain import cards, kernel
    from domain.checkout import CURRENCY

    wish = cards.ImportWish(
        sku=sku,
        source=source,
        unit_cost=kernel.parse_units(cost),
        currency=CURRENCY,
        expires_on=date.fromisoformat(expires) if expires else None,
        origin=cards.BatchOrigin(supplier, reference, quarantine=quarantine),
        encoding=encoding,
        dry_run=dry_run,
        all_or_nothing=all_or_nothing,
    )
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with bar as progress, file.open("rb") as opened:
        task = progress.add_task(f"Importing {file.name}", total=file.stat().st_size)

        def note(done: int) -> None:
            progress.update(task, completed=done)

        async def work() -> "cards.CardImportReport":
            report = await cards.import_cards(operator(), wish, opened, progress=note)
            if problems is not None:
                await _write_problems(problems, report)
            return report

        report = asyncio.run(connected(work))
    _show_cards(report)
    raise typer.Exit(1 if all_or_nothing and not report.stored and not dry_run else 0)


def export(
    what: Exported,
    to: Annotated[Path, typer.Option(help="Folder to write to.", file_okay=False)] = Path(),
    form: Annotated[Format, typer.Option("--format", help="How.")] = Format.CSV,
    sku: Annotated[str | None, typer.Option(help="Cards of this variant only.")] = None,
) -> None:
    """Write products, prices, own prices of agents, ladders, or cards (never codes) as CSV or XLSX.

    Example: kameng export products --format xlsx --to backup
    """
    from domain import bulk, cards, catalog
    from server.tables import OF_PRICES

    async def tables() -> "list[bulk.Table]":
        if what is Exported.PRODUCTS:
            return await catalog.export_catalog(operator())
        if what is Exported.CARDS:
            return [await cards.list_cards(operator(), cards.CardFilter(sku=sku))]
        return [await OF_PRICES[what.value](operator())]

    async def work() -> list[Path]:
        found = await tables()
        if form is Format.XLSX:
            path = to / f"{what.value}.xlsx"
            await bulk.write_workbook(path, found)
            return [path]
        for table in found:
            with (to / f"{table.name}.csv").open("wb") as file:
                async for piece in bulk.as_csv(table):
                    file.write(piece)
        return [to / f"{table.name}.csv" for table in found]

    to.mkdir(parents=True, exist_ok=True)
    for path in asyncio.run(connected(work)):
        console.print(path)


def _show_reports(reports: "dict[str, catalog.ImportReport]", *, stored: bool) -> None:
    table = Table("file", "created", "updated", "unchanged", "refused")
    for name, report in reports.items():
        counts = (report.created, report.updated, report.unchanged, len(report.errors))
        table.add_row(name, *map(str, counts))
    console.print(table)
    if not stored:
        console.print("Nothing was stored. / 未写入任何数据。")
    refused = [error for report in reports.values() for error in report.errors]
    for error in refused:
        errors.print(f"{error.file}:{error.line}: {error.reason} {error.text}", markup=False)
    raise typer.Exit(1 if refused else 0)


def _show_cards(report: "cards.CardImportReport") -> None:
    counts = f"accepted {report.accepted}, duplicates {report.duplicates}"
    said = [f"{counts}, rejected {report.rejected}"]
    if report.replayed:
        said.append("(this file was imported before)")
    if report.resumed:
        said.append("(went on where an earlier import was cut off)")
    if not report.stored:
        said.append("(nothing was stored)")
    console.print(*said)
    if report.from_numbers:
        errors.print(
            f"{report.from_numbers} codes were numbers in the workbook: leading zeros may be lost."
            f" / {report.from_numbers} 个卡密在表格中是数字：前导零可能已丢失。",
            style="yellow",
        )
    for problem in report.problems:
        errors.print(f"line {problem.line}: {problem.reason}", markup=False)


async def _write_problems(path: Path, report: "cards.CardImportReport") -> None:
    from domain import bulk

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "reason"))
        rest: Sequence[bulk.Problem] = report.all_problems
        writer.writerows((each.line, each.reason) for each in rest)
        if report.batch_id is not None:
            async for each in bulk.read_problems(report.batch_id):
                writer.writerow((each.line, each.reason))
