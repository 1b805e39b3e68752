"""The sandbox registry's adapter: signed JSON, one question by its reference.

`adapters/sandbox/registry.py` is the other side. Neither name nor number is in an error or a log.
"""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

import orjson

from adapters.http import Ambiguous, NotSent, PartnerClient
from adapters.signing import NONCE, SIGNATURE, TIMESTAMP, sign
from domain.kernel import clock
from domain.realname.ports import Answer, Confirmed, Denied, Question, Unclear, Why

NAME = "sandbox"
PATH = "/real-name/checks"
SECRET = "sandbox-registry-secret"  # known to all, for it guards nothing of value
TIMEOUT_SECONDS = 5.0


class SandboxRegistry:
    """The port of real-name checks over the simulator."""

    def __init__(self, client: PartnerClient, place: Callable[[], str]) -> None:
        self.client, self.place = client, place

    async def check(self, question: Question) -> Answer:
        """Ask; the same reference again is the same question."""
        body = orjson.dumps(
            {
                "reference": question.reference,
                "company": question.company,
                "name": question.name,
                "number": question.number,
            }
        )
        url = self.place().rstrip("/") + PATH
        now, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
        signature = sign(SECRET, "POST", urlsplit(url).path, now, nonce, body)
        headers = {
            "content-type": "application/json",
            TIMESTAMP: now,
            NONCE: nonce,
            SIGNATURE: signature,
        }
        try:
            answer = await self.client.send(
                "POST", url, headers=headers, body=body, timeout_seconds=TIMEOUT_SECONDS
            )
        except (NotSent, Ambiguous) as error:
            return Unclear(type(error).__name__)
        return _read(answer.status, answer.body, question.reference)


def _read(status: int, body: bytes, reference: str) -> Answer:
    """Only a whole answer to this very question counts."""
    if status != 200:
        return Unclear(f"http_{status}")
    try:
        told = orjson.loads(body)
        if told["reference"] != reference:
            return Unclear("another_reference")
        match told["result"]:
            case "confirmed":
                return Confirmed()
            case "denied":
                return Denied(Why(told["why"]))
    except (ValueError, KeyError, TypeError):
        return Unclear("not_understood")
    return Unclear("not_understood")
