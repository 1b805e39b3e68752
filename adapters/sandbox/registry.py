"""A registry of names that runs here: it confirms whatever is well formed, but for names that say
otherwise. For development and tests; it keeps references and results, never a name or number.

| the name contains | the answer |
|---|---|
| 不符 or Differs | denied: differs |
| 查无 or Unknown | denied: unknown |
| 过期 or Expired | denied: expired |
| 超时 or Silent | none in time, the first time; then what else it says |
| 故障 or Broken | HTTP 500, always |
"""

import asyncio
import time

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.signing import MAX_SKEW_SECONDS, NONCE, SIGNATURE, TIMESTAMP, verify

SECRET = "sandbox-registry-secret"  # known to all, for it guards nothing of value
SILENT_SECONDS = 8.0
DENIED = {
    "differs": ("不符", "differs"),
    "unknown": ("查无", "unknown"),
    "expired": ("过期", "expired"),
}


def routes() -> list[Route]:
    """What the simulator's application serves of the registry."""
    return [
        Route("/real-name/checks", check, methods=["POST"]),
        Route("/control/real-name", show_checks),
    ]


async def check(request: Request) -> Response:
    """Answer one question; the same reference again gets the same answer, and is counted once."""
    body = await request.body()
    timestamp = request.headers.get(TIMESTAMP, "")
    parts = ("POST", request.url.path, timestamp, request.headers.get(NONCE, ""))
    fresh = timestamp.isdecimal() and abs(time.time() - int(timestamp)) <= MAX_SKEW_SECONDS
    if not fresh or not verify(request.headers.get(SIGNATURE, ""), SECRET, *parts, body=body):
        return JSONResponse({"error": "signature"}, 401)
    told = orjson.loads(body)
    name = str(told["name"]).lower()
    known: dict[str, int] = request.app.state.registry
    times = known[told["reference"]] = known.get(told["reference"], 0) + 1
    if "故障" in name or "broken" in name:
        return JSONResponse({"error": "broken"}, 500)
    if times == 1 and ("超时" in name or "silent" in name):
        await asyncio.sleep(SILENT_SECONDS)
    answer = {"reference": told["reference"], "result": "confirmed"}
    for why, words in DENIED.items():
        if any(word in name for word in words):
            answer |= {"result": "denied", "why": why}
    return JSONResponse(answer)


async def show_checks(request: Request) -> Response:
    """References, and how often each was asked."""
    return JSONResponse({"checks": request.app.state.registry})
