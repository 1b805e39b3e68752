"""`kameng payouts`: files for banks, from the command line (docs/payouts.md).

Money leaves here, so the machine alone is not enough: each command signs an operator in, who shows
a fresh code, and who made a file is not who takes in its results.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console

from server.connected import connected

if TYPE_CHECKING:
    from domain.kernel import Actor

console = Console(highlight=False)
commands = typer.Typer(help="Files of payouts for banks.", no_args_is_help=True)
Result = TypeVar("Result")
Login = Annotated[str, typer.Option("--login", help="Whose name this is done in.")]
Code = Annotated[
    str, typer.Option(prompt="Code of the authenticator app", hide_input=True, help="Fresh.")
]
Password = Annotated[
    str, typer.Option(prompt=True, hide_input=True, envvar="KAMENG_OPERATOR_PASSWORD")
]


@commands.command("file")
def make_file(
    channel: Annotated[str, typer.Argument(help="The channel, pyc_...")],
    login: Login,
    password: Password,
    code: Code,
    batch: Annotated[
        str, typer.Option(help="The approved batch, pyb_...; empty: what was approved one by one.")
    ] = "",
    folder: Annotated[Path, typer.Option(exists=True, file_okay=False, writable=True)] = Path(),
) -> None:
    """Make the file of an approved batch, or take the same bytes away once more.

    Example: kameng payouts file pyc_01j8... --batch pyb_01j8... --login alice
    """
    from domain import payouts
    from domain.kernel import Prefix, decode_id, encode_id, plain

    channel_id = decode_id(Prefix.PAYOUT_CHANNEL, channel)
    batch_id = decode_id(Prefix.PAYOUT_BATCH, batch) if batch else None

    async def work(actor: "Actor") -> tuple["payouts.PayoutFile", "payouts.TakenFile"]:
        made = await payouts.make_file(actor, channel_id, batch_id)
        return made, await payouts.take_file(actor, made.id)

    made, taken = _as_operator(login, password, code, work)
    there = folder / taken.name
    _write(there, taken.content)
    console.print(
        f"{encode_id(Prefix.PAYOUT_FILE, made.id)} {made.number}: {made.count} payouts,"
        f" {plain(made.total)} {made.currency}, SHA-256 {made.digest.hex()}\n{there}",
        markup=False,
        soft_wrap=True,
    )


@commands.command("hand-over")
def hand_over(file: str, login: Login, password: Password, code: Code) -> None:
    """Note that the bank has a file.

    Example: kameng payouts hand-over pyf_01j8... --login alice
    """
    from domain import payouts
    from domain.kernel import Prefix, decode_id

    file_id = decode_id(Prefix.PAYOUT_FILE, file)
    made = _as_operator(login, password, code, lambda actor: payouts.hand_over(actor, file_id))
    console.print(f"{made.number}: handed over. / 已交银行。", markup=False)


@commands.command("results")
def take_results(
    file: Annotated[str, typer.Argument(help="The file that they are of, pyf_...")],
    results: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    login: Login,
    password: Password,
    code: Code,
) -> None:
    """Take in what a bank says of a file; exit code 1 when a row is not what we have.

    Example: kameng payouts results pyf_01j8... bank.csv --login bob
    """
    from domain import payouts
    from domain.kernel import Prefix, decode_id

    file_id, content = decode_id(Prefix.PAYOUT_FILE, file), results.read_bytes()
    taken = _as_operator(
        login,
        password,
        code,
        lambda actor: payouts.take_results(actor, file_id, results.name, content),
    )
    told = f"{taken.result.rows} rows, {taken.result.booked} booked, {taken.result.known} known"
    console.print(told + (" (taken before)" if taken.replayed else ""))
    for each in taken.differences:
        console.print(
            f"line {each.line}: {each.kind.value} {each.reference}", style="red", markup=False
        )
    raise typer.Exit(1 if taken.differences else 0)


def _as_operator(
    login: str, password: str, code: str, work: "Callable[[Actor], Awaitable[Result]]"
) -> Result:
    """Do something as somebody, whose session ends with it."""
    from domain import identity

    async def signed_in() -> Result:
        session = await identity.sign_in(login, password, "kameng-cli", code=code)
        actor = await identity.actor_of_token(session.access_token, "local")
        assert actor is not None, "signed in just now"
        try:
            return await work(actor)
        finally:
            await identity.revoke(actor)

    return asyncio.run(connected(signed_in))


def _write(there: Path, content: bytes) -> None:
    """For its owner's eyes only: it holds account numbers."""
    handle = os.open(there, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
