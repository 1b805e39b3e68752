"""A deposit moves: its row, its transfer, its event; and the holds of penalty cases.

Everything here runs in the caller's transaction, which has locked the agent.
"""

from uuid import UUID

from domain import ledger
from domain.agents import Agent
from domain.deposits.models import DepositHold, DepositMove, DepositMovement
from domain.deposits.rules import CURRENCY
from domain.kernel import (
    Connection,
    Event,
    Prefix,
    clock,
    encode_id,
    new_id,
    plain,
    record_events,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id

KINDS = {
    DepositMove.PAID: TransferKind.DEPOSIT_PAID,
    DepositMove.RETURNED: TransferKind.DEPOSIT_RETURNED,
    DepositMove.DEDUCTED: TransferKind.DEPOSIT_DEDUCTED,
    DepositMove.RESTORED: TransferKind.DEPOSIT_RESTORED,
}


async def move(
    conn: Connection, agent: Agent, kind: DepositMove, units: int, cause: UUID | None = None
) -> DepositMovement:
    """Move a deposit by so many units, up or down as the kind says."""
    await ledger.open_accounts(conn, [(AccountKind.DEPOSIT, agent.id, CURRENCY)])
    row = await DepositMovement.create(
        id=new_id(),
        agent_id=agent.id,
        kind=kind,
        amount=units,
        currency=CURRENCY,
        cause=cause,
        at=clock.now(),
    )
    up = kind in (DepositMove.PAID, DepositMove.RESTORED)
    legs = [
        (account_id(AccountKind.DEPOSIT, agent.id, CURRENCY), units if up else -units),
        (_other(agent, kind), -units if up else units),
    ]
    await ledger.post(conn, [Posting(KINDS[kind], row.id, CURRENCY, legs)])
    payload = {
        "agentId": encode_id(Prefix.AGENT, agent.id),
        "userId": encode_id(Prefix.USER, agent.user_id),
        "kind": kind.value,
        "amount": plain(units),
        "currency": CURRENCY,
    }
    await record_events(conn, [Event("deposit.moved", row.id, 1, payload)])
    return row


async def hold_deposit(conn: Connection, agent_id: UUID, case_id: UUID) -> None:
    """Return nothing to an agent while a case is open."""
    await DepositHold.create(agent_id=agent_id, case_id=case_id, held_at=clock.now())


async def release_deposit(conn: Connection, case_id: UUID) -> None:
    """The case is over."""
    await DepositHold.filter(case_id=case_id).delete()


def _other(agent: Agent, kind: DepositMove) -> UUID:
    if kind in (DepositMove.PAID, DepositMove.RETURNED):
        return account_id(AccountKind.WALLET, agent.user_id, CURRENCY)
    return account_id(AccountKind.PENALTY, None, CURRENCY)
