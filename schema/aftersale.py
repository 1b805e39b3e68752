"""Cases of after-sale, as buyers open them and as the back office decides them."""

from datetime import datetime

import strawberry

from domain import aftersale
from domain.aftersale import (
    CheckResult,
    ClaimState,
    DisputeReason,
    DisputeState,
    ReorderState,
)
from domain.kernel import Prefix
from resolvers import aftersale as resolvers
from resolvers import evidence as evidence_resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.evidence import DisputeEvidence
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field

READ, DECIDE = [Scope("aftersales:read")], [Scope("aftersales:decide")]


@strawberry.type(
    description="What a buyer says of one card, or of a line without cards of its own, and what was"
    " decided."
)
@presents(aftersale.Dispute)
class Dispute:
    id: strawberry.ID = id_field(Prefix.DISPUTE)
    line_id: strawberry.ID = id_field(Prefix.ORDER_LINE, "line_id")
    card_id: strawberry.ID | None = field(
        resolvers.card_of, description="Null: of a top-up, what was handed over, a shared code."
    )
    quantity: int = field(description="Of how many pieces of the line.")
    reason: DisputeReason
    state: DisputeState
    opened_at: datetime
    decide_by: datetime | None = field(description="Until when somebody decides.")
    decision: str = field(description="Why it was decided so; empty until it is.")
    decided_at: datetime | None
    appeal_until: datetime | None = field(
        description="Until when a REJECTED case can be appealed, once."
    )
    appealed_at: datetime | None
    replacement_card_id: strawberry.ID | None = field(
        resolvers.replacement_of, description="The card in its place; its code is revealed as ever."
    )
    handed_over: str | None = field(
        resolvers.handed_over,
        description="Of a line that is REPLACED: what was handed over in its place.",
    )
    refund_id: strawberry.ID | None = field(
        resolvers.refund_of, description="Of `Order.refunds`: what went back for it."
    )
    evidence: list[DisputeEvidence] = field(
        evidence_resolvers.files, size=2, description="Files of both sides, oldest first."
    )


@strawberry.type(description="One step of a case.")
@presents(aftersale.DisputeStep)
class DisputeStep:
    state: DisputeState
    actor_kind: str
    actor_id: strawberry.ID | None = field(
        resolvers.actor_of_step, description="Null: a guest who proved the order."
    )
    at: datetime


@strawberry.type(description="What a supplier is to make good for one bad card.")
@presents(aftersale.SupplierClaim)
class SupplierClaim:
    id: strawberry.ID = id_field(Prefix.SUPPLIER_CLAIM)
    dispute_id: strawberry.ID = id_field(Prefix.DISPUTE, "dispute_id")
    supplier_id: strawberry.ID = id_field(Prefix.SUPPLIER, "supplier_id")
    amount: Money = field(resolvers.claim_amount, description="What the bad card cost us.")
    state: ClaimState
    recovered: Money = field(resolvers.claim_recovered, description="What of it came.")
    note: str
    opened_at: datetime
    settled_at: datetime | None


@strawberry.type(
    description="A replacement that is ordered from a supplier. Its attempts are among those of the"
    " order (`fulfilmentAttempts`)."
)
@presents(aftersale.DisputeReorder)
class DisputeReorder:
    state: ReorderState
    failure: str = field(
        description="Why it FAILED, such as NO_SUPPLIER; the case waits for another decision."
    )
    asked_at: datetime
    asked_by: strawberry.ID = field(resolvers.ordered_by)
    ended_at: datetime | None


@strawberry.type(description="A case with all that the house knows of it.")
@presents(aftersale.Dispute)
class DisputeFile:
    dispute: Dispute = field(resolvers.shown)
    order_id: strawberry.ID = field(resolvers.order_of)
    text: str = field(resolvers.text_of, description="What the buyer wrote.")
    appeal: str = field(resolvers.appeal_of, description="What the buyer wrote afterwards.")
    seen_at: datetime | None = field(
        description="When the code was first shown to its buyer, as it was when the case began."
    )
    looks: int = field(description="How often it had been shown by then.")
    attempt_id: strawberry.ID | None = field(
        resolvers.attempt_of, description="That brought the goods, where a supplier did."
    )
    ask_at: datetime | None = field(
        description="When its supplier is asked over its port; null once it answered, or cannot."
    )
    ticket: str = field(description="The supplier's number for our question.")
    check_result: CheckResult | None
    check_answer: str
    checked_at: datetime | None
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    claim: SupplierClaim | None = field(resolvers.claim)
    reorder: DisputeReorder | None = field(
        resolvers.reorder, description="The replacement that was ordered from a supplier last."
    )
    steps: list[DisputeStep] = field(resolvers.steps, size=4, description="Oldest first.")


@strawberry.type(description="How often buyers complained about goods that they ordered.")
@presents(aftersale.ComplaintRate)
class ComplaintRate:
    subject_id: strawberry.ID = field(
        resolvers.subject_of, description="A product, supplier, batch, agent or site."
    )
    delivered: int = field(description="Pieces.")
    disputed: int
    invalid: int = field(description="Disputed pieces that proved bad.")
    dispute_rate: float | None
    invalid_rate: float | None


@strawberry.type(description="The time to complain, or to appeal, is over.")
@presents(aftersale.DisputeTooLate)
class DisputeTooLateError(UserError):
    ended_at: datetime


@strawberry.type
class OrderDisputeOpenPayload:
    disputes: list[Dispute] | None = field(description="One for each card.")
    user_errors: list[UserError]


@strawberry.type
class OrderDisputeAppealPayload:
    dispute: Dispute | None
    user_errors: list[UserError]


@strawberry.type
class DisputeFilePayload:
    dispute: DisputeFile | None
    user_errors: list[UserError]


@strawberry.type
class SupplierClaimPayload:
    claim: SupplierClaim | None
    user_errors: list[UserError]


@strawberry.type
class DisputeMutation:
    order_dispute_open: OrderDisputeOpenPayload = mutation(
        resolvers.order_dispute_open,
        payload=OrderDisputeOpenPayload,
        entity="disputes",
        permissions=[SignedIn()],
        rate=Rate(RateZone.ORDER_LOOKUP),
        description="Say that delivered goods of the caller's own order are bad or never came: a"
        " case for each of `cardIds`, which are frozen, and for each of `lines` that have no cards"
        " of their own. For OTHER the `text` says why. All or none; the same `idempotencyKey` again"
        " answers the same cases.",
    )
    order_dispute_open_by_guest: OrderDisputeOpenPayload = mutation(
        resolvers.order_dispute_open_by_guest,
        payload=OrderDisputeOpenPayload,
        entity="disputes",
        rate=Rate(RateZone.GUEST_LOOKUP, account="number"),
        sensitive=True,
        description="`orderDisputeOpen` for an order by its number with its `guestToken` or its"
        " `lookupPassword`.",
    )
    order_dispute_appeal: OrderDisputeAppealPayload = mutation(
        resolvers.order_dispute_appeal,
        payload=OrderDisputeAppealPayload,
        entity="dispute",
        permissions=[SignedIn()],
        rate=Rate(RateZone.ORDER_LOOKUP),
        description="Ask for a second look at one's own REJECTED case: once, until `appealUntil`."
        " Somebody else decides.",
    )
    order_dispute_appeal_by_guest: OrderDisputeAppealPayload = mutation(
        resolvers.order_dispute_appeal_by_guest,
        payload=OrderDisputeAppealPayload,
        entity="dispute",
        rate=Rate(RateZone.GUEST_LOOKUP, account="number"),
        sensitive=True,
        description="`orderDisputeAppeal` for an order by its number with its `guestToken` or its"
        " `lookupPassword`.",
    )


@strawberry.type
class AftersaleAdminQuery:
    disputes: Connection[DisputeFile] = field(
        resolvers.disputes,
        permissions=READ,
        description="Cases, newest first; `states` keeps those that stand there.",
    )
    dispute: DisputeFile | None = field(resolvers.dispute, permissions=READ)
    supplier_claims: Connection[SupplierClaim] = field(
        resolvers.supplier_claims,
        permissions=READ,
        description="What suppliers owe or owed for bad cards, newest first.",
    )
    complaint_rates: list[ComplaintRate] = field(
        resolvers.complaint_rates,
        permissions=READ,
        cost=50,
        size=20,
        description="Complaints about goods that were ordered in a period of at most 92 days, the"
        " most complained about first; at most 100, and nobody without any. Agents are those"
        " nearest to the buyer.",
    )


@strawberry.type
class AftersaleAdminMutation:
    dispute_check: DisputeFilePayload = mutation(
        resolvers.dispute_check,
        payload=DisputeFilePayload,
        entity="dispute",
        permissions=DECIDE,
        description="Note that the supplier was asked (`ticket`), or what it answered (`result`"
        " with `answer`). Audited.",
    )
    dispute_decide: DisputeFilePayload = mutation(
        resolvers.dispute_decide,
        payload=DisputeFilePayload,
        entity="dispute",
        permissions=DECIDE,
        description="REPLACE the card by another of ours, REFUND its share, or REJECT; the buyer"
        " reads the `reason`. `invalid`: the goods are proved bad, or surely never came, so their"
        " supplier owes for them; left out, as the supplier answered. A line without cards of its"
        " own is REPLACEd by the `note` that is handed over, at its `cost` to us, and only when"
        " `invalid`. `fromSupplier`: a card in the bad one's place is ordered when none is on the"
        " shelf, and the case is REPLACED once it is here (`reorder`). The same `idempotencyKey`"
        " again changes nothing. Audited.",
    )
    supplier_claim_settle: SupplierClaimPayload = mutation(
        resolvers.supplier_claim_settle,
        payload=SupplierClaimPayload,
        entity="claim",
        permissions=[Scope("aftersales:claims")],
        description="A supplier PAID, gave credit (CREDITED), or refuses (WRITTEN_OFF). What is not"
        " `recovered` is a loss; left out, all came. Audited.",
    )
