"""Claim links: cards of an order handed on by a link that opens so often and so long."""

from datetime import date, datetime

import strawberry

from domain import claims
from domain.claims import LinkState
from domain.kernel import Prefix
from resolvers import claims as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.cards import CardSecret
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="A link that hands cards on. Its address is shown once, not here.")
@presents(claims.ClaimLink)
class ClaimLink:
    id: strawberry.ID = id_field(Prefix.CLAIM_LINK)
    order_id: strawberry.ID = field(resolvers.order_id)
    card_ids: list[strawberry.ID] | None = field(
        resolvers.card_ids, description="Null: all cards of the order."
    )
    state: LinkState = field(resolvers.state)
    recipient_masked: str | None = field(
        description="Whoever claims proves to be this one, by a code that is sent there."
    )
    max_uses: int = field(description="How often it may be claimed.")
    uses: int = field(description="How often it was claimed.")
    expires_at: datetime
    revoked_at: datetime | None
    created_at: datetime


@strawberry.type(description="The address of a link. Whoever has it has the cards.")
@presents(resolvers.LinkAddress)
class ClaimLinkAddress:
    url: str = field(description="Its token stands behind `#`, so that no server logs it.")
    qr_svg: str = field(resolvers.qr_svg, description="The address as a QR code, in SVG.")


@strawberry.type(description="A card as its link shows it before it is claimed.")
@presents(claims.ClaimableCard)
class ClaimableCard:
    name: str
    masked: str = field(description="The end of its number or code.")
    expires_on: date | None
    seen_before: bool = field(
        description="Its code was shown to somebody already: ask the sender before you rely on it."
    )


@strawberry.type(description="What a link is, before anything is counted.")
@presents(claims.ClaimView)
class ClaimView:
    state: LinkState
    expires_at: datetime
    uses_left: int
    recipient: str | None = field(
        description="Masked. Have a code sent there by claimLinkChallenge, and redeem with it."
    )
    cards: list[ClaimableCard] = field(description="Empty unless the link is open.")


@strawberry.type
class ClaimLinkCreatePayload:
    link: ClaimLink | None
    address: ClaimLinkAddress | None = field(description="Shown by this call only.")
    replayed: bool = field(default=False, description="The key came before: this is that link.")
    user_errors: list[UserError]


@strawberry.type
class ClaimLinkPayload:
    link: ClaimLink | None
    user_errors: list[UserError]


@strawberry.type
class ClaimLinkOpenPayload:
    view: ClaimView | None
    user_errors: list[UserError]


@strawberry.type
class ClaimLinkChallengePayload:
    expires_at: datetime | None = field(description="When the code that was sent ends.")
    user_errors: list[UserError]


@strawberry.type
class ClaimLinkRedeemPayload:
    secrets: list[CardSecret] = field(
        default_factory=list, description="Empty when `recipientPublicKey` was sent."
    )
    sealed: str | None = field(description="The codes as an armoured age file for that key.")
    user_errors: list[UserError]


@strawberry.type
class ClaimsQuery:
    claim_links: Connection[ClaimLink] = field(
        resolvers.claim_links,
        permissions=[SignedIn()],
        description="The links to cards of the caller's own order, newest first.",
    )


@strawberry.type
class ClaimsMutation:
    claim_link_create: ClaimLinkCreatePayload = mutation(
        resolvers.claim_link_create,
        payload=ClaimLinkCreatePayload,
        permissions=[SignedIn()],
        rate=Rate(RateZone.REVEAL),
        sensitive=True,
        description="A link to cards of the caller's own order (all of them without `cardIds`)."
        " The same `idempotencyKey` again shows the same address.",
    )
    claim_link_revoke: ClaimLinkPayload = mutation(
        resolvers.claim_link_revoke,
        payload=ClaimLinkPayload,
        entity="link",
        permissions=[SignedIn()],
        description="Take a link back. What was shown stays known.",
    )
    claim_link_open: ClaimLinkOpenPayload = mutation(
        resolvers.claim_link_open,
        payload=ClaimLinkOpenPayload,
        entity="view",
        rate=Rate(RateZone.CLAIM, account="token"),
        sensitive=True,
        description="What a link is, masked. Needs no session; nothing is counted. A mutation only"
        " so that the token never stands in an address.",
    )
    claim_link_challenge: ClaimLinkChallengePayload = mutation(
        resolvers.claim_link_challenge,
        payload=ClaimLinkChallengePayload,
        rate=Rate(RateZone.CLAIM, account="token"),
        sensitive=True,
        description="Send a one-time code to whom the link is for. Needs no session.",
    )
    claim_link_redeem: ClaimLinkRedeemPayload = mutation(
        resolvers.claim_link_redeem,
        payload=ClaimLinkRedeemPayload,
        entity="secrets",
        rate=Rate(RateZone.CLAIM, account="token"),
        sensitive=True,
        description="Claim a link: the codes of its cards. Needs no session. Make the"
        " `idempotencyKey` of 16 random letters or more: it alone shows the same claim again,"
        " for 24 hours.",
    )


@strawberry.type
class ClaimsAdminQuery:
    claim_links: Connection[ClaimLink] = field(
        resolvers.claim_links,
        permissions=[Scope("orders:read")],
        description="The links to an order's cards, newest first.",
    )


@strawberry.type
class ClaimsAdminMutation:
    claim_link_revoke: ClaimLinkPayload = mutation(
        resolvers.claim_link_revoke,
        payload=ClaimLinkPayload,
        entity="link",
        permissions=[Scope("orders:deliver")],
        description="Take any link back. Links are made by buyers alone.",
    )


@strawberry.type
class ClaimsPartnerQuery:
    claim_links: Connection[ClaimLink] = field(
        resolvers.claim_links,
        permissions=[Scope("orders:read")],
        description="The links to cards of the partner's own order, newest first.",
    )


@strawberry.type
class ClaimsPartnerMutation:
    claim_link_create: ClaimLinkCreatePayload = mutation(
        resolvers.claim_link_create,
        payload=ClaimLinkCreatePayload,
        permissions=[Scope("orders:write")],
        rate=Rate(RateZone.REVEAL),
        sensitive=True,
        description="A link that hands cards of the partner's own order to a customer. The same"
        " `idempotencyKey` again shows the same address.",
    )
    claim_link_revoke: ClaimLinkPayload = mutation(
        resolvers.claim_link_revoke,
        payload=ClaimLinkPayload,
        entity="link",
        permissions=[Scope("orders:write")],
        description="Take a link back. What was shown stays known.",
    )
