"""Looks of the staff at codes, and exports of unsold cards; both with a second person."""

from datetime import datetime

import strawberry

from domain import vault
from domain.kernel import Prefix
from domain.vault import ExportStatus, RevealStatus
from resolvers import vault as resolvers
from resolvers.permissions import AnyScope, Scope
from schema.cards import CardSecret
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field

REVEALERS = AnyScope(("cards:reveal", "cards:approve"))
EXPORTERS = AnyScope(("cards:export", "cards:approve"))


@strawberry.type(description="An operator's wish to see the codes of some cards, and who let it.")
@presents(vault.StaffReveal)
class StaffReveal:
    id: strawberry.ID = id_field(Prefix.STAFF_REVEAL)
    requester_id: strawberry.ID = id_field(Prefix.USER, "requester_id")
    card_ids: list[strawberry.ID] = field(resolvers.reveal_cards)
    reason: str
    case_id: str
    status: RevealStatus
    approver_id: strawberry.ID | None = field(
        resolvers.reveal_approver, description="Who decided; null when nobody needed to, or has."
    )
    decision: str = field(description="Why it was rejected.")
    requested_at: datetime
    decided_at: datetime | None
    good_until: datetime | None = field(description="Until when the codes are shown.")


@strawberry.type(description="How often the staff has seen a card. Its buyer's looks are no part.")
@presents(vault.StaffLooks)
class StaffLooks:
    count: int
    last_at: datetime | None


@strawberry.type(description="An operator's wish to take unsold cards out, sealed for a key.")
@presents(vault.CardExport)
class CardExport:
    id: strawberry.ID = id_field(Prefix.CARD_EXPORT)
    requester_id: strawberry.ID = id_field(Prefix.USER, "requester_id")
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    batch_id: strawberry.ID | None = field(
        resolvers.export_batch, description="Null: all unsold cards of the variant."
    )
    recipient_public_key: str = field(resolvers.export_recipient)
    reason: str
    status: ExportStatus
    approver_id: strawberry.ID | None = field(resolvers.export_approver)
    decision: str = field(description="Why it was rejected.")
    cards: int = field(description="As counted when asked for, then as written.")
    bytes: int
    failure_code: str | None
    requested_at: datetime
    decided_at: datetime | None
    ready_at: datetime | None
    expires_at: datetime | None = field(description="Fetched before that, or never.")
    taken_at: datetime | None
    path: str | None = field(
        resolvers.export_path,
        description="Where its requester fetches it once, by POST with the session's token.",
    )


@strawberry.type
class StaffRevealPayload:
    request: StaffReveal | None
    secrets: list[CardSecret] = field(
        default_factory=list, description="Empty while a second person has not approved."
    )
    replayed: bool = field(default=False, description="The key came before: shown once more.")
    user_errors: list[UserError]


@strawberry.type
class StaffRevealDecidePayload:
    request: StaffReveal | None
    user_errors: list[UserError]


@strawberry.type
class CardExportPayload:
    export: CardExport | None
    user_errors: list[UserError]


@strawberry.type
class VaultAdminQuery:
    staff_reveals: Connection[StaffReveal] = field(
        resolvers.staff_reveals,
        permissions=[REVEALERS],
        description="Newest first; all with `cards:approve`, else the caller's own.",
    )
    card_looks: StaffLooks = field(
        resolvers.card_looks,
        permissions=[REVEALERS],
        description="How often the staff has seen a card.",
    )
    card_exports: Connection[CardExport] = field(
        resolvers.card_exports,
        permissions=[EXPORTERS],
        description="Newest first; all with `cards:approve`, else the caller's own.",
    )


@strawberry.type
class VaultAdminMutation:
    card_reveal_by_staff: StaffRevealPayload = mutation(
        resolvers.card_reveal_by_staff,
        payload=StaffRevealPayload,
        permissions=[Scope("cards:reveal")],
        rate=Rate(RateZone.REVEAL),
        sensitive=True,
        description="The codes of up to 20 cards. Needs a fresh step-up and a reason; above the"
        " daily number the request WAITs, and after another operator's approval the same key, or"
        " `cardRevealOpen`, shows the codes. Each look is written to the audit log.",
    )
    card_reveal_open: StaffRevealPayload = mutation(
        resolvers.card_reveal_open,
        payload=StaffRevealPayload,
        permissions=[Scope("cards:reveal")],
        rate=Rate(RateZone.REVEAL),
        sensitive=True,
        description="The codes of the caller's own request, once it is approved.",
    )
    card_reveal_approve: StaffRevealDecidePayload = mutation(
        resolvers.card_reveal_approve,
        payload=StaffRevealDecidePayload,
        entity="request",
        permissions=[Scope("cards:approve")],
        description="Let another operator see the codes, for an hour. Needs a fresh step-up.",
    )
    card_reveal_reject: StaffRevealDecidePayload = mutation(
        resolvers.card_reveal_reject,
        payload=StaffRevealDecidePayload,
        entity="request",
        permissions=[Scope("cards:approve")],
        description="Do not let another operator see the codes. Needs a fresh step-up.",
    )
    cards_export: CardExportPayload = mutation(
        resolvers.cards_export,
        payload=CardExportPayload,
        entity="export",
        permissions=[Scope("cards:export")],
        rate=Rate(RateZone.REVEAL),
        sensitive=True,
        description="Ask for the unsold cards of a batch or a variant, sealed for a public key"
        " (`age1...` or `ssh-ed25519 ...`). The cards stay and stay for sale. Needs a fresh step-up"
        " and another operator's approval. The same key again answers the same export.",
    )
    card_export_approve: CardExportPayload = mutation(
        resolvers.card_export_approve,
        payload=CardExportPayload,
        entity="export",
        permissions=[Scope("cards:approve")],
        description="Let another operator take the cards out. Needs a fresh step-up.",
    )
    card_export_reject: CardExportPayload = mutation(
        resolvers.card_export_reject,
        payload=CardExportPayload,
        entity="export",
        permissions=[Scope("cards:approve")],
        description="Do not let another operator take the cards out. Needs a fresh step-up.",
    )
