"""How files are laid before the other side of a case: tickets for the door, and what is shown."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import aftersale
from domain.aftersale import Caller, Deed, Dispute, Evidence, Side, Ticket
from domain.kernel import Prefix, decode_id, encode_id
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info
from resolvers.guests import GuestProofInput, proof_of

PATH = "/evidence"
METHODS = {Deed.SEND: "PUT", Deed.FETCH: "GET"}


@dataclass(frozen=True, slots=True)
class Door:
    """Where a file goes in or comes out, and with what."""

    evidence_id: strawberry.ID
    method: str
    url: str
    authorization: str
    ticket: Ticket


async def order_dispute_evidence_add(info: Info, dispute_id: strawberry.ID, name: str) -> Door:
    """Be allowed to send a file into one's own case."""
    return await _add(_buyer(info), dispute_id, name)


async def order_dispute_evidence_add_by_guest(
    info: Info, guest: GuestProofInput, dispute_id: strawberry.ID, name: str
) -> Door:
    """The same for whoever proves the order."""
    return await _add(_guest(info, guest), dispute_id, name)


async def dispute_evidence_add(info: Info, dispute_id: strawberry.ID, name: str) -> Door:
    """The same for staff, into any case."""
    return await _add(_staff(info), dispute_id, name)


async def order_dispute_evidence_open(info: Info, evidence_id: strawberry.ID) -> Door:
    """Be allowed to fetch a file of one's own case."""
    return await _open(_buyer(info), evidence_id)


async def order_dispute_evidence_open_by_guest(
    info: Info, guest: GuestProofInput, evidence_id: strawberry.ID
) -> Door:
    """The same for whoever proves the order."""
    return await _open(_guest(info, guest), evidence_id)


async def dispute_evidence_open(info: Info, evidence_id: strawberry.ID) -> Door:
    """The same for staff, of any case."""
    return await _open(_staff(info), evidence_id)


async def order_dispute_evidence_erase(info: Info, evidence_id: strawberry.ID) -> Evidence:
    """Erase what one has sent."""
    return await aftersale.erase_evidence(_buyer(info), _file(evidence_id))


async def order_dispute_evidence_erase_by_guest(
    info: Info, guest: GuestProofInput, evidence_id: strawberry.ID
) -> Evidence:
    """The same for whoever proves the order."""
    return await aftersale.erase_evidence(_guest(info, guest), _file(evidence_id))


async def dispute_evidence_erase(info: Info, evidence_id: strawberry.ID) -> Evidence:
    """The same for staff, whoever has sent it."""
    return await aftersale.erase_evidence(_staff(info), _file(evidence_id))


def files(record: Parent[Dispute], info: Info) -> AtOnceOrLater[list[Evidence]]:
    """The evidence of a case, in one statement for all cases of a page."""
    return info.context.loaders.evidence.get(record.id)


def name(file: Parent[Evidence]) -> str | None:
    """What its sender called it."""
    return aftersale.name_of(file) or None


def expires_at(door: Parent[Door]) -> datetime:
    """Until when."""
    return door.ticket.expires_at


async def _add(caller: Caller, dispute_id: strawberry.ID, name: str) -> Door:
    case = decode_id(Prefix.DISPUTE, dispute_id, field=("disputeId",))
    return _door(await aftersale.add_evidence(caller, case, name))


async def _open(caller: Caller, evidence_id: strawberry.ID) -> Door:
    return _door(await aftersale.open_evidence(caller, _file(evidence_id)))


def _door(ticket: Ticket) -> Door:
    public = strawberry.ID(encode_id(Prefix.EVIDENCE, ticket.evidence_id))
    url, method = f"{PATH}/{public}", METHODS[ticket.deed]
    return Door(public, method, url, f"Ticket {ticket.text}", ticket)


def _buyer(info: Info) -> Caller:
    return Caller(info.context.actor, Side.BUYER)


def _guest(info: Info, guest: GuestProofInput) -> Caller:
    return Caller(info.context.actor, Side.BUYER, proof_of(guest))


def _staff(info: Info) -> Caller:
    return Caller(info.context.actor, Side.STAFF)


def _file(evidence_id: strawberry.ID) -> UUID:
    return decode_id(Prefix.EVIDENCE, evidence_id, field=("evidenceId",))
