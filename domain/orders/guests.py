"""How somebody without a session comes to an order (api.md, Guests; field bug 18).

The number alone opens nothing: beside it stands the token that the purchase showed, or the
password that was chosen with it. The token is an HMAC of the order's id by a key of its own, so it
is stored nowhere and a replay of the purchase shows it again. Whatever is wrong, the answer is the
same, takes the same statements, and is written to the audit log.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from uuid import UUID

from domain import audit, cards, identity
from domain.kernel import (
    Actor,
    Invalid,
    KeyMissing,
    NotFound,
    Refused,
    connection,
    keyed_digest,
    keys,
    refuse_unless,
    transaction,
)
from domain.orders.models import Order
from domain.orders.service import reveal_found

TOKEN_PURPOSE = "order-guest"
MAX_NUMBER_LETTERS = 32
_TOKEN = re.compile(r"kmg_([0-9]{1,6})_[A-Za-z0-9_-]{43}")
_NOBODY = UUID(int=0)
_BY_NUMBER = """
SELECT o.id, k.lookup_hash FROM orders o LEFT JOIN order_keepsakes k ON k.order_id = o.id
WHERE o.number = $1
"""


@dataclass(frozen=True, slots=True)
class GuestProof:
    """An order's number with its token or its password: one of them. A repr shows neither."""

    number: str
    token: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


def guest_token(order_id: UUID, version: int | None = None) -> str:
    """The order's token: 256 bits, by the current root key or the one of this version."""
    made_by = keys().current if version is None else version
    digest = keyed_digest(TOKEN_PURPOSE, order_id.bytes, made_by)
    return f"kmg_{made_by}_{urlsafe_b64encode(digest).decode().rstrip('=')}"


async def find_by_guest(actor: Actor, proof: GuestProof) -> Order | None:
    """The order behind a proof; None for a number that does not exist and for a wrong proof."""
    order_id = await _proved(actor, proof)
    return None if order_id is None else await Order.get(id=order_id)


async def find_by_token(actor: Actor, order_id: UUID, token: str) -> Order | None:
    """An order by its id and its guest token; None for a wrong token and for no such order."""
    good = _is_token(order_id, token)
    found = await Order.filter(id=order_id).first() if good else None
    action = "order.guest_look" if found else "order.guest_refused"
    async with transaction() as conn:
        await audit.record(conn, actor, action, order_id, {"by": "token"})
    return found


async def reveal_by_guest(
    actor: Actor, proof: GuestProof, card_ids: list[UUID] | None
) -> list[cards.OpenedCard]:
    """The codes of the order behind a proof, audited like any look (mission rows B3, C1).

    Refuses (NOT_FOUND) a wrong number, a wrong proof, and cards of another order.
    """
    order_id = await _proved(actor, proof)
    if order_id is None:
        raise Refused(NotFound(what="order", field=("number",)))
    return await reveal_found(actor, order_id, card_ids, {"by": _way(proof)})


async def forget_keepsake(actor: Actor, order_id: UUID) -> Order:
    """Forget the contact and the look-up password that were left with an order, for ever.

    Of the caller's own order, or of any with `orders:write`; another's sounds like none. A second
    time changes nothing.
    """
    async with transaction() as conn:
        buyer = await conn.fetchval("SELECT buyer_id FROM orders WHERE id = $1", order_id)
        may = buyer is not None and (buyer == actor.user_id or actor.is_staff("orders:write"))
        refuse_unless(may, NotFound(what="order", field=("orderId",)))
        gone = await conn.execute("DELETE FROM order_keepsakes WHERE order_id = $1", order_id)
        if gone != "DELETE 0":
            await audit.record(conn, actor, "order.keepsake_forget", order_id, {})
    return await Order.get(id=order_id)


async def _proved(actor: Actor, proof: GuestProof) -> UUID | None:
    one = (proof.token is None) != (proof.password is None)
    refuse_unless(one, Invalid(reason="guest_proof"))
    async with connection() as conn:
        row = await conn.fetchrow(_BY_NUMBER, _number(proof.number))
    order_id: UUID | None = row["id"] if row else None
    if proof.token is not None:
        good = _is_token(order_id or _NOBODY, proof.token) and order_id is not None
    else:
        stored = row["lookup_hash"] if row else None
        good = await identity.is_password(stored, (proof.password or "")[:512])
    action = "order.guest_look" if good else "order.guest_refused"
    async with transaction() as conn:
        await audit.record(conn, actor, action, order_id, {"by": _way(proof)})
    return order_id if good else None


def _number(text: str) -> str:
    """Numbers are of capital letters; anything else is none. Blanks are not forgiven: tries are
    counted by what was sent."""
    return text.upper() if text.isascii() and len(text) <= MAX_NUMBER_LETTERS else ""


def _way(proof: GuestProof) -> str:
    return "token" if proof.token is not None else "password"


def _is_token(order_id: UUID, token: str) -> bool:
    """In constant time for every text that has a token's form."""
    form = _TOKEN.fullmatch(token)
    if form is None:
        return False
    try:
        expected = guest_token(order_id, int(form[1]))
    except Refused as refused:
        if isinstance(refused.refusals[0], KeyMissing):
            return False  # a version that never was
        raise
    return hmac.compare_digest(expected.encode(), token.encode())
