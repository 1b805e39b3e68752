"""Receives Kameng's webhooks: checks the signature, keeps each event once, answers at once.

    pip install standardwebhooks
    WEBHOOK_SECRET=whsec_... python receiver.py --port 9000

Two rules make a receiver right, and this file is mostly those two:

* Believe nothing before the signature is checked, over the very bytes that came.
* An event may come more than once (same `webhook-id`). It is worked on and written down in one
  transaction, and only then answered with 204; a second copy gets the same answer and does nothing.
"""

import argparse
import json
import os
import sqlite3
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BODY_BYTES = 64 * 1024
READ_SECONDS = 10
TABLE = """
CREATE TABLE IF NOT EXISTS events (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, happened_at TEXT NOT NULL, body TEXT NOT NULL
)
"""


class Inbox:
    """The events that came, each once, in a file that survives a restart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(self._open()) as database, database:
            database.execute(TABLE)

    @contextmanager
    def first_time(self, event_id: str, event: dict[str, Any]) -> Iterator[bool]:
        """Whether the event is new. It is kept when the block ends well, and forgotten otherwise,
        so that it is sent, and worked on, again."""
        row = (event_id, event["type"], event["timestamp"], json.dumps(event["data"]))
        with closing(self._open()) as database, database:
            database.execute("BEGIN IMMEDIATE")
            done = database.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", row)
            yield done.rowcount == 1

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=5)


def on_event(event: dict[str, Any]) -> None:
    """Your part, called in the order in which an order lived. An exception makes it come again.

    The shop waits ten seconds for an answer: work that takes long belongs in a queue of yours.
    """
    order = event["data"]
    print(f"{event['type']:28} {order['number']}  {order['status']:20}", end=" ")
    print(f"{order['total']} {order['currency']}", flush=True)


def _is_event(event: object) -> bool:
    return isinstance(event, dict) and {"type", "timestamp", "data"} <= event.keys()


class Handler(BaseHTTPRequestHandler):
    """POST anything: 204 taken, 400 no event, 401 not signed by the shop, 413 too large."""

    timeout = READ_SECONDS
    webhook: Webhook
    inbox: Inbox

    def do_POST(self) -> None:
        """Check, keep, answer."""
        body = self._body()
        if body is None:
            return self._answer(413)
        try:
            # Also refuses what was signed more than five minutes ago: nothing can be replayed.
            event = self.webhook.verify(body, dict(self.headers.items()))
        except (WebhookVerificationError, ValueError):  # a garbled header is no signature either
            return self._answer(401)
        if not _is_event(event):
            return self._answer(400)
        try:
            with self.inbox.first_time(self.headers["webhook-id"], event) as fresh:
                if fresh:
                    on_event(event)
        except Exception:  # whatever it was, it is told here, and the shop sends the event again
            traceback.print_exc()
            return self._answer(500)
        return self._answer(204)

    def _body(self) -> bytes | None:
        """The bytes that came; None when there are too many, or nobody says how many."""
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return None
        return self.rfile.read(int(length))

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Only refusals are worth a line; `on_event` tells the rest."""
        if code != 204:
            super().log_request(code, size)


def serve(secret: str, inbox: Inbox, host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens; call its `serve_forever`."""
    handler = type("BoundHandler", (Handler,), {"webhook": Webhook(secret), "inbox": inbox})
    return ThreadingHTTPServer((host, port), handler)


def main() -> None:
    """Listen until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Receives Kameng's webhooks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--inbox", type=Path, default=Path("inbox.sqlite"))
    wishes = parser.parse_args()
    secret = os.environ.get("WEBHOOK_SECRET", "")
    if not secret.startswith("whsec_"):
        sys.exit("Set WEBHOOK_SECRET to the secret that webhookEndpointCreate showed (whsec_...).")
    server = serve(secret, Inbox(wishes.inbox), wishes.host, wishes.port)
    print(f"Listening on http://{wishes.host}:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("Bye.")
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
