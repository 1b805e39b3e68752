"""`kameng checkpoints`, `kameng verify-cards`, `kameng cards fingerprint` (docs/tracing.md)."""

import asyncio
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from server.connected import connected, operator

if TYPE_CHECKING:
    from domain import cards

commands = typer.Typer(
    help="Signed checkpoints of the hash chains over cards and money.", no_args_is_help=True
)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
Against = Annotated[
    list[Path] | None,
    typer.Option(exists=True, dir_okay=False, help="Checkpoints that were exported before."),
]


@commands.command("take")
def take() -> None:
    """Sign where both chains stand now; the scheduler does it once a day.

    Example: kameng checkpoints take
    """
    from domain import cards

    taken = asyncio.run(connected(cards.take_checkpoint))
    if taken is None:
        errors.print("Somebody else takes one at this moment. / 另一个进程正在生成检查点。")
        raise typer.Exit(1)
    console.print(f"Checkpoint {taken.number} is signed: export it and keep it elsewhere.")


@commands.command("list")
def listing() -> None:
    """Show all checkpoints and the public keys that they are signed with.

    Example: kameng checkpoints list
    """
    import json

    table = Table("number", "taken at", "cards link", "ledger link", "public key")
    for each in asyncio.run(connected(_all)):
        said = json.loads(each.statement)
        links = str(said["cards"]["link"]), str(said["ledger"]["link"])
        public_key = b64encode(each.public_key).decode()
        table.add_row(str(each.number), said["takenAt"], *links, public_key)
    console.print(table)


@commands.command("export")
def export(
    to: Annotated[Path | None, typer.Argument(help="Without one: standard output.")] = None,
) -> None:
    """Write all checkpoints, one JSON object a line, to be kept on another machine.

    Example: kameng checkpoints export checkpoints.jsonl
    """
    lines = "".join(f"{each.line()}\n" for each in asyncio.run(connected(_all)))
    if to is None:
        sys.stdout.write(lines)
    else:
        to.write_text(lines)
        errors.print(f"{lines.count(chr(10))} checkpoints are in {to}.")


def fingerprint(
    sku: Annotated[str | None, typer.Option(help="The variant, when it is known.")] = None,
) -> None:
    """Make the fingerprint of a card's code, to ask `cardTrace` for: the code is never sent.

    Reads the secret, or number and secret on two lines, from standard input or asks for them.
    Example: kameng cards fingerprint < complaint.txt
    """
    from domain import cards
    from domain.kernel import Prefix, encode_id

    if sys.stdin.isatty():
        number = typer.prompt(
            "Number, if it has one / 卡号（可留空）", default="", show_default=False
        )
        secret = typer.prompt("Secret / 卡密", hide_input=True)
    else:
        lines = [line.strip() for line in sys.stdin.read().splitlines() if line.strip()]
        if len(lines) not in (1, 2):
            errors.print("Give one line (the secret) or two (number, secret).")
            raise typer.Exit(1)
        number, secret = ("", *lines)[-2:]
    found = asyncio.run(connected(lambda: cards.fingerprints_of(operator(), number, secret, sku)))
    for each in found:
        card = "not in the store" if each.card_id is None else encode_id(Prefix.CARD, each.card_id)
        console.print(f"{each.sku}  {each.fingerprint}  {card}", soft_wrap=True)
    if not any(each.card_id for each in found):
        errors.print("No card of this code is in the store. / 库中没有这张卡密。")
        raise typer.Exit(1)


def verify_cards(against: Against = None) -> None:
    """Recompute the trace of all cards, and compare it with the signed checkpoints.

    Names each altered, missing or put-in row; exit code 1 when there is one.
    Example: kameng verify-cards --against checkpoints.jsonl
    """
    from domain import cards

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    kept = _kept(against)
    with Progress(*columns, console=errors) as progress:
        task = progress.add_task("Links and cards", total=None)

        def note(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        report = asyncio.run(connected(lambda: cards.verify_cards(note, kept)))
    for fault in report.faults:
        errors.print(fault, style="red", markup=False)
    console.print(
        f"{report.links} events, {report.cards} cards, {report.batches} batches,"
        f" {report.checkpoints} checkpoints."
    )
    if report.found:
        errors.print(f"{report.found} faults. / 发现 {report.found} 处异常。")
        raise typer.Exit(1)
    console.print("The trace holds. / 卡密溯源链完整。")


def ledger_faults(against: list[Path] | None) -> list[str]:
    """What the checkpoints, and those of the files, say against the ledger as it is now."""
    from domain import cards
    from domain.kernel import connection, refresh_keys

    async def work() -> list[str]:
        await refresh_keys()
        async with connection() as conn:
            checked = await cards.checkpoint_faults(conn, _kept(against))
        return checked.faults

    return asyncio.run(connected(work))


def _kept(files: list[Path] | None) -> "list[cards.Signed]":
    from domain import cards

    return [each for file in files or () for each in cards.read_export(file.open())]


async def _all() -> "list[cards.Signed]":
    from domain import cards

    found: list[cards.Signed] = []
    while page := await cards.list_checkpoints(operator(), found[-1].number if found else 0):
        found += page
    return found
