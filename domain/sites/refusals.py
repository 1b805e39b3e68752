"""What the sites refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class SiteUnknown(Refusal):
    """There is no such site, or this address is another site's."""

    code: ClassVar[str] = "SITE_UNKNOWN"
    site: str


@dataclass(frozen=True, kw_only=True)
class SiteClosed(Refusal):
    """The site is known and closed by its operator."""

    code: ClassVar[str] = "SITE_CLOSED"
    site: str
