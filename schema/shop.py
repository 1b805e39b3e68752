"""The shop's schema: what a buyer's browser or mini-program may ask, at /graphql/shop."""

import strawberry

from schema.aftersale import DisputeMutation, DisputeTooLateError
from schema.agents import Agent
from schema.cards import CardsQuery
from schema.catalog import CatalogQuery
from schema.claims import ClaimsMutation, ClaimsQuery
from schema.details import FacetQuery
from schema.documents import RootSchema
from schema.giftcards import (
    GiftCardLockedError,
    GiftCardMutation,
    GiftCardShortError,
    GiftCardUnusableError,
)
from schema.identity import IdentityMutation, ViewerQuery
from schema.ledger import BalanceShortError
from schema.limits import SHOP
from schema.live import OrderSubscription
from schema.orders import (
    DELIVERIES,
    AccountInvalidError,
    OrderMutation,
    OrderQuery,
    PriceChangedError,
    StockShortError,
)
from schema.payments import (
    EmbeddedAction,
    PaymentMutation,
    PaymentQuery,
    QrCodeAction,
    RedirectAction,
)
from schema.quotes import QuoteMutation, QuoteQuery
from schema.scalars import SCALARS
from schema.second_factor import SecondFactorMutation, StepUpRequiredError
from schema.sites import SiteQuery


@strawberry.type
class Query(
    CardsQuery,
    CatalogQuery,
    FacetQuery,
    ClaimsQuery,
    OrderQuery,
    PaymentQuery,
    QuoteQuery,
    SiteQuery,
    ViewerQuery,
):
    """What may be read."""


@strawberry.type
class Mutation(
    ClaimsMutation,
    DisputeMutation,
    GiftCardMutation,
    IdentityMutation,
    OrderMutation,
    PaymentMutation,
    QuoteMutation,
    SecondFactorMutation,
):
    """What may be done."""


@strawberry.type
class Subscription(OrderSubscription):
    """What is pushed."""


schema = RootSchema(
    Query,
    Mutation,
    Subscription,
    limits=SHOP,
    types=[
        Agent,
        AccountInvalidError,
        BalanceShortError,
        DisputeTooLateError,
        EmbeddedAction,
        GiftCardLockedError,
        GiftCardShortError,
        GiftCardUnusableError,
        PriceChangedError,
        QrCodeAction,
        RedirectAction,
        StepUpRequiredError,
        StockShortError,
        *DELIVERIES,
    ],
    scalar_map=SCALARS,
)
