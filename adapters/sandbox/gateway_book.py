"""The sandbox payment gateway's own book, in SQLite: what was really paid, whatever it tells.

Amounts are units of 1/10000. Each method is one short transaction.
"""

import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS payments (
    id INTEGER PRIMARY KEY, merchant TEXT NOT NULL, reference TEXT NOT NULL, token TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, subject TEXT NOT NULL,
    notify_url TEXT NOT NULL, return_url TEXT NOT NULL, expires_at REAL NOT NULL,
    state TEXT NOT NULL, paid INTEGER NOT NULL DEFAULT 0, paid_at REAL,
    UNIQUE (merchant, reference));
CREATE TABLE IF NOT EXISTS refunds (
    id INTEGER PRIMARY KEY, merchant TEXT NOT NULL, reference TEXT NOT NULL,
    refund_reference TEXT NOT NULL, amount INTEGER NOT NULL, at REAL NOT NULL,
    UNIQUE (merchant, refund_reference));
CREATE TABLE IF NOT EXISTS gateway_nonces (nonce TEXT PRIMARY KEY, at REAL NOT NULL);
"""
NONCE_SECONDS = 300
_COLUMNS = (
    "merchant, reference, token, amount, currency, subject, notify_url, return_url, expires_at,"
    " state, paid, paid_at, id"
)


@dataclass(frozen=True, slots=True)
class PaymentEntry:
    """One payment as the gateway has it; `state`: pending, paid, closed."""

    merchant: str
    reference: str
    token: str
    amount: int
    currency: str
    subject: str
    notify_url: str
    return_url: str
    expires_at: float
    state: str
    paid: int
    paid_at: float | None
    id: int

    @property
    def provider_id(self) -> str:
        """The gateway's own number of it."""
        return f"SBX{self.id:010d}"


@dataclass(frozen=True, slots=True)
class RefundEntry:
    """One refund that was made."""

    reference: str
    refund_reference: str
    amount: int
    at: float
    id: int


class GatewayBook:
    """All merchants' payments in one file."""

    def __init__(self, path: Path | str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def use_nonce(self, nonce: str) -> bool:
        """False: a request with this nonce came before."""
        with self._lock:
            self._db.execute(
                "DELETE FROM gateway_nonces WHERE at < ?", (time.time() - NONCE_SECONDS,)
            )
            made = self._db.execute(
                "INSERT OR IGNORE INTO gateway_nonces VALUES (?, ?)", (nonce, time.time())
            )
            return made.rowcount == 1

    def open(self, merchant: str, wish: dict[str, str], amount: int) -> PaymentEntry:
        """A payment; the one of this reference when it is known already."""
        with self._lock:
            self._db.execute(
                "INSERT OR IGNORE INTO payments (merchant, reference, token, amount, currency,"
                " subject, notify_url, return_url, expires_at, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
                (
                    merchant,
                    wish["reference"],
                    secrets.token_urlsafe(18),
                    amount,
                    wish["currency"],
                    wish["subject"],
                    wish["notify_url"],
                    wish["return_url"],
                    float(wish["expires_at"]),
                ),
            )
        found = self.find(merchant, wish["reference"])
        assert found is not None, "it was written just now"
        return found

    def find(self, merchant: str, reference: str) -> PaymentEntry | None:
        """By the merchant's reference."""
        return self._one("merchant = ? AND reference = ?", merchant, reference)

    def find_by_token(self, token: str) -> PaymentEntry | None:
        """By what stands in the page's address."""
        return self._one("token = ?", token)

    def pay(self, token: str, amount: int, *, late: bool = False) -> bool:
        """The buyer pays so much; False when it is paid already, or closed and not paid `late`."""
        with self._lock:
            done = self._db.execute(
                "UPDATE payments SET state = 'paid', paid = ?, paid_at = ?"
                " WHERE token = ? AND (state = 'pending' OR (? AND state = 'closed'))",
                (amount, time.time(), token, late),
            )
            return done.rowcount == 1

    def close_payment(self, merchant: str, reference: str) -> None:
        """Nobody pays it any more; one that is paid stays so."""
        with self._lock:
            self._db.execute(
                "UPDATE payments SET state = 'closed'"
                " WHERE merchant = ? AND reference = ? AND state = 'pending'",
                (merchant, reference),
            )

    def refund(self, entry: PaymentEntry, refund_reference: str, amount: int) -> RefundEntry | None:
        """Give so much back, once per reference; None when no more than that was paid."""
        with self._lock:
            before = self._refund(entry.merchant, refund_reference)
            if before is not None:
                return before
            given = self._db.execute(
                "SELECT coalesce(sum(amount), 0) FROM refunds WHERE merchant = ? AND reference = ?",
                (entry.merchant, entry.reference),
            ).fetchone()[0]
            if given + amount > entry.paid:
                return None
            self._db.execute(
                "INSERT INTO refunds (merchant, reference, refund_reference, amount, at)"
                " VALUES (?, ?, ?, ?, ?)",
                (entry.merchant, entry.reference, refund_reference, amount, time.time()),
            )
            return self._refund(entry.merchant, refund_reference)

    def find_refund(self, merchant: str, refund_reference: str) -> RefundEntry | None:
        """A refund that was made."""
        with self._lock:
            return self._refund(merchant, refund_reference)

    def movements(
        self, merchant: str, start: float, end: float
    ) -> tuple[list[PaymentEntry], list[RefundEntry]]:
        """What was paid and given back between two moments."""
        with self._lock:
            paid = self._db.execute(
                f"SELECT {_COLUMNS} FROM payments"  # noqa: S608
                " WHERE merchant = ? AND paid_at >= ? AND paid_at < ? ORDER BY id",
                (merchant, start, end),
            ).fetchall()
            back = self._db.execute(
                "SELECT reference, refund_reference, amount, at, id FROM refunds"
                " WHERE merchant = ? AND at >= ? AND at < ? ORDER BY id",
                (merchant, start, end),
            ).fetchall()
        return [PaymentEntry(*row) for row in paid], [RefundEntry(*row) for row in back]

    def newest(self, limit: int) -> list[PaymentEntry]:
        """The last payments of all merchants."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM payments ORDER BY id DESC LIMIT ?",  # noqa: S608
                (limit,),
            ).fetchall()
        return [PaymentEntry(*row) for row in rows]

    def _refund(self, merchant: str, refund_reference: str) -> RefundEntry | None:
        row = self._db.execute(
            "SELECT reference, refund_reference, amount, at, id FROM refunds"
            " WHERE merchant = ? AND refund_reference = ?",
            (merchant, refund_reference),
        ).fetchone()
        return None if row is None else RefundEntry(*row)

    def _one(self, condition: str, *values: str) -> PaymentEntry | None:
        with self._lock:
            row = self._db.execute(
                f"SELECT {_COLUMNS} FROM payments WHERE {condition}",  # noqa: S608
                values,
            ).fetchone()
        return None if row is None else PaymentEntry(*row)
