"""The face of vault."""

from domain.vault.archive import write_export
from domain.vault.exports import (
    APPROVED as EXPORT_APPROVED,
)
from domain.vault.exports import (
    Archive,
    ExportWish,
    decide_export,
    expire_exports,
    exports_due,
    request_export,
    take_export,
)
from domain.vault.limits import limits
from domain.vault.models import (
    CardExport,
    CardExportPart,
    ExportStatus,
    RevealStatus,
    StaffLook,
    StaffReveal,
)
from domain.vault.queries import StaffLooks, list_exports, list_reveals, looks_of
from domain.vault.refusals import ExportQuota, ExportTooLarge, FourEyes, NotOpen
from domain.vault.reveals import (
    StaffRevealed,
    StaffWish,
    decide_reveal,
    open_request,
    reveal,
)

__all__ = [
    "EXPORT_APPROVED",
    "Archive",
    "CardExport",
    "CardExportPart",
    "ExportQuota",
    "ExportStatus",
    "ExportTooLarge",
    "ExportWish",
    "FourEyes",
    "NotOpen",
    "RevealStatus",
    "StaffLook",
    "StaffLooks",
    "StaffReveal",
    "StaffRevealed",
    "StaffWish",
    "decide_export",
    "decide_reveal",
    "expire_exports",
    "exports_due",
    "limits",
    "list_exports",
    "list_reveals",
    "looks_of",
    "open_request",
    "request_export",
    "reveal",
    "take_export",
    "write_export",
]
