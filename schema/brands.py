"""Brands as shoppers and the back office see them."""

from datetime import datetime

import strawberry

from domain import catalog
from domain.kernel import Prefix
from resolvers import brands as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="Whose goods they are.")
@presents(catalog.Brand)
class Brand:
    slug: str
    name: str = field(resolvers.brand_name, description="In the language asked for.")
    logo_url: str = field(description="An https address, or empty.")


@strawberry.type(description="A document by which a brand lets us, or one supplier, sell.")
@presents(catalog.BrandAuthorisation)
class BrandAuthorisation:
    id: strawberry.ID = id_field(Prefix.BRAND_AUTHORISATION)
    supplier_id: strawberry.ID | None = field(
        resolvers.supplier_id, description="Null: wherever the goods come from."
    )
    reference: str
    document_url: str
    document_digest: str = field(description="SHA-256 of the file, or empty.")
    region: str = field(description="Empty: everywhere.")
    valid_from: datetime
    valid_until: datetime
    revoked_at: datetime | None
    revoke_reason: str
    in_force: bool = field(resolvers.authorisation_in_force, description="Whether it holds now.")


@strawberry.type(description="A brand with all that an operator edits.")
@presents(catalog.Brand)
class BrandFile:
    id: strawberry.ID = id_field(Prefix.BRAND)
    slug: str
    name: str = field(description="As products carry it.")
    name_zh: str
    name_en: str
    logo_url: str
    needs_authorisation: bool = field(
        description="Nothing of it is sold without an authorisation in force."
    )
    authorised: bool = field(
        resolvers.authorised, description="Whether its goods may be sold now, somewhere at least."
    )
    authorisations: list[BrandAuthorisation] = field(resolvers.authorisations_of)
    version: int = field(description="Send it back as `expectedVersion`.")


@strawberry.type
class BrandSavePayload:
    brand: BrandFile | None
    user_errors: list[UserError]


@strawberry.type
class BrandAuthorisePayload:
    authorisation: BrandAuthorisation | None
    user_errors: list[UserError]


@strawberry.type
class BrandsAdminQuery:
    brand_files: Connection[BrandFile] = field(
        resolvers.brand_files, permissions=[Scope("brands:read")], description="By name."
    )


@strawberry.type
class BrandsAdminMutation:
    brand_save: BrandSavePayload = mutation(
        resolvers.brand_save,
        payload=BrandSavePayload,
        entity="brand",
        permissions=[Scope("brands:write")],
        description="Create a brand, or replace the one of this id. Its approved products go back"
        " to review when a name changes, and are suspended when an authorisation is needed and"
        " missing.",
    )
    brand_authorise: BrandAuthorisePayload = mutation(
        resolvers.brand_authorise,
        payload=BrandAuthorisePayload,
        entity="authorisation",
        permissions=[Scope("brands:write")],
        description="Keep a document by which a brand lets us sell; what was suspended for want of"
        " it can be submitted again.",
    )
    brand_authorisation_revoke: BrandAuthorisePayload = mutation(
        resolvers.brand_authorisation_revoke,
        payload=BrandAuthorisePayload,
        entity="authorisation",
        permissions=[Scope("brands:write")],
        description="End a document now; products that are left without one are suspended.",
    )
