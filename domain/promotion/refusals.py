"""What promotion refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class PromoLinksTooMany(Refusal):
    """An agent has so many open links; it ends some first."""

    code: ClassVar[str] = "PROMO_LINKS_TOO_MANY"
    most: int
