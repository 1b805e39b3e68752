"""What claim links ask of what stands above them."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.orders import ContactKind


class Reach(Protocol):
    """Whether one-time codes can be sent to such contacts of a site."""

    async def __call__(self, site_id: UUID, kind: ContactKind) -> bool:
        """True when a channel is there and switched on."""


@dataclass(slots=True)
class Places:
    """Set once by the wiring."""

    reach: Reach | None = None


places = Places()
