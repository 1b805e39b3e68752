"""The one HTTP client for partners whose address an operator has set.

It tells apart the only two kinds of failure that matter to money: nothing was sent, and perhaps
everything was. No redirect is followed, no proxy is taken from the environment, an answer has a
largest size, and a call has one deadline that a dripping answer cannot stretch.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2

from domain.kernel import refuse_inside_a_transaction

CONNECT_SECONDS = 3.0
MAX_ANSWER_BYTES = 1024 * 1024
MAX_CONNECTIONS = 50
MAX_PORT = 65_535
# Below the idle time of usual servers: a purchase should not meet a connection just being closed.
IDLE_SECONDS = 4.0


class NotSent(Exception):
    """No byte of the request has left: it surely had no effect."""


class Ambiguous(Exception):
    """The request may have arrived and may have had its effect."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. The body may hold codes, so no repr shows it.

    Header names are in small letters; some partners sign their answers in them.
    """

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class PartnerClient:
    """Keeps one pool of connections for the event loop it is used in; close it at the end."""

    def __init__(self, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self.max_answer_bytes = max_answer_bytes
        self._client: httpx2.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_seconds: float,
        max_answer_bytes: int = 0,
    ) -> Answer:
        """One request, one answer; raises `NotSent` or `Ambiguous`, which carry no address and
        no header, and nothing else for whatever a network or a partner may do.

        `max_answer_bytes` is the largest answer of this call where it is not the usual one: files.
        """
        refuse_inside_a_transaction()
        client = self.http
        limit = httpx2.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        try:
            async with asyncio.timeout(timeout_seconds + CONNECT_SECONDS):
                request = client.build_request(
                    method, url, headers=headers, content=body, timeout=limit
                )
                if (request.url.port or 0) > MAX_PORT:
                    raise NotSent("the address has no such port")
                return await self._exchange(
                    client, request, max_answer_bytes or self.max_answer_bytes
                )
        except (
            httpx2.ConnectError,
            httpx2.ConnectTimeout,
            httpx2.PoolTimeout,
            httpx2.UnsupportedProtocol,
            httpx2.InvalidURL,
        ) as error:
            raise NotSent(type(error).__name__) from None
        except (httpx2.HTTPError, TimeoutError) as error:
            raise Ambiguous(type(error).__name__) from None

    async def close(self) -> None:
        """Close the connections; the next `send` opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _exchange(
        self, client: httpx2.AsyncClient, request: httpx2.Request, most: int
    ) -> Answer:
        response = await client.send(request, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > most:
                    raise Ambiguous("the answer is too large")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, bytes(body), headers)
        finally:
            await response.aclose()

    @property
    def http(self) -> httpx2.AsyncClient:
        """A pool belongs to the loop that opened it; another loop (a later worker) gets its own."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            limits = httpx2.Limits(
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=MAX_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
            )
            self._client = httpx2.AsyncClient(
                limits=limits, follow_redirects=False, trust_env=False
            )
            self._loop = loop
        return self._client
