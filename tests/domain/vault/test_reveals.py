"""Looks of the staff: who may, what is written down first, and when a second person is needed."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import cards, orders, vault
from domain.cards import opening
from domain.cards.models import Card
from domain.checkout import LineWish, Purchase, place_order
from domain.invariants import find_violations
from domain.kernel import Actor, ActorKind, Refused, clock, connection, new_id
from domain.vault import RevealStatus, StaffReveal, StaffWish, reveals
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
LOOKER, APPROVER = "cards:reveal", "cards:approve"


@pytest.fixture(autouse=True)
def _few_a_day() -> Iterator[None]:
    before = vault.limits.reveals_per_day
    vault.limits.reveals_per_day = 3
    yield
    vault.limits.reveals_per_day = before


def wish(of: list[Card], key: str = "key", **changes: Any) -> StaffWish:
    made = StaffWish(tuple(card.id for card in of), "buyer says it is dead", "case-7", key)
    return replace(made, **changes)


async def refused_with(work: Any) -> str:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value.refusals[0].code


async def traces() -> tuple[int, int, int]:
    """Looks, audit rows and events of shown codes."""
    async with connection() as conn:
        return (
            await conn.fetchval("SELECT count(*) FROM staff_looks"),
            await conn.fetchval(
                "SELECT count(*) FROM audit_entries WHERE action = 'card.reveal_by_staff'"
            ),
            await conn.fetchval("SELECT count(*) FROM outbox_events WHERE type = 'card.revealed'"),
        )


async def stocked(count: int = 3) -> list[Card]:
    return await make.stock(await make.variant(), count)


async def test_an_operator_sees_codes_and_the_buyers_first_look_is_still_to_come() -> None:
    buyer, variant = await make.buyer(), await make.variant(cards=2)
    placed = await place_order(buyer, Purchase((LineWish(variant.sku, 2),), "key"))
    sold = await Card.filter(order_line_id=placed.lines[0].id).order_by("unit_number")
    clerk = await make.operator(LOOKER)
    shown = await vault.reveal(clerk, wish(sold))
    assert shown.request.status is RevealStatus.GRANTED
    assert await traces() == (2, 2, 1)
    for card in await Card.all():
        assert (card.first_revealed_at, card.reveal_count, card.state.value) == (None, 0, "sold")
    looks = await vault.looks_of([sold[0].id])
    assert looks[sold[0].id].count == 1
    own = await orders.reveal_cards(buyer, placed.order.id, None)
    assert [each.secret for each in own] == [each.secret for each in shown.secrets]
    assert (await vault.looks_of([sold[0].id]))[sold[0].id].count == 1


async def test_the_event_names_the_cards_and_no_code() -> None:
    stock, clerk = await stocked(1), await make.operator(LOOKER)
    (opened,) = (await vault.reveal(clerk, wish(stock))).secrets
    async with connection() as conn:
        row = await conn.fetchrow("SELECT payload FROM outbox_events WHERE type = 'card.revealed'")
        for table in ("outbox_events", "audit_entries", "staff_reveals", "staff_looks"):
            text = str([dict(each) for each in await conn.fetch(f"SELECT * FROM {table}")])
            assert opened.secret not in text
    assert '"kind": "staff"' in row["payload"]
    assert opened.secret not in repr(opened)


async def test_the_audit_row_is_committed_before_anything_is_decrypted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, int, int]] = []

    async def broken(*args: Any, **options: Any) -> bytes:
        seen.append(await traces())
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(opening, "plaintext_of", broken)
    stock, clerk = await stocked(1), await make.operator(LOOKER)
    with pytest.raises(RuntimeError):
        await vault.reveal(clerk, wish(stock))
    assert seen == [(1, 1, 1)]


async def test_a_key_again_shows_the_same_cards_and_is_audited_again() -> None:
    stock, clerk = await stocked(3), await make.operator(LOOKER)
    first = await vault.reveal(clerk, wish(stock))
    again = await vault.reveal(clerk, wish(stock))
    assert (first.replayed, again.replayed) == (False, True)
    assert [each.secret for each in first.secrets] == [each.secret for each in again.secrets]
    assert again.request.id == first.request.id
    assert (await traces())[1] == 6
    other = wish(stock, reason="another")
    assert await refused_with(vault.reveal(clerk, other)) == "IDEMPOTENCY_KEY_REUSED"
    later = clock.now() + timedelta(minutes=16)
    with clock.fixed(lambda: later):
        fresh = await make.operator(LOOKER)
        twin = replace(clerk, session_id=fresh.session_id)
        await make.Session.filter(id=fresh.session_id).update(user_id=clerk.user_id)
        assert await refused_with(vault.reveal(twin, wish(stock))) == "REQUEST_NOT_OPEN"
    assert (await traces())[1] == 6


async def callers(owner: Actor) -> dict[str, Actor]:
    """Everybody who might ask, and what stands in each one's way."""
    scoped = await make.operator(LOOKER)
    agent = await make.agent()
    session = await make.user()
    return {
        "anonymous": Actor(kind=ActorKind.ANONYMOUS),
        "guest": Actor(kind=ActorKind.GUEST, user_id=session.id, session_id=new_id()),
        "other buyer": await make.buyer(),
        "owner": owner,
        "agent": Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id),
        "agent with the scope": Actor(
            kind=ActorKind.USER,
            user_id=agent.user_id,
            agent_id=agent.id,
            session_id=scoped.session_id,
            scopes=frozenset({"*"}),
        ),
        "partner key": replace(scoped, kind=ActorKind.KEY, key_id=new_id()),
        "machine": make.OPERATOR,
        "operator without the scope": await make.operator("cards:read", "cards:write", APPROVER),
        "operator without a step-up": await make.operator(LOOKER, stepped_up=False),
    }


REFUSED = {
    "anonymous": "UNAUTHENTICATED",
    "guest": "FORBIDDEN",
    "other buyer": "FORBIDDEN",
    "owner": "FORBIDDEN",
    "agent": "FORBIDDEN",
    "agent with the scope": "FORBIDDEN",
    "partner key": "FORBIDDEN",
    "machine": "FORBIDDEN",
    "operator without the scope": "FORBIDDEN",
    "operator without a step-up": "STEP_UP_REQUIRED",
}


@pytest.mark.parametrize("who", REFUSED)
async def test_nobody_else_looks_and_a_refused_try_leaves_nothing(who: str) -> None:
    stock, owner = await stocked(1), await make.buyer()
    actor = (await callers(owner))[who]
    assert await refused_with(vault.reveal(actor, wish(stock))) == REFUSED[who]
    assert await traces() == (0, 0, 0)
    assert await StaffReveal.all().count() == 0
    async with connection() as conn:
        keys = "SELECT count(*) FROM idempotency_keys WHERE operation = 'cardRevealByStaff'"
        assert await conn.fetchval(keys) == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": " "}, "INVALID"),
        ({"reason": "x" * 501}, "INVALID"),
        ({"case_id": "x" * 65}, "INVALID"),
        ({"case_id": "a\nb"}, "INVALID"),
        ({"card_ids": ()}, "INVALID"),
        ({"card_ids": tuple(new_id() for _ in range(21))}, "INVALID"),
        ({"card_ids": (UUID(int=7),) * 2}, "INVALID"),
        ({"card_ids": (UUID(int=7),)}, "NOT_FOUND"),
        ({"idempotency_key": " "}, "INVALID"),
    ],
)
async def test_a_wish_that_cannot_stand_leaves_nothing(changes: dict[str, Any], code: str) -> None:
    stock, clerk = await stocked(1), await make.operator(LOOKER)
    assert await refused_with(vault.reveal(clerk, wish(stock, **changes))) == code
    assert await traces() == (0, 0, 0)
    assert await StaffReveal.all().count() == 0


async def waiting(clerk: Actor) -> tuple[StaffReveal, list[Card]]:
    """A request above the daily number."""
    stock = await stocked(4)
    asked = await vault.reveal(clerk, wish(stock, key="waiting"))
    assert (asked.request.status, asked.secrets) == (RevealStatus.WAITING, [])
    return asked.request, stock


async def test_above_the_daily_number_nothing_is_shown_before_a_second_person_says_so() -> None:
    clerk, chief = await make.operator(LOOKER), await make.operator(APPROVER)
    request, stock = await waiting(clerk)
    assert await traces() == (0, 0, 0)
    again = await vault.reveal(clerk, wish(stock, key="waiting"))
    assert (again.request.id, again.secrets) == (request.id, [])
    assert await refused_with(vault.open_request(clerk, request.id)) == "REQUEST_NOT_OPEN"
    approved = await vault.decide_reveal(chief, request.id, True)
    assert (approved.status, approved.approver_id) == (RevealStatus.APPROVED, chief.user_id)
    shown = await vault.reveal(clerk, wish(stock, key="waiting"))
    assert len(shown.secrets) == 4
    assert len((await vault.open_request(clerk, request.id)).secrets) == 4
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT type, sequence FROM outbox_events WHERE subject = $1 ORDER BY sequence",
            request.id,
        )
        by = await conn.fetchval(
            "SELECT details->>'approvedBy' FROM audit_entries"
            " WHERE action = 'card.reveal_by_staff' LIMIT 1"
        )
    assert [row["type"] for row in told] == [
        "card_reveal.requested",
        "card_reveal.approved",
        "card.revealed",
        "card.revealed",
    ]
    assert by == str(chief.user_id)


async def test_the_daily_number_counts_what_was_seen_and_starts_anew() -> None:
    clerk = await make.operator(LOOKER)
    first, second = await stocked(2), await stocked(2)
    granted = await vault.reveal(clerk, wish(first, key="a"))
    asked = await vault.reveal(clerk, wish(second, key="b"))
    assert granted.request.status is RevealStatus.GRANTED
    assert asked.request.status is RevealStatus.WAITING
    one = await vault.reveal(clerk, wish(second[:1], key="c"))
    assert one.request.status is RevealStatus.GRANTED
    other = await vault.reveal(await make.operator(LOOKER), wish(second, key="d"))
    assert other.request.status is RevealStatus.GRANTED
    tomorrow = clock.now() + timedelta(hours=25)
    with clock.fixed(lambda: tomorrow):
        await make.Session.filter(id=clerk.session_id).update(stepped_up_at=tomorrow)
        fresh = await vault.reveal(clerk, wish(second, key="e"))
    assert fresh.request.status is RevealStatus.GRANTED


async def at_once(clerk: Actor) -> list[RevealStatus]:
    """What four requests at once come to, each of which alone would use up the day."""
    stock = [await stocked(3) for _ in range(4)]
    shown = await asyncio.gather(
        *(vault.reveal(clerk, wish(each, key=f"{n}")) for n, each in enumerate(stock))
    )
    return sorted(each.request.status for each in shown)


async def test_many_at_once_do_not_get_past_the_daily_number() -> None:
    statuses = await at_once(await make.operator(LOOKER))
    assert statuses == [RevealStatus.GRANTED] + [RevealStatus.WAITING] * 3


async def test_without_the_lock_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: all count before any has written its looks."""
    monkeypatch.setattr(reveals, "_ALONE", "SELECT $1::text")
    counted = asyncio.Barrier(4)
    real = reveals.StaffReveal.create

    async def create_together(**values: Any) -> StaffReveal:
        await counted.wait()
        return await real(**values)

    monkeypatch.setattr(reveals.StaffReveal, "create", create_together)
    statuses = await at_once(await make.operator(LOOKER))
    assert statuses == [RevealStatus.GRANTED] * 4


async def test_the_requester_does_not_approve_even_with_all_scopes() -> None:
    clerk = await make.operator("*")
    request, _ = await waiting(clerk)
    assert await refused_with(vault.decide_reveal(clerk, request.id, True)) == "FOUR_EYES"
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await conn.execute(
                "UPDATE staff_reveals SET status = 'approved', approver_id = requester_id,"
                " decided_at = now() WHERE id = $1",
                request.id,
            )
    assert refused.value.constraint_name == "reveal_of_four_eyes"
    assert (await StaffReveal.get(id=request.id)).status is RevealStatus.WAITING


async def test_who_approves_needs_the_scope_a_session_and_a_step_up() -> None:
    request, _ = await waiting(await make.operator(LOOKER))
    for actor, code in (
        (await make.operator(LOOKER), "FORBIDDEN"),
        (await make.operator(APPROVER, stepped_up=False), "STEP_UP_REQUIRED"),
        (make.OPERATOR, "FORBIDDEN"),
        (await make.buyer(), "FORBIDDEN"),
    ):
        assert await refused_with(vault.decide_reveal(actor, request.id, True)) == code
    assert (await StaffReveal.get(id=request.id)).status is RevealStatus.WAITING


async def test_a_rejection_says_why_and_is_the_end() -> None:
    clerk, chief = await make.operator(LOOKER), await make.operator(APPROVER)
    request, stock = await waiting(clerk)
    silent = vault.decide_reveal(chief, request.id, False)
    assert await refused_with(silent) == "INVALID"
    rejected = await vault.decide_reveal(chief, request.id, False, "no case of that number")
    assert rejected.decision == "no case of that number"
    for work in (
        vault.reveal(clerk, wish(stock, key="waiting")),
        vault.open_request(clerk, request.id),
        vault.decide_reveal(chief, request.id, True),
    ):
        assert await refused_with(work) == "REQUEST_NOT_OPEN"
    assert await traces() == (0, 0, 0)


async def test_an_approval_is_good_for_an_hour_and_a_request_for_a_day() -> None:
    clerk, chief = await make.operator(LOOKER), await make.operator(APPROVER)
    request, _ = await waiting(clerk)
    lapsed = clock.now() + timedelta(hours=25)
    with clock.fixed(lambda: lapsed):
        await make.Session.filter(id=chief.session_id).update(stepped_up_at=lapsed)
        late = vault.decide_reveal(chief, request.id, True)
        assert await refused_with(late) == "REQUEST_NOT_OPEN"
    await make.Session.filter(id=chief.session_id).update(stepped_up_at=clock.now())
    await vault.decide_reveal(chief, request.id, True)
    after = clock.now() + timedelta(minutes=61)
    with clock.fixed(lambda: after):
        await make.Session.filter(id=clerk.session_id).update(stepped_up_at=after)
        work = vault.open_request(clerk, request.id)
        assert await refused_with(work) == "REQUEST_NOT_OPEN"


async def test_the_request_of_another_operator_is_like_none() -> None:
    clerk, chief = await make.operator(LOOKER), await make.operator(APPROVER)
    request, _ = await waiting(clerk)
    await vault.decide_reveal(chief, request.id, True)
    other = await make.operator(LOOKER)
    assert await refused_with(vault.open_request(other, request.id)) == "NOT_FOUND"


async def decided_at_once(request: StaffReveal) -> list[bool]:
    """Six who decide at once, three of them against it; which of them did."""
    chiefs = [await make.operator(APPROVER) for _ in range(6)]
    outcomes = await asyncio.gather(
        *(
            vault.decide_reveal(chief, request.id, number % 2 == 0, "because")
            for number, chief in enumerate(chiefs)
        ),
        return_exceptions=True,
    )
    assert all(isinstance(each, StaffReveal | Refused) for each in outcomes), outcomes
    return [isinstance(each, StaffReveal) for each in outcomes]


async def test_of_six_who_decide_at_once_one_does() -> None:
    request, _ = await waiting(await make.operator(LOOKER))
    assert (await decided_at_once(request)).count(True) == 1
    async with connection() as conn:
        decisions = "SELECT count(*) FROM audit_entries WHERE action ~ 'card_reveal.(app|rej)'"
        assert await conn.fetchval(decisions) == 1


async def test_without_the_condition_the_database_still_refuses_a_second_decision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin, in two steps: without the condition the trigger refuses the move from approved to
    rejected; without the trigger as well, several decide."""
    blind = reveals._DECIDE.replace("AND status = 'waiting'", "")
    assert blind != reveals._DECIDE
    monkeypatch.setattr(reveals, "_DECIDE", blind)
    clerk = await make.operator(LOOKER)
    request, _ = await waiting(clerk)
    chiefs = [await make.operator(APPROVER) for _ in range(2)]
    await vault.decide_reveal(chiefs[0], request.id, True)
    with pytest.raises(asyncpg.RestrictViolationError):
        await vault.decide_reveal(chiefs[1], request.id, False, "because")
    async with connection() as conn:
        await conn.execute("ALTER TABLE staff_reveals DISABLE TRIGGER staff_reveals_move")
        try:
            await vault.decide_reveal(chiefs[1], request.id, False, "because")
        finally:
            await conn.execute("ALTER TABLE staff_reveals ENABLE TRIGGER staff_reveals_move")


async def test_the_database_shows_no_card_that_nobody_allowed() -> None:
    clerk, chief = await make.operator(LOOKER), await make.operator(APPROVER)
    request, stock = await waiting(clerk)
    (foreign,) = await stocked(1)
    look = "INSERT INTO staff_looks (id, reveal_id, card_id, operator_id, at)"
    look += " VALUES (uuidv7(), $1, $2, $3, now())"
    async with connection() as conn:
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute(look, request.id, stock[0].id, clerk.user_id)
        await vault.decide_reveal(chief, request.id, True)
        for card_id, operator in ((foreign.id, clerk.user_id), (stock[0].id, chief.user_id)):
            with pytest.raises(asyncpg.RestrictViolationError) as refused:
                await conn.execute(look, request.id, card_id, operator)
            assert refused.value.constraint_name == "look_was_allowed"
        await conn.execute(look, request.id, stock[0].id, clerk.user_id)
        for change in ("UPDATE staff_looks SET at = now()", "DELETE FROM staff_looks"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute(change)
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute(
                "UPDATE staff_reveals SET card_ids = card_ids || $1::uuid", foreign.id
            )


async def test_a_look_without_its_audit_row_is_found_by_the_invariants() -> None:
    stock, clerk = await stocked(1), await make.operator(LOOKER)
    await vault.reveal(clerk, wish(stock))

    async def broken() -> list[str]:
        return [each.name for each in await find_violations() if each.violations]

    assert await broken() == []
    async with connection() as conn:
        await conn.execute("ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_append_only")
        try:
            await conn.execute("DELETE FROM audit_entries WHERE action = 'card.reveal_by_staff'")
        finally:
            await conn.execute("ALTER TABLE audit_entries ENABLE TRIGGER audit_entries_append_only")
    assert await broken() == ["I10"]


async def test_a_canary_that_is_looked_at_raises_the_alarm() -> None:
    variant = await make.variant()
    keeper = replace(make.OPERATOR, scopes=frozenset({"cards:canary"}))
    await cards.plant_canaries(keeper, cards.CanaryWish(variant.id, 1, "key"))
    birds = await Card.filter(variant_id=variant.id)
    clerk = await make.operator(LOOKER)
    await vault.reveal(clerk, wish(birds))
    async with connection() as conn:
        row = await conn.fetchrow(
            "SELECT actor_id, target FROM audit_entries WHERE action = 'card.canary_touched'"
        )
    assert (row["actor_id"], row["target"]) == (clerk.user_id, birds[0].id)


async def test_a_look_costs_one_decryption_a_card_and_reads_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unsealed: list[int] = []
    real = opening.unseal

    def counted(*args: Any) -> bytes:
        unsealed.append(1)
        return real(*args)

    monkeypatch.setattr(opening, "unseal", counted)
    vault.limits.reveals_per_day = 100
    counts = {}
    for number in (2, 20):
        stock, clerk = await stocked(number), await make.operator(LOOKER)
        unsealed.clear()
        async with count_statements() as seen:
            await vault.reveal(clerk, wish(stock))
        assert len(unsealed) == number
        counts[number] = len([each for each in seen if "INSERT INTO audit_entries" not in each])
        audits = [each for each in seen if "INSERT INTO audit_entries" in each]
        assert len(audits) == number
    assert counts[2] == counts[20], "besides its audit row, a further card costs no statement"


async def test_a_buyers_look_costs_one_decryption_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    unsealed: list[int] = []
    real = opening.unseal

    def counted(*args: Any) -> bytes:
        unsealed.append(1)
        return real(*args)

    monkeypatch.setattr(opening, "unseal", counted)
    counts = {}
    for number in (1, 8):
        buyer, variant = await make.buyer(), await make.variant(cards=20)
        placed = await place_order(buyer, Purchase((LineWish(variant.sku, number),), "key"))
        unsealed.clear()
        async with count_statements() as seen:
            await orders.reveal_cards(buyer, placed.order.id, None)
        assert len(unsealed) == number
        counts[number] = len([each for each in seen if "INSERT INTO audit_entries" not in each])
    assert counts[1] == counts[8]


async def test_looking_cards_up_reads_by_key_only() -> None:
    """No scan: each table of the statement that finds sealed codes is entered by an index."""
    stock = await stocked(3)
    async with connection() as conn:
        plan = await conn.fetch("EXPLAIN " + opening._SEALED, [card.id for card in stock])
    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in text, text
