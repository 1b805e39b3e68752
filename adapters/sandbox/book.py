"""The sandbox suppliers' own book, in SQLite: what they really did, whatever they answered.

Amounts are units of 1/10000, as everywhere inside. Each method is one short transaction.
"""

import hmac
import json
import random
import sqlite3
import threading
import time
from base64 import b32encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from adapters.sandbox.faults import LIST_FAULTS, Fault, fault_of_item

OPENING_BALANCE_UNITS = 1_000_000 * 10_000
UNLIMITED = -1
HOLD_SECONDS = 20.0
NONCE_SECONDS = 300
_NOT_OF_ORDERS = {fault.value for fault in {*LIST_FAULTS, Fault.STATEMENT_MISMATCH}}
_TABLES = """
CREATE TABLE IF NOT EXISTS suppliers (code TEXT PRIMARY KEY, balance INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    supplier TEXT NOT NULL, item TEXT NOT NULL, price INTEGER NOT NULL, stock INTEGER NOT NULL,
    PRIMARY KEY (supplier, item));
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, supplier TEXT NOT NULL, reference TEXT NOT NULL, item TEXT NOT NULL,
    quantity INTEGER NOT NULL, state TEXT NOT NULL, error TEXT, unit_price INTEGER NOT NULL,
    charged INTEGER NOT NULL, codes TEXT NOT NULL, mask TEXT, mask_left INTEGER NOT NULL,
    submissions INTEGER NOT NULL, made_at REAL NOT NULL, UNIQUE (supplier, reference));
CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY, supplier TEXT NOT NULL, fault TEXT NOT NULL, item TEXT,
    times INTEGER, probability REAL NOT NULL, hold_seconds REAL NOT NULL,
    fired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS nonces (
    supplier TEXT NOT NULL, nonce TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (supplier, nonce));
"""


@dataclass(slots=True)
class OrderEntry:
    """One order as the supplier's own book has it."""

    id: int
    supplier: str
    reference: str
    item: str
    quantity: int
    state: str  # completed, partial, accepted, rejected, refunded
    error: str | None
    unit_price: int
    charged: int
    codes: list[list[str]] = field(repr=False)
    mask: str | None  # what queries are told instead, for `mask_left` of them (-1: for ever)
    mask_left: int
    submissions: int
    made_at: float
    account: dict[str, Any] | None = field(default=None, repr=False)  # of a direct top-up
    receipt: str = ""
    notify_url: str = ""
    callback: str = ""  # the fault of its callback


@dataclass(frozen=True, slots=True)
class ChosenFault:
    """The fault that this submission meets."""

    fault: Fault
    hold_seconds: float


class Book:
    """All sandbox suppliers' orders, items, balances and faults in one SQLite file."""

    def __init__(self, path: Path | str, seed: str) -> None:
        self._seed = seed.encode()
        self._chance = random.Random(seed)  # decides about faults, guards nothing
        self._lock = threading.RLock()
        if str(path) != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_TABLES)
        self._add_columns()

    def _add_columns(self) -> None:
        """Books that were begun before get what direct top-ups and callbacks need."""
        wanted = [("items", "account"), ("orders", "account"), ("orders", "receipt")]
        for table, column in [*wanted, ("orders", "notify_url"), ("orders", "callback")]:
            known = {row["name"] for row in self._db.execute(f"PRAGMA table_info({table})")}
            if column not in known:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def open_supplier(self, code: str, balance: int | None = None) -> None:
        """Make a supplier, or set its balance."""
        self._db.execute(
            "INSERT INTO suppliers VALUES (?, ?) ON CONFLICT DO NOTHING",
            (code, OPENING_BALANCE_UNITS),
        )
        if balance is not None:
            self._db.execute("UPDATE suppliers SET balance = ? WHERE code = ?", (balance, code))

    def balances(self) -> dict[str, int]:
        """What the house has left at each supplier."""
        rows = self._db.execute("SELECT code, balance FROM suppliers ORDER BY code")
        return {row["code"]: row["balance"] for row in rows}

    def set_items(self, supplier: str, items: list[tuple[str, int, int, list[str] | None]]) -> None:
        """Add or change items: (item, price, stock, names of the parameters of a direct top-up, or
        None for cards); stock -1 never ends."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO items (supplier, item, price, stock, account) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (supplier, item) DO UPDATE SET price = excluded.price,"
                " stock = excluded.stock, account = excluded.account",
                [
                    (supplier, item, price, stock, None if names is None else json.dumps(names))
                    for item, price, stock, names in items
                ],
            )

    def items(self, supplier: str) -> list[dict[str, Any]]:
        """A supplier's items."""
        rows = self._db.execute(
            "SELECT item, price, stock, account FROM items WHERE supplier = ? ORDER BY item",
            (supplier,),
        )
        return [
            {**dict(row), "account": json.loads(row["account"]) if row["account"] else None}
            for row in rows
        ]

    def remove_item(self, supplier: str, item: str) -> bool:
        """The supplier sells it no longer."""
        done = self._db.execute(
            "DELETE FROM items WHERE supplier = ? AND item = ?", (supplier, item)
        )
        return done.rowcount == 1

    def add_fault(
        self,
        supplier: str,
        fault: Fault,
        *,
        item: str | None = None,
        times: int | None = 1,
        probability: float = 1.0,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        """Switch a fault on, for a number of submissions or (times None) until it is cleared."""
        self._db.execute(
            "INSERT INTO faults (supplier, fault, item, times, probability, hold_seconds)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (supplier, fault.value, item, times, probability, hold_seconds),
        )

    def clear_faults(self, supplier: str | None = None) -> list[dict[str, Any]]:
        """Switch faults off; what was counted of them goes too, and is told once more."""
        rows = self._db.execute(
            "DELETE FROM faults WHERE ? IS NULL OR supplier = ? RETURNING *", (supplier, supplier)
        )
        return [dict(row) for row in rows]

    def faults(self) -> list[dict[str, Any]]:
        """All faults with how often each has fired."""
        return [dict(row) for row in self._db.execute("SELECT * FROM faults ORDER BY id")]

    def next_fault(self, supplier: str, item: str) -> ChosenFault | None:
        """The fault for this submission: the oldest that is switched on, else the item's own."""
        rows = self._db.execute(
            "SELECT * FROM faults WHERE supplier = ? AND (item IS NULL OR item = ?)"
            " AND (times IS NULL OR times > 0) ORDER BY id",
            (supplier, item),
        ).fetchall()
        rows = [row for row in rows if row["fault"] not in _NOT_OF_ORDERS]
        for row in rows:
            if row["probability"] < 1 and self._chance.random() >= row["probability"]:
                continue
            self._db.execute(
                "UPDATE faults SET times = times - 1, fired = fired + 1 WHERE id = ?", (row["id"],)
            )
            return ChosenFault(Fault(row["fault"]), row["hold_seconds"])
        own = fault_of_item(item)
        return ChosenFault(own, HOLD_SECONDS) if own else None

    def lies_in_statement(self, supplier: str) -> bool:
        """Whether the statement that is asked for now shall differ from the book."""
        return self._fires(supplier, Fault.STATEMENT_MISMATCH)

    def list_fault(self, supplier: str) -> Fault | None:
        """What is wrong with the list of goods that is asked for now."""
        return next((fault for fault in sorted(LIST_FAULTS) if self._fires(supplier, fault)), None)

    def _fires(self, supplier: str, fault: Fault) -> bool:
        done = self._db.execute(
            "UPDATE faults SET times = times - 1, fired = fired + 1 WHERE id = (SELECT id FROM"
            " faults WHERE supplier = ? AND fault = ? AND (times IS NULL OR times > 0) LIMIT 1)",
            (supplier, fault.value),
        )
        return done.rowcount == 1

    def use_nonce(self, supplier: str, nonce: str) -> bool:
        """Whether a nonce is fresh; it is used up now."""
        moment = time.time()
        self._db.execute("DELETE FROM nonces WHERE at < ?", (moment - NONCE_SECONDS,))
        done = self._db.execute(
            "INSERT INTO nonces VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (supplier, nonce, moment)
        )
        return done.rowcount == 1

    def item(self, supplier: str, item: str) -> tuple[int, int, list[str] | None] | None:
        """An item's price, stock and parameters; None when the supplier does not know it."""
        row = self._db.execute(
            "SELECT price, stock, account FROM items WHERE supplier = ? AND item = ?",
            (supplier, item),
        ).fetchone()
        if row is None:
            return None
        return row["price"], row["stock"], json.loads(row["account"]) if row["account"] else None

    def find(self, supplier: str, reference: str) -> OrderEntry | None:
        """The order with this reference."""
        row = self._db.execute(
            "SELECT * FROM orders WHERE supplier = ? AND reference = ?", (supplier, reference)
        ).fetchone()
        return _entry(row) if row else None

    def count_submission(self, order: OrderEntry) -> None:
        """The same reference was submitted once more; the first order stands."""
        self._db.execute(
            "UPDATE orders SET submissions = submissions + 1 WHERE id = ?", (order.id,)
        )

    def make(self, order: OrderEntry) -> OrderEntry:
        """Write an order, charge for it and take its pieces out of stock."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            done = self._db.execute(
                "INSERT INTO orders (supplier, reference, item, quantity, state, error, unit_price,"
                " charged, codes, mask, mask_left, submissions, made_at, account, receipt,"
                " notify_url, callback)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)",
                (
                    order.supplier,
                    order.reference,
                    order.item,
                    order.quantity,
                    order.state,
                    order.error,
                    order.unit_price,
                    order.charged,
                    json.dumps(order.codes),
                    order.mask,
                    order.mask_left,
                    order.made_at,
                    None if order.account is None else json.dumps(order.account),
                    order.receipt,
                    order.notify_url,
                    order.callback,
                ),
            )
            if order.state != "rejected":
                self._db.execute(
                    "UPDATE suppliers SET balance = balance - ? WHERE code = ?",
                    (order.charged, order.supplier),
                )
                self._db.execute(
                    "UPDATE items SET stock = max(stock - ?, 0)"
                    " WHERE supplier = ? AND item = ? AND stock >= 0",
                    (order.quantity, order.supplier, order.item),
                )
        order.id = int(done.lastrowid or 0)
        return order

    def unmask_once(self, order: OrderEntry) -> None:
        """One more query was told the mask; the last one settles a refund."""
        if order.mask_left <= 0:
            return
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "UPDATE orders SET mask_left = mask_left - 1 WHERE id = ?", (order.id,)
            )

    def unmask(self, order: OrderEntry) -> None:
        """What was told to be running is told to be done from now on: its callback goes out."""
        self._db.execute(
            "UPDATE orders SET mask = NULL WHERE id = ? AND mask = 'accepted'", (order.id,)
        )

    def give_back(self, order: OrderEntry, state: str) -> None:
        """Take an order back (`refunded` or `cancelled`) and give its price back, once."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            done = self._db.execute(
                "UPDATE orders SET state = ?, codes = '[]', mask = NULL"
                " WHERE id = ? AND state NOT IN ('refunded', 'cancelled', 'rejected')",
                (state, order.id),
            )
            if done.rowcount:
                self._db.execute(
                    "UPDATE suppliers SET balance = balance + ? WHERE code = ?",
                    (order.charged, order.supplier),
                )

    def orders(self, supplier: str | None = None, limit: int = 100_000) -> list[OrderEntry]:
        """What was really ordered, newest first."""
        rows = self._db.execute(
            "SELECT * FROM orders WHERE ? IS NULL OR supplier = ? ORDER BY id DESC LIMIT ?",
            (supplier, supplier, limit),
        )
        return [_entry(row) for row in rows]

    def codes_for(self, supplier: str, reference: str, count: int) -> list[list[str]]:
        """Fresh codes: the same for the same seed and order, and not to be guessed without it."""
        return [self._code(f"{supplier}\n{reference}\n{index}") for index in range(count)]

    def sold_code(self, supplier: str, item: str) -> list[str] | None:
        """A code of this item that was delivered before."""
        row = self._db.execute(
            "SELECT codes FROM orders WHERE supplier = ? AND item = ? AND codes <> '[]'"
            " AND state = 'completed' ORDER BY id LIMIT 1",
            (supplier, item),
        ).fetchone()
        return list(json.loads(row["codes"])[0]) if row else None

    def receipt_for(self, supplier: str, reference: str) -> str:
        """The number of a direct top-up, as a telephone company prints it."""
        digest = hmac.digest(self._seed, f"{supplier}\n{reference}\nreceipt".encode(), sha256)
        return f"R{int.from_bytes(digest[:8], 'big') % 10**14:014d}"

    def _code(self, what: str) -> list[str]:
        digest = hmac.digest(self._seed, what.encode(), sha256)
        letters = b32encode(digest[:10]).decode()
        number = int.from_bytes(digest[10:16], "big") % 10**12
        return [f"{number:012d}", "-".join(letters[i : i + 4] for i in range(0, 16, 4))]


def _entry(row: sqlite3.Row) -> OrderEntry:
    values = dict(row)
    values["codes"] = json.loads(values["codes"])
    values["account"] = json.loads(values["account"]) if values["account"] else None
    for name in ("receipt", "notify_url", "callback"):
        values[name] = values[name] or ""
    return OrderEntry(**values)
