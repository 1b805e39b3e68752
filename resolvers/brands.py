"""How the fields of brands and their authorisations are answered."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import catalog
from domain.kernel import Page, Prefix, clock, decode_id, encode_id, page_request
from resolvers.context import Info


async def brand_of(product: Parent[catalog.ShownProduct], info: Info) -> catalog.Brand | None:
    """The brand of a product, if it has one."""
    if product.brand_id is None:
        return None
    return await info.context.loaders.brands.load(product.brand_id)


def brand_name(brand: Parent[catalog.Brand], info: Info) -> str:
    """In the language asked for, else as products carry it."""
    shown = brand.name_zh if info.context.language == "zh" else brand.name_en
    return shown or brand.name


async def brand_files(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[catalog.Brand]:
    """All brands by name (back office)."""
    return await catalog.list_brands(info.context.actor, page_request("brandFiles", first, after))


async def authorisations_of(
    brand: Parent[catalog.Brand], info: Info
) -> list[catalog.BrandAuthorisation]:
    """The documents of a brand, the one that ends last first (back office)."""
    return await info.context.loaders.authorisations.load(brand.id)


async def authorised(brand: Parent[catalog.Brand], info: Info) -> bool:
    """Whether its goods may be sold now, somewhere at least."""
    if not brand.needs_authorisation:
        return True
    found = await info.context.loaders.authorisations.load(brand.id)
    return any(catalog.in_force(each, clock.now()) for each in found)


def authorisation_in_force(document: Parent[catalog.BrandAuthorisation]) -> bool:
    """Whether it holds now."""
    return catalog.in_force(document, clock.now())


def supplier_id(document: Parent[catalog.BrandAuthorisation]) -> strawberry.ID | None:
    """The one supplier that it speaks of."""
    if document.supplier_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.SUPPLIER, document.supplier_id))


async def brand_save(
    info: Info,
    slug: str,
    name: str,
    id: strawberry.ID | None = None,
    expected_version: int | None = None,
    name_zh: str = "",
    name_en: str = "",
    logo_url: str = "",
    needs_authorisation: bool = False,
) -> catalog.Brand:
    """Create a brand, or replace the one of this id (back office)."""
    draft = catalog.BrandDraft(slug, name, name_zh, name_en, logo_url, needs_authorisation)
    brand_id = None if id is None else decode_id(Prefix.BRAND, id)
    return await catalog.save_brand(
        info.context.actor, draft, brand_id=brand_id, expected_version=expected_version
    )


async def brand_authorise(
    info: Info,
    brand_id: strawberry.ID,
    reference: str,
    valid_from: datetime,
    valid_until: datetime,
    region: str = "",
    supplier_id: strawberry.ID | None = None,
    document_url: str = "",
    document_digest: str = "",
) -> catalog.BrandAuthorisation:
    """Keep a document by which a brand lets us sell (back office)."""
    supplier = None
    if supplier_id is not None:
        supplier = decode_id(Prefix.SUPPLIER, supplier_id, field=("supplierId",))
    wish = catalog.AuthorisationWish(
        brand_id=decode_id(Prefix.BRAND, brand_id, field=("brandId",)),
        reference=reference,
        valid_from=valid_from,
        valid_until=valid_until,
        region=region,
        supplier_id=supplier,
        document_url=document_url,
        document_digest=document_digest,
    )
    return await catalog.authorise_brand(info.context.actor, wish)


async def brand_authorisation_revoke(
    info: Info, id: strawberry.ID, reason: str
) -> catalog.BrandAuthorisation:
    """End a document now (back office)."""
    document = decode_id(Prefix.BRAND_AUTHORISATION, id)
    return await catalog.revoke_authorisation(info.context.actor, document, reason)
