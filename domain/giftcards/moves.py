"""What operators do with gift cards: activate, freeze, make good again, void (row K1)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from domain import audit, cards, ledger
from domain.giftcards.events import moved
from domain.giftcards.models import GiftCard, GiftCardStatus
from domain.giftcards.programs import WRITE_SCOPE
from domain.giftcards.refusals import GiftCardMoveNotAllowed
from domain.giftcards.rules import (
    BY_STAFF,
    MAX_MOVED,
    MAX_REASON_LETTERS,
    MOVES,
    expiry_of,
    needs_reason,
)
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    act_as,
    clock,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id

# The card first and then what it is worth, as a sale does.
_LOCK_CARDS = "SELECT 1 FROM cards WHERE id = ANY($1) ORDER BY id FOR UPDATE"
_LOCK = """
SELECT g.card_id, g.number, g.status, g.version, g.sold_at, g.holder_id, g.balance_units,
    g.uses_left, g.currency, g.face_units, g.activated_at, g.expires_at, p.valid_days, p.activation,
    coalesce(l.unit_price, 0) AS unit_price, coalesce(s.walk_in, false) AS walk_in
FROM gift_cards g JOIN gift_card_programs p ON p.id = g.program_id JOIN cards c ON c.id = g.card_id
LEFT JOIN order_lines l ON l.id = c.order_line_id
LEFT JOIN counter_sales s ON s.order_id = l.order_id
WHERE g.card_id = ANY($1) ORDER BY g.card_id FOR UPDATE OF g
"""
_MOVE = """
UPDATE gift_cards g SET status = $2::varchar, version = version + 1, moved_by = $3,
    moved_because = $4, moved_at = $5, activated_at = m.activated_at, expires_at = m.expires_at,
    balance_units = CASE WHEN $2::varchar = 'void' THEN 0 ELSE balance_units END,
    uses_left = CASE WHEN $2::varchar = 'void' THEN 0 ELSE uses_left END
FROM unnest($1::uuid[], $6::timestamptz[], $7::timestamptz[]) AS m (id, activated_at, expires_at)
WHERE g.card_id = m.id
"""


async def move_cards(
    actor: Actor, card_ids: Sequence[UUID], to: GiftCardStatus, reason: str = ""
) -> list[GiftCard]:
    """Activate, freeze, make good again or void cards: all of them or none. Audited, with events.

    Needs `giftcards:write`. A sold card that is voided is paid back: what was paid for the rest of
    it goes to its buyer's wallet. A card whose time was over is good for its whole validity again.
    Refuses a move that is not listed (GIFT_CARD_MOVE_NOT_ALLOWED), one without its reason, the
    activation of a card that is not sold or whose rest was booked as income, and more than
    MAX_MOVED cards at once.
    """
    actor.require_scope(WRITE_SCOPE)
    wanted, why = sorted(set(card_ids)), reason.strip()
    in_range = 1 <= len(wanted) <= MAX_MOVED
    refuse_unless(in_range, Invalid(reason="gift_moves", field=("cardIds",)))
    refuse_unless(to in BY_STAFF, Invalid(reason="gift_move_by_staff", field=("to",)))
    short = len(why) <= MAX_REASON_LETTERS
    refuse_unless(short, Invalid(reason="review_reason", field=("reason",)))
    async with transaction() as conn:
        await conn.fetch(_LOCK_CARDS, wanted)
        rows = await lock_rows(conn, wanted)
        if len(rows) != len(wanted):
            raise Refused(NotFound(what="gift card", field=("cardIds",)))
        _allow(rows, to, why)
        await move_rows(conn, actor, rows, to, why)
        if to is GiftCardStatus.VOID:
            await act_as(conn, actor, why)
            await _withdraw(conn, rows)
            await _pay_back(conn, rows)
        for row in rows:
            details = {"from": row["status"], "to": to.value, "reason": why}
            await audit.record(conn, actor, "gift_card.move", row["card_id"], details)
        await record_events(conn, [moved(row, to, why) for row in rows])
        found = await GiftCard.filter(card_id__in=wanted).order_by("card_id")
    wake_relay()
    return found


def _allow(rows: Sequence[Any], to: GiftCardStatus, reason: str) -> None:
    """Every refusal at once: which card may not be moved, and whether a reason is missing."""
    refused: list[Any] = []
    for row in rows:
        source = GiftCardStatus(row["status"])
        unsold = to is GiftCardStatus.ACTIVE and row["sold_at"] is None
        left = row["balance_units"] or row["uses_left"]
        empty = source is GiftCardStatus.EXPIRED and not left
        if to not in MOVES[source] or unsold or empty:
            refused.append(
                GiftCardMoveNotAllowed(
                    number=row["number"], source=source, target=to, field=("cardIds",)
                )
            )
        elif needs_reason(source, to) and not reason:
            refused.append(Invalid(reason="review_reason", field=("reason",)))
            break
    if refused:
        raise Refused(*refused)


async def lock_rows(conn: Connection, card_ids: Sequence[UUID]) -> list[Any]:
    """What cards are worth, locked; the caller has locked the cards themselves."""
    found: list[Any] = await conn.fetch(_LOCK, list(card_ids))
    return found


async def move_rows(
    conn: Connection, actor: Actor, rows: Sequence[Any], to: GiftCardStatus, reason: str
) -> None:
    """Move locked cards; the caller has found the move allowed, and tells it."""
    moment = clock.now()
    activated, expiries = [], []
    for row in rows:
        again = to is GiftCardStatus.ACTIVE and row["status"] in ("issued", "expired")
        first = again and row["activated_at"] is None
        activated.append(moment if first else row["activated_at"])
        expiries.append(expiry_of(moment, row["valid_days"]) if again else row["expires_at"])
    ids = [row["card_id"] for row in rows]
    await conn.execute(_MOVE, ids, to.value, actor.user_id, reason, moment, activated, expiries)


async def _withdraw(conn: Connection, rows: Sequence[Any]) -> None:
    """What is not sold leaves the shelf. One that an order holds just now is not ours to void."""
    unsold = {row["card_id"]: row for row in rows if row["sold_at"] is None}
    gone = await cards.withdraw(conn, list(unsold))
    held = [row for card_id, row in unsold.items() if card_id not in gone]
    if held:
        raise Refused(
            *(
                GiftCardMoveNotAllowed(
                    number=row["number"],
                    source=GiftCardStatus(row["status"]),
                    target=GiftCardStatus.VOID,
                    field=("cardIds",),
                )
                for row in held
            )
        )


async def _pay_back(conn: Connection, rows: Sequence[Any]) -> None:
    """The rest of a sold card goes back to its buyer, at what was paid for it: nobody gets more
    than that, and what a dearer card brought beyond its value stays earned. Whom no counter asked
    for a name gets it over the counter."""
    postings = []
    for row in rows:
        owed, currency = row["balance_units"], row["currency"]
        if not owed:
            continue
        back = owed
        if row["face_units"]:
            back = min(owed, owed * row["unit_price"] // row["face_units"])
        legs = [
            (account_id(AccountKind.GIFT_CARD, None, currency), -owed),
            (_way_back(row), back),
            (account_id(AccountKind.COST, None, currency), owed - back),
        ]
        reference, kind = row["card_id"], TransferKind.GIFT_CARD_VOID
        postings.append(Posting(kind, reference, currency, legs, row["number"]))
    if postings:
        await ledger.post(conn, postings)


def _way_back(row: Any) -> UUID:
    if row["walk_in"]:
        return account_id(AccountKind.BANK, None, row["currency"])
    return account_id(AccountKind.WALLET, row["holder_id"], row["currency"])
