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
