"""`kameng settle`: the statements of all agents over a period (docs/settlement.md)."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from server.connected import connected, operator

if TYPE_CHECKING:
    from domain import settlement

console = Console(highlight=False)
Period = Annotated[str, typer.Option(help="2026-11, 2026-W47 or 2026-11-25, by the business.")]


def settle(
    period: Period,
    dry_run: Annotated[bool, typer.Option(help="Write nothing, tell what it comes to.")] = False,
) -> None:
    """Write and freeze every agent's statement of a period that is over.

    The same period again goes on where it stood, or does nothing. Payouts are proposed over the
    API, by a person whom another one approves.

    Example: kameng settle --period 2026-11 --dry-run
    """
    from domain import settlement
    from domain.checkout import CURRENCY

    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with bar as progress:
        task = progress.add_task(f"Settling {period}", total=None)

        def told(looked: int, agents: int) -> None:
            progress.update(task, completed=looked, total=agents)

        async def work() -> "settlement.Totals":
            if dry_run:
                return await settlement.dry_run(operator(), period, CURRENCY, told)
            started = await settlement.start_run(operator(), period, CURRENCY)
            await settlement.count_run(started.run.id, told)
            return (await settlement.totals_of([started.run.id]))[started.run.id]

        totals = asyncio.run(connected(work))
    _show(totals, dry=dry_run)


def _show(totals: "settlement.Totals", *, dry: bool) -> None:
    from domain import settlement
    from domain.kernel import plain

    table = Table("item", totals.currency)
    for name, units in totals.amounts.items():
        table.add_row(name, plain(units))
    console.print(table)
    state = "nothing was written" if dry else "frozen"
    console.print(f"{totals.statements} statements, {totals.lines} lines: {state}.")
    if dry:
        minutes = settlement.SETTLE.seconds // 60
        console.print(f"What was booked in the last {minutes} minutes is not counted yet.")
