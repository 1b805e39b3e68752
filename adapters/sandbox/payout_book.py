"""The sandbox's own book of payouts, in SQLite: what was really paid, whatever it tells.

Amounts are units of 1/10000. Each method is one short transaction.
"""

import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS payouts (
    id INTEGER PRIMARY KEY, merchant TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
    state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '', token TEXT NOT NULL, at REAL NOT NULL,
    hidden INTEGER NOT NULL DEFAULT 0, submissions INTEGER NOT NULL DEFAULT 1,
    UNIQUE (merchant, reference));
CREATE TABLE IF NOT EXISTS payout_faults (
    id INTEGER PRIMARY KEY, merchant TEXT NOT NULL, fault TEXT NOT NULL, left INTEGER NOT NULL,
    fired INTEGER NOT NULL DEFAULT 0, hold REAL NOT NULL);
"""
_COLUMNS = (
    "id, merchant, reference, amount, currency, account, name, state, why, token, at, hidden,"
    " submissions"
)
UNKNOWN_ACCOUNTS_END = "0404"


class PayoutFault(StrEnum):
    """What goes wrong with the next submissions of a merchant."""

    TIMEOUT_AFTER_SUCCESS = "timeout_after_success"  # paid, and the caller waits in vain
    TIMEOUT_BEFORE = "timeout_before"  # nothing was done, and the caller waits in vain
    ERROR_BUT_PAID = "error_but_paid"  # paid, answered 502
    ERROR_BEFORE = "error_before"  # nothing was done, answered 502
    GARBAGE = "garbage"  # paid, answered with a page
    NOT_FOUND_FOR_A_WHILE = "not_found_for_a_while"  # paid, and two queries do not know it
    SLOW = "slow"  # taken, and paid at the third query
    WAITING = "waiting"  # until its receiver confirms
    RECEIVER_UNKNOWN = "receiver_unknown"
    BALANCE_SHORT = "balance_short"
    RETURNED = "returned"  # paid, and it comes back


@dataclass(frozen=True, slots=True)
class PayoutEntry:
    """One payout as the sandbox has it; `state`: accepted, waiting, paid, failed, returned."""

    id: int
    merchant: str
    reference: str
    amount: int
    currency: str
    account: str
    name: str
    state: str
    why: str
    token: str
    at: float
    hidden: int  # so many queries tell less than is true
    submissions: int

    @property
    def provider_id(self) -> str:
        """The sandbox's own number of it."""
        return f"SBP{self.id:010d}"


class PayoutBook:
    """All merchants' payouts in one file."""

    def __init__(self, path: Path | str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def find(self, merchant: str, reference: str) -> PayoutEntry | None:
        """A payout by its reference."""
        with self._lock:
            row = self._db.execute(
                f"SELECT {_COLUMNS} FROM payouts WHERE merchant = ? AND reference = ?",  # noqa: S608
                (merchant, reference),
            ).fetchone()
        return PayoutEntry(*row) if row else None

    def add(self, merchant: str, wish: dict[str, str], amount: int, state: str, why: str) -> None:
        """Take a payout; the same reference again changes nothing."""
        hidden = 2 if state in ("hidden", "slow") else 0
        kept = {"hidden": "paid", "slow": "accepted"}.get(state, state)
        with self._lock:
            self._db.execute(
                "INSERT INTO payouts (merchant, reference, amount, currency, account, name, state,"
                " why, token, at, hidden) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (merchant, reference)"
                " DO UPDATE SET submissions = payouts.submissions + 1",
                (
                    *(merchant, wish["reference"], amount, wish["currency"], wish["account"]),
                    *(wish["name"], kept, why, secrets.token_hex(8), time.time(), hidden),
                ),
            )

    def look(self, entry: PayoutEntry) -> None:
        """A query that was not told all; when it was the last one, what was slow is paid."""
        with self._lock:
            self._db.execute(
                "UPDATE payouts SET hidden = hidden - 1, state = CASE WHEN hidden = 1 AND"
                " state = 'accepted' THEN 'paid' ELSE state END WHERE id = ? AND hidden > 0",
                (entry.id,),
            )

    def move(self, merchant: str, reference: str, before: str, after: str, why: str = "") -> bool:
        """What becomes of a payout that is in this state."""
        with self._lock:
            done = self._db.execute(
                "UPDATE payouts SET state = ?, why = ?, at = ? WHERE merchant = ? AND reference = ?"
                " AND state = ?",
                (after, why, time.time(), merchant, reference, before),
            )
        return done.rowcount == 1

    def entries(self, merchant: str) -> list[PayoutEntry]:
        """All payouts of a merchant, oldest first."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM payouts WHERE merchant = ? ORDER BY id",  # noqa: S608
                (merchant,),
            ).fetchall()
        return [PayoutEntry(*row) for row in rows]

    def add_fault(self, merchant: str, fault: PayoutFault, times: int, hold: float) -> None:
        """Spoil the next submissions."""
        with self._lock:
            self._db.execute(
                "INSERT INTO payout_faults (merchant, fault, left, hold) VALUES (?, ?, ?, ?)",
                (merchant, fault.value, times, hold),
            )

    def next_fault(self, merchant: str) -> tuple[PayoutFault | None, float]:
        """The fault of the next submission, and for how long it keeps the caller waiting."""
        with self._lock:
            row = self._db.execute(
                "SELECT id, fault, hold FROM payout_faults WHERE merchant = ? AND left > 0"
                " ORDER BY id LIMIT 1",
                (merchant,),
            ).fetchone()
            if row is None:
                return None, 0.0
            self._db.execute(
                "UPDATE payout_faults SET left = left - 1, fired = fired + 1 WHERE id = ?",
                (row[0],),
            )
        return PayoutFault(row[1]), row[2]

    def faults(self) -> list[dict[str, object]]:
        """All faults, and how often each has fired."""
        with self._lock:
            rows = self._db.execute(
                "SELECT merchant, fault, left, fired FROM payout_faults ORDER BY id"
            ).fetchall()
        names = ("merchant", "fault", "left", "fired")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def clear_faults(self) -> None:
        """Answer as one should."""
        with self._lock:
            self._db.execute("UPDATE payout_faults SET left = 0")
