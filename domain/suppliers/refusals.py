"""What the suppliers' desk refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class AdapterUnknown(Refusal):
    """There is no adapter of this name."""

    code: ClassVar[str] = "ADAPTER_UNKNOWN"
    adapter: str
    known: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ConnectionUnusable(Refusal):
    """The adapter cannot speak with this secret or these settings: purchases would not leave."""

    code: ClassVar[str] = "SUPPLIER_CONNECTION_UNUSABLE"
    adapter: str
    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SupplierHasOpen(Refusal):
    """Purchases there have no outcome, and another party would be asked about them: one that knows
    nothing of them, so that they would be bought a second time elsewhere."""

    code: ClassVar[str] = "SUPPLIER_HAS_OPEN_PURCHASES"
    open: int
