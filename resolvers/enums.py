"""The domain's enumerations as GraphQL knows them.

Registered here, in one place and before anything else, because Strawberry makes a definition of its
own for whatever enumeration it meets first in an input. What each value means stands in
`enum_values.toml`, for clients and not for this code.
"""

import tomllib
from enum import StrEnum
from pathlib import Path

import strawberry

from domain.admission import ApplicationState, ReviewStage
from domain.aftersale import (
    CheckResult,
    ClaimState,
    Decision,
    DisputeReason,
    DisputeState,
    RateBy,
    Side,
)
from domain.agents import (
    AgentStatus,
    AgentType,
    BarReason,
    BlockedBy,
    ChangeKind,
    ChangeReason,
    Deed,
    Tier,
)
from domain.bonuses import BonusBasis, BonusState
from domain.bulk import JobState
from domain.cards import BatchStage, CardState, ChainState, CheckOrigin, Verdict, WriteOffKind
from domain.cashback import CashbackBearer, CashbackScope, CashbackState
from domain.catalog import (
    AttributeKind,
    DeliveryKind,
    FieldKind,
    ListingStatus,
    MediaKind,
    ProductSort,
    StockLevel,
    VariantStatus,
    WhenOut,
)
from domain.claims import LinkState
from domain.commissions import AwardKind, CommissionState, RuleKind, RuleScope
from domain.costs import CostKind
from domain.coupons import (
    CampaignKind,
    CampaignState,
    CouponState,
    DiscountBearer,
    UseState,
    Why,
)
from domain.deposits import DepositMove, ReturnState
from domain.fulfilment import AttemptStatus, SupplierCallbackOutcome
from domain.giftcards import Activation, Breakage, GiftCardReason, GiftCardStatus, GiftCardValue
from domain.ledger import TransferKind
from domain.notifications import Medium, NoticeKind, NotificationState
from domain.orders import Bearer, ChargeKind, LineStatus, OrderStatus
from domain.payments import CallbackOutcome, PaymentStatus, RefundStatus, Way
from domain.payouts import (
    BatchStatus,
    CaseKind,
    CaseState,
    CaseVerdict,
    DestinationKind,
    FileState,
    PayoutCallbackOutcome,
    PayoutStatus,
    RowDifference,
)
from domain.penalties import InspectionState, PenaltyState, PenaltyStep, Violation
from domain.priceguard import GuardAction, InversionCause
from domain.promotion import PosterTheme, PromoState, TextKind
from domain.providers import (
    ContractBasis,
    ContractModel,
    Decided,
    PartKind,
    PaymentState,
    ProviderKind,
)
from domain.ratings import RatedBy, RatingState, RatingTag
from domain.realname import RealNameLevel, RealNameState
from domain.reconciliation import FindingState, Matter
from domain.refunds import RefundDestination, RefundProgress, RefundReason
from domain.replenishment import AbcClass, BudgetPeriod, ProposalState, ReplenishMode
from domain.routing import Demotion, Reach
from domain.settlement import ObjectionState
from domain.sites import Assortment, SiteStatus
from domain.sourcing import RunState
from domain.statements import DifferenceState, LineKind, Outcome, Party, Step
from domain.suppliers import Availability, Pushes, SupplierState, SupplierTier
from domain.teams import Bucket
from domain.tiers import Criterion, PromotionTiming, ReviewOutcome
from domain.vault import ExportStatus, RevealStatus
from domain.webhooks import DeliveryState

DESCRIBED = {
    RevealStatus: "GRANTED needed no second person; a WAITING one lapses after a day.",
    ExportStatus: "READY can be fetched once, by its requester.",
    Tier: "Price grades, dearest first.",
    AgentType: "What kind of reseller an agent is; a PROMOTER never has a downline.",
    AgentStatus: "Who is not ACTIVE earns nothing on new sales. CLOSED is final.",
    BarReason: "Why an agent earns nothing. SELF, MARKED, DEVICE, ADDRESS: bought by itself, or by"
    " an account that is its own. BELOW: an agent further down bought for itself.",
    Deed: "What an agent may be kept from.",
    BlockedBy: "What keeps an agent from something.",
    NoticeKind: "What a notice is about.",
    Bucket: "How days are put together.",
    TextKind: "What an entry of the library is.",
    PosterTheme: "The colours of a poster.",
    PromoState: "Where an entry of the library stands; only what is APPROVED is shared.",
    DepositMove: "DEDUCTED: by a penalty case; RESTORED: after an appeal against one.",
    ReturnState: "CANCELLED: by the agent, or nothing was left.",
    RealNameLevel: "How sure the house is of who somebody is, least first.",
    RealNameState: "REVIEW: staff look at it.",
    ApplicationState: "CHECKED: the first look was good, the second is to come.",
    PenaltyStep: "The ladder, mildest first. DEDUCTION: of the deposit. RESTRICTION: for a time.",
    PenaltyState: "NOTICED: the agent may answer. IMPOSED: it may appeal. FINAL: nobody did.",
    InspectionState: "What a sample of what an agent does has found.",
    Violation: "What an agent is said to have done.",
    Criterion: "What a tier may ask for; there is no other. COMPLAINTS and COMPLIANCE: at most.",
    PromotionTiming: "When a promotion counts from. NEXT_PERIOD: the first day of the next month.",
    ReviewOutcome: "WARNED: below what the tier takes, within its grace. PINNED: by staff.",
    ReviewStage: "The two looks at an application, of two persons.",
    ChangeKind: "What about an agent changed.",
    ChangeReason: "Why it changed; OTHER needs a note.",
    DeliveryKind: "How a variant reaches its buyer.",
    FieldKind: "What a field asks for.",
    AttributeKind: "What the values of an attribute are; NUMBER: whole numbers.",
    MediaKind: "What an asset is, so that a front end knows how to show it.",
    ProductSort: "RELEVANCE is the order of the shelves where nothing is searched for.",
    WhenOut: "SKIP: a bundle is sold without its gift; REFUSE: it is not sold.",
    ListingStatus: "Where a product stands on its way to the shelf; APPROVED ones are shown.",
    VariantStatus: "Only ACTIVE variants of an approved product are shown and sold.",
    StockLevel: "OUT also when nobody can deliver it.",
    ChainState: "What the hash chain says of an event; BROKEN: it is not what was sealed.",
    CardState: "Where a card is in its life; only AVAILABLE and SHARED ones are sold.",
    CheckOrigin: "Why a card is checked.",
    Verdict: "What a check of a card found.",
    WriteOffKind: "Why cards left the stock without a sale.",
    AttemptStatus: "SUBMITTING, ACCEPTED and UNCERTAIN are open.",
    GiftCardStatus: "Only an ACTIVE gift card is good; USED_UP and VOID are final.",
    GiftCardReason: "Why a gift card is not good now.",
    GiftCardValue: "What a gift card holds: money, or a number of uses.",
    Activation: "From when a sold gift card is good. BY_HAND: an operator activates it.",
    Breakage: "What becomes of the rest when a card's time is over. KEPT: it stays owed.",
    TransferKind: "What moved the money.",
    BatchStage: "IMPORTING, UNDOING: not whole yet; the same call again goes on.",
    JobState: "RECEIVING: its input is on the way. The last three are final.",
    OrderStatus: "Where an order stands. FAILED, CANCELLED and EXPIRED are unpaid, and only a"
    " late payment changes them. DELIVERED and PARTIALLY_DELIVERED stay until all money of the"
    " order went back: then it is REFUNDED, for good. In part it is told by `refundedTotal`.",
    LineStatus: "Where a line stands. WAITING: for the payment, or a second look. DELIVERED and"
    " REFUNDED (nobody could deliver it) are final; what went back of delivered goods is told by"
    " `refundedTotal`.",
    SiteStatus: "CLOSED: visitors are refused; the main site is always open.",
    Assortment: "What a site sells when none of its rules speaks of a product.",
    Way: "How a payment is shown: a page, a code to scan, or the vendor's own script.",
    PaymentStatus: "SUSPENDED: paid, but no order needs it. CLOSED and FAILED: surely unpaid.",
    RefundStatus: "REJECTED: the channel refused, and the buyer's wallet has the money.",
    DisputeReason: "What a buyer says of goods; OTHER needs a text.",
    DisputeState: "REPLACED, REFUNDED and UPHELD are final; REJECTED is, unless it is appealed.",
    CheckResult: "What a supplier says of goods; INVALID: bad, or surely never delivered.",
    Side: "Which side of a case.",
    Decision: "What becomes of a case.",
    ClaimState: "CREDITED lowers what we owe the supplier; WRITTEN_OFF is a loss.",
    RateBy: "By what complaints are counted together.",
    RatedBy: "Of whom ratings are counted together.",
    RatingState: "Where the text of a rating stands; PLAIN: it has none. Its stars always count.",
    RatingTag: "What was good, or was not.",
    RefundReason: "Why the money of delivered goods goes back; OTHER needs a note.",
    RefundDestination: "CHANNEL: back the way the money came; WALLET: the buyer's wallet.",
    RefundProgress: "PENDING: the channel works on it; COMPLETED: the buyer has it.",
    CallbackOutcome: "What became of a callback; only TAKEN and SUSPENDED moved money.",
    Matter: "What is compared between the money ledger and the card ledger.",
    FindingState: "RESOLVED: the books agree by now. SETTLED: an operator explained it.",
    CostKind: "Where a part of an order's total goes.",
    ChargeKind: "What a buyer is charged for.",
    Bearer: "Who bears a charge.",
    Party: "Whose statement it is.",
    LineKind: "What a line is about; OTHER is kept and compared with nothing.",
    Outcome: "How a line of a statement compares with what we have.",
    DifferenceState: "ASKED: explained, and another operator has to agree. RESOLVED: they agree by"
    " now. SETTLED: two operators have explained it.",
    Step: "What may be done about a difference.",
    SupplierCallbackOutcome: "What became of a supplier's callback; only BOOKED moved anything, and"
    " what an asked supplier answers is told by the attempt.",
    Reach: "Whether a supplier answered when it was asked how it is.",
    Demotion: "Why a supplier is asked after all others.",
    SupplierState: "Only ACTIVE ones get new attempts.",
    ObjectionState: "Where an agent's objection stands.",
    CommissionState: "PENDING: its time is not over. AVAILABLE: the agent has it, or had it.",
    RuleKind: "How a commission is worked out.",
    AwardKind: "By what kind of plan an agent earns for a month.",
    CashbackScope: "Of which goods a rule of cashback is; the narrowest that fits counts.",
    CashbackBearer: "Who pays for it in the end; with a supplier it is settled outside.",
    CashbackState: "NOTHING: the goods went back, or nothing was left above the floor.",
    BonusBasis: "Which settled sales a plan stands on; there is no other.",
    BonusState: "Only an APPROVED plan pays. WITHDRAWN: before its first month.",
    PayoutStatus: "UNKNOWN is asked about. REFUSED and CANCELLED were never sent; of FAILED and"
    " RETURNED the agent has its money again.",
    BatchStatus: "What a batch holds is approved or refused together.",
    DestinationKind: "Where money of an agent goes.",
    CaseKind: "What people have to look into.",
    CaseState: "ASKED: another operator has to agree.",
    CaseVerdict: "What people found out; SETTLED moves nothing.",
    PayoutCallbackOutcome: "Only BOOKED moved anything, and what the channel itself said.",
    FileState: "PARTLY and DONE are told from the payouts that are in the file.",
    RowDifference: "CONTRADICTS: its payout had ended otherwise.",
    RuleScope: "Of which goods a rule is; the narrowest that fits wins.",
    ContractModel: "How a provider is paid.",
    ContractBasis: "What results are counted in: settled sales to consumers that no agent brought.",
    Decided: "What one person proposes and another one decides.",
    PartKind: "What a line is for; RETURNED: taken back by refunds.",
    ProviderKind: "Who a provider is.",
    PaymentState: "FAILED: surely not paid; RETURNED: it came back. Both are owed again.",
    Medium: "How a message travels: to a buyer's address or number, or to a group of staff.",
    NotificationState: "UNCERTAIN: perhaps sent, and never repeated but by a person.",
    LinkState: "Where a claim link stands; only an OPEN one is claimed.",
    DeliveryState: "DEAD: given up after all tries.",
    CampaignKind: "How much comes off.",
    CouponState: "LOCKED: in an order that waits for its payment.",
    DiscountBearer: "Who pays for what buyers save.",
    UseState: "RELEASED: its order ended unpaid. RETURNED: all of its money went back.",
    Why: "Why a coupon does not apply.",
    CampaignState: "Only a RUNNING one is used, inside its times. ENDED is final.",
    AbcClass: "A: what makes four fifths of the sales; B: most of the rest; C: little.",
    Availability: "Whether a supplier has an item.",
    Pushes: "OFFERED: it could, and nobody has asked it to. NONE: its list is read, as ever.",
    BudgetPeriod: "For how long a budget is (UTC).",
    GuardAction: "What is done about a price that a cost has overtaken; nobody buys at it anyway.",
    InversionCause: "SAVE, ORDER: it was refused. COST: a cost rose above it.",
    ProposalState: "Where a proposal stands.",
    ReplenishMode: "What becomes of a need that the planner finds.",
    RunState: "How far a run has come.",
    SupplierTier: "How far a supplier stands from who makes the goods.",
}
NAMED = {
    UseState: "CouponUseState",
    Why: "CouponReason",
    ApplicationState: "AgentApplicationState",
    ReviewStage: "AgentApplicationStage",
    Deed: "AgentDeed",
    BlockedBy: "AgentBlockedBy",
    NoticeKind: "AgentNoticeKind",
    Criterion: "TierCriterion",
    PromotionTiming: "TierPromotionTiming",
    ReviewOutcome: "TierReviewOutcome",
    Violation: "PenaltyViolation",
    ReturnState: "DepositReturnState",
    BarReason: "BarredBecause",
    ChangeKind: "AgentChangeKind",
    ChangeReason: "AgentChangeReason",
    CheckResult: "DisputeCheckResult",
    Decision: "DisputeDecision",
    ClaimState: "SupplierClaimState",
    RateBy: "ComplaintRateBy",
    Side: "DisputeSide",
    RatedBy: "RatingFiguresBy",
    Way: "PaymentWay",
    RefundStatus: "PaymentRefundStatus",
    RefundProgress: "RefundStatus",
    CallbackOutcome: "PaymentCallbackOutcome",
    Reach: "SupplierReach",
    Demotion: "SupplierDemotion",
    Matter: "ReconciliationMatter",
    FindingState: "ReconciliationFindingState",
    Party: "StatementParty",
    LineKind: "StatementLineKind",
    Outcome: "StatementOutcome",
    DifferenceState: "StatementDifferenceState",
    Step: "StatementStep",
    BatchStatus: "PayoutBatchStatus",
    DestinationKind: "PayoutDestinationKind",
    CaseKind: "PayoutCaseKind",
    CaseState: "PayoutCaseState",
    CaseVerdict: "PayoutCaseVerdict",
    FileState: "PayoutFileState",
    RowDifference: "PayoutRowDifferenceKind",
    RuleKind: "CommissionRuleKind",
    ContractModel: "ProviderContractModel",
    ContractBasis: "ProviderContractBasis",
    Decided: "ProviderDecision",
    PartKind: "ProviderLineKind",
    PaymentState: "ProviderPaymentState",
    RuleScope: "CommissionRuleScope",
    WhenOut: "WhenGiftOut",
    Medium: "NotificationMedium",
    LinkState: "ClaimLinkState",
    Activation: "GiftCardActivation",
    Breakage: "GiftCardBreakage",
    BudgetPeriod: "PurchaseBudgetPeriod",
    GuardAction: "PriceGuardAction",
    InversionCause: "PriceInversionCause",
    ProposalState: "PurchaseProposalState",
    RunState: "CatalogueRunState",
    Availability: "OfferAvailability",
    Pushes: "GoodsPushes",
}


def _register(
    enumeration: type[StrEnum], description: str, values: dict[str, dict[str, str]]
) -> None:
    name = NAMED.get(enumeration, enumeration.__name__)
    told = values.get(name, {})
    registered = strawberry.enum(enumeration, name=name, description=description)
    for value in registered.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = told.get(value.name)


_VALUES = tomllib.loads(Path(__file__).with_name("enum_values.toml").read_text(encoding="utf-8"))
for each, text in DESCRIBED.items():
    _register(each, text, _VALUES)
