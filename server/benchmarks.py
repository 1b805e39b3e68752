"""`kameng bench`: how fast this installation is (bench/README.md)."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

commands = typer.Typer(help="Measure how fast this installation is.", no_args_is_help=True)
console = Console(highlight=False)


class Part(StrEnum):
    """What may be measured without the rest."""

    PRICES = "prices"


@commands.command("purchase")
def purchase(
    clients: Annotated[list[int] | None, typer.Option(help="Clients at once.")] = None,
    seconds: Annotated[int, typer.Option(help="How long each measurement lasts.")] = 6,
    rounds: Annotated[int, typer.Option(help="Measured in turns with the limit; medians.")] = 3,
    stock: Annotated[int, typer.Option(help="Cards to sell.")] = 100_000,
) -> None:
    """Whole purchases a second over HTTP, beside bare SQL functions.

    Example: kameng bench purchase --clients 8 --clients 32 --seconds 20
    """
    from bench import purchase as benchmark

    _show(benchmark.measure(clients or [8, 32], seconds, stock, rounds))


@commands.command("catalogue")
def catalogue(
    clients: Annotated[list[int] | None, typer.Option(help="Clients at once.")] = None,
    seconds: Annotated[int, typer.Option(help="How long each measurement lasts.")] = 6,
    rounds: Annotated[int, typer.Option(help="Measured in turns with the limit; medians.")] = 3,
) -> None:
    """First pages of the catalogue a second over HTTP, beside one bare SQL statement.

    Example: kameng bench catalogue
    """
    from bench import catalogue as benchmark

    _show(benchmark.measure(clients or [8, 32], seconds, rounds))


@commands.command("claim")
def claim(
    purchases: Annotated[int, typer.Option(help="Cards bought out of each pool.")] = 500,
    large: Annotated[int, typer.Option(help="Cards in the large pool.")] = 10_000_000,
) -> None:
    """What one card costs to buy out of 10,000 and out of 10,000,000. Takes minutes to fill.

    Example: kameng bench claim --large 1000000
    """
    from bench import claim as benchmark

    _show(benchmark.measure(purchases, large))


@commands.command("import")
def imports(
    cards: Annotated[int, typer.Option(help="Codes in the file.")] = 1_000_000,
) -> None:
    """Cards a second that come in, beside bare SQL, and the most memory that it took.

    Example: kameng bench import --cards 200000
    """
    from bench import imports as benchmark

    _show(benchmark.measure(cards))


@commands.command("settlement")
def settlement(
    agents: Annotated[int, typer.Option(help="Agents that earn.")] = 10_000,
    lines: Annotated[int, typer.Option(help="Lines that they earned on.")] = 1_000_000,
) -> None:
    """Seconds and memory to release, settle, propose and approve a period. Minutes to fill.

    Example: kameng bench settlement --agents 1000 --lines 100000
    """
    from bench import settlement as benchmark

    _show(benchmark.measure(agents, lines))


@commands.command("growth")
def growth(
    agents: Annotated[int, typer.Option(help="Agents that earn.")] = 10_000,
    lines: Annotated[int, typer.Option(help="Lines that they earned on.")] = 1_000_000,
    goods: Annotated[int, typer.Option(help="Variants that agents have prices for.")] = 10_000,
    only: Annotated[Part | None, typer.Option(help="This part alone, without the books.")] = None,
) -> None:
    """Jobs, pages, prices of agents and contracts of providers over large books. Minutes to fill.

    Example: kameng bench growth --agents 1000 --lines 100000, or kameng bench growth --only prices
    """
    from bench import growth as benchmark

    _show(benchmark.measure(agents, lines, goods, only_prices=only is Part.PRICES))


@commands.command("live")
def live(
    subscribers: Annotated[int, typer.Option(min=2, help="Pages that wait, an order each.")] = 500,
) -> None:
    """From a commit to the page that waits for it: server-sent events, one subscriber an order.

    Example: kameng bench live --subscribers 500
    """
    from bench import live as benchmark

    _show(benchmark.measure(subscribers))


@commands.command("failover")
def failover(
    candidates: Annotated[int, typer.Option(min=2, help="Suppliers of the variant.")] = 200,
    lines: Annotated[int, typer.Option(min=100, help="Lines whose first one says no.")] = 2_000,
) -> None:
    """From a supplier's no to the next one's order on the wire.

    Example: kameng bench failover --candidates 200
    """
    from bench import failover as benchmark

    _show(benchmark.measure(candidates, lines))


@commands.command("delivery")
def delivery(
    rate: Annotated[int, typer.Option(min=1, help="Orders a second.")] = 50,
    seconds: Annotated[int, typer.Option(min=4, help="For how long.")] = 20,
    open_attempts: Annotated[
        int, typer.Option("--open", help="Measure the worker's memory with so many open attempts.")
    ] = 0,
) -> None:
    """From paid to delivered through suppliers that answer at once, at a steady rate of orders.

    Example: kameng bench delivery --rate 50, or kameng bench delivery --open 500
    """
    from bench import delivery as benchmark

    measured = (
        benchmark.measure_open(open_attempts) if open_attempts else benchmark.measure(rate, seconds)
    )
    _show(measured)


def _show(rows: list[dict[str, Any]]) -> None:
    """A column for each measurement: there are more figures than measurements."""
    table = Table("", *(row["name"] for row in rows))
    left_out = ("name", "clients", "seconds", "rounds")
    for key in dict.fromkeys(key for row in rows for key in row if key not in left_out):
        table.add_row(key, *(str(row.get(key, "")) for row in rows))
    console.print(table)
