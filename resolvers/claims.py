"""How the fields of claim links are answered."""

import io
from dataclasses import dataclass, field
from datetime import datetime

import segno
import strawberry
from strawberry import Parent

from domain import claims, orders
from domain.claims import LinkState
from domain.kernel import Page, Prefix, clock, decode_id, encode_id, page_request
from resolvers.context import Info
from resolvers.orders import ContactInput
from resolvers.sealed import Revealed, recipient_of, revealed_to

QR_SCALE = 4


@dataclass(frozen=True)
class LinkAddress:
    """What opens the cards: shown when the link is made, and in no list. A repr hides it."""

    url: str = field(repr=False)


@dataclass(frozen=True)
class LinkOutcome:
    """What the payload shows of a new link."""

    link: claims.ClaimLink
    address: LinkAddress
    replayed: bool


@dataclass(frozen=True)
class ChallengeOutcome:
    """When the code that was sent ends."""

    expires_at: datetime


async def claim_link_create(
    info: Info,
    order_id: strawberry.ID,
    expires_at: datetime,
    idempotency_key: str,
    card_ids: list[strawberry.ID] | None = None,
    max_uses: int = 1,
    recipient: ContactInput | None = None,
) -> LinkOutcome:
    """A link to cards of the caller's own order."""
    chosen = None
    if card_ids is not None:
        chosen = [decode_id(Prefix.CARD, each, field=("cardIds",)) for each in card_ids]
    who = None
    if recipient is not None:
        who = orders.contact_of(recipient.email, recipient.phone, ("recipient",))
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    wish = claims.LinkWish(order, chosen, expires_at, max_uses, who)
    language = info.context.language
    made = await claims.create_link(info.context.actor, wish, idempotency_key, language)
    return LinkOutcome(made.link, LinkAddress(made.url), made.replayed)


async def claim_link_revoke(info: Info, id: strawberry.ID) -> claims.ClaimLink:
    """Take a link back."""
    return await claims.revoke_link(info.context.actor, decode_id(Prefix.CLAIM_LINK, id))


async def claim_link_challenge(info: Info, token: str) -> ChallengeOutcome:
    """Have a one-time code sent to whom a link is for."""
    return ChallengeOutcome(await claims.challenge(info.context.actor, token))


async def claim_link_redeem(
    info: Info,
    token: str,
    idempotency_key: str,
    proof: str | None = None,
    recipient_public_key: str | None = None,
) -> Revealed:
    """The codes that a link hands on."""
    recipient = recipient_of(recipient_public_key)
    opened = await claims.redeem(info.context.actor, token, idempotency_key, proof)
    return revealed_to(recipient, opened)


async def claim_link_open(info: Info, token: str) -> claims.ClaimView:
    """What a link is."""
    return await claims.view_link(token, info.context.language)


async def claim_links(
    info: Info, order_id: strawberry.ID, first: int | None = None, after: str | None = None
) -> Page[claims.ClaimLink]:
    """The links of an order, newest first."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    page = page_request("claimLinks", first, after)
    return await claims.links_of_order(info.context.actor, order, page)


def qr_svg(address: Parent[LinkAddress]) -> str:
    """The address as a QR code, drawn here so that no other server learns it."""
    drawn = io.BytesIO()
    segno.make(address.url, error="m").save(drawn, kind="svg", scale=QR_SCALE, xmldecl=False)
    return drawn.getvalue().decode().strip()


def state(link: Parent[claims.ClaimLink]) -> LinkState:
    """Where the link stands now."""
    return claims.state_of(link.revoked_at, link.expires_at, link.uses, link.max_uses, clock.now())


def order_id(link: Parent[claims.ClaimLink]) -> strawberry.ID:
    """The order whose cards it hands on."""
    return strawberry.ID(encode_id(Prefix.ORDER, link.order_id))


def card_ids(link: Parent[claims.ClaimLink]) -> list[strawberry.ID] | None:
    """The cards it hands on; null for all of the order."""
    if link.card_ids is None:
        return None
    return [strawberry.ID(encode_id(Prefix.CARD, each)) for each in link.card_ids]
