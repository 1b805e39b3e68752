"""The domain's enumerations as GraphQL knows them.

Registered here, in one place and before anything else, because Strawberry makes a definition of its
own for whatever enumeration it meets first in an input.
"""

import strawberry

from domain.aftersale import (
    CheckResult,
    ClaimState,
    Decision,
    DisputeReason,
    DisputeState,
    RateBy,
)
from domain.agents import Tier
from domain.bulk import JobState
from domain.cards import BatchStage, CardState, ChainState, CheckOrigin, Verdict, WriteOffKind
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
from domain.fulfilment import AttemptStatus
from domain.giftcards import Activation, Breakage, GiftCardReason, GiftCardStatus, GiftCardValue
from domain.ledger import TransferKind
from domain.notifications import Medium, NotificationState
from domain.orders import LineStatus, OrderStatus
from domain.payments import CallbackOutcome, PaymentStatus, RefundStatus, Way
from domain.reconciliation import FindingState, Matter
from domain.refunds import RefundDestination, RefundProgress, RefundReason
from domain.sites import Assortment, SiteStatus
from domain.suppliers import SupplierState
from domain.vault import ExportStatus, RevealStatus
from domain.webhooks import DeliveryState

DESCRIBED = {
    RevealStatus: "GRANTED needed no second person; a WAITING one lapses after a day.",
    ExportStatus: "READY can be fetched once, by its requester.",
    Tier: "Price grades, dearest first.",
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
    DisputeReason: "What a buyer says of a card; OTHER needs a text.",
    DisputeState: "REPLACED, REFUNDED and UPHELD are final; REJECTED is, unless it is appealed.",
    CheckResult: "What a supplier says of a card.",
    Decision: "What becomes of a case.",
    ClaimState: "CREDITED lowers what we owe the supplier; WRITTEN_OFF is a loss.",
    RateBy: "By what complaints are counted together.",
    RefundReason: "Why the money of delivered goods goes back; OTHER needs a note.",
    RefundDestination: "CHANNEL: back the way the money came; WALLET: the buyer's wallet.",
    RefundProgress: "PENDING: the channel works on it; COMPLETED: the buyer has it.",
    CallbackOutcome: "What became of a callback; only TAKEN and SUSPENDED moved money.",
    Matter: "What is compared between the money ledger and the card ledger.",
    FindingState: "RESOLVED: the books agree by now. SETTLED: an operator explained it.",
    SupplierState: "Only ACTIVE ones get new attempts.",
    Medium: "How a message travels: to a buyer's address or number, or to a group of staff.",
    NotificationState: "UNCERTAIN: perhaps sent, and never repeated but by a person.",
    LinkState: "Where a claim link stands; only an OPEN one is claimed.",
    DeliveryState: "DEAD: given up after all tries.",
}
NAMED = {
    CheckResult: "DisputeCheckResult",
    Decision: "DisputeDecision",
    ClaimState: "SupplierClaimState",
    RateBy: "ComplaintRateBy",
    Way: "PaymentWay",
    RefundStatus: "PaymentRefundStatus",
    RefundProgress: "RefundStatus",
    CallbackOutcome: "PaymentCallbackOutcome",
    Matter: "ReconciliationMatter",
    FindingState: "ReconciliationFindingState",
    WhenOut: "WhenGiftOut",
    Medium: "NotificationMedium",
    LinkState: "ClaimLinkState",
    Activation: "GiftCardActivation",
    Breakage: "GiftCardBreakage",
}
for enumeration, description in DESCRIBED.items():
    strawberry.enum(enumeration, name=NAMED.get(enumeration), description=description)
