"""How the fields of promotion are answered."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import agents, catalog, promotion, sites
from domain.checkout import CURRENCY
from domain.kernel import (
    Money,
    NotFound,
    Page,
    Prefix,
    Refused,
    decode_id,
    encode_id,
    page_request,
    refuse_unless,
)
from domain.promotion import (
    Copy,
    Landing,
    Picture,
    PosterTheme,
    PromoLink,
    PromoState,
    PromoTemplate,
    Shared,
    TextKind,
)
from resolvers.agents import is_own
from resolvers.context import Info


@dataclass(frozen=True)
class PosterLook:
    """A poster of the library, drawn for a link."""

    name: str
    svg_url: str
    png_url: str


@dataclass(frozen=True)
class PromoKit:
    """A link with all that an agent shares."""

    link: PromoLink
    copies: list[Copy]
    pictures: list[Picture]
    posters: list[PosterLook]
    poster_svg_url: str
    poster_png_url: str


async def links_of(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[PromoLink] | None:
    """An agent's links; its own and staff's to see."""
    page = page_request("promoLinks", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await promotion.list_links(agent.id, page)


async def promo_kit(info: Info, link_id: strawberry.ID) -> PromoKit | None:
    """What an agent shares, at the site and in the language of the request."""
    wanted = decode_id(Prefix.PROMO_LINK, link_id, field=("linkId",))
    own = await agents.get_own_agent(info.context.actor)
    link = await PromoLink.filter(id=wanted, agent_id=own.id).first()
    if link is None:
        raise Refused(NotFound(what="promotion link", field=("linkId",)))
    site, language = await sites.get_site(info.context.actor.site_id), info.context.language
    return _kit(link, await promotion.shared_of(link, site, language), site, language)


async def promo_hot_goods_share(info: Info, most: int = 5) -> dict[str, list[PromoKit]]:
    """Links to what sold best, with all that the caller shares of them."""
    actor, language = info.context.actor, info.context.language
    site = await sites.get_site(actor.site_id)
    shared = await promotion.share_hot_goods(actor, site, language, most)
    return {"kits": [_kit(link, what, site, language) for link, what in shared]}


def _kit(link: PromoLink, shared: Shared, site: sites.Site, language: str) -> PromoKit:
    base = f"{promotion.url_of(link, site)}/poster"
    looks = [
        (each.name, encode_id(Prefix.PROMO_TEMPLATE, each.template_id)) for each in shared.posters
    ]
    return PromoKit(
        link,
        shared.copies,
        shared.pictures,
        [
            PosterLook(
                name,
                f"{base}.svg?lang={language}&look={look}",
                f"{base}.png?lang={language}&look={look}",
            )
            for name, look in looks
        ],
        f"{base}.svg?lang={language}",
        f"{base}.png?lang={language}",
    )


async def promo_link_create(
    info: Info, product_id: strawberry.ID | None = None, label: str = ""
) -> PromoLink:
    """Make a link of the caller."""
    product = decode_id(Prefix.PRODUCT, product_id, field=("productId",)) if product_id else None
    return await promotion.create_link(info.context.actor, product, label)


async def promo_link_end(info: Info, link_id: strawberry.ID) -> PromoLink:
    """End a link of the caller."""
    wanted = decode_id(Prefix.PROMO_LINK, link_id, field=("linkId",))
    return await promotion.end_link(info.context.actor, wanted)


async def promo_visit(info: Info, code: str) -> Landing:
    """Come by a link."""
    return await promotion.visit(info.context.actor, code)


async def promo_template_save(
    info: Info,
    kind: TextKind,
    name: str,
    text_zh: str,
    text_en: str,
    active: bool = True,
    id: strawberry.ID | None = None,
    url: str | None = None,
    theme: PosterTheme | None = None,
    product_id: strawberry.ID | None = None,
    category_id: strawberry.ID | None = None,
    site_id: strawberry.ID | None = None,
    tiers: list[agents.Tier] | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> PromoTemplate:
    """Keep something of the library (back office)."""
    scope = promotion.TemplateScope(
        _id(Prefix.PRODUCT, product_id, "productId"),
        _id(Prefix.CATEGORY, category_id, "categoryId"),
        _id(Prefix.SITE, site_id, "siteId"),
        tiers or (),
        valid_from,
        valid_until,
    )
    draft = promotion.TemplateDraft(kind, name, text_zh, text_en, active, url, theme, scope)
    wanted = decode_id(Prefix.PROMO_TEMPLATE, id) if id else None
    return await promotion.save_template(info.context.actor, draft, wanted)


async def promo_template_review(
    info: Info, id: strawberry.ID, version: int, approve: bool, reason: str = ""
) -> PromoTemplate:
    """Approve or reject something of the library (back office)."""
    wanted = decode_id(Prefix.PROMO_TEMPLATE, id)
    return await promotion.review_template(
        info.context.actor, wanted, version, approve=approve, reason=reason
    )


async def promo_templates(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    state: PromoState | None = None,
) -> Page[PromoTemplate]:
    """The library (back office)."""
    page = page_request("promoTemplates", first, after)
    return await promotion.list_templates(info.context.actor, page, state)


def template_product(template: Parent[PromoTemplate]) -> strawberry.ID | None:
    """The product that it is for."""
    return _public(Prefix.PRODUCT, template.product_id)


def template_category(template: Parent[PromoTemplate]) -> strawberry.ID | None:
    """The category that it is for."""
    return _public(Prefix.CATEGORY, template.category_id)


def template_site(template: Parent[PromoTemplate]) -> strawberry.ID | None:
    """The site that it is for."""
    return _public(Prefix.SITE, template.site_id)


def template_tiers(template: Parent[PromoTemplate]) -> list[agents.Tier]:
    """Whose it is; empty: everybody's."""
    return [agents.Tier(each) for each in template.tiers]


def _id(prefix: Prefix, given: strawberry.ID | None, name: str) -> UUID | None:
    return decode_id(prefix, given, field=(name,)) if given else None


def _public(prefix: Prefix, row_id: UUID | None) -> strawberry.ID | None:
    return strawberry.ID(encode_id(prefix, row_id)) if row_id else None


async def url(link: Parent[PromoLink], info: Info) -> str:
    """At the site of the request."""
    return promotion.url_of(link, await sites.get_site(info.context.actor.site_id))


async def product_of_link(link: Parent[PromoLink], info: Info) -> catalog.ShownProduct | None:
    """Where it leads."""
    if link.product_id is None:
        return None
    return await info.context.loaders.products.load(link.product_id)


async def product_of_landing(landing: Parent[Landing], info: Info) -> catalog.ShownProduct | None:
    """Where it leads, as long as the site shows it."""
    if landing.link.product_id is None:
        return None
    return await catalog.find_product(
        product_id=landing.link.product_id,
        language=info.context.languages,
        place=await info.context.loaders.place(),
    )


def code_of_landing(landing: Parent[Landing]) -> str:
    """The code that brings its agent the order."""
    code: str = landing.link.code
    return code


async def clicks(link: Parent[PromoLink], info: Info) -> int:
    """How many came by it."""
    return (await info.context.loaders.promo_figures.load(link.id)).clicks


async def orders(link: Parent[PromoLink], info: Info) -> int:
    """How many orders came by it."""
    return (await info.context.loaders.promo_figures.load(link.id)).orders


async def sold(link: Parent[PromoLink], info: Info) -> Money:
    """What they cost their buyers."""
    return Money((await info.context.loaders.promo_figures.load(link.id)).sold, CURRENCY)


async def earned(link: Parent[PromoLink], info: Info) -> Money:
    """What the agent got of them."""
    return Money((await info.context.loaders.promo_figures.load(link.id)).earned, CURRENCY)
