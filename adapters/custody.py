"""Custodians: a file that somebody keeps, and an address that answers by day and currency.

A bank's own interface is one more class with one method (`domain/custody/ports.py`).
"""

import asyncio
import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import quote

from adapters.answers import balance_in, json_of
from adapters.http import Ambiguous, NotSent, PartnerClient
from domain.kernel import Refused, parse_units

TIMEOUT_SECONDS = 10.0


class FileCustody:
    """A CSV file with the columns day, currency and balance; the last row of a day counts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def balance(self, currency: str, day: date) -> int | None:
        """What the file says; None when it says nothing, or cannot be read."""
        return await asyncio.to_thread(self._balance, currency, day)

    def _balance(self, currency: str, day: date) -> int | None:
        found = None
        try:
            for row in self._rows():
                if (row.get("day"), row.get("currency")) == (day.isoformat(), currency):
                    found = parse_units(row.get("balance") or "")
        except (OSError, UnicodeDecodeError, csv.Error, Refused):
            return None
        return found

    def _rows(self) -> Iterator[dict[str, str]]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)


class HttpCustody:
    """`GET {address}/{currency}/{day}` answers `{"balance": "12.34"}`; the simulator does."""

    def __init__(self, client: PartnerClient, base_url: str, token: str = "") -> None:
        self.client, self.base_url, self._token = client, base_url.rstrip("/"), token

    async def balance(self, currency: str, day: date) -> int | None:
        """What is told; None when nothing is, or nothing that can be read."""
        url = f"{self.base_url}/{quote(currency, safe='')}/{day.isoformat()}"
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            answer = await self.client.send(
                "GET", url, headers=headers, timeout_seconds=TIMEOUT_SECONDS
            )
        except (NotSent, Ambiguous):
            return None
        return balance_in(json_of(answer), "balance") if answer.status == 200 else None
