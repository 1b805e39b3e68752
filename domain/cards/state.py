"""With which pepper fingerprints are made at this moment; see index.py for the phases."""

from dataclasses import dataclass
from uuid import UUID

from domain.cards.models import IndexPhase
from domain.kernel import Connection, keyed_digest

PURPOSE = "card-index"
WRITERS_LOCK = 7_251_012

_SHARE = "SELECT pg_advisory_xact_lock_shared($1)"
_STATE = "SELECT version, next_version, phase FROM blind_index"


@dataclass(frozen=True, slots=True)
class IndexState:
    """The peppers of `fingerprint` and of `next_fingerprint`, as new cards get them."""

    version: int = 1
    next_version: int | None = None
    phase: IndexPhase = IndexPhase.STEADY

    def fingerprint(self, variant_id: UUID, code: bytes) -> bytes:
        """The keyed blind index of a canonical code, within its variant."""
        switched = self.phase is IndexPhase.SWITCHING and self.next_version is not None
        version = self.next_version if switched else self.version
        return keyed_digest(PURPOSE, variant_id.bytes + code, version or self.version)

    def next_fingerprint(self, variant_id: UUID, code: bytes) -> bytes | None:
        """The same by the next pepper; None when no rotation needs it."""
        if self.next_version is None:
            return None
        return keyed_digest(PURPOSE, variant_id.bytes + code, self.next_version)

    def all_fingerprints(self, variant_id: UUID, code: bytes) -> list[bytes]:
        """Under which a stored card of this code may be found."""
        versions = {self.version, self.next_version or self.version}
        return [keyed_digest(PURPOSE, variant_id.bytes + code, each) for each in sorted(versions)]


STEADY = IndexState()


async def read_state(conn: Connection) -> IndexState:
    """The state as it is now; it may change at once when no lock is held."""
    row = await conn.fetchrow(_STATE)
    if row is None:
        return STEADY
    return IndexState(row["version"], row["next_version"], IndexPhase(row["phase"]))


async def writing_state(conn: Connection) -> IndexState:
    """The state for a writer; it stays so until the end of the writer's transaction."""
    await conn.execute(_SHARE, WRITERS_LOCK)
    return await read_state(conn)
