"""Where agents want their money: told with a fresh second factor, kept sealed, slow to change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from domain import agents, audit, identity
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Forbidden,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    keyed_digest,
    new_id,
    open_sealed,
    recent_keys,
    record_events,
    refuse_unless,
    seal_current,
    transaction,
    wake_relay,
)
from domain.payouts.channels import WRITE_SCOPE
from domain.payouts.models import PayoutBlock, PayoutDestination
from domain.payouts.names import require_same_name
from domain.payouts.ports import DestinationKind, Receiver
from domain.payouts.refusals import DestinationBlocked
from domain.payouts.rules import limits, masked, normalised

PURPOSE = "payout-destination"
CHANGED = "payout_destination.changed"
MAX_ACCOUNT, MAX_NAME = 64, 64
_NAMED = (DestinationKind.BANK, DestinationKind.ALIPAY)
_LOCK_AGENT = "SELECT 1 FROM agents WHERE id = $1 FOR NO KEY UPDATE"


@dataclass(frozen=True, slots=True)
class DestinationWish:
    """An account as its agent tells it. `bank`: the bank's name, for bank accounts only."""

    kind: DestinationKind
    account: str = field(repr=False)
    name: str = field(default="", repr=False)
    bank: str = ""
    branch: str = field(default="", repr=False)


async def save_destination(actor: Actor, wish: DestinationWish) -> PayoutDestination:
    """Tell where the caller, who is an agent, wants its money. Needs a fresh step-up; audited.

    The earlier one of the kind is retired. The first one ever is usable at once; a later one after
    a day (KAMENG_PAYOUT_COOLING_HOURS). Refuses an account that cannot be one (INVALID), one that
    is blocked (PAYOUT_DESTINATION_BLOCKED), and one in another name than the agent's proven one
    (PAYOUT_NAME_MISMATCH).
    """
    agent = await agent_of(actor)
    _check(wish)
    await recent_keys()
    await require_same_name(agent, wish.name)
    digest, moment = digest_of(wish.kind, wish.account), clock.now()
    async with transaction() as conn:
        await identity.require_step_up(actor)
        await refuse_blocked(conn, digest)
        await conn.execute(_LOCK_AGENT, agent.id)
        earlier = await PayoutDestination.filter(agent_id=agent.id).exists()
        of_kind = PayoutDestination.filter(agent_id=agent.id, kind=wish.kind)
        await of_kind.filter(retired_at__isnull=True).update(retired_at=moment)
        destination_id = new_id()
        made = await PayoutDestination.create(
            id=destination_id,
            agent_id=agent.id,
            kind=wish.kind,
            masked=masked(wish.account),
            sealed=_sealed(destination_id, wish),
            digest=digest,
            created_at=moment,
            usable_from=moment + limits.cooling_off if earlier else moment,
        )
        details = {"kind": wish.kind.value, "masked": made.masked}
        await audit.record(conn, actor, CHANGED, agent.id, details)
        payload = {
            "userId": encode_id(Prefix.USER, agent.user_id),
            "agentId": encode_id(Prefix.AGENT, agent.id),
            **details,
            "usableFrom": made.usable_from.isoformat(),
        }
        await record_events(conn, [Event(CHANGED, made.id, 1, payload)])
    wake_relay()
    return made


async def destinations_of(agent_id: UUID) -> list[PayoutDestination]:
    """What an agent has in use, oldest first."""
    return await PayoutDestination.filter(agent_id=agent_id, retired_at__isnull=True).order_by("id")


async def block_destination(actor: Actor, destination_id: UUID, reason: str) -> PayoutBlock:
    """Send no money to this account any more, whosever it is. Needs `payouts:write`; audited.

    What is on its way stays on its way.
    """
    actor.require_scope(WRITE_SCOPE)
    told = 0 < len(reason.strip()) <= 200
    refuse_unless(told, Invalid(reason="review_reason", field=("reason",)))
    async with transaction() as conn:
        destination = await PayoutDestination.filter(id=destination_id).first()
        if destination is None:
            raise Refused(NotFound(what="payout destination"))
        block, made = await PayoutBlock.get_or_create(
            digest=destination.digest,
            defaults={
                "id": new_id(),
                "reason": reason.strip(),
                "blocked_by": actor.user_id,
                "blocked_at": clock.now(),
            },
        )
        if made:
            details = {"masked": destination.masked, "reason": block.reason}
            await audit.record(
                conn, actor, "payout_destination.block", destination.agent_id, details
            )
    return block


async def refuse_blocked(conn: Connection, digest: str) -> None:
    """Refuse an account that is blocked, in the caller's transaction."""
    blocked = await conn.fetchval("SELECT 1 FROM payout_blocks WHERE digest = $1", digest)
    refuse_unless(not blocked, DestinationBlocked())


async def agent_of(actor: Actor) -> agents.Agent:
    """The agent that the caller is; refuses everybody else (FORBIDDEN)."""
    agent = await agents.agent_of_user(actor.require_user())
    if agent is None:
        raise Refused(Forbidden(scope="agent"))
    return agent


def bound_to(destination_id: UUID) -> bytes:
    """What the seal of a destination is bound to."""
    return str(destination_id).encode()


def receiver_of(destination: PayoutDestination) -> Receiver:
    """The opened destination, for the moment of sending."""
    kept = orjson.loads(open_sealed(PURPOSE, destination.sealed, bound_to(destination.id)))
    return Receiver(destination.kind, kept["account"], kept["name"], kept["bank"], kept["branch"])


def receivers_of(destinations: Sequence[PayoutDestination]) -> dict[UUID, Receiver]:
    """Opened destinations, by id."""
    return {each.id: receiver_of(each) for each in destinations}


def digest_of(kind: DestinationKind, account: str) -> str:
    """By what the same account is found again, and by nobody without our key."""
    return keyed_digest(PURPOSE, f"{kind.value}:{normalised(account)}".encode()).hex()


def _sealed(destination_id: UUID, wish: DestinationWish) -> bytes:
    kept = {
        "account": wish.account.strip(),
        "name": wish.name.strip(),
        "bank": wish.bank.strip(),
        "branch": wish.branch.strip(),
    }
    return seal_current(PURPOSE, orjson.dumps(kept), bound_to(destination_id))


def _check(wish: DestinationWish) -> None:
    account, bank = wish.account.strip(), wish.kind is DestinationKind.BANK
    digits = account.isascii() and account.replace(" ", "").isdecimal()
    formed = 4 <= len(account) <= MAX_ACCOUNT and account.isprintable() and (digits or not bank)
    refuse_unless(formed, Invalid(reason="payout_account", field=("account",)))
    named = len(wish.name) <= MAX_NAME and wish.name.isprintable()
    refuse_unless(named, Invalid(reason="payout_name", field=("name",)))
    told = bool(wish.name.strip()) or wish.kind not in _NAMED
    refuse_unless(told, Invalid(reason="payout_name", field=("name",)))
    kept = len(wish.bank) <= MAX_NAME and len(wish.branch) <= 2 * MAX_NAME
    refuse_unless(
        kept and (bool(wish.bank.strip()) == bank), Invalid(reason="payout_bank", field=("bank",))
    )
