"""Products, variants and categories in languages beyond Chinese and English."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain import audit
from domain.catalog.editing import locked_product, locked_variant
from domain.catalog.models import Category, Product, Translation, Variant
from domain.catalog.review import LOCK_SHARED, send_back
from domain.catalog.rules import search_terms
from domain.catalog.service import WRITE_SCOPE, product_saved, variant_saved
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    clock,
    new_id,
    record_events,
    transaction,
    wake_relay,
)

MAX_TRANSLATIONS = 30
_LANGUAGE = re.compile(r"[a-z]{2}")
_OWN = frozenset({"en", "zh"})  # what every row speaks by itself
_LONGEST_NAME = {"product": 128, "variant": 96, "category": 64}


class Translated(StrEnum):
    """What can be translated."""

    PRODUCT = "product"
    VARIANT = "variant"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class TranslationDraft:
    """A name, and of a product its description, in one language: two small letters such as ja."""

    language: str
    name: str
    description: str = ""


async def set_translations(
    actor: Actor, of: Translated, entity_id: UUID, drafts: Sequence[TranslationDraft]
) -> list[Translation]:
    """Say anew how something is called in other languages. Audited; a product goes back to review.

    Needs `products:write`. Refuses Chinese and English (the row has them), a language twice or of
    another form, names and texts that are too long, and an unknown product, variant or category.
    """
    actor.require_scope(WRITE_SCOPE)
    faults = translation_faults(of, drafts)
    if faults:
        raise Refused(*faults)
    async with transaction() as conn:
        await conn.execute(LOCK_SHARED)
        touched = await _touch(conn, actor, of, entity_id)
        await Translation.filter(entity_id=entity_id).delete()
        rows = [
            Translation(
                id=new_id(),
                entity=of.value,
                entity_id=entity_id,
                language=draft.language,
                name=draft.name,
                description=draft.description,
            )
            for draft in drafts
        ]
        for row in rows:
            await row.save(force_create=True)
        if isinstance(touched, Product):
            names = [draft.name for draft in drafts]
            touched.search_more = search_terms(names)
            await touched.save(update_fields=["search_more"])
        details = {"of": of.value, "languages": [draft.language for draft in drafts]}
        await audit.record(conn, actor, "translation.set", entity_id, details)
    wake_relay()
    return rows


async def translations_of(entity_ids: Sequence[UUID]) -> dict[UUID, list[Translation]]:
    """The translations of each thing by language; in one statement."""
    found: dict[UUID, list[Translation]] = {entity_id: [] for entity_id in entity_ids}
    rows = Translation.filter(entity_id__in=list(entity_ids)).order_by("language")
    for row in await rows:
        found[row.entity_id].append(row)
    return found


def translation_faults(of: Translated, drafts: Sequence[TranslationDraft]) -> list[Invalid]:
    """What is wrong with a set of translations; empty when nothing is."""
    if len(drafts) > MAX_TRANSLATIONS:
        return [Invalid(reason="too_many_translations", field=("translations",))]
    faults: list[Invalid] = []
    seen: set[str] = set(_OWN)
    for index, draft in enumerate(drafts):
        name = draft.name
        named = 0 < len(name) <= _LONGEST_NAME[of] and name == name.strip() and name.isprintable()
        most = 20_000 if of is Translated.PRODUCT else 0
        checks = (
            ("language", "language_code", _LANGUAGE.fullmatch(draft.language) is not None),
            ("language", "language_taken", draft.language not in seen),
            ("name", "name", named),
            ("description", "text_too_long", len(draft.description) <= most),
        )
        faults += [
            Invalid(reason=reason, field=("translations", str(index), field))
            for field, reason, right in checks
            if not right
        ]
        seen.add(draft.language)
    return faults


async def _touch(
    conn: Connection, actor: Actor, of: Translated, entity_id: UUID
) -> Product | Variant | Category:
    """Lock what is translated and count the change; what is on the shelf goes back to review."""
    if of is Translated.CATEGORY:
        category = await Category.filter(id=entity_id).select_for_update().first()
        if category is None:
            raise Refused(NotFound(what="category", field=("id",)))
        return category
    if of is Translated.PRODUCT:
        product = await locked_product(conn, entity_id, None)
        await send_back(conn, actor, [product.id])
        await product.refresh_from_db()
        product.version += 1
        product.updated_at = clock.now()
        await product.save(update_fields=["version", "updated_at"])
        await record_events(conn, [product_saved(product.id, product.slug, product.version)])
        return product
    variant = await locked_variant(conn, entity_id, None)
    await send_back(conn, actor, [variant.product_id])
    variant.version += 1
    variant.updated_at = clock.now()
    await variant.save(update_fields=["version", "updated_at"])
    await record_events(conn, [variant_saved(variant.id, variant.sku, variant.version)])
    return variant
