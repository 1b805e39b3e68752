"""The claim of one card reads a handful of pages, however many cards there are."""

from datetime import datetime
from typing import Any

import asyncpg
import orjson
import pytest

from domain.checkout import statements
from domain.kernel import MAIN_SITE_ID, clock, new_id, transaction
from tests import make

pytestmark = pytest.mark.usefixtures("db")

MANY = 30_000
MAX_PAGES = 120
TYPES = "uuid[], uuid[], int[], timestamptz, date, uuid"
# The same claim with a bare LIMIT: the planner expects a tenth of the pool, and reads all cards.
EAGER = """
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS w (line_id, variant_id, quantity)
), picked AS (
    SELECT w.line_id, row_number() OVER (PARTITION BY w.line_id) AS unit, free.id
    FROM wanted w CROSS JOIN LATERAL (
        SELECT id FROM cards WHERE variant_id = w.variant_id AND state = 'available'
            AND (expires_on IS NULL OR expires_on > $5)
        ORDER BY expires_on, id LIMIT w.quantity FOR UPDATE SKIP LOCKED) free
)
UPDATE cards c SET state = 'sold', order_line_id = picked.line_id, unit_number = picked.unit,
    sold_at = $4
FROM picked WHERE c.id = picked.id RETURNING c.id
"""


async def test_a_claim_reads_few_pages_of_a_large_pool() -> None:
    assert await pages_of(statements.CLAIM) < MAX_PAGES


async def test_the_count_of_pages_shows_a_claim_that_reads_all_cards() -> None:
    assert await pages_of(EAGER) > MAX_PAGES


async def pages_of(claim: str) -> int:
    """Pages that claiming one card of many touches, by the plan that a prepared statement gets."""
    variant = await make.variant(cards=1)
    async with transaction() as conn:
        await conn.execute(
            "INSERT INTO cards (id, variant_id, batch_id, state, fingerprint, masked, unit_cost,"
            " reveal_count, created_at) SELECT uuidv7(), variant_id, batch_id, state,"
            " uuid_send(gen_random_uuid()), masked, unit_cost, 0, created_at"
            f" FROM cards, generate_series(1, {MANY})"
        )
        await conn.execute("ANALYZE cards")
        return await _explained(conn, claim, variant.id, clock.now())


async def _explained(
    conn: asyncpg.Connection, claim: str, variant_id: object, moment: datetime
) -> int:
    await conn.execute(f"PREPARE measured ({TYPES}) AS {claim}")
    try:
        text = await conn.fetchval(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE measured ("
            f"'{{{new_id()}}}', '{{{variant_id}}}', '{{1}}', '{moment}', '{moment.date()}',"
            f" '{MAIN_SITE_ID}')"
        )
    finally:
        await conn.execute("DEALLOCATE measured")
    plan: dict[str, Any] = orjson.loads(text)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
