"""The custody port: the bank, or whoever else holds the money of buyers (mission row F4)."""

from datetime import date
from typing import Protocol


class CustodyPort(Protocol):
    """One adapter. It never raises for what a network or a custodian may do, and is never called
    inside a transaction."""

    async def balance(self, currency: str, day: date) -> int | None:
        """What was held at the end of a day of the business, in units of 1/10000; None while it
        cannot be told."""
