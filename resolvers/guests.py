"""How somebody without a session proves an order, for fields that take it as one argument."""

import strawberry

from domain.orders import GuestProof


@strawberry.input
class GuestProofInput:
    """The number of an order with its token or its look-up password."""

    number: str
    token: str | None = None
    lookup_password: str | None = None


def proof_of(guest: GuestProofInput) -> GuestProof:
    """The same for the domain."""
    return GuestProof(guest.number, guest.token, guest.lookup_password)
