"""What of payouts is sealed, and how it moves to the newest root key (docs/operations.md, Keys)."""

from uuid import UUID

from domain import audit
from domain.kernel import Actor, Connection, SealedColumn, reseal_column
from domain.payouts import destinations, files

KEYS_SCOPE = "keys:write"
SEAL_BROKEN = "payout.seal_broken"
SEALED = (
    SealedColumn("payout_destinations", "sealed", destinations.PURPOSE, destinations.bound_to),
    SealedColumn("payout_files", "sealed", files.PURPOSE, lambda file_id: file_id.bytes),
)


async def reseal_payouts(actor: Actor) -> int:
    """Seal accounts, and files that hold accounts, by the newest root key; how many. Needs
    `keys:write`. What does not open keeps its seal, and is audited."""
    actor.require_scope(KEYS_SCOPE)

    async def broken(conn: Connection, row_id: UUID) -> None:
        await audit.record(conn, actor, SEAL_BROKEN, row_id, {"reason": "reseal"})

    return sum([await reseal_column(actor, place, broken) for place in SEALED])
