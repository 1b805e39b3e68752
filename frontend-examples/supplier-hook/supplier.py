"""A supplier for Kameng in one file: checks the signature, sells each reference once, keeps a book.

    SUPPLIER_SECRET=whsec_... python supplier.py --port 9100

Python's standard library only. Three rules make a supplier right, and this file is mostly those:

* Believe nothing before the signature is checked, over the very bytes that came.
* A reference is sold once. The same reference again is answered what it was answered first; so a
  shop that heard nothing may ask, and nobody pays twice.
* Say "rejected" only of what is not sold and never will be under this reference. For all else
  say nothing definite: a shop that hears no clear answer waits and asks.

Your part is `make_goods`: it fills an order whose price is already booked.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
import traceback
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MAX_BODY_BYTES = 64 * 1024
MAX_SKEW_SECONDS = 300
MAX_PIECES = 1_000
READ_SECONDS = 10
TABLES = """
CREATE TABLE IF NOT EXISTS orders (
    reference TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE, item TEXT NOT NULL,
    pieces INTEGER NOT NULL, charged INTEGER NOT NULL, refusal TEXT, receipt TEXT NOT NULL,
    ready_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS codes (
    item TEXT NOT NULL, number TEXT NOT NULL, secret TEXT NOT NULL, reference TEXT,
    PRIMARY KEY (item, number, secret)
);
CREATE INDEX IF NOT EXISTS codes_unsold ON codes (item) WHERE reference IS NULL;
CREATE INDEX IF NOT EXISTS codes_sold ON codes (reference) WHERE reference IS NOT NULL;
"""


class Refusal(Exception):
    """Nothing was sold, for one of the reasons that Kameng knows."""


def make_goods(
    book: sqlite3.Connection, order: dict[str, Any], goods: dict[str, Any]
) -> tuple[list[tuple[str, str]], str]:
    """Your part: the codes, or the receipt of a top-up, of an order. Raise `Refusal` when there
    are none. It runs in the order's transaction: what takes long belongs behind "accepted"."""
    if "account" in goods:
        return [], f"TOPUP-{order['id']}"
    rows = book.execute(
        "SELECT number, secret FROM codes WHERE item = ? AND reference IS NULL"
        " ORDER BY rowid LIMIT ?",
        (order["item"], order["pieces"]),
    ).fetchall()
    if len(rows) < order["pieces"]:
        raise Refusal("out_of_stock")
    book.executemany(
        "UPDATE codes SET reference = ? WHERE item = ? AND number = ? AND secret = ?",
        [(order["reference"], order["item"], *row) for row in rows],
    )
    return rows, ""


class Supplier:
    """Goods and prices from a file; orders and codes in a book that survives a restart."""

    def __init__(self, goods_file: Path, book_file: Path) -> None:
        content = json.loads(goods_file.read_text("utf-8"))
        self.opening, self.currency = units(content["balance"]), content["currency"]
        self.goods = {each["item"]: each for each in content["goods"]}
        self.book_file = book_file
        with closing(self._open()) as book:
            book.executescript(TABLES)
            rows = [
                (item, code.get("number", ""), code["secret"])
                for item, each in self.goods.items()
                for code in each.get("codes", [])
            ]
            with book:  # a code that is in the book, sold or not, stays as it is
                book.executemany("INSERT OR IGNORE INTO codes VALUES (?, ?, ?, NULL)", rows)

    def answer(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """What is answered to one question."""
        with closing(self._open()) as book:
            if kind == "supplier.submit":
                return self._submit(book, data)
            if kind == "supplier.query":
                return self._told(book, str(data.get("reference"))) or {"result": "not_found"}
            if kind == "supplier.balance":
                return {"balance": text_of(self._balance(book))}
        return {"result": "unsupported"}

    def _submit(self, book: sqlite3.Connection, data: dict[str, Any]) -> dict[str, Any]:
        """Sell, in one transaction that also writes down what will be answered ever after."""
        try:
            wish = _wish_of(data)
        except (KeyError, TypeError, ValueError, InvalidOperation):
            return {"result": "rejected", "category": "unknown", "detail": "malformed"}
        book.execute(
            "BEGIN IMMEDIATE"
        )  # one sale at a time: no code and no reference is sold twice
        with book:
            first = self._told(book, wish["reference"])
            if first is not None:
                return first
            if time.time() > wish["valid_until"]:
                # The shop has given up and may have bought elsewhere. Not written down: it is
                # asked for no more, and "not found" says the same.
                return {"result": "rejected", "category": "provider_down", "detail": "expired"}
            self._book(book, wish)
            told = self._told(book, wish["reference"])
        assert told is not None
        return told

    def _book(self, book: sqlite3.Connection, wish: dict[str, Any]) -> None:
        """One row for ever: what was sold, or why nothing was."""
        number = book.execute("SELECT count(*) + 1 FROM orders").fetchone()[0]
        goods, refusal = self.goods.get(wish["item"], {}), None
        charged, receipt, ready_at = 0, "", 0.0
        book.execute("SAVEPOINT goods")
        try:
            charged = self._price(book, wish, goods)
            _, receipt = make_goods(book, {**wish, "id": number}, goods)
            ready_at = time.time() + goods.get("takes_seconds", 0)
        except Refusal as told:
            book.execute("ROLLBACK TO goods")
            charged, refusal = 0, str(told)
        row = (wish["reference"], number, wish["item"], wish["pieces"], charged)
        rest = (refusal, receipt, ready_at)
        book.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, *rest))

    def _price(self, book: sqlite3.Connection, wish: dict[str, Any], goods: dict[str, Any]) -> int:
        """What all pieces cost, when they may be sold at all."""
        if not goods:
            raise Refusal("product_gone")
        price = units(goods["price"])
        if wish["currency"] != self.currency or price > wish["max_unit_cost"]:
            raise Refusal("price_exceeded")
        account = wish["account"]
        if any(not str(account.get(name) or "").strip() for name in goods.get("account", [])):
            raise Refusal("invalid_account")
        charged: int = price * wish["pieces"]
        if charged > self._balance(book):
            raise Refusal("insufficient_balance")
        return charged

    def _told(self, book: sqlite3.Connection, reference: str) -> dict[str, Any] | None:
        """What an order is answered, however often; None when there is none."""
        found = book.execute(
            "SELECT id, charged, refusal, receipt, ready_at FROM orders WHERE reference = ?",
            (reference,),
        ).fetchone()
        if found is None:
            return None
        number, charged, refusal, receipt, ready_at = found
        if refusal:
            return {"result": "rejected", "category": refusal}
        head = {"reference": reference, "upstreamId": f"order-{number}"}
        if time.time() < ready_at:
            return {**head, "result": "accepted"}
        sold = book.execute(
            "SELECT number, secret FROM codes WHERE reference = ? ORDER BY rowid", (reference,)
        )
        codes = [{"number": number, "secret": secret} for number, secret in sold]
        done = {"cost": text_of(charged), "codes": codes, "receipt": receipt or None}
        return {**head, "result": "completed", **done}

    def _balance(self, book: sqlite3.Connection) -> int:
        charged = book.execute("SELECT coalesce(sum(charged), 0) FROM orders").fetchone()[0]
        return self.opening - int(charged)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.book_file, timeout=READ_SECONDS, isolation_level=None)


def units(text: str) -> int:
    """Money is whole units of 1/10000 and never a float: "45.00" is 450000."""
    return int(Decimal(text) * 10_000)


def text_of(amount: int) -> str:
    """Units as a decimal text."""
    return f"{Decimal(amount) / 10_000:.4f}"


def _wish_of(data: dict[str, Any]) -> dict[str, Any]:
    """An order as it was asked for; an error when it is none."""
    reference, pieces = data["reference"], data["quantity"]
    if not (isinstance(reference, str) and 1 <= len(reference) <= 64):
        raise ValueError("reference")
    if not (isinstance(pieces, int) and 1 <= pieces <= MAX_PIECES):
        raise ValueError("quantity")
    until = datetime.fromisoformat(data["validUntil"].replace("Z", "+00:00"))
    return {
        "reference": reference,
        "item": str(data["item"]),
        "pieces": pieces,
        "max_unit_cost": units(data["maxUnitCost"]["amount"]),
        "currency": data["maxUnitCost"]["currency"],
        "valid_until": until.replace(tzinfo=until.tzinfo or UTC).timestamp(),
        "account": data.get("account") or {},
    }


def is_signed(secret: bytes, headers: Any, body: bytes) -> bool:
    """Whether the shop wrote this, and not long ago (Standard Webhooks)."""
    number, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not moment.isdecimal() or abs(time.time() - int(moment)) > MAX_SKEW_SECONDS:
        return False
    signed = f"{number}.{moment}.".encode("latin-1") + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    right = f"v1,{base64.b64encode(digest).decode()}".encode()
    told = headers.get("webhook-signature", "").encode("latin-1").split()
    return any(hmac.compare_digest(right, each) for each in told)


def secret_of(text: str) -> bytes:
    """The key in `whsec_...`; an error when it is none."""
    if not text.startswith("whsec_"):
        raise ValueError("it begins with whsec_")
    key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    if len(key) < 24:
        raise ValueError("it holds at least 24 bytes")
    return key


class Handler(BaseHTTPRequestHandler):
    """POST one question, get one answer of the closed set."""

    timeout = READ_SECONDS
    secret: bytes
    supplier: Supplier
    late_seconds: float

    def do_POST(self) -> None:
        """Check, work, answer."""
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return self._say(413, {"result": "unsupported"})
        body = self.rfile.read(int(length))
        if not is_signed(self.secret, self.headers, body):
            return self._say(401, {"result": "rejected", "category": "auth"})
        try:
            asked = json.loads(body)
            kind, data = asked["type"], asked["data"]
            answer = self.supplier.answer(str(kind), dict(data))
        except (ValueError, KeyError, TypeError):
            return self._say(400, {"result": "unsupported"})
        except Exception:  # told here; the shop hears a 500, is not sure, and asks again later
            traceback.print_exc()
            return self._say(500, {})
        if kind == "supplier.submit":
            time.sleep(self.late_seconds)
        return self._say(200, answer)

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            self.log_message("nobody waited for the answer")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Never what was asked or answered: it holds codes and accounts."""
        self.log_message("%s", code)


def serve(
    secret: str, supplier: Supplier, host: str, port: int, late_seconds: float = 0
) -> ThreadingHTTPServer:
    """A server that listens; call its `serve_forever`."""
    bound = {"secret": secret_of(secret), "supplier": supplier, "late_seconds": late_seconds}
    return ThreadingHTTPServer((host, port), type("BoundHandler", (Handler,), bound))


def main() -> None:
    """Listen until Ctrl-C."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description="A supplier for Kameng's adapter `hook`.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--goods", type=Path, default=here / "goods.json")
    parser.add_argument("--book", type=Path, default=Path("book.sqlite"))
    parser.add_argument(
        "--late", type=float, default=0, help="sell, then answer so many seconds too late: try it"
    )
    wishes = parser.parse_args()
    supplier = Supplier(wishes.goods, wishes.book)
    try:
        secret = os.environ.get("SUPPLIER_SECRET", "")
        server = serve(secret, supplier, wishes.host, wishes.port, wishes.late)
    except (ValueError, binascii.Error) as error:
        sys.exit(f"Set SUPPLIER_SECRET to whsec_ and at least 24 bytes in base64: {error}.")
    print(f"Listening on http://{wishes.host}:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("Bye.")
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
