"""Limits that an installation may set; the wiring fills them in."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(slots=True)
class Limits:
    """What one operator may do alone, and how long an archive waits to be fetched."""

    reveals_per_day: int = 20
    exports_per_day: int = 3
    export_life: timedelta = timedelta(hours=24)
    export_canaries: int = 2


limits = Limits()
