"""Who is behind a transaction, told to the database, whose triggers write it into the trace."""

from domain.kernel.actor import Actor
from domain.kernel.database import Connection

_ACT = "SELECT set_config('kameng.actor', $1, true), set_config('kameng.reason', $2, true)"


async def act_as(conn: Connection, actor: Actor, reason: str = "") -> None:
    """Name who moves cards in this transaction, and why; it ends with the transaction.

    A sale needs none: it is the buyer of its order. A change of what a card or a batch *is* (its
    cost, its expiry, its sealed code) without a named actor is one that `verify-cards` reports.
    Never a secret in `reason`.
    """
    await conn.execute(_ACT, f"{actor.kind.value}/{actor.user_id or ''}", reason)
