"""Orders as their buyers, partners and the back office see them."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import cards, checkout, coupons, orders
from domain.catalog import DeliveryKind
from domain.kernel import Prefix
from domain.orders import LineStatus, OrderStatus
from resolvers import aftersale as aftersale_resolvers
from resolvers import charges as charge_resolvers
from resolvers import deliveries, exchange
from resolvers import orders as resolvers
from resolvers import partner as partner_resolvers
from resolvers import ratings as rating_resolvers
from resolvers import sites as site_resolvers
from resolvers.permissions import Scope, SignedIn
from schema.aftersale import Dispute
from schema.cards import CardSecret, DeliveredCard
from schema.catalog import Variant
from schema.charges import CHARGES, Charge
from schema.coupons import AppliedCoupon
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.paging import Connection
from schema.ratings import OrderRating
from schema.refunds import Refund
from schema.scalars import Money, id_field
from schema.sites import Site


@strawberry.type(description="One field that the buyer filled in.")
@presents(deliveries.AccountEntry)
class AccountEntry:
    key: str
    label: str = field(description="As the buyer saw it, in the language asked for.")
    value: str


@strawberry.interface(description="What was delivered for a line.")
class Delivery:
    kind: DeliveryKind
    delivered_at: datetime


@strawberry.type(description="CARD_CODE, LINK and GIFT_CARD: what is sealed is shown by revealing.")
@presents(deliveries.CardDelivery)
class CardDelivery(Delivery):
    cards: list[DeliveredCard] = field(deliveries.cards_of_delivery, size=5)


@strawberry.type(description="DIRECT_TOPUP: the account was topped up.")
@presents(deliveries.TopupDelivery)
class TopupDelivery(Delivery):
    receipt: str = field(description="The supplier's number for it.")


@strawberry.type(description="MANUAL: an operator handed something over.")
@presents(deliveries.ManualDelivery)
class ManualDelivery(Delivery):
    note: str | None = field(description="What the operator wrote, for the buyer's eyes only.")


@strawberry.type(description="One variant in an order, at the price locked when it was placed.")
@presents(orders.OrderLine)
class OrderLine:
    id: strawberry.ID = id_field(Prefix.ORDER_LINE)
    sku: str
    variant: Variant = field(resolvers.variant_of_line)
    quantity: int
    unit_price: Money = field(resolvers.unit_price, description="What is paid for one.")
    discount: Money = field(
        resolvers.line_discount,
        description="What coupons took off all pieces; `unitPrice` and `total` are after that.",
    )
    total: Money = field(resolvers.line_total)
    bundle_sku: str | None = field(description="Of which bundle it is a part.")
    bundle_position: int | None = field(description="Which part of that bundle.")
    gift: bool = field(description="Comes with its bundle, and has no price.")
    status: LineStatus
    delivered_at: datetime | None
    failure_code: str | None = field(
        description="Why nobody could deliver it, or only a part of it (PARTLY_DELIVERED)."
    )
    delivered_quantity: int = field(description="Pieces that were delivered.")
    ready_quantity: int = field(
        resolvers.ready_of_line,
        description="Pieces that are here already, and wait until the rest is bought or refunded.",
    )
    refunded_total: Money = field(
        resolvers.line_refunded, description="What of its price went back, in all."
    )
    refunded_quantity: int = field(
        description="Pieces whose price went back after their delivery, and that are gone with it."
    )
    cards: list[DeliveredCard] = field(resolvers.cards_of_line, size=5)
    account: list[AccountEntry] = field(
        deliveries.account_of_line,
        size=2,
        description="What the buyer filled in; masked to everybody else. Empty once it is erased.",
    )
    account_erased_at: datetime | None
    delivery: Delivery | None = field(
        deliveries.delivery_of_line, description="What was delivered, by kind; null until it is."
    )
    rating: OrderRating | None = field(
        rating_resolvers.rating_of_line, description="What its buyer says of it."
    )


@strawberry.type(description="What an order costs its buyer in another currency than the house's.")
@presents(orders.Exchange)
class OrderExchange:
    total: Money = field(exchange.paid_total)
    rate: Decimal = field(
        exchange.rate_of_exchange,
        description="What one unit of it was worth in the house's currency when it was bought.",
    )


@strawberry.type(description="A purchase.")
@presents(orders.Order)
class Order:
    id: strawberry.ID = id_field(Prefix.ORDER)
    number: str = field(description="For people: on receipts, in talks with support.")
    external_id: str | None = field(description="The partner's own id.")
    status: OrderStatus
    lines: list[OrderLine] = field(resolvers.lines, size=3)
    cards: list[DeliveredCard] = field(resolvers.cards_of_order, size=5)
    subtotal: Money = field(resolvers.order_subtotal, description="Before coupons.")
    discount_total: Money = field(resolvers.order_discount)
    coupons: list[AppliedCoupon] = field(resolvers.coupons_of_order, size=2)
    total: Money = field(resolvers.order_total)
    exchange: OrderExchange | None = field(
        exchange.exchange_of_order,
        description="Of an order that was paid in another currency than the house's.",
    )
    house_total: Money = field(
        resolvers.house_total, description="The same in the currency of the house's books."
    )
    charges: list[Charge] = field(charge_resolvers.charges_of_order, size=2, description=CHARGES)
    refunded_total: Money = field(
        resolvers.refunded_total,
        description="What of it went back in all: lines that nobody could deliver, and `refunds`.",
    )
    refunds: list[Refund] = field(
        resolvers.refunds_of_order,
        size=1,
        description="What went back after its delivery, oldest first.",
    )
    disputes: list[Dispute] = field(
        aftersale_resolvers.disputes_of_order,
        size=1,
        description="What its buyer said of cards, oldest first.",
    )
    site: Site = field(site_resolvers.site_of_order, description="Where it was bought.")
    placed_at: datetime
    paid_at: datetime | None
    expires_at: datetime | None = field(
        description="Until when an order that is PENDING_PAYMENT waits; its cards are held so long."
    )
    next_poll_after_ms: int | None = field(
        resolvers.next_poll_after_ms,
        description="When to ask again; null once nothing can change.",
    )
    version: int = field(description="Grows with each change.")


@strawberry.type(description="A coupon that the order names does not apply.")
@presents(coupons.CouponIneligible)
class CouponIneligibleError(UserError):
    reason: str = field(description="Stable; programs decide by it.")
    missing: Money | None = field(description="For so much more it would apply.")


@strawberry.type(description="Fewer cards are left than were asked for.")
@presents(checkout.StockShort)
class StockShortError(UserError):
    requested: int
    available: int


@strawberry.type(
    description="Not now: the same request may be repeated after so many seconds. SHOP_BUSY:"
    " suppliers are behind. ADDRESS_HOLD_LIMIT_REACHED: too many unpaid cards are held from this"
    " address."
)
@presents(checkout.ShopBusy, cards.AddressHoldLimitReached)
class RetryLaterError(UserError):
    retry_after: int = field(description="Seconds.")


@strawberry.type(description="The price is not the one that was shown.")
@presents(checkout.PriceChanged)
class PriceChangedError(UserError):
    expected: Money
    actual: Money


@strawberry.type(description="What was filled in for one field cannot be taken.")
@presents(checkout.AccountInvalid)
class AccountInvalidError(UserError):
    key: str = field(description="Of the field.")
    reason: str = field(description="Stable; programs decide by it.")


DELIVERIES = (CardDelivery, TopupDelivery, ManualDelivery)


@strawberry.type
class OrderPayload:
    order: Order | None
    replayed: bool = field(
        default=False, description="The key came before: this is the order made then."
    )
    guest_token: str | None = field(
        description="For guests: with the order's number it opens the order without a session."
        " Shown here only; keep it like the card itself. Null for everybody else."
    )
    user_errors: list[UserError]


@strawberry.type
class CardsRevealPayload:
    secrets: list[CardSecret] = field(
        default_factory=list, description="Empty when `recipientPublicKey` was sent."
    )
    sealed: str | None = field(
        description='The codes as an armoured age file for `recipientPublicKey`: {"cards":'
        ' [{"cardId", "number", "secret", "expiresOn"}]}.'
    )
    user_errors: list[UserError]


@strawberry.type
class OrderContactForgetPayload:
    order: Order | None
    user_errors: list[UserError]


@strawberry.type
class OrderAccountsForgetPayload:
    order: Order | None
    user_errors: list[UserError]


@strawberry.type
class OrderQuery:
    order: Order | None = field(
        resolvers.order,
        permissions=[SignedIn()],
        rate=Rate(RateZone.ORDER_LOOKUP),
        description="One of the caller's own orders.",
    )
    order_by_guest: Order | None = field(
        resolvers.order_by_guest,
        rate=Rate(RateZone.GUEST_LOOKUP, account="number"),
        sensitive=True,
        description="An order by its number with its `guestToken` or its `lookupPassword`: one of"
        " them. Null for a wrong number and for a wrong proof alike.",
    )


@strawberry.type
class OrderMutation:
    order_create: OrderPayload = mutation(
        resolvers.order_create,
        payload=OrderPayload,
        permissions=[SignedIn()],
        rate=(
            Rate(RateZone.LOOKUP_PASSWORD, only_with="lookup_password"),
            Rate(RateZone.COUPON, only_with="coupon_codes"),
        ),
        purchase=True,
        description="Buy with the wallet. The same `idempotencyKey` again answers the same order."
        " `contact` is where the buyer is told of it; `lookupPassword` opens the order, together"
        " with its number, without a session. `quoteId` sells at the prices that `quoteCreate`"
        " locked; `expectedTotal` refuses any other total (PRICE_CHANGED). Each of `couponCodes`"
        " and `couponIds` applies, or the order is refused; campaigns that need no code apply by"
        " themselves. While very many buy, the"
        " request is refused with status 503, the error SHOP_BUSY and the seconds to wait in"
        " `extensions.retryAfter`; nothing was bought then.",
    )
    order_cards_reveal: CardsRevealPayload = mutation(
        resolvers.order_cards_reveal,
        payload=CardsRevealPayload,
        entity="secrets",
        permissions=[SignedIn()],
        rate=Rate(RateZone.REVEAL),
        sensitive=True,
        description="The codes of the caller's own order, in the open or sealed for a public key"
        " (`age1...` or `ssh-ed25519 ...`). Each look is written to the audit log.",
    )
    order_cards_reveal_by_guest: CardsRevealPayload = mutation(
        resolvers.order_cards_reveal_by_guest,
        payload=CardsRevealPayload,
        entity="secrets",
        rate=Rate(RateZone.GUEST_LOOKUP, account="number"),
        sensitive=True,
        description="The codes of an order by its number with its `guestToken` or its"
        " `lookupPassword`. Each look is written to the audit log.",
    )
    order_contact_forget: OrderContactForgetPayload = mutation(
        resolvers.order_contact_forget,
        payload=OrderContactForgetPayload,
        entity="order",
        permissions=[SignedIn()],
        description="Forget the contact and the look-up password of the caller's own order. What"
        " was not told by then is told to nobody.",
    )
    order_accounts_forget: OrderAccountsForgetPayload = mutation(
        resolvers.order_accounts_forget,
        payload=OrderAccountsForgetPayload,
        entity="order",
        permissions=[SignedIn()],
        description="Erase what was filled in for the caller's own order (phone numbers, account"
        " ids), once none of its lines waits for a delivery.",
    )


@strawberry.type
class OrderPartnerQuery:
    order: Order | None = field(
        partner_resolvers.order,
        permissions=[Scope("orders:read")],
        rate=Rate(RateZone.ORDER_LOOKUP),
        description="By `externalId` or by `id`.",
    )


@strawberry.type
class OrderPartnerMutation:
    order_place: OrderPayload = mutation(
        partner_resolvers.order_place,
        payload=OrderPayload,
        permissions=[Scope("orders:write")],
        purchase=True,
        description="Buy. `externalId` is the partner's own and makes the order happen once, for"
        " ever. Refused when a unit costs more than `maxUnitCost`, and when it would begin after"
        " `validUntil`: a partner that has given up by then may have bought elsewhere. `quoteId`"
        " buys at the price that `quoteCreate` locked.",
    )
    order_cards_reveal: CardsRevealPayload = mutation(
        partner_resolvers.order_cards_reveal,
        payload=CardsRevealPayload,
        entity="secrets",
        permissions=[Scope("orders:write")],
        rate=Rate(RateZone.REVEAL),
        sensitive=True,
        description="The codes of the partner's own order.",
    )


@strawberry.type
class OrderAdminQuery:
    orders: Connection[Order] = field(
        resolvers.all_orders, permissions=[Scope("orders:read")], description="Newest first."
    )
    order: Order | None = field(resolvers.any_order, permissions=[Scope("orders:read")])


@strawberry.type
class OrderAdminMutation:
    order_contact_forget: OrderContactForgetPayload = mutation(
        resolvers.order_contact_forget,
        payload=OrderContactForgetPayload,
        entity="order",
        permissions=[Scope("orders:write")],
        description="Forget the contact and the look-up password of an order. Audited.",
    )
    order_accounts_forget: OrderAccountsForgetPayload = mutation(
        resolvers.order_accounts_forget,
        payload=OrderAccountsForgetPayload,
        entity="order",
        permissions=[Scope("orders:write")],
        description="Erase what was filled in for an order, once none of its lines waits for a"
        " delivery. Audited.",
    )
