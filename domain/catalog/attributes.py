"""Properties that describe goods: defined once, with typed values on products and variants.

A value stands in a list under the attribute's key, typed as it is defined: `{"days": [30]}`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from domain import audit
from domain.catalog.editing import edit_product, edit_variant, locked_product, locked_variant
from domain.catalog.models import Attribute, AttributeKind, Product, Variant
from domain.catalog.refusals import ListingBanned
from domain.catalog.review import LOCK_SHARED
from domain.catalog.service import WRITE_SCOPE
from domain.kernel import (
    Actor,
    Conflict,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

MAX_ATTRIBUTES = 200  # in a shop
MAX_KEYS = 30  # of one product
MAX_VALUES = 20  # of one key
MAX_VALUE_LETTERS = 64
MAX_NUMBER = 10**12
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NUMBER = re.compile(r"-?[0-9]{1,13}")
_BOOLEANS = {"true": True, "false": False}
_BANNED = "SELECT ban_of_texts($1::text[])"

Values = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class AttributeDraft:
    """The editable part of an attribute; key and kind are chosen once."""

    key: str
    kind: str
    name_zh: str
    name_en: str
    unit: str = ""
    facetable: bool = False
    position: int = 0


async def save_attribute(
    actor: Actor,
    draft: AttributeDraft,
    *,
    attribute_id: UUID | None = None,
    expected_version: int | None = None,
) -> Attribute:
    """Define an attribute, or change the names of the one of this id. Audited, with its event.

    Needs `products:write`. Refuses wrong values, another key or kind than it has, a banned word
    (LISTING_BANNED), more than 200 attributes, a key that is taken, another version (CONFLICT).
    """
    actor.require_scope(WRITE_SCOPE)
    faults = attribute_faults(draft)
    if faults:
        raise Refused(*faults)
    try:
        async with transaction() as conn:
            await conn.execute(LOCK_SHARED)
            texts = [draft.name_zh, draft.name_en, draft.unit]
            banned = await conn.fetchval(_BANNED, texts)
            refuse_unless(banned is None, ListingBanned(banned=banned or "", field=("nameZh",)))
            attribute = await _to_save(draft, attribute_id, expected_version)
            attribute.update_from_dict(asdict(draft))
            attribute.kind, attribute.updated_at = AttributeKind(draft.kind), clock.now()
            new = attribute_id is None
            await attribute.save(force_create=new, force_update=not new)
            await audit.record(conn, actor, "attribute.save", attribute.id, asdict(draft))
            await record_events(conn, [_saved(attribute)])
    except IntegrityError as error:
        raise Refused(Conflict(what="attribute", field=("key",))) from error
    wake_relay()
    return attribute


async def set_product_attributes(
    actor: Actor,
    product_id: UUID,
    given: Sequence[tuple[str, Sequence[str]]],
    expected_version: int | None = None,
) -> Product:
    """Say anew by which attributes a product is described; it goes back to review. Audited.

    Values come as texts and are stored typed. Needs `products:write`. Refuses unknown keys, a key
    twice, values that are not of the attribute's kind, too many, an unknown product (NOT_FOUND) and
    another version (CONFLICT).
    """
    actor.require_scope(WRITE_SCOPE)
    values = read_values(given, await definitions())
    async with transaction() as conn:
        product = await locked_product(conn, product_id, expected_version)
        await edit_product(conn, actor, product, {"attributes": values}, "product.attributes")
    wake_relay()
    return product


async def set_variant_attributes(
    actor: Actor,
    variant_id: UUID,
    given: Sequence[tuple[str, Sequence[str]]],
    expected_version: int | None = None,
) -> Variant:
    """The same for a variant, such as how long a membership runs; its product is reviewed again."""
    actor.require_scope(WRITE_SCOPE)
    values = read_values(given, await definitions())
    async with transaction() as conn:
        variant = await locked_variant(conn, variant_id, expected_version)
        await edit_variant(conn, actor, variant, {"attributes": values}, "variant.attributes")
    wake_relay()
    return variant


async def definitions() -> dict[str, Attribute]:
    """All attributes by their key, in the order to show them; there are 200 at most."""
    return {each.key: each for each in await Attribute.all().order_by("position", "key")}


def read_values(
    given: Sequence[tuple[str, Sequence[str]]], known: Mapping[str, Attribute]
) -> Values:
    """Typed values from texts, or every refusal at once, each at its place in the input."""
    if len(given) > MAX_KEYS:
        raise Refused(Invalid(reason="too_many_attributes", field=("attributes",)))
    values: Values = {}
    faults: list[Invalid] = []
    for index, (key, texts) in enumerate(given):
        place = ("attributes", str(index))
        if key not in known:
            faults.append(Invalid(reason="attribute_unknown", field=(*place, "key")))
        elif key in values:
            faults.append(Invalid(reason="attribute_twice", field=(*place, "key")))
        else:
            read = [_value(text, known[key].kind) for text in texts]
            right = 0 < len(read) <= MAX_VALUES and None not in read
            if not right or len(set(read)) != len(read):
                faults.append(Invalid(reason="attribute_value", field=(*place, "values")))
            values[key] = read
    if faults:
        raise Refused(*faults)
    return values


def shown_value(value: object) -> str:
    """A typed value as text: what the API shows, and what a filter names it by."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def attribute_faults(draft: AttributeDraft) -> list[Invalid]:
    """What is wrong with a definition, one refusal a field; empty when nothing is."""
    checks = (
        ("key", "attribute_key", _KEY.fullmatch(draft.key) is not None),
        ("nameZh", "name", _is_name(draft.name_zh)),
        ("nameEn", "name", _is_name(draft.name_en)),
        ("unit", "text_too_long", len(draft.unit) <= 16),
        ("position", "position", 0 <= draft.position <= 2_000_000_000),
    )
    return [Invalid(reason=reason, field=(name,)) for name, reason, right in checks if not right]


async def _to_save(
    draft: AttributeDraft, attribute_id: UUID | None, expected_version: int | None
) -> Attribute:
    if attribute_id is None:
        few = await Attribute.all().count() < MAX_ATTRIBUTES
        refuse_unless(few, Invalid(reason="too_many_attributes", field=("key",)))
        return Attribute(id=new_id(), version=1)
    found = await Attribute.filter(id=attribute_id).select_for_update().first()
    if found is None:
        raise Refused(NotFound(what="attribute", field=("id",)))
    if expected_version not in (None, found.version):
        raise Refused(Conflict(what="attribute", field=("expectedVersion",)))
    same = (found.key, found.kind.value) == (draft.key, str(draft.kind))
    refuse_unless(same, Invalid(reason="attribute_kept", field=("key",)))
    found.version += 1
    return found


def _value(text: str, kind: AttributeKind) -> str | int | bool | None:
    """The typed value of a text; None when it is not of this kind."""
    if kind is AttributeKind.BOOLEAN:
        return _BOOLEANS.get(text)
    if kind is AttributeKind.NUMBER:
        number = int(text) if _NUMBER.fullmatch(text) else None
        return number if number is not None and abs(number) <= MAX_NUMBER else None
    right = 0 < len(text) <= MAX_VALUE_LETTERS and text == text.strip() and text.isprintable()
    return text if right else None


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 64 and text == text.strip() and text.isprintable()


def _saved(attribute: Attribute) -> Event:
    public = encode_id(Prefix.ATTRIBUTE, attribute.id)
    payload = {"attributeId": public, "key": attribute.key, "version": attribute.version}
    return Event("attribute.saved", attribute.id, attribute.version, payload)
