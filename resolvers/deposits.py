"""How the fields of deposits are answered."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import agents, deposits
from domain.kernel import Money, Page, Prefix, decode_id, page_request, refuse_unless
from resolvers.agents import is_own
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def deposit_of_agent(agent: Parent[agents.Agent], info: Info) -> deposits.Deposit | None:
    """What is asked, there, and asked back; the agent's own and staff's to see."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await info.context.loaders.deposits.load(agent.id)


async def movements(
    deposit: Parent[deposits.Deposit],
    info: Info,
    first: int | None = None,
    after: str | None = None,
) -> Page[deposits.DepositMovement]:
    """What moved it; whoever sees the deposit sees them."""
    page = page_request("movements", first, after)
    return await deposits.list_movements(deposit.agent_id, page)


async def agent_deposit_pay(
    info: Info, idempotency_key: str, amount: MoneyInput
) -> dict[str, object]:
    """Out of the caller's wallet."""
    actor = info.context.actor
    replayed = await deposits.pay_deposit(actor, money_of(amount, "amount"), idempotency_key)
    own = await agents.get_own_agent(actor)
    return {"deposit": await deposits.deposit_of(own.id), "replayed": replayed}


async def agent_deposit_ask_back(
    info: Info, amount: MoneyInput | None = None
) -> deposits.DepositReturn:
    """All of it, or a part."""
    wanted = money_of(amount, "amount") if amount else None
    return await deposits.ask_back(info.context.actor, wanted)


async def agent_deposit_keep(
    info: Info, deposit_return_id: strawberry.ID
) -> deposits.DepositReturn:
    """Take back that it was asked for."""
    place = ("depositReturnId",)
    waiting = decode_id(Prefix.DEPOSIT_RETURN, deposit_return_id, field=place)
    return await deposits.keep_after_all(info.context.actor, waiting)


async def deposit_terms_set(
    info: Info, type: agents.AgentType, amount: MoneyInput, effective_at: datetime | None = None
) -> deposits.DepositTerms:
    """What agents of a type are to deposit (back office)."""
    actor = info.context.actor
    return await deposits.set_terms(actor, type, money_of(amount, "amount"), effective_at)


async def deposit_terms_in_force(info: Info) -> list[deposits.DepositTerms]:
    """For everybody to read."""
    return await deposits.terms_in_force()


async def deposit_terms(info: Info) -> list[deposits.DepositTerms]:
    """All terms (back office)."""
    return await deposits.list_terms(info.context.actor)


def amount_of_terms(terms: Parent[deposits.DepositTerms]) -> Money:
    """As money."""
    return Money(terms.amount, terms.currency)


def type_of_terms(terms: Parent[deposits.DepositTerms]) -> agents.AgentType:
    """Whose they are."""
    return agents.AgentType(terms.agent_type)


def amount_of_movement(movement: Parent[deposits.DepositMovement]) -> Money:
    """As money."""
    return Money(movement.amount, movement.currency)


def amount_asked(row: Parent[deposits.DepositReturn]) -> Money:
    """As money."""
    return Money(row.amount, row.currency)


def amount_returned(row: Parent[deposits.DepositReturn]) -> Money | None:
    """As money."""
    return None if row.returned is None else Money(row.returned, row.currency)
