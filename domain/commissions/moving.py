"""Commission into the agent's own wallet, to buy with: an explicit move, never a matter of course.

The two are apart because they are different promises: a wallet is money that somebody paid in, a
commission may still go back with its sale.
"""

from dataclasses import dataclass
from uuid import UUID

from domain import agents, audit, ledger
from domain.commissions.books import Book, lock_books
from domain.commissions.refusals import CommissionShort
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Forbidden,
    Invalid,
    Money,
    Prefix,
    Refused,
    claim_key,
    encode_id,
    input_hash,
    is_payable,
    new_id,
    plain,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id

OPERATION = "commissionToWallet"


@dataclass(frozen=True, slots=True)
class Moved:
    """The agent whose money moved, and whether an earlier call with the same key had moved it."""

    agent: agents.Agent
    replayed: bool


async def move_to_wallet(actor: Actor, money: Money, idempotency_key: str) -> Moved:
    """Move available commission of the caller, who is an agent, into its wallet; audited.

    Refuses who is no agent (FORBIDDEN), an amount that is not payable (INVALID), and more than is
    available (COMMISSION_SHORT).
    """
    user = actor.require_user()
    payable = money.units > 0 and is_payable(money.units, money.currency)
    refuse_unless(payable, Invalid(reason="amount_not_payable", field=("amount",)))
    agent = await agents.agent_of_user(user)
    if agent is None:
        raise Refused(Forbidden(scope="agent"))
    hashed, operation = input_hash([money.units, money.currency]), new_id()
    async with transaction() as conn:
        if await claim_key(conn, user, OPERATION, idempotency_key, hashed, operation):
            return Moved(agent, replayed=True)
        book = await book_with(conn, agent.id, money)
        wallet = (AccountKind.WALLET, user, money.currency)
        await ledger.open_accounts(conn, [wallet])
        legs = [(book.account, -money.units), (account_id(*wallet), money.units)]
        posting = Posting(TransferKind.COMMISSION_TO_WALLET, operation, money.currency, legs)
        await ledger.post(conn, [posting])
        details = {"amount": plain(money.units), "currency": money.currency}
        await audit.record(conn, actor, "commission.to_wallet", agent.id, details)
        payload = {
            "userId": encode_id(Prefix.USER, user),
            "agentId": encode_id(Prefix.AGENT, agent.id),
            **details,
        }
        await record_events(conn, [Event("commission.moved_to_wallet", operation, 1, payload)])
    wake_relay()
    return Moved(agent, replayed=False)


async def book_with(conn: Connection, agent_id: UUID, money: Money) -> Book:
    """The locked book of an agent that has so much available; refuses with COMMISSION_SHORT.

    From here to the commit nobody else takes of it.
    """
    key = (agent_id, money.currency)
    book = (await lock_books(conn, [key]))[key]
    if book.available < money.units:
        available = Money(book.available, money.currency)
        raise Refused(CommissionShort(required=money, available=available, field=("amount",)))
    return book
