"""Password hashes: argon2id, off the event loop, a few at a time.

One hash holds a core for tens of milliseconds and 19 MiB. Unbounded, a flood of sign-ins would stop
the shop; here it is refused as `BUSY` once the queue is full.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.kernel import Busy, Refused

THREADS = 2
MAX_WAITING = 32
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
Result = TypeVar("Result")

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="password")
_waiting = 0
# Checked when there is no such login, so that the answer takes as long as for one that exists.
_nobody = HASHER.hash("nobody has this password")


async def hash_password(password: str) -> str:
    """The hash to store. Refuses with `Busy` while too many wait."""
    return await _off_the_loop(lambda: HASHER.hash(password))


async def is_password(stored: str | None, password: str) -> bool:
    """Whether this is the password behind the hash; takes as long when there is none."""
    return await _off_the_loop(lambda: _verify(stored or _nobody, password)) and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with older parameters."""
    return HASHER.check_needs_rehash(stored)


def _verify(stored: str, password: str) -> bool:
    try:
        return HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def _off_the_loop(work: Callable[[], Result]) -> Result:
    global _waiting
    if _waiting >= MAX_WAITING:
        raise Refused(Busy())
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, work)
    finally:
        _waiting -= 1
