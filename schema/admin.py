"""The back office's schema, at /graphql/admin."""

import strawberry

from schema.aftersale import AftersaleAdminMutation, AftersaleAdminQuery
from schema.agents import AgentDepthError, AgentsAdminMutation, AgentsAdminQuery
from schema.brands import BrandsAdminMutation, BrandsAdminQuery
from schema.cards import CardsAdminMutation, CardsAdminQuery
from schema.catalog import (
    CatalogAdminMutation,
    CatalogAdminQuery,
    ReviewAdminMutation,
    ReviewAdminQuery,
)
from schema.claims import ClaimsAdminMutation, ClaimsAdminQuery
from schema.details import DetailsAdminMutation, DetailsAdminQuery
from schema.documents import RootSchema
from schema.giftcards import (
    GiftCardCounterError,
    GiftCardLockedError,
    GiftCardMoveError,
    GiftCardsAdminMutation,
    GiftCardsAdminQuery,
    GiftCardUnusableError,
)
from schema.identity import IdentityAdminMutation, IdentityAdminQuery
from schema.jobs import JobsAdminMutation, JobsAdminQuery
from schema.ledger import LedgerAdminMutation
from schema.limits import ADMIN
from schema.live import OrderAdminSubscription
from schema.manual import ManualAdminMutation, ManualAdminQuery
from schema.notifications import NotificationsAdminMutation, NotificationsAdminQuery
from schema.orders import DELIVERIES, OrderAdminMutation, OrderAdminQuery
from schema.payments import PaymentsAdminMutation, PaymentsAdminQuery
from schema.prices import PricesAdminMutation, PricesAdminQuery
from schema.product_types import ProductTypesAdminMutation, ProductTypesAdminQuery
from schema.reconciliation import ReconciliationAdminMutation, ReconciliationAdminQuery
from schema.refunds import RefundsAdminMutation, RefundsAdminQuery, RefundTooLargeError
from schema.risk import RiskAdminMutation, RiskAdminQuery
from schema.routing import RoutingAdminMutation, RoutingAdminQuery
from schema.scalars import SCALARS
from schema.second_factor import SecondFactorAdminMutation, StepUpRequiredError
from schema.selling import SellingAdminMutation
from schema.sites import SitesAdminMutation, SitesAdminQuery
from schema.stock import StockAdminMutation, StockAdminQuery
from schema.suppliers import SuppliersAdminMutation, SuppliersAdminQuery
from schema.trace import TraceAdminQuery
from schema.vault import VaultAdminMutation, VaultAdminQuery
from schema.webhooks import WebhooksMutation, WebhooksQuery


@strawberry.type
class Query(
    AftersaleAdminQuery,
    VaultAdminQuery,
    AgentsAdminQuery,
    BrandsAdminQuery,
    CardsAdminQuery,
    CatalogAdminQuery,
    DetailsAdminQuery,
    GiftCardsAdminQuery,
    ClaimsAdminQuery,
    IdentityAdminQuery,
    JobsAdminQuery,
    ManualAdminQuery,
    NotificationsAdminQuery,
    OrderAdminQuery,
    PaymentsAdminQuery,
    PricesAdminQuery,
    ProductTypesAdminQuery,
    RefundsAdminQuery,
    ReconciliationAdminQuery,
    ReviewAdminQuery,
    RiskAdminQuery,
    SitesAdminQuery,
    StockAdminQuery,
    RoutingAdminQuery,
    SuppliersAdminQuery,
    TraceAdminQuery,
    WebhooksQuery,
):
    """What may be read."""


@strawberry.type
class Mutation(
    AftersaleAdminMutation,
    VaultAdminMutation,
    AgentsAdminMutation,
    BrandsAdminMutation,
    PricesAdminMutation,
    CardsAdminMutation,
    CatalogAdminMutation,
    DetailsAdminMutation,
    GiftCardsAdminMutation,
    ClaimsAdminMutation,
    IdentityAdminMutation,
    JobsAdminMutation,
    LedgerAdminMutation,
    ManualAdminMutation,
    NotificationsAdminMutation,
    OrderAdminMutation,
    PaymentsAdminMutation,
    ProductTypesAdminMutation,
    RefundsAdminMutation,
    ReconciliationAdminMutation,
    ReviewAdminMutation,
    RiskAdminMutation,
    SellingAdminMutation,
    SitesAdminMutation,
    SecondFactorAdminMutation,
    StockAdminMutation,
    RoutingAdminMutation,
    SuppliersAdminMutation,
    WebhooksMutation,
):
    """What may be done."""


@strawberry.type
class Subscription(OrderAdminSubscription):
    """What is pushed."""


schema = RootSchema(
    Query,
    Mutation,
    Subscription,
    limits=ADMIN,
    types=[
        AgentDepthError,
        GiftCardCounterError,
        GiftCardLockedError,
        GiftCardMoveError,
        GiftCardUnusableError,
        RefundTooLargeError,
        StepUpRequiredError,
        *DELIVERIES,
    ],
    scalar_map=SCALARS,
)
