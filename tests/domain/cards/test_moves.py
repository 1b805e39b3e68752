"""The life of a card, one table in Python and in the database; each unlisted move is refused."""

from collections import deque
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import cards, checkout, orders
from domain.cards.models import CardState
from domain.cards.moves import BORN, DELIVERED, IN_STOCK, MOVES, OWNED, may_move
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, Connection, Refused, clock, connection, new_id, transaction
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def test_both_tables_list_the_same_moves() -> None:
    pairs = [(before, after) for before in CardState for after in CardState]
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT b, a, card_move_listed(b, a) AS listed"
            " FROM unnest($1::text[], $2::text[]) AS p (b, a)",
            [before.value for before, _ in pairs],
            [after.value for _, after in pairs],
        )
    listed = {(row["b"], row["a"]) for row in rows if row["listed"]}
    assert listed == {(b.value, a.value) for b, a in pairs if may_move(b, a)}


async def test_both_sides_agree_on_what_counts_as_delivered() -> None:
    for state in CardState:
        delivered = await value("SELECT card_delivered($1)", state.value)
        assert delivered == (state in DELIVERED), state


def test_no_move_leads_from_a_buyer_back_to_the_shelf() -> None:
    for state in OWNED:
        assert not MOVES[state] & (IN_STOCK | BORN), state


def ways() -> dict[CardState, list[CardState]]:
    """The shortest way to each state from a birth."""
    found = {state: [state] for state in BORN}
    waiting = deque(sorted(BORN))
    while waiting:
        here = waiting.popleft()
        for after in sorted(MOVES[here] - found.keys()):
            if after in OWNED and not set(found[here]) & OWNED and after is not CardState.SOLD:
                continue  # of a card that never had a buyer
            found[after] = [*found[here], after]
            waiting.append(after)
    return found


async def born(conn: Connection, like: UUID, state: CardState) -> UUID:
    """A card by plain SQL beside another one."""
    card = new_id()
    await conn.execute(
        "INSERT INTO cards (id, variant_id, batch_id, state, fingerprint, masked, unit_cost,"
        " reveal_count, created_at) SELECT $1, variant_id, batch_id, $2, $3, masked, 0, 0, $4"
        " FROM cards WHERE id = $5",
        card,
        state.value,
        card.bytes,
        clock.now(),
        like,
    )
    return card


async def move(conn: Connection, card: UUID, after: CardState) -> None:
    """By plain SQL, with the columns that the state asks for."""
    await conn.execute(
        "UPDATE cards SET state = $2::varchar,"
        " hold_id = CASE WHEN $2 = 'reserved' THEN (SELECT id FROM card_holds LIMIT 1) END,"
        " order_line_id = CASE WHEN $2 = 'sold' THEN $1 ELSE order_line_id END,"
        " unit_number = CASE WHEN $2 = 'sold' THEN 1 ELSE unit_number END,"
        " sold_at = CASE WHEN $2 = 'sold' AND sold_at IS NULL THEN $3 ELSE sold_at END"
        " WHERE id = $1",
        card,
        after.value,
        clock.now(),
    )


async def refusal_of(conn: Connection, card: UUID, after: CardState) -> str | None:
    """The constraint that refused a move; None: it was made."""
    try:
        async with conn.transaction():
            await move(conn, card, after)
    except asyncpg.IntegrityConstraintViolationError as error:
        return str(error.constraint_name)
    return None


async def test_every_unlisted_move_is_refused_and_every_listed_one_is_possible() -> None:
    variant = await make.variant()
    like = (await make.stock(variant, 1))[0].id
    await make.hold(variant)
    assert ways().keys() == set(CardState), "a state that no card comes to"
    made: set[tuple[CardState, CardState]] = set()
    async with transaction() as conn:
        for way in ways().values():
            for after in CardState:
                card = await born(conn, like, way[0])
                for step in way[1:]:
                    await move(conn, card, step)
                if after is way[-1]:
                    continue
                why = await refusal_of(conn, card, after)
                if why is not None:
                    assert why in ("card_move_listed", "card_owned_once"), (way, after)
                    continue
                made.add((way[-1], after))
    # An invalid card that was never sold is neither replaced nor refunded, and one that was sold
    # is not thrown away: that is held by card_owned_once, below.
    assert made == {(b, a) for b in CardState for a in MOVES[b]} - {
        (CardState.INVALID_CONFIRMED, CardState.REPLACED),
        (CardState.INVALID_CONFIRMED, CardState.REFUNDED),
    }


async def bought(buyer: Actor, quantity: int = 1) -> tuple[UUID, list[cards.Card]]:
    """An order of one line, and its cards."""
    variant = await make.variant(cards=quantity + 1)
    wish = Purchase((LineWish(variant.sku, quantity),), str(new_id()))
    placed = await checkout.place_order(buyer, wish)
    line = placed.lines[0].id
    return placed.order.id, (await cards.cards_of_lines([line]))[line]


async def refused(sql: str, *args: object) -> str | None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        async with transaction() as conn:
            await conn.execute(sql, *args)
    return caught.value.constraint_name


async def test_a_card_of_a_buyer_never_changes_hands() -> None:
    _, (card,) = await bought(await make.buyer())
    for change in ("order_line_id = $2", "unit_number = 2", "sold_at = now()"):
        extra = [new_id()] if "$2" in change else []
        sql = f"UPDATE cards SET {change} WHERE id = $1"
        assert await refused(sql, card.id, *extra) == "card_sold_once"
    assert await refused("DELETE FROM cards WHERE id = $1", card.id) is None
    invalid = "UPDATE cards SET state = 'invalid' WHERE id = $1"
    async with transaction() as conn:
        await conn.execute(invalid, card.id)
    for state in ("void", "returned"):
        sql = f"UPDATE cards SET state = '{state}' WHERE id = $1"
        assert await refused(sql, card.id) == "card_owned_once"


async def test_a_card_is_not_born_sold() -> None:
    like = (await make.stock(await make.variant(), 1))[0].id
    for state in set(CardState) - BORN:
        with pytest.raises(asyncpg.RestrictViolationError, match="is not born"):
            async with transaction() as conn:
                await born(conn, like, state)


async def test_a_card_gets_a_line_by_being_sold_only() -> None:
    card = (await make.stock(await make.variant(), 1))[0].id
    sql = (
        "UPDATE cards SET state = 'invalid', order_line_id = $1, unit_number = 1, sold_at = now()"
        " WHERE id = $1"
    )
    assert await refused(sql, card) == "card_sold_once"


async def test_the_first_look_makes_a_sold_card_a_revealed_one() -> None:
    buyer = await make.buyer()
    order, (card,) = await bought(buyer)
    for looks in (1, 2):
        await orders.reveal_cards(buyer, order, None)
        await card.refresh_from_db()
        assert (card.state, card.reveal_count) == (CardState.REVEALED, looks)
    assert [each.id for each in (await cards.cards_of_lines([_line(card)]))[_line(card)]] == [
        card.id
    ]


def _line(card: cards.Card) -> UUID:
    assert card.order_line_id is not None
    return card.order_line_id


async def test_who_disputes_first_may_not_look_afterwards() -> None:
    buyer = await make.buyer()
    order, (seen, unseen) = await bought(buyer, 2)
    await orders.reveal_cards(buyer, order, [seen.id])
    async with transaction() as conn:
        await conn.execute(
            "UPDATE cards SET state = 'disputed' WHERE id = ANY($1)", [seen.id, unseen.id]
        )
    assert [each.card_id for each in await orders.reveal_cards(buyer, order, None)] == [seen.id]
    with pytest.raises(Refused, match="CARD_NOT_SHOWN"):
        await orders.reveal_cards(buyer, order, [unseen.id])
    await unseen.refresh_from_db()
    assert (unseen.state, unseen.reveal_count) == (CardState.DISPUTED, 0)


async def test_a_replaced_card_gives_its_place_to_another() -> None:
    _, (card,) = await bought(await make.buyer())
    line = _line(card)
    free = await cards.Card.filter(variant_id=card.variant_id, state="available").first()
    assert free is not None
    with pytest.raises(asyncpg.UniqueViolationError, match="card_one_per_unit"):
        async with transaction() as conn:
            await cards.sell(conn, [free.id], line)
    async with transaction() as conn:
        for state in ("disputed", "replaced"):
            await conn.execute("UPDATE cards SET state = $2 WHERE id = $1", card.id, state)
        await cards.sell(conn, [free.id], line)
    assert [each.id for each in (await cards.cards_of_lines([line]))[line]] == [free.id]
