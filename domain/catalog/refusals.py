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
