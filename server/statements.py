"""`kameng statements`: what partners booked, compared with what we have (docs/statements.md)."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from server.connected import connected, operator

if TYPE_CHECKING:
    from domain import bulk, statements

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
DryRun = Annotated[bool, typer.Option(help="Only tell what would happen.")]
SHOWN = 20  # of each code
commands = typer.Typer(help="Statements of partners.", no_args_is_help=True)


@commands.command("import")
def import_statement(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    channel: Annotated[str, typer.Option(help="Code of the payment channel.")] = "",
    supplier: Annotated[str, typer.Option(help="Code of the supplier.")] = "",
    payout: Annotated[str, typer.Option(help="Code of the payout channel.")] = "",
    form: Annotated[str, typer.Option("--format", help="csv, or a vendor's own.")] = "csv",
    layout: Annotated[str, typer.Option(help="Layout of the CSV; empty: our column names.")] = "",
    day: Annotated[str | None, typer.Option(help="All lines of this day are in it.")] = None,
    until: Annotated[str | None, typer.Option(help="And of all days up to this one.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Take in a statement and compare it; the same file again is nothing new.

    Example: kameng statements import bill.csv --channel wechat --format wechat --day 2026-11-25
    """
    from domain import statements
    from schema.locale import reason_text

    wish = statements.StatementWish(
        name=file.name,
        format=form,
        layout=layout,
        first_day=date.fromisoformat(day) if day else None,
        last_day=date.fromisoformat(until or day) if day else None,
    )
    named = {"CHANNEL": channel, "SUPPLIER": supplier, "PAYOUT": payout}
    if [bool(each) for each in named.values()].count(True) != 1:
        raise typer.BadParameter("say one of --channel, --supplier and --payout")
    party, code = next((party, code) for party, code in named.items() if code)
    work = _rehearsed if dry_run else _taken
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with bar as progress, file.open("rb") as opened:
        task = progress.add_task(f"Importing {file.name}", total=file.stat().st_size)

        def note(done: int) -> None:
            progress.update(task, completed=done)

        async def worked() -> "tuple[list[bulk.Problem], Callable[[], None]]":
            return await work(statements.Party(party), code, wish, opened, note)

        problems, show = asyncio.run(connected(worked))
    show()
    for each in problems:
        told = f"{file.name}:{each.line}: {each.reason} {reason_text(each.reason, 'en')}"
        errors.print(f"{told} / {reason_text(each.reason, 'zh')}", markup=False, soft_wrap=True)
    raise typer.Exit(1 if problems else 0)


async def _taken(
    party: "statements.Party",
    code: str,
    wish: "statements.StatementWish",
    file: BinaryIO,
    note: Callable[[int], None],
) -> "tuple[list[bulk.Problem], Callable[[], None]]":
    """Take a file in: the first rows that were left out, and how the rest is shown."""
    from domain import bulk, statements

    source = await statements.source_of(party, code)
    report = await statements.import_file(operator(), source, wish, file, note)

    def show() -> None:
        told = f"{report.lines} lines, {report.fresh} new, {report.left_out} left out"
        console.print(told + (" (this file was imported before)" if report.replayed else ""))

    return await bulk.first_problems(SHOWN, report.file_id), show


async def _rehearsed(
    party: "statements.Party",
    code: str,
    wish: "statements.StatementWish",
    file: BinaryIO,
    note: Callable[[int], None],
) -> "tuple[list[bulk.Problem], Callable[[], None]]":
    """What an import would do, and how that is shown."""
    from domain import statements
    from domain.kernel import plain

    source = await statements.source_of(party, code, keep=False)
    found = await statements.rehearse(operator(), source, wish, file, note)

    def show() -> None:
        console.print(f"{found.lines} lines, {found.fresh} new, {found.left_out} left out")
        table = Table("kind", "outcome", "number", "theirs", "ours", "fee", "currency")
        for row in found.sums:
            sums = map(plain, (row.theirs, row.ours, row.fee))
            table.add_row(row.kind, row.outcome, str(row.number), *sums, row.currency)
        console.print(table)
        _show_differences(found.differences)
        console.print(
            f"{found.resolves} open differences would be over. / 将消除 {found.resolves} 项差异。"
        )
        console.print("Nothing was stored. / 未写入任何数据。")

    return found.problems[:SHOWN], show


@commands.command("fetch")
def fetch_statement(
    day: Annotated[str, typer.Option(help="By the partner's calendar, 2026-11-25.")],
    channel: Annotated[str, typer.Option(help="Code of the payment channel.")] = "",
    supplier: Annotated[str, typer.Option(help="Code of the supplier.")] = "",
) -> None:
    """Ask a partner for the statement of a day now; the scheduler does so each night.

    Example: kameng statements fetch --channel wechat --day 2026-11-25
    """
    from domain import statements

    when = date.fromisoformat(day)
    if bool(channel) == bool(supplier):
        raise typer.BadParameter("say one of --channel and --supplier")

    async def work() -> "statements.StatementImport":
        party = statements.Party.CHANNEL if channel else statements.Party.SUPPLIER
        source = await statements.source_of(party, channel or supplier)
        return await statements.pull_day(source, when)

    try:
        report = asyncio.run(connected(work))
    except statements.NotThere:
        console.print("The partner does not give it now. / 对方暂时无法提供该对账单。", style="red")
        raise typer.Exit(1) from None
    console.print(f"{report.lines} lines, {report.fresh} new")


@commands.command("report")
def report(
    day: Annotated[str, typer.Option(help="By each partner's calendar, 2026-11-25.")],
) -> None:
    """Show what each partner's statement of a day came to; exit code 1 when something is open.

    Example: kameng statements report --day 2026-11-25
    """
    from domain import statements
    from domain.kernel import plain

    when = date.fromisoformat(day)
    found = asyncio.run(connected(lambda: statements.report_of(operator(), when)))
    table = Table("source", "statement", "kind", "outcome", "number", "theirs", "ours", "fee")
    for each in found.sources:
        name = f"{each.source.party.lower()} {each.source.code}"
        whole = "whole" if each.whole else "not there"
        if not each.sums:
            table.add_row(name, whole)
        for row in each.sums:
            sums = map(plain, (row.theirs, row.ours, row.fee))
            table.add_row(name, whole, row.kind, row.outcome, str(row.number), *sums)
    console.print(table)
    open_now = [difference for difference in found.differences if difference.closed_at is None]
    _show_differences(open_now)
    console.print(f"{found.open} differences of all days are open. / 全部未结差异：{found.open}。")
    raise typer.Exit(1 if open_now else 0)


def _show_differences(
    found: "Sequence[statements.StatementDifference | statements.Foreseen]",
) -> None:
    """The first differences of each kind, with the next step."""
    from domain import statements
    from domain.kernel import plain
    from schema.locale import difference_text

    for code in sorted({difference.code for difference in found}):
        alike = [difference for difference in found if difference.code == code]
        console.print(f"{code}: {len(alike)}", style="red", markup=False)
        for language in ("en", "zh"):
            console.print(f"    {difference_text(code, language)}", markup=False, soft_wrap=True)
        for difference in alike[:SHOWN]:
            theirs, ours = (
                "-" if units is None else plain(units)
                for units in (difference.theirs, difference.ours)
            )
            told = f"    {difference.reference} {theirs} / {ours} {difference.currency}"
            if isinstance(difference, statements.Foreseen) and difference.line:
                told += f" (line {difference.line})"
            console.print(told, markup=False, soft_wrap=True)
