"""What the processes of an installation cost: processor time, which a busy machine does not change,
and memory (Linux: VmHWM, as `/usr/bin/time -v` tells it)."""

import json
import os
from pathlib import Path

import asyncpg

from bench.installation import FOLDER
from server.settings import Settings


async def database_seconds(settings: Settings) -> float:
    """Processor time of the whole database server so far; 0 where nobody tells."""
    conn = await asyncpg.connect(settings.database_url)
    try:
        backend = conn.get_server_pid()
        server = int(_stat(backend)[1]) if _stat(backend) else 0
        family = [_stat(pid) for pid in _family(server)]
        ended = sum(map(int, _stat(server)[13:15])) if server else 0  # of backends that are gone
        ticks = sum(int(each[11]) + int(each[12]) for each in family if each) + ended
        return ticks / os.sysconf("SC_CLK_TCK")
    finally:
        await conn.close()


def _stat(pid: int) -> list[str]:
    """The figures of a process behind its name: state, parent, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []


def program_seconds(program: str) -> float:
    """Processor time of a program of the installation so far, its children included."""
    state = json.loads((FOLDER / "processes.json").read_text())
    found = [_stat(pid) for pid in _family(state[program])]
    return sum(int(each[11]) + int(each[12]) for each in found if each) / os.sysconf("SC_CLK_TCK")


async def worked(settings: Settings, programs: tuple[str, ...]) -> dict[str, float]:
    """Processor time so far, of each program and of the database."""
    found = {program: program_seconds(program) for program in programs}
    return {**found, "database": await database_seconds(settings)}


def most_memory(program: str) -> float:
    """The most that one process of a program ever held, in MiB; 0 where nobody tells."""
    state = json.loads((FOLDER / "processes.json").read_text())
    found = [_high_water(pid) for pid in _family(state[program])]
    return round(max(found, default=0.0), 1)


def most_held() -> float:
    """The most that this process ever held, in MiB. Not `ru_maxrss`, which a process inherits from
    whoever started it."""
    return _high_water(os.getpid())


def family_of(backend: int) -> list[int]:
    """All processes of the database server that one of them belongs to."""
    found = _stat(backend)
    return _family(int(found[1])) if found else []


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(each for child in children for each in _family(int(child)))]


def _high_water(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    found = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
    return max(found, default=0.0)
