"""What the price book refuses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import UUID

from domain.kernel import Money, Refusal, Refused
from domain.priceguard import Below


@dataclass(frozen=True, kw_only=True)
class AgentPriceInverted(Refusal):
    """An agent would pay less than the one it stands below (row E2). Both by their codes."""

    code: ClassVar[str] = "AGENT_PRICE_INVERTED"
    agent: str
    above: str
    sku: str
    price: Money
    least: Money


@dataclass(frozen=True, kw_only=True)
class AgentPriceFixed(Refusal):
    """A promoter sells at the house's prices and has none of its own (row E4)."""

    code: ClassVar[str] = "AGENT_PRICE_FIXED"


@dataclass(frozen=True, kw_only=True)
class FloorPriceHidden(Refusal):
    """Floors and costs are for core agents; a promoter never sees them (row E3)."""

    code: ClassVar[str] = "FLOOR_PRICE_HIDDEN"


class TooLow(Refused):
    """An agent's price stands below its floor: what is refused, where, and what is noted of it."""

    def __init__(
        self,
        refusal: Refusal,
        field: tuple[str, ...],
        below: Sequence[Below],
        site_id: UUID | None = None,
    ):
        super().__init__(replace(refusal, field=field))
        self.below, self.site_id = below, site_id
