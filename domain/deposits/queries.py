"""Reads of deposits: what is asked, what is there, what moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.deposits.models import DepositMovement, DepositReturn, DepositTerms, ReturnState
from domain.deposits.rules import CURRENCY
from domain.deposits.statements import STANDING
from domain.kernel import Actor, Money, Page, PageRequest, clock, connection, page_of

READ_SCOPE = "deposits:read"


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit as its agent sees it: no interest, nothing hidden."""

    agent_id: UUID
    required: Money
    balance: Money
    waiting: DepositReturn | None

    @property
    def short(self) -> bool:
        """Whether it keeps the agent from buying at its price."""
        return self.balance.units < self.required.units


async def deposit_of(agent_id: UUID) -> Deposit:
    """What an agent is asked for, what it has deposited, and what it has asked back."""
    return (await deposits_of([agent_id]))[agent_id]


async def deposits_of(agent_ids: Sequence[UUID]) -> dict[UUID, Deposit]:
    """The same of many agents, by two statements."""
    async with connection() as conn:
        rows = await conn.fetch(STANDING, list(agent_ids), clock.now())
    asked_back = DepositReturn.filter(agent_id__in=list(agent_ids), state=ReturnState.WAITING)
    waiting = {each.agent_id: each for each in await asked_back}
    return {row["id"]: _deposit(row, waiting.get(row["id"])) for row in rows}


async def list_movements(agent_id: UUID, page: PageRequest) -> Page[DepositMovement]:
    """What moved a deposit, newest first."""
    rows = DepositMovement.filter(agent_id=agent_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def all_terms() -> list[DepositTerms]:
    """All terms, newest first; for reports, which say who may read them."""
    return await DepositTerms.all().order_by("-effective_at", "-id").limit(200)


async def terms_in_force() -> list[DepositTerms]:
    """What agents of each type are asked for now, none left out but who is asked for nothing."""
    past = DepositTerms.filter(effective_at__lte=clock.now()).order_by("effective_at", "id")
    newest = {terms.agent_type: terms for terms in await past}
    return [terms for terms in newest.values() if terms.amount]


async def list_terms(actor: Actor) -> list[DepositTerms]:
    """All terms, newest first; needs `deposits:read`."""
    actor.require_scope(READ_SCOPE)
    return await all_terms()


def _deposit(row: Any, waiting: DepositReturn | None) -> Deposit:
    required, balance = Money(row["required"], CURRENCY), Money(row["balance"], CURRENCY)
    return Deposit(row["id"], required, balance, waiting)
