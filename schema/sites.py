"""Sites as visitors and the back office see them."""

import strawberry

from domain import catalog, sites
from domain.kernel import Prefix
from domain.sites import Assortment, SiteStatus
from resolvers import selling
from resolvers import sites as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="A storefront.")
@presents(sites.Site)
class Site:
    slug: str = field(description="What the header `Kameng-Site` names it by.")
    name: str = field(resolvers.site_name, description="In the language asked for.")
    currency: str = field(description="What its prices are in: an ISO 4217 code.")
    language: str = field(description="Spoken to visitors who ask for none.")
    region: str = field(description="Where it sells; empty: no particular region.")


@strawberry.type
class SiteQuery:
    site: Site = field(
        resolvers.site,
        description="The site that was asked: by the header `Kameng-Site`, else by the host.",
    )


@strawberry.type(description="What a site's selection says of one thing.")
@presents(catalog.AssortmentRule)
class AssortmentRule:
    included: bool
    product_id: strawberry.ID | None = field(selling.product_of_rule)
    category_id: strawberry.ID | None = field(
        selling.category_of_rule, description="With all below it."
    )


@strawberry.type(description="A site with all that an operator edits.")
@presents(sites.Site)
class SiteFile:
    id: strawberry.ID = id_field(Prefix.SITE)
    slug: str
    name_zh: str
    name_en: str
    hosts: list[str] = field(description="Host names that show this site and no other.")
    currency: str
    language: str
    region: str
    status: SiteStatus
    assortment: Assortment
    assortment_rules: list[AssortmentRule] = field(selling.rules_of_site)
    version: int = field(description="Send it back as `expectedVersion`.")


@strawberry.type
class SiteSavePayload:
    site: SiteFile | None
    user_errors: list[UserError]


@strawberry.type
class SitesAdminQuery:
    site_files: Connection[SiteFile] = field(
        resolvers.site_files, permissions=[Scope("sites:read")], description="Oldest first."
    )


@strawberry.type
class SitesAdminMutation:
    site_save: SiteSavePayload = mutation(
        resolvers.site_save,
        payload=SiteSavePayload,
        entity="site",
        permissions=[Scope("sites:write")],
        description="Create a site, or replace the one of this id. Every process shows the change"
        " within two seconds.",
    )
