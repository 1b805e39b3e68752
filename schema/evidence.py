"""Files that the sides of a case lay before each other."""

from datetime import datetime

import strawberry

from domain import aftersale
from domain.aftersale import Side
from domain.kernel import Prefix
from resolvers import evidence as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.scalars import id_field

SIGNED_IN, LOOK = [SignedIn()], Rate(RateZone.ORDER_LOOKUP)
BY_GUEST = Rate(RateZone.GUEST_LOOKUP, account="guest.number")
READ, DECIDE = [Scope("aftersales:read")], [Scope("aftersales:decide")]


@strawberry.type(description="A picture or a PDF in a case.")
@presents(aftersale.Evidence)
class DisputeEvidence:
    id: strawberry.ID = id_field(Prefix.EVIDENCE)
    side: Side = field(description="Who sent it.")
    name: str | None = field(
        resolvers.name, description="Without its ending; null once it is erased."
    )
    media_type: str | None = field(description="Told by its content.")
    bytes: int | None
    added_at: datetime | None
    erased_at: datetime | None = field(
        description="Since when only that it was there is known of it."
    )


@strawberry.type(
    description="Where a file goes in or comes out: send `method` to `url` of this host with the"
    " header `Authorization` as it stands here, once for a file that goes in."
)
@presents(resolvers.Door)
class DisputeEvidenceDoor:
    evidence_id: strawberry.ID
    method: str = field(description="PUT with the file as the body, or GET.")
    url: str
    authorization: str
    expires_at: datetime = field(resolvers.expires_at)


@strawberry.type
class DisputeEvidenceDoorPayload:
    door: DisputeEvidenceDoor | None
    user_errors: list[UserError]


@strawberry.type
class DisputeEvidenceErasePayload:
    evidence: DisputeEvidence | None
    user_errors: list[UserError]


@strawberry.type
class EvidenceMutation:
    order_dispute_evidence_add: DisputeEvidenceDoorPayload = mutation(
        resolvers.order_dispute_evidence_add,
        payload=DisputeEvidenceDoorPayload,
        entity="door",
        permissions=SIGNED_IN,
        rate=LOOK,
        description="Be allowed to send one file into one's own undecided case: PNG, JPEG, WebP or"
        " PDF, at most 5 MiB, six of each side. What a camera wrote into a picture is taken out.",
    )
    order_dispute_evidence_add_by_guest: DisputeEvidenceDoorPayload = mutation(
        resolvers.order_dispute_evidence_add_by_guest,
        payload=DisputeEvidenceDoorPayload,
        entity="door",
        rate=BY_GUEST,
        sensitive=True,
        description="`orderDisputeEvidenceAdd` for whoever proves the order.",
    )
    order_dispute_evidence_open: DisputeEvidenceDoorPayload = mutation(
        resolvers.order_dispute_evidence_open,
        payload=DisputeEvidenceDoorPayload,
        entity="door",
        permissions=SIGNED_IN,
        rate=LOOK,
        description="Be allowed to fetch a file of one's own case, for some minutes.",
    )
    order_dispute_evidence_open_by_guest: DisputeEvidenceDoorPayload = mutation(
        resolvers.order_dispute_evidence_open_by_guest,
        payload=DisputeEvidenceDoorPayload,
        entity="door",
        rate=BY_GUEST,
        sensitive=True,
        description="`orderDisputeEvidenceOpen` for whoever proves the order.",
    )
    order_dispute_evidence_erase: DisputeEvidenceErasePayload = mutation(
        resolvers.order_dispute_evidence_erase,
        payload=DisputeEvidenceErasePayload,
        entity="evidence",
        permissions=SIGNED_IN,
        rate=LOOK,
        description="Erase for good what one has sent, until the case is decided.",
    )
    order_dispute_evidence_erase_by_guest: DisputeEvidenceErasePayload = mutation(
        resolvers.order_dispute_evidence_erase_by_guest,
        payload=DisputeEvidenceErasePayload,
        entity="evidence",
        rate=BY_GUEST,
        sensitive=True,
        description="`orderDisputeEvidenceErase` for whoever proves the order.",
    )


@strawberry.type
class EvidenceAdminMutation:
    dispute_evidence_add: DisputeEvidenceDoorPayload = mutation(
        resolvers.dispute_evidence_add,
        payload=DisputeEvidenceDoorPayload,
        entity="door",
        permissions=DECIDE,
        description="Be allowed to send one file into an undecided case; its buyer sees it.",
    )
    dispute_evidence_open: DisputeEvidenceDoorPayload = mutation(
        resolvers.dispute_evidence_open,
        payload=DisputeEvidenceDoorPayload,
        entity="door",
        permissions=READ,
        description="Be allowed to fetch a file, for some minutes. Audited.",
    )
    dispute_evidence_erase: DisputeEvidenceErasePayload = mutation(
        resolvers.dispute_evidence_erase,
        payload=DisputeEvidenceErasePayload,
        entity="evidence",
        permissions=DECIDE,
        description="Erase any file for good, as when somebody asks for it. Audited.",
    )
