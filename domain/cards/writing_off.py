"""Cards that leave the stock without a sale: voided, returned, expired (rows A2, B7, B9).

Each time the books follow in the same transaction: what the cards cost goes from the inventory to
the loss, or to the supplier's account when the supplier takes them back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit, ledger
from domain.cards.batches import (
    WRITE_SCOPE,
    checked_reason,
    lock_batch,
    tell_batch,
)
from domain.cards.issuing import ISSUED
from domain.cards.models import CardState, CardWriteOff, WriteOffKind
from domain.cards.moves import FREE, values
from domain.cards.refusals import CardMoveNotAllowed
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    act_as,
    clock,
    crash_point,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.kernel.idempotency import check_key, claim_key, input_hash
from domain.ledger import AccountKind, Posting, TransferKind, account_id

SLICE = 10_000
MAX_CARDS = 1_000
EXPIRED = "the last day has come"

TOLD = {
    WriteOffKind.VOID: "card_batch.voided",
    WriteOffKind.EXPIRED: "card_batch.expired",
    WriteOffKind.INVALID: "card_batch.invalid_found",
    WriteOffKind.RETURNED: "card_batch.returned",
}

# Waiting for a purchase that holds one of them: what it sells is left out.
_TAKE = """
WITH picked AS (
    SELECT id, state FROM cards
    WHERE batch_id = $1 AND state = ANY($2) AND order_line_id IS NULL
        AND ($3::uuid[] IS NULL OR id = ANY($3)) AND ($4::date IS NULL OR expires_on <= $4)
    ORDER BY id LIMIT $5 FOR UPDATE
), moved AS (
    UPDATE cards c SET state = $6 FROM picked p WHERE c.id = p.id
    RETURNING p.state AS before, c.unit_cost
)
SELECT count(*) AS number,
    coalesce(sum(unit_cost) FILTER (WHERE before <> 'invalid'), 0)::bigint AS stock,
    coalesce(sum(unit_cost) FILTER (WHERE before = 'invalid'), 0)::bigint AS lost
FROM moved
"""
_OF_ATTEMPT = "SELECT id FROM card_batches WHERE supplier_attempt_id = $1"
# Locked, so that no purchase takes one of them meanwhile.
_NOT_FREE = """
SELECT count(*) FROM (SELECT state FROM cards WHERE batch_id = $1 ORDER BY id FOR UPDATE) c
WHERE NOT state = ANY($2)
"""
_BATCHES_OF = "SELECT id, batch_id, state FROM cards WHERE id = ANY($1)"
_DUE = """
SELECT DISTINCT batch_id FROM (
    SELECT batch_id FROM cards
    WHERE state IN ('quarantined', 'available', 'shared', 'frozen') AND expires_on <= $1
    ORDER BY expires_on LIMIT $2
) due
"""


@dataclass(frozen=True, slots=True)
class WriteOffWish:
    """Which cards: some by id, or all unsold ones of a batch; and why."""

    kind: WriteOffKind
    reason: str
    idempotency_key: str
    card_ids: tuple[UUID, ...] = ()
    batch_id: UUID | None = None

    def plain(self) -> list[Any]:
        """The values that make two wishes the same one."""
        return [self.kind, self.reason, sorted(map(str, self.card_ids)), str(self.batch_id)]


@dataclass(frozen=True, slots=True)
class WriteOffReport:
    """What was written off, one row a batch and slice."""

    operation_id: UUID
    write_offs: list[CardWriteOff]

    @property
    def cards(self) -> int:
        """How many cards went."""
        return sum(each.cards for each in self.write_offs)

    @property
    def cost(self) -> int:
        """What they had cost, in units."""
        return sum(each.cost for each in self.write_offs)


async def write_off_cards(actor: Actor, wish: WriteOffWish) -> WriteOffReport:
    """Void cards, or send them back to their supplier. Needs `cards:write`, a reason and a key.

    Cards by id go all or none: refuses one that is sold, held, or gone already
    (CARD_MOVE_NOT_ALLOWED). Of a batch every card goes that nobody has bought and that no hold
    keeps, slice by slice; killed in between, the same key goes on. A returned card's cost is owed
    by the batch's supplier; without one it is a loss, as that of a voided card.
    """
    actor.require_scope(WRITE_SCOPE)
    reason = checked_reason(wish.reason)
    check_key(wish.idempotency_key)
    one_way = bool(wish.card_ids) != (wish.batch_id is not None)
    refuse_unless(one_way, Invalid(reason="cards_or_batch", field=("cardIds",)))
    few = len(wish.card_ids) <= MAX_CARDS
    refuse_unless(few, Invalid(reason="too_many_cards", field=("cardIds",)))
    operation = await _begin(actor, wish, reason)
    if wish.batch_id is not None:
        taking = _Taking(wish.kind, reason, operation)
        while await _next_slice(actor, wish.batch_id, taking):
            pass
    wake_relay()
    rows = await CardWriteOff.filter(operation_id=operation).order_by("id")
    return WriteOffReport(operation, rows)


async def return_purchased(
    conn: Connection, actor: Actor, attempt_id: UUID, reason: str
) -> int | None:
    """Send back to its supplier all that an attempt brought, in the caller's transaction; what it
    had cost, in units, or None when one of the pieces was sold or is held, and nothing is done.

    The caller has locked the line's order.
    """
    batch_id = await conn.fetchval(_OF_ATTEMPT, attempt_id)
    if batch_id is None:
        return 0
    batch, operation = await lock_batch(conn, batch_id), new_id()
    kept = await conn.fetchval(_NOT_FREE, batch_id, values(FREE))
    if kept:
        return None
    await _take(conn, actor, batch, _Taking(WriteOffKind.RETURNED, reason, operation))
    rows = await CardWriteOff.filter(operation_id=operation)
    cost: int = sum(each.cost for each in rows)
    return cost


async def expire_cards() -> int:
    """Take cards off the shelf whose last day has come, and book their loss; how many.

    One slice of each of the next batches; the scheduler calls it until nothing is left.
    """
    today, gone = clock.now().date(), 0
    async with transaction() as conn:
        due = [row["batch_id"] for row in await conn.fetch(_DUE, today, SLICE)]
    for batch_id in sorted(due):
        async with transaction() as conn:
            batch = await lock_batch(conn, batch_id)
            taking = _Taking(WriteOffKind.EXPIRED, EXPIRED, new_id(), until=today)
            gone += await _take(conn, SYSTEM, batch, taking)
            crash_point("cards.expiry_written")
    if gone:
        wake_relay()
    return gone


async def book_invalid(
    conn: Connection, actor: Actor, batch: Any, unit_cost: int, reason: str
) -> None:
    """Write off one card that was found invalid before anybody bought it; it is moved already."""
    if batch["source"] == ISSUED:
        return
    taking = _Taking(WriteOffKind.INVALID, reason[:500], new_id())
    await _book(conn, actor, batch, taking, 1, unit_cost, 0)


@dataclass(frozen=True, slots=True)
class _Taking:
    kind: WriteOffKind
    reason: str
    operation: UUID
    card_ids: list[UUID] | None = None
    until: Any = None

    @property
    def sources(self) -> list[str]:
        back = self.kind is WriteOffKind.RETURNED
        return values(FREE | {CardState.INVALID_CONFIRMED} if back else FREE)


async def _begin(actor: Actor, wish: WriteOffWish, reason: str) -> UUID:
    """Claim the key; cards that were named by id go in the same transaction."""
    operation, who = new_id(), actor.key_id or actor.require_user()
    async with transaction() as conn:
        hashed = input_hash(wish.plain())
        earlier = await claim_key(
            conn, who, f"cards.{wish.kind}", wish.idempotency_key, hashed, operation
        )
        if earlier is not None:
            return earlier
        if wish.batch_id is not None:
            await lock_batch(conn, wish.batch_id)  # refuses an unknown one
        for batch_id, states in sorted((await _by_batch(conn, wish)).items()):
            taking = _Taking(wish.kind, reason, operation, list(states))
            moved = await _take(conn, actor, await lock_batch(conn, batch_id), taking)
            if moved != len(states):
                _refuse(states, taking)
    return operation


async def _by_batch(conn: Connection, wish: WriteOffWish) -> dict[UUID, dict[UUID, str]]:
    """The wanted cards and their states, batch by batch."""
    found: dict[UUID, dict[UUID, str]] = {}
    rows = await conn.fetch(_BATCHES_OF, list(wish.card_ids))
    if len(rows) != len(set(wish.card_ids)):
        raise Refused(NotFound(what="card", field=("cardIds",)))
    for row in rows:
        found.setdefault(row["batch_id"], {})[row["id"]] = row["state"]
    return found


def _refuse(states: dict[UUID, str], taking: _Taking) -> None:
    """Say which state kept a card where it is; the transaction is taken back."""
    kept = [state for state in states.values() if state not in taking.sources]
    # None: it was free when we looked, and a purchase took it before we did.
    source = kept[0] if kept else CardState.SOLD.value
    raise Refused(CardMoveNotAllowed(source=source, target=taking.kind.value, field=("cardIds",)))


async def _next_slice(actor: Actor, batch_id: UUID, taking: _Taking) -> int:
    async with transaction() as conn:
        number = await _take(conn, actor, await lock_batch(conn, batch_id), taking)
        crash_point("cards.write_off_written")
    return number


async def _take(conn: Connection, actor: Actor, batch: Any, taking: _Taking) -> int:
    await act_as(conn, actor, taking.reason)
    own = batch["source"] == ISSUED  # not bought and not in the books: withdrawn where it is issued
    refuse_unless(not own, Invalid(reason="batch_issued", field=("batchId",)))
    row = await conn.fetchrow(
        _TAKE,
        batch["id"],
        taking.sources,
        taking.card_ids,
        taking.until,
        SLICE,
        taking.kind.value,
    )
    number: int = row["number"]
    if number:
        await _book(conn, actor, batch, taking, number, row["stock"], row["lost"])
    return number


async def _book(
    conn: Connection, actor: Actor, batch: Any, taking: _Taking, cards: int, stock: int, lost: int
) -> None:
    """The row, the transfer, the audit and the event. `lost` was written off before."""
    back = taking.kind is WriteOffKind.RETURNED
    owing = batch["supplier_id"] if back else None
    made = await CardWriteOff.create(
        operation_id=taking.operation,
        batch_id=batch["id"],
        kind=taking.kind,
        cards=cards,
        cost=stock + lost,
        currency=batch["currency"],
        supplier_id=owing,
        reason=taking.reason,
        written_by=actor.user_id,
        written_at=clock.now(),
    )
    currency = batch["currency"]
    loss = account_id(AccountKind.LOSS, None, currency)
    legs = [(account_id(AccountKind.INVENTORY, None, currency), stock)]
    if owing is None:
        legs.append((loss, -stock))
    else:
        legs += [(loss, lost), (account_id(AccountKind.SUPPLIER, owing, currency), -stock - lost)]
    if any(amount for _, amount in legs):
        kind = TransferKind.CARD_RETURN if back else TransferKind.CARD_WRITE_OFF
        await ledger.post(conn, [Posting(kind, made.id, currency, legs)])
    details = {"cards": cards, "reason": taking.reason}
    await audit.record(conn, actor, f"card_batch.{taking.kind}", batch["id"], details)
    await tell_batch(conn, batch["id"], TOLD[taking.kind], details)


async def write_offs_of(batch_ids: Sequence[UUID]) -> dict[UUID, list[CardWriteOff]]:
    """What of each batch left the stock without a sale, newest first."""
    found: dict[UUID, list[CardWriteOff]] = {batch_id: [] for batch_id in batch_ids}
    for row in await CardWriteOff.filter(batch_id__in=list(batch_ids)).order_by("-id"):
        found[row.batch_id].append(row)  # type: ignore[attr-defined]
    return found
