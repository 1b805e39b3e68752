"""Claim links (mission row C3): made by an order's buyer, claimed by whoever holds them.

The token stands behind the `#` of the address and comes by POST, so no log of a server has it. A
claim is counted, with its audit rows, before anything is decrypted; whoever dies in between is
shown the same cards again by the same idempotency key, and nobody else is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import audit, sites
from domain.claims import statements
from domain.claims.models import ClaimLink
from domain.claims.ports import places
from domain.claims.refusals import ClaimNothingLeft, RecipientUnreachable, TooManyLinks
from domain.claims.rules import (
    MAX_LIFE,
    MAX_LINKS_OF_AN_ORDER,
    MAX_USES,
    MIN_LIFE,
    Signed,
    address,
    signed_tag,
    written,
)
from domain.kernel import (
    Actor,
    ActorKind,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    claim_key,
    clock,
    connection,
    encode_id,
    input_hash,
    keys,
    new_id,
    purpose_key,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import Contact, openable_cards

TOKEN_PURPOSE = "claim-link"
OPERATION = "claimLinkCreate"
CREATED, REVOKED = "claim_link.created", "claim_link.revoked"


@dataclass(frozen=True, slots=True)
class LinkWish:
    """Which cards of which order, for whom, how often, until when."""

    order_id: UUID
    card_ids: Sequence[UUID] | None
    expires_at: datetime
    max_uses: int = 1
    recipient: Contact | None = None

    def plain(self) -> list[Any]:
        """The values that make two wishes the same one."""
        chosen = sorted(map(str, self.card_ids)) if self.card_ids is not None else None
        digest = self.recipient.digest.hex() if self.recipient else None
        return [self.order_id, chosen, self.expires_at, self.max_uses, digest]


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A link with its address, which opens the cards: a repr does not show it."""

    link: ClaimLink
    url: str = field(repr=False)
    replayed: bool


async def create_link(
    actor: Actor, wish: LinkWish, idempotency_key: str, language: str
) -> MadeLink:
    """A link to cards of the caller's own order. The same key again shows the same address.

    Nobody but the buyer makes one: to an operator it would be a way around the rules of staff
    reveal (decision 0016). Refuses another's order (NOT_FOUND), a life or a number of uses out of
    range, cards that cannot be shown, and a recipient whom no channel reaches.
    """
    buyer = actor.require_user()
    _check(wish)
    await _check_reach(actor, wish)
    link_id = new_id()
    async with transaction() as conn:
        hashed = input_hash(wish.plain())
        earlier = await claim_key(conn, buyer, OPERATION, idempotency_key, hashed, link_id)
        if earlier is not None:
            link = await ClaimLink.get(id=earlier)
        else:
            await _check_order(conn, buyer, wish)
            link = await _written(wish, link_id, language, created_by=buyer)
            details = {"orderId": str(wish.order_id), "maxUses": wish.max_uses}
            await audit.record(conn, actor, "claim_link.create", link_id, details)
            await record_events(conn, [link_event(CREATED, 1, link)])
    wake_relay()
    return MadeLink(link, await url_of(link), replayed=earlier is not None)


async def link_for_message(
    order_id: UUID, origin: UUID, expires_at: datetime, language: str
) -> MadeLink | None:
    """The link that a message to the order's own buyer carries; one for each message, for ever.

    None for an order that has no cards to hand on, such as a top-up.
    """
    async with transaction() as conn:
        link = await ClaimLink.filter(origin=origin).first()
        if link is None:
            if not await cards_to_hand_on(conn, order_id, None):
                return None
            wish = LinkWish(order_id, None, expires_at)
            link = await _written(wish, new_id(), language, origin=origin)
            await record_events(conn, [link_event(CREATED, 1, link)])
    wake_relay()
    return MadeLink(link, await url_of(link), replayed=False)


async def revoke_link(actor: Actor, link_id: UUID) -> ClaimLink:
    """Take a link back: its buyer's, or any with `orders:deliver`. A second time changes nothing.

    What was shown stays known; the claimer's own key shows it no more either.
    """
    async with transaction() as conn:
        row = await conn.fetchrow(statements.LOCK, link_id)
        may = row is not None and (
            row["buyer_id"] == actor.user_id or actor.is_staff("orders:deliver")
        )
        refuse_unless(may, NotFound(what="claim link", field=("id",)))
        if row["revoked_at"] is None:
            await conn.execute(statements.REVOKE, link_id, clock.now())
            await audit.record(conn, actor, "claim_link.revoke", link_id, {})
            link = await ClaimLink.get(id=link_id)
            await record_events(conn, [link_event(REVOKED, link.event_count, link)])
        link = await ClaimLink.get(id=link_id)
    wake_relay()
    return link


async def cards_to_hand_on(
    conn: Connection, order_id: UUID, card_ids: Sequence[UUID] | None
) -> list[UUID]:
    """Which of these cards (all of the order without ids) may be handed on now."""
    chosen = None if card_ids is None else list(card_ids)
    found = await openable_cards(conn, order_id, chosen)
    return [row["id"] for row in await conn.fetch(statements.GOOD_TO_HAND_ON, found)]


async def url_of(link: ClaimLink) -> str:
    """The address of a link, on the site where its order was placed."""
    async with connection() as conn:
        site_id = await conn.fetchval("SELECT site_id FROM orders WHERE id = $1", link.order_id)
    return address(sites.base_of(await sites.get_site(site_id)), token_of(link))


def token_of(link: ClaimLink) -> str:
    """The token that opens a link."""
    return written(link.id, signed_tag(purpose_key(TOKEN_PURPOSE, link.key_version), signed(link)))


def signed(link: ClaimLink) -> Signed:
    """What the link's signature covers."""
    digest = link.recipient_digest or b""
    return Signed(link.id, link.order_id, link.expires_at, link.max_uses, bytes(digest))


def link_event(event: str, sequence: int, link: ClaimLink, **more: Any) -> Event:
    """What the outside hears of a link: ids and counts."""
    payload = {
        "claimLinkId": encode_id(Prefix.CLAIM_LINK, link.id),
        "orderId": encode_id(Prefix.ORDER, link.order_id),
        "uses": link.uses,
        "maxUses": link.max_uses,
        **more,
    }
    return Event(event, link.id, sequence, payload)


def _check(wish: LinkWish) -> None:
    life = wish.expires_at - clock.now()
    lives = MIN_LIFE <= life <= MAX_LIFE
    refuse_unless(lives, Invalid(reason="claim_life", field=("expiresAt",)))
    counted = 1 <= wish.max_uses <= MAX_USES
    refuse_unless(counted, Invalid(reason="claim_uses", field=("maxUses",)))
    some = wish.card_ids is None or len(wish.card_ids) > 0
    refuse_unless(some, Invalid(reason="claim_cards", field=("cardIds",)))


async def _check_reach(actor: Actor, wish: LinkWish) -> None:
    """A link that is bound to somebody who cannot be sent a code would open to nobody."""
    if wish.recipient is None:
        return
    reached = places.reach is not None and await places.reach(actor.site_id, wish.recipient.kind)
    refuse_unless(reached, RecipientUnreachable(field=("recipient",)))


async def _check_order(conn: Connection, buyer: UUID, wish: LinkWish) -> None:
    """The order is locked, so that its links are counted one after another."""
    owner = await conn.fetchval(statements.LOCK_ORDER, wish.order_id)
    refuse_unless(owner == buyer, NotFound(what="order", field=("orderId",)))
    found = await cards_to_hand_on(conn, wish.order_id, wish.card_ids)
    whole = wish.card_ids is None or set(found) == set(wish.card_ids)
    refuse_unless(whole, NotFound(what="card", field=("cardIds",)))
    refuse_unless(bool(found), ClaimNothingLeft(field=("orderId",)))
    made = await conn.fetchval(statements.LINKS_OF_ORDER, wish.order_id)
    refuse_unless(made < MAX_LINKS_OF_AN_ORDER, TooManyLinks(most=MAX_LINKS_OF_AN_ORDER))


async def _written(
    wish: LinkWish,
    link_id: UUID,
    language: str,
    *,
    created_by: UUID | None = None,
    origin: UUID | None = None,
) -> ClaimLink:
    who = wish.recipient
    return await ClaimLink.create(
        id=link_id,
        order_id=wish.order_id,
        card_ids=None if wish.card_ids is None else list(wish.card_ids),
        created_by=created_by,
        origin=origin,
        recipient_kind=who.kind if who else None,
        recipient_sealed=who.sealed(link_id) if who else None,
        recipient_digest=who.digest if who else None,
        recipient_masked=who.masked if who else None,
        language=language,
        key_version=keys().current,
        max_uses=wish.max_uses,
        expires_at=wish.expires_at,
        created_at=clock.now(),
    )


def as_link(actor: Actor, link_id: UUID) -> Actor:
    """Who claims, for the audit log: nobody knows who it is, so the link stands for them."""
    return replace(actor, user_id=link_id, kind=ActorKind.LINK, scopes=frozenset())
