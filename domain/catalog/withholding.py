"""Variants that the house takes off the shelf by itself, and puts back (row D6).

Apart from the operator's switch: what was off before is off afterwards.
"""

from uuid import UUID

from domain.catalog.service import touch_variants, variant_saved
from domain.kernel import Connection, clock, new_id, record_events

PRICE_INVERTED = "price_inverted"  # reasons, as keys of the texts

_WITHHOLD = """
INSERT INTO withheld_variants (id, variant_id, site_id, reason, since) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (variant_id, site_id) DO NOTHING RETURNING 1
"""
_GIVE_BACK = """
DELETE FROM withheld_variants
WHERE variant_id = $1 AND site_id IS NOT DISTINCT FROM $2 AND reason = $3 RETURNING 1
"""
_SKU = "SELECT sku FROM variants WHERE id = $1"


async def withhold(conn: Connection, variant_id: UUID, site_id: UUID | None, reason: str) -> bool:
    """Take a variant off the shelf of a site, or of all, in the caller's transaction, which has
    locked it; False when it is withheld there already."""
    moment = clock.now()
    done = await conn.fetchval(_WITHHOLD, new_id(), variant_id, site_id, reason, moment)
    return await _tell(conn, variant_id) if done else False


async def give_back(conn: Connection, variant_id: UUID, site_id: UUID | None, reason: str) -> bool:
    """Put a variant back that was withheld for this reason; False when it was not."""
    done = await conn.fetchval(_GIVE_BACK, variant_id, site_id, reason)
    return await _tell(conn, variant_id) if done else False


async def _tell(conn: Connection, variant_id: UUID) -> bool:
    versions = await touch_variants(conn, [variant_id])
    sku = await conn.fetchval(_SKU, variant_id)
    await record_events(conn, [variant_saved(variant_id, sku, versions[variant_id])])
    return True
