"""Product types that come with the software, as data in a file beside this one (mission row A5)."""

import tomllib
from collections.abc import Collection
from pathlib import Path

from domain.catalog.fields import from_rows
from domain.catalog.models import DeliveryKind, ProductType
from domain.catalog.review import LOCK_SHARED
from domain.catalog.types import WRITE_SCOPE, ProductTypeDraft, put_type
from domain.kernel import Actor, Connection, transaction, wake_relay

PRESETS = Path(__file__).with_name("presets.toml")


def presets() -> list[ProductTypeDraft]:
    """The presets of the file, in its order."""
    tables = tomllib.loads(PRESETS.read_text(encoding="utf-8"))
    return [
        ProductTypeDraft(
            code=code,
            name_zh=table["name_zh"],
            name_en=table["name_en"],
            delivery_kind=DeliveryKind(table["delivery_kind"]),
            account_fields=from_rows(table.get("account_fields", ())),
            category_slug=table["category_slug"],
        )
        for code, table in tables.items()
    ]


async def load_presets(actor: Actor) -> list[str]:
    """Make the presets that are missing, each with its audit row and event; the codes of these.

    What stands already is left alone, so that nobody's changes are lost. Needs `products:write`.
    Refuses all of them when one shows a banned word (LISTING_BANNED).
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        await conn.execute(LOCK_SHARED)
        made = await make_presets(conn, actor)
    wake_relay()
    return made


async def make_presets(
    conn: Connection, actor: Actor, wanted: Collection[str] | None = None
) -> list[str]:
    """`load_presets`, all or those that are wanted, in the caller's transaction with its lock."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('catalog.presets'))")
    known = {row.code for row in await ProductType.all()}
    missing = [
        draft
        for draft in presets()
        if draft.code not in known and (wanted is None or draft.code in wanted)
    ]
    for draft in missing:
        await put_type(conn, actor, draft, preset=True)
    return [draft.code for draft in missing]
