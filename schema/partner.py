"""The partners' schema, at /graphql/partner: catalogue, orders, balance, webhooks."""

import strawberry

from schema.catalog import CatalogPartnerQuery
from schema.claims import ClaimsPartnerMutation, ClaimsPartnerQuery
from schema.documents import RootSchema
from schema.giftcards import GiftCardLockedError, GiftCardUseMutation
from schema.ledger import BalanceShortError, LedgerPartnerQuery
from schema.limits import PARTNER
from schema.live import OrderPartnerSubscription
from schema.orders import (
    DELIVERIES,
    AccountInvalidError,
    OrderPartnerMutation,
    OrderPartnerQuery,
    PriceChangedError,
    RetryLaterError,
    StockShortError,
)
from schema.quotes import QuotePartnerMutation, QuotePartnerQuery
from schema.scalars import SCALARS
from schema.webhooks import WebhooksMutation, WebhooksQuery


@strawberry.type
class Query(
    CatalogPartnerQuery,
    ClaimsPartnerQuery,
    OrderPartnerQuery,
    QuotePartnerQuery,
    LedgerPartnerQuery,
    WebhooksQuery,
):
    """What may be read."""


@strawberry.type
class Mutation(
    ClaimsPartnerMutation,
    GiftCardUseMutation,
    OrderPartnerMutation,
    QuotePartnerMutation,
    WebhooksMutation,
):
    """What may be done."""


@strawberry.type
class Subscription(OrderPartnerSubscription):
    """What is pushed."""


schema = RootSchema(
    Query,
    Mutation,
    Subscription,
    limits=PARTNER,
    types=[
        AccountInvalidError,
        BalanceShortError,
        GiftCardLockedError,
        PriceChangedError,
        RetryLaterError,
        StockShortError,
        *DELIVERIES,
    ],
    scalar_map=SCALARS,
)
