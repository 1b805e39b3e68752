"""What the catalogue refuses beyond the kernel's own refusals."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class ImportFileInvalid(Refusal):
    """A file as a whole cannot be read, nothing was imported. `reason` is a key of the texts."""

    code: ClassVar[str] = "IMPORT_FILE_INVALID"
    file: str
    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class ListingMoveNotAllowed(Refusal):
    """A listing does not go from where it stands to where it should."""

    code: ClassVar[str] = "LISTING_MOVE_NOT_ALLOWED"
    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class BrandNotAuthorised(Refusal):
    """The brand's goods are sold with its authorisation only, and none is in force (row A8)."""

    code: ClassVar[str] = "BRAND_NOT_AUTHORISED"
    brand: str


@dataclass(frozen=True, kw_only=True)
class ListingBanned(Refusal):
    """A banned word, or a banned category, named by `banned`, keeps a listing off the shelf."""

    code: ClassVar[str] = "LISTING_BANNED"
    banned: str
