"""The shop's schema: what a buyer's browser or mini-program may ask, at /graphql/shop."""

import strawberry

from schema.admission import AdmissionMutation
from schema.aftersale import DisputeMutation, DisputeTooLateError
from schema.agents import Agent, AgentBlockedError, CommissionMutation
from schema.agreements import AgreementMutation, AgreementQuery
from schema.cards import CardsQuery
from schema.catalog import CatalogQuery
from schema.claims import ClaimsMutation, ClaimsQuery
from schema.commissions import CommissionShortError
from schema.coupons import CouponMutation
from schema.deposits import DepositMutation, DepositQuery
from schema.details import FacetQuery
from schema.documents import RootSchema
from schema.evidence import EvidenceMutation
from schema.giftcards import (
    GiftCardLockedError,
    GiftCardMutation,
    GiftCardShortError,
    GiftCardUnusableError,
)
from schema.identity import IdentityMutation, ViewerQuery
from schema.ledger import BalanceShortError
from schema.limits import SHOP
from schema.live import EarningsSubscription, OrderSubscription
from schema.orders import (
    DELIVERIES,
    AccountInvalidError,
    CouponIneligibleError,
    OrderMutation,
    OrderQuery,
    PriceChangedError,
    RetryLaterError,
    StockShortError,
)
from schema.payments import (
    EmbeddedAction,
    PaymentMutation,
    PaymentQuery,
    QrCodeAction,
    RedirectAction,
)
from schema.payouts import SHOP_ERRORS, PayoutMutation, PayoutQuery
from schema.penalties import PenaltyMutation, PenaltyQuery
from schema.promotion import PromotionMutation, PromotionQuery
from schema.quotes import QuoteMutation, QuoteQuery
from schema.ratings import RatingMutation, RatingQuery
from schema.realname import RealNameMutation
from schema.scalars import SCALARS
from schema.second_factor import SecondFactorMutation, StepUpRequiredError
from schema.settlement import SettlementMutation
from schema.sites import SiteQuery
from schema.tiers import TierQuery


@strawberry.type
class Query(
    DepositQuery,
    TierQuery,
    PenaltyQuery,
    AgreementQuery,
    CardsQuery,
    CatalogQuery,
    FacetQuery,
    ClaimsQuery,
    OrderQuery,
    PaymentQuery,
    PayoutQuery,
    PromotionQuery,
    QuoteQuery,
    RatingQuery,
    SiteQuery,
    ViewerQuery,
):
    """What may be read."""


@strawberry.type
class Mutation(
    PenaltyMutation,
    AdmissionMutation,
    RealNameMutation,
    CouponMutation,
    DepositMutation,
    AgreementMutation,
    ClaimsMutation,
    CommissionMutation,
    DisputeMutation,
    EvidenceMutation,
    GiftCardMutation,
    IdentityMutation,
    OrderMutation,
    PaymentMutation,
    PayoutMutation,
    SettlementMutation,
    PromotionMutation,
    QuoteMutation,
    RatingMutation,
    SecondFactorMutation,
):
    """What may be done."""


@strawberry.type
class Subscription(OrderSubscription, EarningsSubscription):
    """What is pushed."""


schema = RootSchema(
    Query,
    Mutation,
    Subscription,
    limits=SHOP,
    types=[
        Agent,
        AgentBlockedError,
        AccountInvalidError,
        CouponIneligibleError,
        BalanceShortError,
        CommissionShortError,
        DisputeTooLateError,
        EmbeddedAction,
        GiftCardLockedError,
        GiftCardShortError,
        GiftCardUnusableError,
        PriceChangedError,
        QrCodeAction,
        RedirectAction,
        StepUpRequiredError,
        RetryLaterError,
        StockShortError,
        *DELIVERIES,
        *SHOP_ERRORS,
    ],
    scalar_map=SCALARS,
)
