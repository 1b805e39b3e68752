"""How sealed names and numbers move to the newest root key (docs/operations.md, Keys)."""

from uuid import UUID

from domain import audit
from domain.kernel import Actor, Connection, SealedColumn, reseal_column
from domain.realname.service import PURPOSE, bound_to

KEYS_SCOPE = "keys:write"
SEAL_BROKEN = "real_name.seal_broken"
SEALED = tuple(
    SealedColumn("real_name_cases", column, PURPOSE, bound_to)
    for column in ("name_sealed", "number_sealed")
)


async def reseal_names(actor: Actor) -> int:
    """Seal names and numbers of all cases by the newest root key; how many. Needs `keys:write`.
    What does not open keeps its seal, and is audited."""
    actor.require_scope(KEYS_SCOPE)

    async def broken(conn: Connection, row_id: UUID) -> None:
        await audit.record(conn, actor, SEAL_BROKEN, row_id, {"reason": "reseal"})

    return sum([await reseal_column(actor, place, broken) for place in SEALED])
