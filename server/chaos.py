"""`kameng chaos`: does the installation keep its promises when everything around it breaks?"""

import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from bench.chaos.run import Outcome

console = Console(highlight=False)
SHOWN = 20


def chaos(
    orders: Annotated[int, typer.Option(min=20, help="How many orders.")] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same plan.")] = 1,
    rate: Annotated[float, typer.Option(min=0.1, help="Orders a second.")] = 8.0,
    folder: Annotated[Path, typer.Option(help="For its servers and logs.")] = Path("var/chaos"),
) -> None:
    """Buy while suppliers misbehave and processes are killed; then compare both books.

    Starts its own servers, processes and suppliers, and ends them. Exit code 1, with the name of
    what is wrong, when anything was lost, bought twice or left open, or when a fault never fired.

    Example: kameng chaos --orders 2000 --seed 7
    """
    from bench.chaos.run import Wish, run

    for number in (signal.SIGINT, signal.SIGTERM):  # all that it started ends with it
        signal.signal(number, signal.default_int_handler)
    outcome = run(Wish(orders, seed, rate, folder), _say)
    _show(outcome)
    if not outcome.good:
        for each in outcome.violations[:SHOWN]:
            console.print(f"{each.name}: {each.about}", style="red", markup=False, soft_wrap=True)
        more = len(outcome.violations) - SHOWN
        if more > 0:
            console.print(f"... and {more} more", style="red")
        console.print(f"Seed {seed}. Logs: {folder}/log/, suppliers' book: {folder}/")
        raise typer.Exit(1)
    console.print("Both books agree. / 两套账一致。")


def _show(outcome: "Outcome") -> None:
    table = Table("what", "how often", title=f"seed {outcome.wish.seed}")
    for title, counted in (
        ("order", outcome.orders),
        ("refused", outcome.refused),
        ("upstream", outcome.purchases),
        ("incident", outcome.incidents),
        ("killed", outcome.kills),
        ("died at", outcome.crashes),
        ("Valkey", outcome.valkey),
        ("fault", outcome.fired),
    ):
        for name, number in sorted(counted.items()):
            table.add_row(f"{title} {name}", str(number))
    console.print(table)
    times = outcome.seconds
    if times:
        p50, p99 = (times[min(len(times) - 1, int(len(times) * part))] for part in (0.5, 0.99))
        console.print(
            f"From paid to its end: p50 {p50:.2f} s, p99 {p99:.1f} s, longest {times[-1]:.1f} s."
        )
    console.print(
        f"All had ended {outcome.ended_after:.0f} s after the last fault; buyers asked again"
        f" {outcome.asked_again.total()} times{_by_reason(outcome.asked_again)};"
        f" the operator gave up {outcome.gave_up} purchases; {outcome.lasted:.0f} s in all."
    )


def _by_reason(counted: Counter[str]) -> str:
    """In brackets, the most frequent first."""
    told = ", ".join(f"{reason} {number}" for reason, number in counted.most_common())
    return f" ({told})" if told else ""


def _say(text: str) -> None:
    console.print(f"{time.strftime('%H:%M:%S')} {text}")
