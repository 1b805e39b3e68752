"""The demo: a whole installation on one machine, filled by the import code that operators use."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from rich.console import Console
from rich.panel import Panel

from server import preflight, seeding
from server.embedded import Server, free_port, start_postgres, start_valkey
from server.processes import CannotStart, Supervisor, port_is_free, wait_until
from server.settings import Settings
from server.wiring import migrate

VAR = Path("var")
PID_FILE = VAR / "demo.pid"
DEMO_FILE = VAR / "demo.json"
ENVIRONMENT_FILE = VAR / "demo.env"
DETACHED_SECONDS = 600
STOP_SECONDS = 60
PROGRAMS = ("serve", "worker", "scheduler", "simulator")

console = Console(highlight=False)


@dataclass(frozen=True)
class Wish:
    """How the demo shall run."""

    settings: Settings
    reload: bool = False


def run(wish: Wish) -> None:
    """Run the demo until SIGINT or SIGTERM; nothing of it stays behind."""
    settings = wish.settings
    refuse_second_run(settings)
    VAR.mkdir(exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_pid_file())
        environment = _environment(settings, _servers(settings, stack))
        installed = settings.model_copy(update=as_settings(environment))
        supervisor = Supervisor(PROGRAMS, environment, VAR, say, reload=wish.reload)
        supervisor.on_signals()
        asyncio.run(_fill(installed))
        stack.callback(supervisor.stop)
        supervisor.start()
        wait_until(
            answers(f"{_origin(installed)}/readyz"), "The API", supervisor.logs / "serve.log"
        )
        simulator = installed.simulator_url
        wait_until(
            answers(f"{simulator}/healthz"), "The simulator", supervisor.logs / "simulator.log"
        )
        asyncio.run(seeding.fill_simulator(simulator))
        asyncio.run(seeding.open_vendor_channels(installed))
        known = asyncio.run(seeding.describe(installed, _origin(installed)))
        write_privately(ENVIRONMENT_FILE, as_exports(environment))
        stack.callback(ENVIRONMENT_FILE.unlink, missing_ok=True)
        publish(known)
        stack.callback(DEMO_FILE.unlink, missing_ok=True)
        show(known)
        supervisor.watch()
        say("Stopping ...")
    say("Stopped; nothing is left running.")


def detach(arguments: list[str], settings: Settings) -> None:
    """Start the demo as a process of its own and return once it is ready."""
    refuse_second_run(settings)
    VAR.mkdir(exist_ok=True)
    DEMO_FILE.unlink(missing_ok=True)
    log = VAR / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + DETACHED_SECONDS
    with console.status("Starting (the first start fills the shop; it takes a while) ..."):
        while not DEMO_FILE.exists():
            if process.poll() is not None:
                raise CannotStart(log.read_text(errors="replace").strip())
            if time.monotonic() > deadline:
                process.terminate()
                raise CannotStart(f"The demo is not ready after {DETACHED_SECONDS} s; read {log}.")
            time.sleep(0.1)
    show(json.loads(DEMO_FILE.read_text()))
    console.print("It runs in the background; [bold]make stop[/] ends it.")


def stop() -> None:
    """End a detached demo and wait until it is gone."""
    pid = running_demo()
    if pid is None:
        console.print("Nothing is running. / 没有正在运行的演示。")
        return
    os.kill(pid, SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while running_demo() is not None:
        if time.monotonic() > deadline:
            raise CannotStart(f"The demo (process {pid}) does not end; end it by hand.")
        time.sleep(0.1)
    console.print("Stopped. / 已停止。")


def refuse_second_run(settings: Settings) -> None:
    """Say what is in the way: a demo that runs, or somebody on our port."""
    pid = running_demo()
    if pid is not None:
        raise CannotStart(
            f"A demo runs here already (process {pid}): `make stop` ends it."
            f"\n演示已在运行（进程 {pid}）：用 `make stop` 结束它。"
        )
    if not port_is_free(settings.host, settings.port):
        other = settings.port + 1
        raise CannotStart(
            f"Port {settings.port} is taken by another program. Choose another one:"
            f" PORT={other} make demo"
            f"\n端口 {settings.port} 已被占用。请换一个端口：PORT={other} make demo"
        )


def show(known: dict[str, Any]) -> None:
    """Tell a person where everything is."""
    origin = known["shop"].removesuffix("/graphql/shop")
    rows = [
        f"[bold]Shop[/]      [cyan]{origin}/[/]"
        if known["web_shop"]
        else "[bold]Shop[/]      `make web` builds the web shop (needs Node)",
        f"[bold]GraphiQL[/]  [cyan]{known['shop']}[/]   [dim](/graphql/partner, /graphql/admin)[/]",
        f"[bold]Buyer[/]     {_login(known['buyer'])}",
        *(f"[bold]Agent L{n}[/]  {_login(who)}" for n, who in enumerate(known["agents"], 1)),
        f"[bold]Operator[/]  {_login(known['operator'])}",
        f"[bold]Manager[/]   {_login(known['manager'])}  [dim]for what two people do[/]",
        f"[bold]Simulator[/] [cyan]{known['simulator']}[/]  [dim]faults of the supplier[/]",
        f"[bold]Commands[/]  `. {ENVIRONMENT_FILE}`, then `kameng ...` [dim]in this folder[/]",
        f"[bold]Logs[/]      {VAR}/log/   [dim]tokens and URLs for programs: {DEMO_FILE}[/]",
    ]
    console.print(Panel("\n".join(rows), title="Kameng 卡盟", border_style="green", expand=False))
    console.print("[bold]Buy a card / 买一张卡:[/]\n")
    console.print(seeding.as_curl(known["purchase"]), soft_wrap=True, markup=False, style="green")
    console.print("\nCtrl-C stops everything. / 按 Ctrl-C 结束。")


def _login(who: dict[str, str]) -> str:
    return f"{who['login']} / {who['password']}"


def _servers(settings: Settings, stack: ExitStack) -> dict[str, str]:
    """URLs of the servers: those that were given, or our own under var/."""
    urls: dict[str, str] = {
        "KAMENG_DATABASE_URL": settings.database_url,
        "KAMENG_REDIS_URL": settings.redis_url,
    }
    starts: dict[str, Callable[[Path], Server]] = {
        "KAMENG_DATABASE_URL": start_postgres,
        "KAMENG_REDIS_URL": start_valkey,
    }
    for name, start in starts.items():
        if not urls[name]:
            server = start(VAR)
            stack.callback(server.stop)
            urls[name] = server.url
            say(f"{server.name} runs.")
    return urls


def _environment(settings: Settings, urls: dict[str, str]) -> dict[str, str]:
    """The settings that all processes of the demo share."""
    port = settings.simulator_port
    if not port_is_free("127.0.0.1", port):
        port = free_port()
    return {
        **urls,
        "KAMENG_HOST": settings.host,
        "KAMENG_PORT": str(settings.port),
        "KAMENG_KEY_FILE": str(settings.key_file),
        "KAMENG_SIMULATOR_PORT": str(port),
        "KAMENG_SIMULATOR_URL": f"http://127.0.0.1:{port}",
        # What is off by default for good reasons is there to be tried.
        "KAMENG_AGENT_DEPTH": "3",
        "KAMENG_TEAM_AWARDS": "true",
        # Receivers of the demo's webhooks run on this machine.
        "KAMENG_WEBHOOK_PRIVATE_ADDRESSES": "true",
    }


def as_settings(environment: dict[str, str]) -> dict[str, Any]:
    """An environment as the settings that processes read of it."""
    names = {name.removeprefix("KAMENG_").lower(): value for name, value in environment.items()}
    return Settings.model_validate(names).model_dump(include=set(names))


async def _fill(settings: Settings) -> None:
    await preflight.check_servers(settings, migrated=False)
    say("Bringing the tables up to date ...")
    await migrate(settings.database_url)
    await seeding.seed(settings, say)


def _origin(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.port}"


def answers(url: str) -> Callable[[], bool]:
    """Asks whether an address answers with 200."""

    def ready() -> bool:
        with suppress(URLError, OSError), urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
        return False

    return ready


def publish(known: dict[str, Any], path: Path = DEMO_FILE) -> None:
    """Write var/demo.json at once or not at all, for its owner's eyes only: it holds tokens."""
    write_privately(path, json.dumps(known, indent=2, ensure_ascii=False))


def as_exports(environment: Mapping[str, str]) -> str:
    """Lines for a shell, by which `kameng` commands find the servers of the demo."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    return "".join(sorted(lines))


def write_privately(path: Path, text: str) -> None:
    """A file that is there whole or not at all, and that its owner alone reads."""
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.rename(path)


def running_demo() -> int | None:
    """The process of a demo that runs in this folder."""
    try:
        pid = int(PID_FILE.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


@contextmanager
def _pid_file() -> Iterator[None]:
    PID_FILE.write_text(str(os.getpid()))
    try:
        yield
    finally:
        PID_FILE.unlink(missing_ok=True)


def say(text: str) -> None:
    """A line with the time, for the person at the terminal."""
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}")
