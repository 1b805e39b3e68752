"""How documents are handed in and out: the door of a ticket."""

from dataclasses import dataclass
from datetime import datetime

import strawberry
from strawberry import Parent

from domain.kernel import Prefix, encode_id
from domain.papers import Ticket

PATH = "/papers"


@dataclass(frozen=True, slots=True)
class PaperDoor:
    """Where a document goes in or comes out, and with what."""

    paper_id: strawberry.ID
    method: str
    url: str
    authorization: str
    ticket: Ticket


def door_of(ticket: Ticket) -> PaperDoor:
    """The door that a ticket opens."""
    public = strawberry.ID(encode_id(Prefix.PAPER, ticket.paper_id))
    method = "PUT" if ticket.deed == "send" else "GET"
    return PaperDoor(public, method, f"{PATH}/{public}", f"Ticket {ticket.text}", ticket)


def expires_at(door: Parent[PaperDoor]) -> datetime:
    """Until when."""
    return door.ticket.expires_at
