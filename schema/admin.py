"""The back office's schema, at /graphql/admin."""

import strawberry

from schema.admission import AdmissionAdminMutation, AdmissionAdminQuery
from schema.aftersale import AftersaleAdminMutation, AftersaleAdminQuery
from schema.agents import AgentDepthError, AgentsAdminMutation, AgentsAdminQuery
from schema.agreements import AgreementAdminMutation, AgreementAdminQuery
from schema.bonuses import BonusAdminMutation, BonusAdminQuery, BonusCapsError
from schema.brands import BrandsAdminMutation, BrandsAdminQuery
from schema.cards import CardsAdminMutation, CardsAdminQuery
from schema.cashback import CashbackAdminMutation, CashbackAdminQuery
from schema.catalog import (
    CatalogAdminMutation,
    CatalogAdminQuery,
    ReviewAdminMutation,
    ReviewAdminQuery,
)
from schema.claims import ClaimsAdminMutation, ClaimsAdminQuery
from schema.commissions import CommissionsAdminMutation, CommissionsAdminQuery
from schema.compliance import ComplianceAdminQuery
from schema.contracts import ContractsAdminMutation, ContractsAdminQuery
from schema.costs import CostsAdminQuery
from schema.coupons import CouponsAdminMutation, CouponsAdminQuery
from schema.custody import CustodyAdminQuery
from schema.deposits import DepositAdminMutation, DepositAdminQuery
from schema.details import DetailsAdminMutation, DetailsAdminQuery
from schema.documents import RootSchema
from schema.evidence import EvidenceAdminMutation
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
from schema.pace import PaceAdminQuery
from schema.payments import PaymentsAdminMutation, PaymentsAdminQuery
from schema.payout_cases import PayoutCasesAdminMutation, PayoutCasesAdminQuery
from schema.payout_files import PayoutFilesAdminMutation, PayoutFilesAdminQuery
from schema.payouts import PayoutsAdminMutation, PayoutsAdminQuery
from schema.penalties import PenaltyAdminMutation, PenaltyAdminQuery
from schema.pricebook import (
    AgentPriceInvertedError,
    PriceBookAdminMutation,
    PriceBookAdminQuery,
)
from schema.priceguard import (
    PriceBelowFloorError,
    PriceGuardAdminMutation,
    PriceGuardAdminQuery,
)
from schema.prices import PricesAdminMutation, PricesAdminQuery
from schema.product_types import ProductTypesAdminMutation, ProductTypesAdminQuery
from schema.promotion import PromotionAdminMutation, PromotionAdminQuery
from schema.providers import ERRORS as PROVIDER_ERRORS
from schema.providers import ProvidersAdminMutation, ProvidersAdminQuery
from schema.ratings import RatingAdminMutation, RatingAdminQuery
from schema.realname import RealNameAdminMutation, RealNameAdminQuery
from schema.reconciliation import ReconciliationAdminMutation, ReconciliationAdminQuery
from schema.refunds import RefundsAdminMutation, RefundsAdminQuery, RefundTooLargeError
from schema.replenishment import ReplenishmentAdminMutation, ReplenishmentAdminQuery
from schema.risk import RiskAdminMutation, RiskAdminQuery
from schema.routing import RoutingAdminMutation, RoutingAdminQuery
from schema.scalars import SCALARS
from schema.second_factor import SecondFactorAdminMutation, StepUpRequiredError
from schema.selling import SellingAdminMutation
from schema.settlement import ERRORS as SETTLEMENT_ERRORS
from schema.settlement import SettlementAdminMutation, SettlementAdminQuery
from schema.sites import SitesAdminMutation, SitesAdminQuery
from schema.sourcing import SourcingAdminMutation, SourcingAdminQuery
from schema.statements import StatementsAdminMutation, StatementsAdminQuery
from schema.stock import StockAdminMutation, StockAdminQuery
from schema.suppliers import SuppliersAdminMutation, SuppliersAdminQuery
from schema.supply import SupplyAdminMutation, SupplyAdminQuery
from schema.tiers import TierAdminMutation, TierAdminQuery
from schema.trace import TraceAdminQuery
from schema.vault import VaultAdminMutation, VaultAdminQuery
from schema.webhooks import WebhooksMutation, WebhooksQuery


@strawberry.type
class Query(
    BonusAdminQuery,
    CashbackAdminQuery,
    ComplianceAdminQuery,
    TierAdminQuery,
    PenaltyAdminQuery,
    AdmissionAdminQuery,
    RealNameAdminQuery,
    DepositAdminQuery,
    AgreementAdminQuery,
    AftersaleAdminQuery,
    VaultAdminQuery,
    AgentsAdminQuery,
    BrandsAdminQuery,
    CardsAdminQuery,
    CatalogAdminQuery,
    CostsAdminQuery,
    CouponsAdminQuery,
    CustodyAdminQuery,
    CommissionsAdminQuery,
    ContractsAdminQuery,
    DetailsAdminQuery,
    GiftCardsAdminQuery,
    ClaimsAdminQuery,
    IdentityAdminQuery,
    JobsAdminQuery,
    ManualAdminQuery,
    NotificationsAdminQuery,
    OrderAdminQuery,
    PaceAdminQuery,
    PaymentsAdminQuery,
    PayoutCasesAdminQuery,
    PayoutFilesAdminQuery,
    PayoutsAdminQuery,
    SettlementAdminQuery,
    PriceGuardAdminQuery,
    PriceBookAdminQuery,
    PromotionAdminQuery,
    ProvidersAdminQuery,
    PricesAdminQuery,
    ProductTypesAdminQuery,
    RefundsAdminQuery,
    RatingAdminQuery,
    ReconciliationAdminQuery,
    ReplenishmentAdminQuery,
    ReviewAdminQuery,
    RiskAdminQuery,
    SitesAdminQuery,
    SourcingAdminQuery,
    StatementsAdminQuery,
    StockAdminQuery,
    RoutingAdminQuery,
    SuppliersAdminQuery,
    SupplyAdminQuery,
    TraceAdminQuery,
    WebhooksQuery,
):
    """What may be read."""


@strawberry.type
class Mutation(
    BonusAdminMutation,
    CashbackAdminMutation,
    TierAdminMutation,
    PenaltyAdminMutation,
    AdmissionAdminMutation,
    RealNameAdminMutation,
    DepositAdminMutation,
    AgreementAdminMutation,
    AftersaleAdminMutation,
    EvidenceAdminMutation,
    VaultAdminMutation,
    AgentsAdminMutation,
    BrandsAdminMutation,
    PriceGuardAdminMutation,
    PriceBookAdminMutation,
    PromotionAdminMutation,
    ProvidersAdminMutation,
    PricesAdminMutation,
    CardsAdminMutation,
    CatalogAdminMutation,
    CommissionsAdminMutation,
    ContractsAdminMutation,
    CouponsAdminMutation,
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
    PayoutCasesAdminMutation,
    PayoutFilesAdminMutation,
    PayoutsAdminMutation,
    ProductTypesAdminMutation,
    RefundsAdminMutation,
    RatingAdminMutation,
    ReconciliationAdminMutation,
    ReplenishmentAdminMutation,
    ReviewAdminMutation,
    RiskAdminMutation,
    SellingAdminMutation,
    SettlementAdminMutation,
    SitesAdminMutation,
    StatementsAdminMutation,
    SecondFactorAdminMutation,
    SourcingAdminMutation,
    StockAdminMutation,
    RoutingAdminMutation,
    SuppliersAdminMutation,
    SupplyAdminMutation,
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
        AgentPriceInvertedError,
        BonusCapsError,
        GiftCardCounterError,
        GiftCardLockedError,
        GiftCardMoveError,
        GiftCardUnusableError,
        PriceBelowFloorError,
        RefundTooLargeError,
        StepUpRequiredError,
        *DELIVERIES,
        *SETTLEMENT_ERRORS,
        *PROVIDER_ERRORS,
    ],
    scalar_map=SCALARS,
)
