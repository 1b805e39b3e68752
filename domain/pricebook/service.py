"""Use cases of own prices of agents: staff set one, or end it (mission rows E1, E2, E4)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import audit, priceguard
from domain.agents import Agent
from domain.kernel import (
    Actor,
    Connection,
    Event,
    IntegrityError,
    Invalid,
    Money,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.pricebook.judging import hold_book, refuse_inverted
from domain.pricebook.models import AgentPrice
from domain.pricebook.refusals import AgentPriceFixed, TooLow
from domain.pricebook.rules import MAX_NOTE_LETTERS, WHOLE, reduced
from domain.pricebook.statements import IN_CATEGORY
from domain.priceguard import InversionCause, Offered
from domain.pricing import CURRENCIES, SHOP_CURRENCY

WRITE_SCOPE = "prices:write"
PRICE_SET, PRICE_ENDED = "agent_price.set", "agent_price.ended"


@dataclass(frozen=True, slots=True)
class AgentPriceWish:
    """An own price of an agent: `price` for a variant, or `off_rate` (1/10000 of its tier's price)
    for a category; from a time on (None: now), until another or for ever."""

    agent_id: UUID
    variant_id: UUID | None = None
    category_id: UUID | None = None
    price: Money | None = None
    off_rate: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    note: str = ""

    def check(self, moment: datetime) -> None:
        """Refuses (INVALID) what cannot be one, with the field."""
        of_variant = self.variant_id is not None and self.price is not None
        of_category = self.category_id is not None and self.off_rate is not None
        given = (self.variant_id, self.category_id, self.price, self.off_rate)
        one = (of_variant or of_category) and given.count(None) == 2
        refuse_unless(one, Invalid(reason="agent_price_target", field=("variantId",)))
        if self.price is not None:
            known = self.price.currency in CURRENCIES
            refuse_unless(known, Invalid(reason="currency", field=("price", "currency")))
            some = self.price.units > 0
            refuse_unless(some, Invalid(reason="price_not_above_zero", field=("price",)))
        if self.off_rate is not None:
            bounded = 1 <= self.off_rate < WHOLE
            refuse_unless(bounded, Invalid(reason="agent_price_rate", field=("offRate",)))
        begins = self.valid_from or moment
        refuse_unless(begins >= moment, Invalid(reason="agent_price_past", field=("validFrom",)))
        lasts = self.valid_until is None or self.valid_until > begins
        refuse_unless(lasts, Invalid(reason="window", field=("validUntil",)))
        told = len(self.note) <= MAX_NOTE_LETTERS and (self.note.isprintable() or not self.note)
        refuse_unless(told, Invalid(reason="text_too_long", field=("note",)))


async def set_agent_price(actor: Actor, wish: AgentPriceWish) -> AgentPrice:
    """Give an agent an own price from a time on. Audited, with its event; needs `prices:write`.

    What is in force already, word for word, is answered and not written again. Refuses what is
    malformed (INVALID), an unknown agent, variant or category, a promoter (AGENT_PRICE_FIXED), a
    price below its floor (PRICE_BELOW_FLOOR), and one that is less than what the agent above pays,
    or more than what somebody below does (AGENT_PRICE_INVERTED).
    """
    actor.require_scope(WRITE_SCOPE)
    moment = clock.now()
    wish.check(moment)
    try:
        async with transaction() as conn:
            made, fresh = await keep_agent_price(conn, actor, wish, moment)
    except TooLow as refused:
        await priceguard.note_refused(None, InversionCause.SAVE, refused.below)
        raise
    except IntegrityError as error:
        what = "variant" if "agent_price_of_a_variant" in str(error) else "category"
        raise Refused(NotFound(what=what, field=(f"{what}Id",))) from error
    if fresh:
        wake_relay()
    return made


async def end_agent_price(actor: Actor, price_id: UUID) -> AgentPrice:
    """End an own price now, or take one back that has not begun. Audited, with its event.

    Needs `prices:write`. Ending what is over changes nothing. Refuses an unknown one, and when
    somebody below would pay less than the agent does then (AGENT_PRICE_INVERTED).
    """
    actor.require_scope(WRITE_SCOPE)
    moment = clock.now()
    async with transaction() as conn:
        found = await AgentPrice.filter(id=price_id).first()
        if found is None:
            raise Refused(NotFound(what="own price", field=("id",)))
        await _lock_agent(found.agent_id)
        await hold_book(conn)
        await found.refresh_from_db()
        if found.valid_until is not None and found.valid_until <= moment:
            return found
        found.valid_until = max(moment, found.valid_from)
        found.ended_by = actor.user_id
        await found.save(force_update=True, update_fields=["valid_until", "ended_by"])
        await refuse_inverted(conn, [found.agent_id], moment)
        await _told(conn, actor, PRICE_ENDED, found, 2)
    wake_relay()
    return found


async def keep_agent_price(
    conn: Connection, actor: Actor, wish: AgentPriceWish, moment: datetime
) -> tuple[AgentPrice, bool]:
    """As `set_agent_price`, in the caller's transaction and of what was checked; and whether it
    was written, or stood there already."""
    agent = await _lock_agent(wish.agent_id)
    refuse_unless(not agent.leaf, AgentPriceFixed(field=("agentId",)))
    await hold_book(conn)
    same = await _in_force(wish, moment)
    if same is not None:
        return same, False
    made = await AgentPrice.create(
        id=new_id(),
        agent_id=wish.agent_id,
        variant_id=wish.variant_id,
        category_id=wish.category_id,
        currency=wish.price.currency if wish.price else None,
        amount=wish.price.units if wish.price else None,
        off_rate=wish.off_rate,
        valid_from=wish.valid_from or moment,
        valid_until=wish.valid_until,
        note=wish.note,
        set_by=actor.user_id,
        created_at=moment,
    )
    await _refuse_below(conn, agent, wish)
    await refuse_inverted(conn, [agent.id], made.valid_from)
    await _told(conn, actor, PRICE_SET, made, 1)
    return made, True


async def _lock_agent(agent_id: UUID) -> Agent:
    agent = await Agent.filter(id=agent_id).select_for_update().first()
    if agent is None:
        raise Refused(NotFound(what="agent", field=("agentId",)))
    return agent


async def _in_force(wish: AgentPriceWish, moment: datetime) -> AgentPrice | None:
    """The newest own price for the same thing, when it is what is wished."""
    newest = (
        await AgentPrice.filter(
            agent_id=wish.agent_id,
            variant_id=wish.variant_id,
            category_id=wish.category_id,
            currency=wish.price.currency if wish.price else None,
        )
        .order_by("-valid_from", "-id")
        .first()
    )
    if newest is None:
        return None
    units = wish.price.units if wish.price else None
    begun = newest.valid_from == wish.valid_from or (
        wish.valid_from is None and newest.valid_from <= moment
    )
    told = (newest.amount, newest.off_rate, newest.valid_until, newest.note)
    lasts = newest.valid_until is None or newest.valid_until > moment
    same = told == (units, wish.off_rate, wish.valid_until, wish.note)
    return newest if begun and lasts and same else None


async def _refuse_below(conn: Connection, agent: Agent, wish: AgentPriceWish) -> None:
    """No own price is below cost and minimum margin (row D7): neither that of a variant, nor, with
    so much off, that of anything in a category as it stands on the base list."""
    offered: dict[UUID, int] = {}
    currency = wish.price.currency if wish.price else SHOP_CURRENCY
    if wish.variant_id is not None and wish.price is not None:
        offered[wish.variant_id] = wish.price.units
    elif wish.off_rate is not None:
        rows = await conn.fetch(IN_CATEGORY, wish.category_id, agent.tier.value, currency)
        offered = {row["variant_id"]: reduced(row["amount"], wish.off_rate) for row in rows}
    judge = await priceguard.judge_of(conn, list(offered), currency, None)
    field = "price" if wish.price else "offRate"
    for variant_id, units in offered.items():
        refusals, below = judge.refusals(variant_id, [Offered(agent.tier.value, units)])
        for refusal in refusals.values():
            raise TooLow(refusal, (field,), below)


async def _told(conn: Connection, actor: Actor, event: str, row: AgentPrice, sequence: int) -> None:
    until = row.valid_until.isoformat() if row.valid_until else None
    thing: dict[str, Any] = {"offRate": row.off_rate}
    if row.amount is not None and row.currency is not None:
        thing = {"price": str(Money(row.amount, row.currency))}
    details = {
        "agentId": encode_id(Prefix.AGENT, row.agent_id),
        "variantId": encode_id(Prefix.VARIANT, row.variant_id) if row.variant_id else None,
        "categoryId": encode_id(Prefix.CATEGORY, row.category_id) if row.category_id else None,
        **thing,
        "validFrom": row.valid_from.isoformat(),
        "validUntil": until,
    }
    await audit.record(conn, actor, event, row.id, {**details, "note": row.note})
    payload = {"agentPriceId": encode_id(Prefix.AGENT_PRICE, row.id), **details}
    await record_events(conn, [Event(event, row.id, sequence, payload)])
