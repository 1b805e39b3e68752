"""Use cases of deposits: terms, paying, asking back, taking back, returning what is due."""

from datetime import datetime
from uuid import UUID

import asyncpg

from domain import audit, ledger
from domain.agents import Agent, AgentStatus, AgentType, get_own_agent
from domain.deposits.books import move
from domain.deposits.models import (
    DepositMove,
    DepositReturn,
    DepositTerms,
    ReturnState,
)
from domain.deposits.refusals import DepositReturnClosed, DepositShort, DepositTooLarge
from domain.deposits.rules import CURRENCY, MAX_UNITS, times
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    Invalid,
    Money,
    NotFound,
    Refused,
    claim_key,
    clock,
    crash_point,
    input_hash,
    is_payable,
    new_id,
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, account_id

TERMS_SCOPE = "deposits:write"
RETURNED_AT_ONCE = 100
_BALANCE = "SELECT balance FROM accounts WHERE id = $1"
_DUE = """
SELECT r.id FROM deposit_returns r WHERE r.state = 'waiting' AND r.due_at <= $1
    AND NOT EXISTS (SELECT 1 FROM deposit_holds h WHERE h.agent_id = r.agent_id)
ORDER BY r.due_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED
"""


async def set_terms(
    actor: Actor, agent_type: AgentType, amount: Money, effective_at: datetime | None = None
) -> DepositTerms:
    """Say what agents of a type are to deposit from a time on (mission row G5). Audited.

    Needs `deposits:write`. It is asked for buying at an agent's price and for nothing else. Refuses
    more than ten thousand, another currency, and a time that is over (INVALID).
    """
    actor.require_scope(TERMS_SCOPE)
    moment = clock.now()
    effective = effective_at or moment
    fits = amount.currency == CURRENCY and 0 <= amount.units <= MAX_UNITS
    refuse_unless(fits, Invalid(reason="deposit_amount", field=("amount",)))
    refuse_unless(effective >= moment, Invalid(reason="deposit_time", field=("effectiveAt",)))
    async with transaction() as conn:
        terms = await DepositTerms.create(
            agent_type=agent_type.value,
            amount=amount.units,
            currency=CURRENCY,
            effective_at=effective,
            set_by=actor.user_id,
            set_at=moment,
        )
        details = {"type": agent_type.value, "amount": plain(amount.units)}
        await audit.record(conn, actor, "deposit.set_terms", terms.id, details)
    return terms


async def pay_deposit(actor: Actor, amount: Money, idempotency_key: str) -> bool:
    """Move money of the caller's wallet into its deposit; True when an earlier call did.

    For an agent that is not closed. Refuses an amount that is not payable (INVALID), more than the
    limit in all (DEPOSIT_TOO_LARGE), and a short wallet (BALANCE_INSUFFICIENT).
    """
    payable = amount.units > 0 and is_payable(amount.units, amount.currency)
    fits = payable and amount.currency == CURRENCY
    refuse_unless(fits, Invalid(reason="amount_not_payable", field=("amount",)))
    agent = await get_own_agent(actor)
    hashed = input_hash([agent.id, amount.units])
    try:
        async with transaction() as conn:
            key = (agent.user_id, "agentDepositPay", idempotency_key)
            if await claim_key(conn, *key, hashed, new_id()) is not None:
                return True
            await lock_open_agent(agent.id)
            balance = await balance_of(conn, agent.id)
            most = DepositTooLarge(most=Money(MAX_UNITS, CURRENCY), field=("amount",))
            refuse_unless(balance + amount.units <= MAX_UNITS, most)
            await move(conn, agent, DepositMove.PAID, amount.units)
            await audit.record(
                conn, actor, "deposit.pay", agent.id, {"amount": plain(amount.units)}
            )
            crash_point("deposits.paid")
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "account_not_overdrawn":
            raise
        wallet = await ledger.wallet_of(agent.user_id, CURRENCY)
        raise Refused(ledger.BalanceShort(required=amount, available=wallet.available)) from error
    wake_relay()
    return False


async def ask_back(actor: Actor, amount: Money | None = None) -> DepositReturn:
    """Ask for the deposit, or a part of it; it comes to the wallet once the time is over.

    An agent may ask at any time, also after it was closed, which it never needs a reason for.
    Refuses more than is there (DEPOSIT_SHORT), and a second one (DEPOSIT_RETURN_CLOSED).
    """
    agent = await get_own_agent(actor)
    async with transaction() as conn:
        await Agent.filter(id=agent.id).select_for_update().first()
        there = await balance_of(conn, agent.id)
        asked = amount.units if amount else there
        short = DepositShort(available=Money(there, CURRENCY), field=("amount",))
        refuse_unless(0 < asked <= there and _is_own_currency(amount), short)
        waits = await DepositReturn.filter(agent_id=agent.id, state=ReturnState.WAITING).exists()
        refuse_unless(not waits, DepositReturnClosed(reason="deposit_return_waits"))
        moment = clock.now()
        row = await DepositReturn.create(
            agent_id=agent.id,
            amount=asked,
            currency=CURRENCY,
            state=ReturnState.WAITING,
            asked_at=moment,
            due_at=moment + times.hold,
        )
        await audit.record(conn, actor, "deposit.ask_back", agent.id, {"amount": plain(asked)})
    return row


async def keep_after_all(actor: Actor, return_id: UUID) -> DepositReturn:
    """Take back that the deposit was asked for; refuses what does not wait any more."""
    agent = await get_own_agent(actor)
    async with transaction() as conn:
        own = DepositReturn.filter(id=return_id, agent_id=agent.id)
        row = await own.select_for_update().first()
        if row is None:
            raise Refused(NotFound(what="deposit return", field=("depositReturnId",)))
        waits = row.state is ReturnState.WAITING
        refuse_unless(waits, DepositReturnClosed(reason="deposit_return_ended"))
        row.state, row.ended_at = ReturnState.CANCELLED, clock.now()
        await row.save(force_update=True)
        await audit.record(conn, actor, "deposit.keep", agent.id, {})
    return row


async def return_due() -> int:
    """Return what is due and held by no case, each in a transaction of its own; how many."""
    for done in range(RETURNED_AT_ONCE):
        if not await _return_one():
            return done
    return RETURNED_AT_ONCE


async def _return_one() -> bool:
    async with transaction() as conn:
        return_id = await conn.fetchval(_DUE, clock.now())
        if return_id is None:
            return False
        row = await DepositReturn.get(id=return_id)
        agent = await Agent.filter(id=row.agent_id).select_for_update().get()
        amount = min(row.amount, await balance_of(conn, agent.id))
        row.ended_at = clock.now()
        row.state = ReturnState.RETURNED if amount else ReturnState.CANCELLED
        row.returned = amount or None
        await row.save(force_update=True)
        if amount:
            await move(conn, agent, DepositMove.RETURNED, amount, row.id)
            details = {"amount": plain(amount), "returnId": str(row.id)}
            await audit.record(conn, SYSTEM, "deposit.return", agent.id, details)
        crash_point("deposits.returned")
    wake_relay()
    return True


async def balance_of(conn: Connection, agent_id: UUID) -> int:
    """What an agent has deposited, in units, as the caller's transaction sees it."""
    account = account_id(AccountKind.DEPOSIT, agent_id, CURRENCY)
    return int(await conn.fetchval(_BALANCE, account) or 0)


async def lock_open_agent(agent_id: UUID) -> Agent:
    """An agent, locked; refuses one that is closed."""
    agent = await Agent.filter(id=agent_id).select_for_update().get()
    open_ = agent.status is not AgentStatus.CLOSED
    refuse_unless(open_, Invalid(reason="agent_closed"))
    return agent


def _is_own_currency(amount: Money | None) -> bool:
    return amount is None or amount.currency == CURRENCY
