"""What `Meta.constraints` says is really in the database, and migrations match the models.

Tortoise 1.1 forgets the constraints of new models without a word (its issue 2272).
"""

import pytest
from tortoise import Tortoise
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import connection

pytestmark = pytest.mark.usefixtures("db")


async def test_every_declared_constraint_exists() -> None:
    declared: dict[str, str] = {}
    for model in Tortoise.apps["domain"].values():  # type: ignore[index]
        for constraint in model._meta.constraints:
            assert isinstance(constraint, CheckConstraint | UniqueConstraint)
            assert constraint.name, f"a constraint of {model.__name__} has no name"
            declared[constraint.name] = model._meta.db_table
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT conname AS name, conrelid::regclass::text AS place FROM pg_constraint"
            " UNION SELECT indexname, tablename FROM pg_indexes"
        )
    existing = {row["name"]: row["place"] for row in rows}
    assert {name: existing.get(name) for name in declared} == declared


async def test_every_index_stands_once() -> None:
    """Two indexes over the same columns and condition cost every write twice."""
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT indrelid::regclass::text AS place, indkey::text AS columns,"
            " coalesce(pg_get_expr(indpred, indrelid), '') AS condition,"
            " array_agg(indexrelid::regclass::text) AS names"
            " FROM pg_index JOIN pg_class c ON c.oid = indrelid"
            " WHERE c.relnamespace = 'public'::regnamespace"
            " GROUP BY 1, 2, 3 HAVING count(*) > 1"
        )
    assert [row["names"] for row in rows] == []
