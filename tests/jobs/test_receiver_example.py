"""The example receiver takes what is signed, each event once, and nothing else."""

import importlib.util
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest
from standardwebhooks import Webhook

from adapters.webhooks import SafeSender
from domain.kernel import clock
from domain.webhooks.rules import new_secret

FOLDER = Path(__file__).parents[2] / "frontend-examples" / "webhook-receiver"
EVENT = {
    "type": "order.delivered",
    "timestamp": "2026-11-24T08:00:00.000Z",
    "data": {
        "number": "261124-A",
        "status": "DELIVERED",
        "currency": "CNY",
        "total": "49.00",
        "lines": [],
    },
}


def load() -> Any:
    spec = importlib.util.spec_from_file_location("example_receiver", FOLDER / "receiver.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Receiver:
    """The example at work, with a shop to send to it."""

    def __init__(self, folder: Path) -> None:
        self.example = load()
        self.taken: list[dict[str, Any]] = []
        self.secret = new_secret()
        self.inbox = folder / "inbox.sqlite"
        self.example.on_event = self.taken.append
        inbox = self.example.Inbox(self.inbox)
        self.server = self.example.serve(self.secret, inbox, "127.0.0.1", 0)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def signed(
        self, body: bytes, event_id: str = "", moment: datetime | None = None
    ) -> dict[str, str]:
        moment, event_id = moment or clock.now(), event_id or f"evt_{uuid4().hex}"
        signature = Webhook(self.secret).sign(event_id, moment, body.decode())
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signature,
        }

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        return int(httpx.post(self.url, content=body, headers=headers).status_code)

    def kept(self) -> int:
        with closing(sqlite3.connect(self.inbox)) as database:
            return int(database.execute("SELECT count(*) FROM events").fetchone()[0])


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


BODY = json.dumps(EVENT).encode()


def test_a_signed_event_is_taken_once(receiver: Receiver) -> None:
    headers = receiver.signed(BODY)
    assert [receiver.post(BODY, headers) for _ in range(3)] == [204, 204, 204]
    assert receiver.taken == [EVENT]
    assert receiver.kept() == 1


def test_what_is_not_signed_is_not_believed(receiver: Receiver) -> None:
    good = receiver.signed(BODY)
    forged = [
        (BODY + b" ", good),
        (BODY, {}),
        (BODY, good | {"webhook-id": "evt_other"}),
        (BODY, good | {"webhook-signature": "v1,AAAA"}),
        (BODY, good | {"webhook-signature": "v1"}),
        (BODY, good | {"webhook-signature": "v1,not base 64"}),
        (BODY, good | {"webhook-timestamp": "soon"}),
        (b"\xff\xfe", good),
        (BODY, receiver.signed(BODY, moment=clock.now() - timedelta(minutes=6))),
        (BODY, receiver.signed(BODY, moment=clock.now() + timedelta(minutes=6))),
    ]
    assert [receiver.post(body, headers) for body, headers in forged] == [401] * len(forged)
    assert (receiver.taken, receiver.kept()) == ([], 0)


@pytest.mark.parametrize("body", [b"[]", b'{"type": "order.paid"}', b'"order.paid"'])
def test_what_is_signed_and_no_event(receiver: Receiver, body: bytes) -> None:
    assert receiver.post(body, receiver.signed(body)) == 400
    assert receiver.kept() == 0


def test_too_much_is_not_read(receiver: Receiver) -> None:
    body = b"x" * (receiver.example.MAX_BODY_BYTES + 1)
    assert receiver.post(body, receiver.signed(body)) == 413


def test_work_that_fails_comes_again(receiver: Receiver) -> None:
    headers = receiver.signed(BODY)

    def fail(_: dict[str, Any]) -> None:
        raise RuntimeError("the warehouse is closed")

    receiver.example.on_event = fail
    assert receiver.post(BODY, headers) == 500
    assert receiver.kept() == 0
    receiver.example.on_event = receiver.taken.append
    assert receiver.post(BODY, headers) == 204
    assert receiver.taken == [EVENT]


async def test_what_the_house_sends_arrives(receiver: Receiver) -> None:
    sender = SafeSender(5.0, private=True)
    try:
        receipt = await sender.send(receiver.url, receiver.signed(BODY), BODY.decode())
    finally:
        sender.close()
    assert (receipt.status, receipt.fault) == (204, None)
    assert receiver.taken == [EVENT]
