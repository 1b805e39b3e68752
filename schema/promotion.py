"""Agents' promotion links, and texts to share."""

from datetime import datetime

import strawberry

from domain import promotion
from domain.agents import Tier
from domain.kernel import Prefix
from domain.promotion import PosterTheme, PromoState, TextKind
from resolvers import promotion as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.catalog import Product
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="A link of an agent. Orders that come by it are of its customers.")
@presents(promotion.PromoLink)
class PromoLink:
    id: strawberry.ID = id_field(Prefix.PROMO_LINK)
    code: str = field(description="For `promoVisit`, or as `promoterCode` of an order.")
    label: str
    url: str = field(resolvers.url, description="At the site of the request.")
    product: Product | None = field(
        resolvers.product_of_link, description="Null: it leads to the whole shop."
    )
    created_at: datetime
    ended_at: datetime | None
    clicks: int = field(
        resolvers.clicks,
        description="Visitors; who comes again within half an hour counts once.",
    )
    orders: int = field(
        resolvers.orders, description="Paid by buyers who came by it, and not refunded as a whole."
    )
    sold: Money = field(resolvers.sold, description="What they cost their buyers.")
    earned: Money = field(
        resolvers.earned, description="What the agent got of them, less what refunds took back."
    )


@strawberry.type(description="A text that is ready to be pasted, with the prices of this moment.")
@presents(promotion.Copy)
class PromoCopy:
    name: str
    text: str


@strawberry.type(description="A picture of the library.")
@presents(promotion.Picture)
class PromoPicture:
    name: str
    url: str
    words: str = field(description="For who cannot see it.")


@strawberry.type(description="A poster of the library, drawn for a link.")
@presents(resolvers.PosterLook)
class PromoPoster:
    name: str
    svg_url: str
    png_url: str = field(
        description="Answers POSTER_FONT_MISSING where the server has no font with Chinese letters."
    )


@strawberry.type(
    description="A link with all that its agent shares: of the library what is approved, in force,"
    " for these goods, this site and the agent's tier, the newest 20 of each kind."
)
@presents(resolvers.PromoKit)
class PromoKit:
    link: PromoLink
    copies: list[PromoCopy] = field(size=20)
    pictures: list[PromoPicture] = field(size=20)
    posters: list[PromoPoster] = field(size=20)
    poster_svg_url: str
    poster_png_url: str = field(
        description="Answers POSTER_FONT_MISSING where the server has no font with Chinese letters."
    )


@strawberry.type(description="Where somebody lands who comes by a link.")
@presents(promotion.Landing)
class PromoLanding:
    code: str = field(resolvers.code_of_landing)
    product: Product | None = field(
        resolvers.product_of_landing, description="Null: the whole shop."
    )


@strawberry.type(
    description="A text, poster or picture of the library. Without a scope it is for all goods,"
    " sites and agents."
)
@presents(promotion.PromoTemplate)
class PromoTemplate:
    id: strawberry.ID = id_field(Prefix.PROMO_TEMPLATE)
    kind: TextKind
    name: str
    text_zh: str
    text_en: str
    active: bool
    version: int
    saved_at: datetime
    url: str | None = field(description="Of a picture.")
    theme: PosterTheme | None = field(description="The colours of a poster.")
    product_id: strawberry.ID | None = field(resolvers.template_product)
    category_id: strawberry.ID | None = field(
        resolvers.template_category, description="And all below it."
    )
    site_id: strawberry.ID | None = field(resolvers.template_site)
    tiers: list[Tier] = field(resolvers.template_tiers, size=3, description="Empty: all.")
    valid_from: datetime | None
    valid_until: datetime | None
    state: PromoState = field(description="Agents share what is APPROVED.")
    reviewed_at: datetime | None
    review_reason: str | None


@strawberry.type
class PromoLinkPayload:
    link: PromoLink | None
    user_errors: list[UserError]


@strawberry.type
class PromoLandingPayload:
    landing: PromoLanding | None
    user_errors: list[UserError]


@strawberry.type
class PromoHotGoodsPayload:
    kits: list[PromoKit] | None
    user_errors: list[UserError]


@strawberry.type
class PromoTemplatePayload:
    template: PromoTemplate | None
    user_errors: list[UserError]


@strawberry.type
class PromotionQuery:
    promo_kit: PromoKit | None = field(
        resolvers.promo_kit,
        permissions=[SignedIn()],
        cost=10,
        description="What the caller, an agent, shares of one of its links.",
    )


@strawberry.type
class PromotionMutation:
    promo_link_create: PromoLinkPayload = mutation(
        resolvers.promo_link_create,
        payload=PromoLinkPayload,
        entity="link",
        permissions=[SignedIn()],
        description="Make a link of the caller, an agent, to a product or to the whole shop; while"
        " such a link is open, it is answered again.",
    )
    promo_hot_goods_share: PromoHotGoodsPayload = mutation(
        resolvers.promo_hot_goods_share,
        payload=PromoHotGoodsPayload,
        permissions=[SignedIn()],
        cost=50,
        description="Links of the caller, an agent, to the goods that sold best in thirty days, ten"
        " at most, with texts made of the figures; asked for again it answers the same links.",
    )
    promo_link_end: PromoLinkPayload = mutation(
        resolvers.promo_link_end,
        payload=PromoLinkPayload,
        entity="link",
        permissions=[SignedIn()],
        description="Nobody lands by it any more; who came before still counts.",
    )
    promo_visit: PromoLandingPayload = mutation(
        resolvers.promo_visit,
        payload=PromoLandingPayload,
        entity="landing",
        permissions=[SignedIn()],
        description="The caller, a guest or a login, came by a link. It counts for orders without a"
        " promoterCode within the window, unless an agent brought the caller when it signed up.",
    )


@strawberry.type
class PromotionAdminQuery:
    promo_templates: Connection[PromoTemplate] = field(
        resolvers.promo_templates, permissions=[Scope("promotion:read")], description="By name."
    )


@strawberry.type
class PromotionAdminMutation:
    promo_template_save: PromoTemplatePayload = mutation(
        resolvers.promo_template_save,
        payload=PromoTemplatePayload,
        entity="template",
        permissions=[Scope("promotion:write")],
        description="Keep a text, a poster or a picture for agents to share; what a reviewer looks"
        " at goes to review again when it changes. Places: {product} {price} {was} {off} {shop}"
        " {link} {code}; prices and discounts are filled in, never typed. Audited.",
    )
    promo_template_review: PromoTemplatePayload = mutation(
        resolvers.promo_template_review,
        payload=PromoTemplatePayload,
        entity="template",
        permissions=[Scope("promotion:review")],
        description="Approve the version that was looked at, or reject it with a reason. Audited.",
    )
