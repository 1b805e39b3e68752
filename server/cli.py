"""`kameng`, the command-line program. Each command says with `--help` what it does."""

import asyncio
import os
import sys
from typing import Annotated, TypeVar

import typer
from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.server import Server as Granian
from rich.console import Console
from rich.table import Table

from domain.kernel import Refused
from server import (
    benchmarks,
    channels,
    chaos,
    payouts,
    reconciling,
    sealing,
    settling,
    statements,
    tracing,
    transfers,
)
from server.connected import connected, operator
from server.settings import Settings, settings

app = typer.Typer(
    name="kameng",
    help="Kameng 卡盟: a commerce system for virtual cards.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they would show secrets
    rich_markup_mode="rich",
)
catalog_commands = typer.Typer(help="Products, variants and prices.", no_args_is_help=True)
cards_commands = typer.Typer(help="The card store.", no_args_is_help=True)
agents_commands = typer.Typer(help="Agents and what they pay.", no_args_is_help=True)
app.add_typer(agents_commands, name="agents")
app.add_typer(catalog_commands, name="catalog")
app.add_typer(cards_commands, name="cards")
app.add_typer(benchmarks.commands, name="bench")
app.add_typer(channels.commands, name="payments")
app.add_typer(payouts.commands, name="payouts")
app.add_typer(sealing.commands, name="keys")
app.add_typer(statements.commands, name="statements")
app.add_typer(tracing.commands, name="checkpoints")
app.command(name="chaos")(chaos.chaos)
app.command(name="reconcile")(reconciling.reconcile)
app.command(name="settle")(settling.settle)
app.command(name="verify-cards")(tracing.verify_cards)
agents_commands.command(name="import-prices")(transfers.agents_import_prices)
agents_commands.command(name="import-ladders")(transfers.agents_import_ladders)
cards_commands.command(name="fingerprint")(tracing.fingerprint)
cards_commands.command(name="import")(transfers.cards_import)
catalog_commands.command(name="import")(transfers.catalog_import)
catalog_commands.command(name="import-file")(transfers.catalog_import_file)
app.command(name="export")(transfers.export)

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
Result = TypeVar("Result")
Port = Annotated[int | None, typer.Option(help="Port of the API. / API 端口。", envvar="PORT")]


@app.command()
def demo(
    port: Port = None,
    detach: Annotated[bool, typer.Option(help="Return once all is ready.")] = False,
) -> None:
    """Run a filled shop with all it needs, until Ctrl-C.

    Example: kameng demo --port 8001
    """
    from server import demo as running

    config = _with_port(port)
    if detach:
        running.detach(["--port", str(config.port)], config)
    else:
        running.run(running.Wish(config))


@app.command()
def dock(
    port: Port = None,
    once: Annotated[bool, typer.Option(help="End after one order has gone through both.")] = False,
) -> None:
    """Run a second shop that buys what it sells from the demo, and send one order through both.

    Example: kameng dock --once
    """
    from server import docking

    docking.run(_with_port(port), once=once)


@app.command()
def dev(port: Port = None) -> None:
    """The demo for developers: starts anew whenever a source changes.

    Example: kameng dev
    """
    from server import demo as running

    running.run(running.Wish(_with_port(port), reload=True))


@app.command()
def stop() -> None:
    """End a demo that runs in the background.

    Example: kameng stop
    """
    from server import demo as running

    running.stop()


@app.command()
def serve(port: Port = None) -> None:
    """Serve the API (three GraphQL endpoints, uploads, health, metrics).

    Example: KAMENG_WORKERS=4 kameng serve --port 8000
    """
    from server.logs import GRANIAN_LOGS, configure_logs
    from server.preflight import check_servers

    config = _with_port(port)
    os.environ["KAMENG_PORT"] = str(config.port)  # granian's workers read the settings themselves
    asyncio.run(check_servers(config))
    configure_logs(config.log_level, config.log_format)
    Granian(
        "server.app:create_app",
        address=config.host,
        port=config.port,
        interface=Interfaces.ASGI,
        factory=True,
        http=HTTPModes.http1,  # a proxy in front speaks HTTP/2; telling them apart costs each call
        runtime_mode=RuntimeModes.st,
        workers=config.workers,
        backlog=2048,
        log_enabled=True,
        log_dictconfig=GRANIAN_LOGS,
        respawn_failed_workers=True,
        workers_kill_timeout=15,
    ).serve()


@app.command()
def worker() -> None:
    """Run the jobs: fulfilment, failover, webhooks.

    Example: kameng worker
    """
    from server import worker as running
    from server.preflight import check_servers

    asyncio.run(check_servers(settings()))
    running.run(settings())


@app.command()
def scheduler() -> None:
    """Run the relay of events and everything that is done at intervals. Two may run: one works.

    Example: kameng scheduler
    """
    from server import scheduler as running
    from server.preflight import check_servers

    asyncio.run(check_servers(settings()))
    running.run(settings())


@app.command()
def simulator() -> None:
    """Run the supplier simulator: a supplier with its own book, balance and faults.

    Example: KAMENG_SIMULATOR_PORT=8090 kameng simulator
    """
    from server.processes import CannotStart, port_is_free

    port = settings().simulator_port
    if not port_is_free("127.0.0.1", port):  # two would share it, each with half of the orders
        raise CannotStart(f"Port {port} is taken. Choose another one: KAMENG_SIMULATOR_PORT")
    Granian(
        "adapters.sandbox.simulator:app",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=1,  # its book has one writer
    ).serve()


@app.command()
def migrate() -> None:
    """Bring the database's tables up to date and open the platform's accounts.

    Example: KAMENG_DATABASE_URL=postgres://kameng:secret@127.0.0.1/kameng kameng migrate
    """
    from server.preflight import check_database
    from server.wiring import migrate as bring_up_to_date

    async def work() -> None:
        await check_database(settings(), migrated=False)
        await bring_up_to_date(settings().database_url)
        await connected(_open_accounts)

    asyncio.run(work())
    console.print("The tables are up to date. / 数据库表已是最新。")


@app.command()
def seed() -> None:
    """Fill the installation with the demo shop of demo/*.csv. Not for production.

    Example: kameng seed
    """
    from server import seeding
    from server.preflight import check_database

    async def work() -> None:
        await check_database(settings())
        await seeding.seed(settings(), console.print)

    asyncio.run(work())
    console.print("The demo shop is in place. / 演示商店已就绪。")


@app.command(name="export-schema")
def export_schema(
    check: Annotated[bool, typer.Option(help="Only compare; fail when they differ.")] = False,
) -> None:
    """Write the SDL of the three endpoints to schema/*.graphql.

    Example: kameng export-schema --check
    """
    from server.sdl import snapshots

    stale = [
        path for path, text in snapshots().items() if not path.exists() or path.read_text() != text
    ]
    if check:
        if stale:
            errors.print(f"Out of date: {', '.join(map(str, stale))}; run `kameng export-schema`.")
        raise typer.Exit(1 if stale else 0)
    for path, text in snapshots().items():
        path.write_text(text)
        console.print(path)


@app.command(name="create-operator")
def create_operator(
    login: str,
    scopes: Annotated[str, typer.Option(help="Comma-separated; * for all.")] = "*",
) -> None:
    """Create a login for the back office; asks for its password.

    Example: kameng create-operator anna --scopes 'products:write,cards:write'
    """
    from domain import identity

    password = os.environ.get("KAMENG_OPERATOR_PASSWORD") or typer.prompt(
        "Password / 密码", hide_input=True, confirmation_prompt=True
    )
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    asyncio.run(connected(lambda: identity.create_operator(login, password, wanted)))
    console.print(f"Operator {login} may sign in at /graphql/admin.")
    console.print(
        "Reveals, exports and approvals ask for a second factor: set it up after the first sign-in"
        " (totpEnrol, totpConfirm).\n"
        "查看、导出卡密和审批需要动态令牌：首次登录后请用 totpEnrol、totpConfirm 绑定。"
    )


@app.command(name="disable-totp")
def disable_totp(
    login: str, reason: Annotated[str, typer.Option(help="Written to the audit log.")]
) -> None:
    """Take a lost authenticator app away from a login; it may enrol a new one then.

    Example: kameng disable-totp anna --reason 'phone lost, identity checked in person'
    """
    from domain import identity
    from domain.kernel import SYSTEM, NotFound

    async def work() -> None:
        user = await identity.find_user(login)
        if user is None:
            raise Refused(NotFound(what="user", field=("login",)))
        await identity.disable_totp(SYSTEM, user.id, reason)

    asyncio.run(connected(work))
    console.print(f"{login} has no authenticator app now. / {login} 的动态令牌已解除。")


@catalog_commands.command("presets")
def catalog_presets() -> None:
    """Make the product types that come with the software, where they are missing.

    Example: kameng catalog presets
    """
    from domain import catalog

    made = asyncio.run(connected(lambda: catalog.load_presets(operator())))
    console.print(", ".join(made) if made else "All are there. / 已全部存在。")


@app.command(name="check-invariants")
def check_invariants() -> None:
    """Look for broken promises in the database, one check for each invariant.

    Example: kameng check-invariants
    """
    from domain.invariants import find_violations

    found = asyncio.run(connected(find_violations))
    table = Table("", "invariant", "what it promises", "violations")
    for check in found:
        mark = "[green]✓[/]" if not check.violations else "[red]✗[/]"
        table.add_row(mark, check.name, check.promise, str(check.violations))
    console.print(table)
    raise typer.Exit(1 if any(check.violations for check in found) else 0)


@app.command(name="verify-ledger")
def verify_ledger(against: tracing.Against = None) -> None:
    """Recompute the ledger's hash chain; compare it with its seals and the signed checkpoints.

    Example: kameng verify-ledger --against checkpoints.jsonl
    """
    from domain import ledger

    report = asyncio.run(connected(ledger.verify))
    faults = report.faults + tracing.ledger_faults(against)
    for fault in faults:
        errors.print(fault, style="red", markup=False)
    console.print(f"{report.links} transfers sealed, {report.unsealed} wait for the sealer.")
    if faults:
        raise typer.Exit(1)
    console.print("The chain holds. / 哈希链完整。")


def main() -> None:
    """Entry of the program: what is expected to go wrong is told in a sentence, not a traceback."""
    from schema.locale import refusal_text
    from server.embedded import ServerFailed
    from server.keyfile import KeyFileUnusable
    from server.preflight import NotReady
    from server.processes import CannotStart

    try:
        app()
    except (CannotStart, KeyFileUnusable, NotReady, ServerFailed) as error:
        errors.print(f"[red]{error}[/]" if "[" not in str(error) else str(error))
    except Refused as refused:
        for refusal in refused.refusals:
            for language in ("en", "zh"):
                errors.print(f"{refusal.code}: {refusal_text(refusal, language)}", markup=False)
    else:
        return
    sys.exit(1)


async def _open_accounts() -> None:
    from domain import ledger
    from domain.checkout import CURRENCY

    await ledger.open_platform_accounts(CURRENCY)


def _with_port(port: int | None) -> Settings:
    return settings().model_copy(update={"port": port} if port else {})


if __name__ == "__main__":
    main()
