"""Cards of a variant that are set apart for one site (mission row B10).

Set apart is each card by itself: it names the site that may sell it. So no purchase counts anything
or waits for another one, and two sites that race for the last free card meet at that card's row.
The last ones to sell are set apart; a site sells what is common first. The scheduler fills up what
was sold or expired, as far as there are common cards.
"""

from collections.abc import Sequence
from uuid import UUID

from domain import audit, catalog
from domain.cards.batches import WRITE_SCOPE
from domain.cards.models import CardQuota
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    clock,
    connection,
    new_id,
    refuse_unless,
    transaction,
)

MAX_KEPT = 10_000
FILLED_AT_ONCE = 100

_ALONE = "SELECT pg_advisory_xact_lock(hashtext('cards.quotas'), hashtext($1))"
_KNOWN_SITE = "SELECT EXISTS (SELECT 1 FROM sites WHERE id = $1)"
_SET = """
INSERT INTO card_quotas (id, variant_id, site_id, kept, updated_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (variant_id, site_id) DO UPDATE SET kept = $4, updated_at = $5
"""
_DROP = "DELETE FROM card_quotas WHERE variant_id = $1 AND site_id = $2"
_LASTING = """
(expires_on IS NULL OR expires_on > {day}::date + coalesce(
    (SELECT expiry_margin_days FROM stock_policies WHERE variant_id = {variant}), 0))
"""
_MARKED = f"""
SELECT count(*) FROM cards WHERE variant_id = $1 AND kept_for = $2 AND state = 'available'
    AND {_LASTING.format(day="$3", variant="$1")}
"""  # noqa: S608
_MARK = f"""
UPDATE cards SET kept_for = $2 WHERE id = ANY(ARRAY(
    SELECT id FROM cards WHERE variant_id = $1 AND state = 'available' AND kept_for IS NULL
        AND {_LASTING.format(day="$3", variant="$1")}
    ORDER BY expires_on DESC NULLS FIRST, id DESC LIMIT $4 FOR UPDATE SKIP LOCKED))
"""  # noqa: S608
_UNMARK = """
UPDATE cards SET kept_for = NULL WHERE id = ANY(ARRAY(
    SELECT id FROM cards WHERE variant_id = $1 AND kept_for = $2 AND state = 'available'
    ORDER BY expires_on, id LIMIT $3 FOR UPDATE SKIP LOCKED))
"""
_UNFILLED = f"""
SELECT q.variant_id, q.site_id, q.kept FROM card_quotas q WHERE q.kept <> (
    SELECT count(*) FROM cards WHERE variant_id = q.variant_id AND kept_for = q.site_id
        AND state = 'available' AND {_LASTING.format(day="$1", variant="q.variant_id")})
ORDER BY q.variant_id, q.site_id LIMIT $2
"""  # noqa: S608


async def set_quota(actor: Actor, sku: str, site_id: UUID, kept: int) -> int:
    """Set cards of a variant apart for a site; 0 takes that back. How many are set apart now.

    Needs `cards:write`; audited. Fewer than asked for are set apart while there are fewer; the
    scheduler goes on. Refuses an unknown sku or site, and a number outside 0..10000.
    """
    actor.require_scope(WRITE_SCOPE)
    refuse_unless(0 <= kept <= MAX_KEPT, Invalid(reason="quota_range", field=("kept",)))
    variant = (await catalog.variants_by_sku([sku])).get(sku)
    if variant is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    async with transaction() as conn:
        if not await conn.fetchval(_KNOWN_SITE, site_id):
            raise Refused(NotFound(what="site", field=("siteId",)))
        await conn.execute(_ALONE, variant.id.hex)
        if kept:
            await conn.execute(_SET, new_id(), variant.id, site_id, kept, clock.now())
        else:
            await conn.execute(_DROP, variant.id, site_id)
        now = await _fill(conn, variant.id, site_id, kept)
        details = {"siteId": str(site_id), "kept": kept, "marked": now}
        await audit.record(conn, actor, "card_quota.set", variant.id, details)
    return now


async def fill_quotas() -> int:
    """Set cards apart again for sites that sold theirs; how many quotas were not filled."""
    async with connection() as conn:
        rows = await conn.fetch(_UNFILLED, clock.now().date(), FILLED_AT_ONCE)
    for row in rows:
        async with transaction() as conn:
            await conn.execute(_ALONE, row["variant_id"].hex)
            await _fill(conn, row["variant_id"], row["site_id"], row["kept"])
    return len(rows)


async def quotas_of(variant_ids: Sequence[UUID]) -> dict[UUID, list[CardQuota]]:
    """The quotas of each variant, oldest first."""
    found: dict[UUID, list[CardQuota]] = {variant_id: [] for variant_id in variant_ids}
    for quota in await CardQuota.filter(variant_id__in=list(variant_ids)).order_by("id"):
        found[quota.variant_id].append(quota)
    return found


async def _fill(conn: Connection, variant_id: UUID, site_id: UUID, kept: int) -> int:
    """Mark or unmark cards until as many are set apart as there should be; how many are now."""
    today = clock.now().date()
    marked: int = await conn.fetchval(_MARKED, variant_id, site_id, today)
    if marked < kept:
        await conn.execute(_MARK, variant_id, site_id, today, kept - marked)
    elif marked > kept:
        await conn.execute(_UNMARK, variant_id, site_id, marked - kept)
    else:
        return marked
    number: int = await conn.fetchval(_MARKED, variant_id, site_id, today)
    return number
