"""Bundles: several variants sold as one, each with its share of the price, and gifts (row A6).

A bundle is a variant of kind BUNDLE with a price like any other. What is bought of it are its
parts: the purchase (domain/checkout/bundles.py) makes an order line of each.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from domain import audit
from domain.catalog.models import BundleComponent, DeliveryKind, Product, Variant, WhenOut
from domain.catalog.review import LOCK_SHARED, send_back
from domain.catalog.service import WRITE_SCOPE, touch_variants, variant_saved
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    Invalid,
    NotFound,
    Refusal,
    Refused,
    connection,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

WHOLE = 10_000  # the shares of a bundle together
MAX_PARTS = 10
MAX_PIECES = 100

_INSERT = """
INSERT INTO bundle_components (id, bundle_id, position, variant_id, quantity, share, gift_from,
    when_out)
SELECT id, $1, position, variant, quantity, share, gift_from, when_out
FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::int[], $6::int[], $7::int[], $8::text[])
    AS c (id, position, variant, quantity, share, gift_from, when_out)
"""
_PARTS = """
SELECT c.bundle_id, c.position, c.variant_id, c.quantity, c.share, c.gift_from, c.when_out,
    v.delivery_kind, v.status = 'active' AND p.status = 'approved' AS for_sale
FROM bundle_components c JOIN variants v ON v.id = c.variant_id
JOIN products p ON p.id = v.product_id
WHERE c.bundle_id = ANY($1) ORDER BY c.bundle_id, c.position
"""


@dataclass(frozen=True, slots=True)
class PartDraft:
    """One part as an operator sends it. `share` of WHOLE; none for a gift."""

    sku: str
    quantity: int = 1
    share: int = 0
    gift_from: int | None = None
    when_out: WhenOut | None = None


@dataclass(frozen=True, slots=True)
class BundlePart:
    """One part as it stands."""

    bundle_id: UUID
    position: int
    variant_id: UUID
    quantity: int
    share: int
    gift_from: int | None
    when_out: WhenOut | None
    delivery_kind: DeliveryKind
    for_sale: bool

    @property
    def is_gift(self) -> bool:
        """Whether nothing is paid for it."""
        return self.gift_from is not None


async def save_bundle(
    actor: Actor, sku: str, parts: Sequence[PartDraft], *, expected_version: int | None = None
) -> Variant:
    """Say what the bundle `sku` holds, in place of what it held before. Audited, with its event.

    An approved product goes back to review when the parts change. Orders keep what they bought.
    Needs `products:write`. Refuses shares that do not sum to WHOLE, a part that is a bundle, an
    unknown sku (NOT_FOUND), a variant that is no bundle, and another version than expected.
    """
    actor.require_scope(WRITE_SCOPE)
    faults = bundle_faults(parts)
    if faults:
        raise Refused(*faults)
    async with transaction() as conn:
        await conn.execute(LOCK_SHARED)
        bundle = await _lock(sku, expected_version)
        rows = await _rows(parts)
        before = [_plain(part) for part in (await _read(conn, [bundle.id])).get(bundle.id, [])]
        if before != rows:
            await send_back(conn, actor, [bundle.product_id])
            await BundleComponent.filter(bundle_id=bundle.id).delete()
            await _insert(conn, bundle.id, rows)
            versions = await touch_variants(conn, [bundle.id])
            bundle.version = versions[bundle.id]
            details = {"sku": sku, "parts": [asdict(part) for part in parts]}
            await audit.record(conn, actor, "bundle.save", bundle.id, details)
            await record_events(conn, [variant_saved(bundle.id, sku, bundle.version)])
    wake_relay()
    return bundle


def bundle_faults(parts: Sequence[PartDraft]) -> list[Refusal]:
    """What is wrong with the parts of a bundle, by themselves."""
    if not 1 <= len(parts) <= MAX_PARTS:
        return [Invalid(reason="bundle_parts", field=("parts",))]
    faults: list[Refusal] = []
    for index, part in enumerate(parts):
        gift = part.gift_from is not None
        checks = (
            ("quantity", "bundle_quantity", 1 <= part.quantity <= MAX_PIECES),
            ("share", "bundle_share", part.share == 0 if gift else 0 < part.share <= WHOLE),
            ("giftFrom", "bundle_gift_from", not gift or 1 <= (part.gift_from or 0) <= WHOLE),
            ("whenOut", "bundle_when_out", gift == (part.when_out is not None)),
        )
        faults += [
            Invalid(reason=reason, field=("parts", str(index), name))
            for name, reason, right in checks
            if not right
        ]
    if not faults and sum(part.share for part in parts) != WHOLE:
        faults.append(Invalid(reason="bundle_shares", field=("parts",)))
    return faults


async def bundle_parts_of(bundle_ids: Sequence[UUID]) -> dict[UUID, list[BundlePart]]:
    """The parts of those variants that are bundles, in their order; one statement for all."""
    async with connection() as conn:
        return await _read(conn, bundle_ids)


async def _read(conn: Connection, bundle_ids: Sequence[UUID]) -> dict[UUID, list[BundlePart]]:
    found: dict[UUID, list[BundlePart]] = {}
    for row in await conn.fetch(_PARTS, list(bundle_ids)):
        values = dict(row)
        values["when_out"] = WhenOut(row["when_out"]) if row["when_out"] else None
        values["delivery_kind"] = DeliveryKind(row["delivery_kind"])
        found.setdefault(row["bundle_id"], []).append(BundlePart(**values))
    return found


async def _lock(sku: str, expected_version: int | None) -> Variant:
    """The bundle, its product locked before it as everywhere."""
    found = await Variant.filter(sku=sku).first()
    if found is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    bundle_kind = found.delivery_kind is DeliveryKind.BUNDLE
    refuse_unless(bundle_kind, Invalid(reason="bundle_variant", field=("sku",)))
    await Product.filter(id=found.product_id).select_for_update().first()
    bundle = await Variant.filter(id=found.id).select_for_update().get()
    if expected_version not in (None, bundle.version):
        raise Refused(Conflict(what="variant", field=("expectedVersion",)))
    return bundle


async def _rows(parts: Sequence[PartDraft]) -> list[tuple[Any, ...]]:
    """The parts with their variants' ids, or a refusal of each that is unknown or a bundle."""
    skus = [part.sku for part in parts]
    known = {variant.sku: variant for variant in await Variant.filter(sku__in=skus)}
    refusals: list[Refusal] = []
    for index, sku in enumerate(skus):
        path = ("parts", str(index), "sku")
        if sku not in known:
            refusals.append(NotFound(what="variant", field=path))
        elif known[sku].delivery_kind is DeliveryKind.BUNDLE:
            refusals.append(Invalid(reason="bundle_of_bundles", field=path))
    if refusals:
        raise Refused(*refusals)
    return [
        (known[part.sku].id, part.quantity, part.share, part.gift_from, part.when_out)
        for part in parts
    ]


def _plain(part: BundlePart) -> tuple[Any, ...]:
    return part.variant_id, part.quantity, part.share, part.gift_from, part.when_out


async def _insert(conn: Connection, bundle_id: UUID, rows: list[tuple[Any, ...]]) -> None:
    await conn.execute(
        _INSERT,
        bundle_id,
        [new_id() for _ in rows],
        list(range(1, len(rows) + 1)),
        *(list(column) for column in zip(*rows, strict=True)),
    )
