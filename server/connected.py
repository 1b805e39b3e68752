"""What all commands share: the domain opened for one piece of work, and who asks for it."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from domain.kernel import Actor, ActorKind
from server.settings import settings

Result = TypeVar("Result")


async def connected(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Do something with the domain open."""
    from server.preflight import check_database
    from server.wiring import connect, disconnect

    await check_database(settings())
    await connect(settings(), "kameng-cli")
    try:
        return await work()
    finally:
        await disconnect()


def operator() -> Actor:
    """Whoever may run commands on the machine is an operator; the audit log says `operator`."""
    return Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"*"}), ip="local")
