"""`kameng keys`: the keys that seal cards (docs/operations.md, Keys)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from server.connected import connected, operator

commands = typer.Typer(help="The keys that seal cards.", no_args_is_help=True)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@commands.command()
def status() -> None:
    """Show the versions of the key-encryption key, and what is wrapped by each. Shows no key.

    Example: kameng keys status
    """
    from domain import cards

    found = asyncio.run(connected(lambda: cards.key_status(operator())))
    table = Table("version", "in use since", "batches", "")
    for each in found.versions:
        mark = "current" if each.version == found.current else ""
        table.add_row(str(each.version), f"{each.made_at:%Y-%m-%d}", str(each.batches), mark)
    console.print(table)
    if found.behind:
        console.print(
            f"{found.behind} batches are wrapped by an older version: run `kameng keys rotate`."
            f"\n{found.behind} 个批次仍由旧版本密钥保护：请运行 `kameng keys rotate`。"
        )


@commands.command()
def rotate() -> None:
    """Make a new version of the key-encryption key and wrap every data key by it; seal what buyers
    filled in, real names and payout accounts by the newest root key.

    All stays readable meanwhile. Run again after an interruption, it finishes what is left.
    Example: kameng keys rotate
    """
    from domain import cards, orders, payouts, providers, realname

    with _bar("Wrapping data keys") as note:
        done = asyncio.run(connected(lambda: cards.rotate_keys(operator(), note)))
    with _bar("Sealing accounts") as note:
        lines = asyncio.run(connected(lambda: orders.reseal_accounts(operator(), note)))
    names = asyncio.run(connected(lambda: realname.reseal_names(operator())))
    accounts = asyncio.run(connected(lambda: payouts.reseal_payouts(operator())))
    accounts += asyncio.run(connected(lambda: providers.reseal_providers(operator())))
    what = "An unfinished rotation is done" if done.resumed else "A new version is in use"
    console.print(
        f"{what}: version {done.version}, {done.batches} batches, {lines} order lines,"
        f" {names} names and numbers, {accounts} accounts and files of payments."
        " Copy the key file to its safe place now.\n密钥轮换完成，请立即备份密钥文件。"
    )


@commands.command(name="rotate-batch")
def rotate_batch(batch: str) -> None:
    """Seal the codes of one batch with a new data key. May be interrupted and run again.

    Example: kameng keys rotate-batch bat_01j8...
    """
    from domain import cards
    from domain.kernel import Prefix, decode_id, encode_id

    batch_id = decode_id(Prefix.CARD_BATCH, batch)
    with _bar("Sealing codes") as note:
        done = asyncio.run(connected(lambda: cards.rotate_batch(operator(), batch_id, note)))
    console.print(f"{done.cards} codes are sealed by data key {done.generation} of the batch.")
    for card in done.broken:
        errors.print(f"{encode_id(Prefix.CARD, card)} does not open: it was altered.", style="red")
    raise typer.Exit(1 if done.broken else 0)


@commands.command(name="rotate-index")
def rotate_index() -> None:
    """Make all fingerprints anew with the newest root key. May be interrupted and run again.

    Example: kameng keys rotate && kameng keys rotate-index
    """
    from domain import cards

    with _bar("Fingerprints") as note:
        done = asyncio.run(connected(lambda: cards.rotate_index(operator(), note)))
    console.print(f"All fingerprints are made with root key {done.version}.")


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=errors) as progress:
        task = progress.add_task(what, total=None)

        def note(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        yield note
