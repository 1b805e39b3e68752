"""What the simulated payment vendors remember over a restart: their keys, and their trades.

Keys are made at the first start and kept in the book's own file, which only its owner may read.
They guard nothing of value, but they are made like real ones and differ from machine to machine.
"""

import sqlite3
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from adapters.sandbox.protocol import Trade, make_certificate, make_key, private_pem

MOST_TRADES = 2_000  # of one vendor; older ones are forgotten at a start
_TABLES = """
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trades (
    id INTEGER PRIMARY KEY, vendor TEXT NOT NULL, reference TEXT NOT NULL, trade BLOB NOT NULL,
    UNIQUE (vendor, reference));
"""


class VendorBook:
    """All vendors' keys and trades in one file."""

    def __init__(self, path: Path | str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(_TABLES)
        self._written: dict[tuple[str, str], bytes] = {}

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def text(self, name: str, make: Callable[[], str]) -> str:
        """What is kept under a name; made when there is nothing yet."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            row = self._db.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
            if row is None:
                row = (make(),)
                self._db.execute("INSERT INTO kept VALUES (?, ?)", (name, row[0]))
            self._db.execute("COMMIT")
        return str(row[0])

    def put(self, name: str, value: str) -> None:
        """Keep a text under a name."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (name, value))

    def put_changed(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Keep rows under a name, when they are not those that were written last."""
        written = orjson.dumps(rows)
        if self._written.get(("rows", name)) != written:
            self.put(name, written.decode())
            self._written["rows", name] = written

    def key(self, name: str) -> rsa.RSAPrivateKey:
        """A key pair, made at the first start."""
        return _key_of(self.text(name, lambda: private_pem(make_key())))

    def certificates(self, name: str) -> list[tuple[x509.Certificate, rsa.RSAPrivateKey]]:
        """A vendor's certificates with their keys, the newest first."""

        def first() -> str:
            key = make_key()
            return certificates_text([(make_certificate(key), key)])

        pairs = orjson.loads(self.text(name, first))
        return [
            (x509.load_pem_x509_certificate(pem.encode()), _key_of(key_pem))
            for pem, key_pem in pairs
        ]

    def trades(self, vendor: str) -> dict[str, Trade]:
        """The newest trades of a vendor."""
        with self._lock:
            self._db.execute(
                "DELETE FROM trades WHERE vendor = ? AND id NOT IN"
                " (SELECT id FROM trades WHERE vendor = ? ORDER BY id DESC LIMIT ?)",
                (vendor, vendor, MOST_TRADES),
            )
            rows = self._db.execute(
                "SELECT reference, trade FROM trades WHERE vendor = ? ORDER BY id", (vendor,)
            ).fetchall()
        self._written |= {(vendor, reference): trade for reference, trade in rows}
        return {reference: _trade_of(orjson.loads(trade)) for reference, trade in rows}

    def keep(self, vendor: str, trades: Mapping[str, Trade]) -> None:
        """Write those trades that have changed."""
        for reference, trade in trades.items():
            written = orjson.dumps(trade)
            if self._written.get((vendor, reference)) == written:
                continue
            with self._lock:
                self._db.execute(
                    "INSERT INTO trades (vendor, reference, trade) VALUES (?, ?, ?)"
                    " ON CONFLICT (vendor, reference) DO UPDATE SET trade = excluded.trade",
                    (vendor, reference, written),
                )
            self._written[vendor, reference] = written


def certificates_text(pairs: list[tuple[x509.Certificate, rsa.RSAPrivateKey]]) -> str:
    """Certificates and keys as `VendorBook.certificates` reads them."""
    texts = [[each.public_bytes(Encoding.PEM).decode(), private_pem(key)] for each, key in pairs]
    return orjson.dumps(texts).decode()


def _key_of(pem: str) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey), "made by ourselves"
    return key


def _trade_of(kept: dict[str, Any]) -> Trade:
    for name in ("expires_at", "paid_at"):
        kept[name] = datetime.fromisoformat(kept[name]) if kept[name] else None
    return Trade(**kept)
