"""The migrations say what the models say."""

import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector

from domain.catalog import DeliveryKind, plain
from server.wiring import tortoise_config


async def test_no_model_change_is_without_its_migration() -> None:
    config = tortoise_config("postgres://nobody@127.0.0.1:1/none")
    async with TortoiseContext() as context:
        await context.init(config=config, init_connections=False)
        changes = await MigrationAutodetector(context.apps, config["apps"]).changes()
    operations = [operation for writer in changes for operation in writer.operations]
    assert operations == [], "run makemigrations, and wrap new models in with_constraints"


def test_no_migration_runs_python() -> None:
    """Its models would have no queries (docs/decisions/0022)."""
    files = sorted(Path("domain/migrations").glob("[0-9]*.py"))
    assert len(files) > 2
    assert [path.name for path in files if "RunPython" in path.read_text()] == []


# In a process of its own: the one of the tests is connected to another database.
BRING = """
import asyncio, sys
from server.wiring import migrate
asyncio.run(migrate(sys.argv[1], sys.argv[2] or None))
"""
BEFORE_THE_KINDS = "domain.0007_second_factor"
SHOP_OF_THAT_TIME = """
INSERT INTO categories (id, slug, name_zh, name_en, position) VALUES ($1, 'a', 'a', 'a', 1);
INSERT INTO products (id, slug, category_id, brand, region, name_zh, name_en, description_zh,
    description_en, tags, status, review_reason, position, search_terms, version, created_at,
    updated_at)
VALUES ($1, 'a', $1, '', '', 'a', 'a', '', '', '{}', 'draft', '', 1, '{}', 1, now(), now());
INSERT INTO variants (id, product_id, sku, name_zh, name_en, delivery_kind, min_quantity,
    max_quantity, sold_below_cost, status, position, version, updated_at)
SELECT gen_random_uuid(), $1, kind, 'a', 'a', kind, 1, 9, false, 'active', 1, 1, now()
FROM unnest(ARRAY['CARD_CODE', 'LINK', 'MANUAL', 'DIRECT_TOPUP']) AS k (kind);
INSERT INTO orders (id, number, buyer_id, status, currency, total, tier, consumer, agent_chain,
    event_count, version, placed_at, paid_at)
VALUES ($1, 'a', $1, 'PAID', 'CNY', 1, 'retail', true, '{}', 1, 1, now(), now());
INSERT INTO order_lines (id, order_id, position, variant_id, sku, quantity, unit_price,
    max_unit_cost, status, consumer, delivered_quantity, cost, due_at)
SELECT $1, $1, 0, id, sku, 1, 1, 1, 'QUEUED', true, 0, 0, now() FROM variants
WHERE sku = 'CARD_CODE'
"""


async def test_what_stood_before_the_kinds_is_of_the_plain_type_of_its_kind(
    servers: dict[str, str],
) -> None:
    name = f"before_{uuid4().hex[:8]}"
    maintenance = await asyncpg.connect(servers["postgres"])
    await maintenance.execute(f"CREATE DATABASE {name}")
    url = servers["postgres"].rpartition("/")[0] + f"/{name}"
    try:
        _bring(url, BEFORE_THE_KINDS)
        conn = await asyncpg.connect(url)
        shop = uuid4()
        for statement in SHOP_OF_THAT_TIME.split(";"):
            values = [shop] if "$1" in statement else []
            await conn.execute(statement, *values)
        _bring(url, "")
        kinds = {row["sku"]: row["type_id"] for row in await conn.fetch("SELECT * FROM variants")}
        assert kinds == {sku: plain.plain_type_id(DeliveryKind(sku)) for sku in kinds}
        assert len(kinds) == 4
        line = await conn.fetchrow("SELECT * FROM order_lines")
        assert (line["delivery_kind"], line["type_version"]) == ("CARD_CODE", 1)
        assert line["type_id"] == kinds["CARD_CODE"]
        made = await conn.fetch("SELECT * FROM product_types ORDER BY code")
        assert [_as_code_has_it(row) for row in made] == sorted(
            plain.rows(), key=lambda row: str(row["code"])
        )
        assert await conn.fetchval("SELECT count(*) FROM product_type_versions") == len(made)
        await conn.close()
    finally:
        await maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await maintenance.close()


def _as_code_has_it(row: asyncpg.Record) -> dict[str, object]:
    fields = json.loads(row["account_fields"])
    names = {"name_zh": row["name_zh"], "name_en": row["name_en"], "kind": row["delivery_kind"]}
    return {"id": str(UUID(str(row["id"]))), "code": row["code"], **names, "account_fields": fields}


def _bring(url: str, target: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BRING, url, target], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
