"""What following a supplier's list refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class NothingToFollow(Refusal):
    """The supplier's adapter can neither list its goods nor tell of one."""

    code: ClassVar[str] = "CATALOGUE_NOT_TOLD"
    supplier: str


@dataclass(frozen=True, kw_only=True)
class RunOver(Refusal):
    """Only the newest run can be accepted, and only while it is doubted."""

    code: ClassVar[str] = "CATALOGUE_RUN_OVER"


@dataclass(frozen=True, kw_only=True)
class FaceDiffers(Refusal):
    """So many units of the item have another face value than the variant."""

    code: ClassVar[str] = "FACE_VALUE_DIFFERS"
    item: str
    sku: str
