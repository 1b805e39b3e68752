"""What a context above knows of an agent's payouts; set once by the wiring."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from domain.kernel import Connection


@dataclass(slots=True)
class Above:
    """`daily_cap` answers how much an agent may take out in a day, in units; None: as the house
    says (mission row G6)."""

    daily_cap: Callable[[Connection, UUID], Awaitable[int | None]] | None = None


above = Above()


async def own_cap(conn: Connection, agent_id: UUID) -> int | None:
    """An agent's own cap, where it has one."""
    return None if above.daily_cap is None else await above.daily_cap(conn, agent_id)
