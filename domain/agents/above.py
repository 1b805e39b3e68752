"""What a context above knows of agents; set once by the wiring."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.kernel import Connection

JudgePrices = Callable[[Connection, Sequence[UUID]], Awaitable[None]]


@dataclass(slots=True)
class Above:
    """`judge_prices` refuses a change after which one of these agents, or somebody directly below
    them, would pay less than the one it stands below (mission row E2)."""

    judge_prices: JudgePrices | None = None


above = Above()


async def refuse_inverted(conn: Connection, agent_ids: Sequence[UUID]) -> None:
    """Ask whether prices still fall from level to level, in the transaction that wrote a change."""
    if above.judge_prices is not None:
        await above.judge_prices(conn, agent_ids)
