"""Agents' deposits: theirs, refundable, without interest."""

from datetime import datetime

import strawberry

from domain import deposits
from domain.agents import AgentType
from domain.deposits import DepositMove, ReturnState
from domain.kernel import Prefix
from resolvers import deposits as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="One change of a deposit.")
@presents(deposits.DepositMovement)
class DepositMovement:
    kind: DepositMove
    amount: Money = field(resolvers.amount_of_movement)
    at: datetime


@strawberry.type(description="A deposit that was asked back.")
@presents(deposits.DepositReturn)
class DepositReturn:
    id: strawberry.ID = id_field(Prefix.DEPOSIT_RETURN)
    state: ReturnState
    amount: Money = field(resolvers.amount_asked)
    asked_at: datetime
    due_at: datetime = field(description="Nothing is returned while a penalty case is open.")
    returned: Money | None = field(
        resolvers.amount_returned, description="Less than `amount` when a case took of it."
    )


@strawberry.type(description="An agent's deposit: refundable, no income, no base of commission.")
@presents(deposits.Deposit)
class AgentDeposit:
    required: Money = field(
        description="Asked for buying at an agent's price, and for nothing else."
    )
    balance: Money
    short: bool = field(description="Whether buying is AGENT_BLOCKED until it is paid.")
    waiting: DepositReturn | None = field(description="What was asked back and is not due yet.")
    movements: Connection[DepositMovement] = field(resolvers.movements, description="Newest first.")


@strawberry.type(description="What agents of a type are to deposit from a time on.")
@presents(deposits.DepositTerms)
class DepositTerms:
    type: AgentType = field(resolvers.type_of_terms)
    amount: Money = field(resolvers.amount_of_terms)
    effective_at: datetime
    set_at: datetime


@strawberry.type
class AgentDepositPayload:
    deposit: AgentDeposit | None
    replayed: bool | None
    user_errors: list[UserError]


@strawberry.type
class DepositReturnPayload:
    deposit_return: DepositReturn | None
    user_errors: list[UserError]


@strawberry.type
class DepositTermsPayload:
    terms: DepositTerms | None
    user_errors: list[UserError]


@strawberry.type
class DepositMutation:
    agent_deposit_pay: AgentDepositPayload = mutation(
        resolvers.agent_deposit_pay,
        payload=AgentDepositPayload,
        permissions=[SignedIn()],
        description="Move money of the caller's wallet into its deposit.",
    )
    agent_deposit_ask_back: DepositReturnPayload = mutation(
        resolvers.agent_deposit_ask_back,
        payload=DepositReturnPayload,
        entity="deposit_return",
        permissions=[SignedIn()],
        description="Ask for the deposit, or a part of it, at any time and also after closing.",
    )
    agent_deposit_keep: DepositReturnPayload = mutation(
        resolvers.agent_deposit_keep,
        payload=DepositReturnPayload,
        entity="deposit_return",
        permissions=[SignedIn()],
        description="Take back that it was asked for.",
    )


@strawberry.type
class DepositQuery:
    deposit_terms: list[DepositTerms] = field(
        resolvers.deposit_terms_in_force,
        description="What agents of each type are asked to deposit now; a type that is asked for"
        " nothing is left out.",
    )


@strawberry.type
class DepositAdminQuery:
    deposit_terms: list[DepositTerms] = field(
        resolvers.deposit_terms, permissions=[Scope("deposits:read")], description="Newest first."
    )


@strawberry.type
class DepositAdminMutation:
    deposit_terms_set: DepositTermsPayload = mutation(
        resolvers.deposit_terms_set,
        payload=DepositTermsPayload,
        entity="terms",
        permissions=[Scope("deposits:write")],
        description="Say what agents of a type are to deposit from a time on; 10,000 at most.",
    )
