"""Sends webhooks to addresses that strangers chose, and nowhere inside the house.

The library resolves the name, checks every address behind it, and connects to the one it has
checked; nothing is followed. It stands on `requests`, so each call takes a thread of a small pool.
"""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import requests
from AntiSSRF import AntiSSRFError, AntiSSRFPolicy, PolicyConfigOptions

from domain.webhooks import Receipt, SendFault

THREADS = 16
READ_BYTES = 4_096
USER_AGENT = "Kameng-Webhooks/1"


class SafeSender:
    """The sender port. `private` lets it call this machine and private nets: for development."""

    def __init__(self, timeout_seconds: float, *, private: bool = False) -> None:
        choice = PolicyConfigOptions.NONE if private else PolicyConfigOptions.EXTERNAL_ONLY_LATEST
        policy = AntiSSRFPolicy(choice)
        policy.allow_plain_text_http = private
        self._policy = policy
        self._seconds = timeout_seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")

    async def send(self, url: str, headers: Mapping[str, str], body: str) -> Receipt:
        """One POST; a dripping answer is cut off with the deadline."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._pool, self._post, url, dict(headers), body.encode())
        try:
            # The thread itself ends by the timeouts of its socket.
            return await asyncio.wait_for(asyncio.shield(work), self._seconds * 2)
        except TimeoutError:
            return Receipt(None, fault=SendFault.TIMEOUT)

    def _post(self, url: str, headers: dict[str, str], body: bytes) -> Receipt:
        try:
            with self._policy.get_antissrf_session() as session:
                session.trust_env = False
                answer = session.post(
                    url,
                    data=body,
                    headers={**headers, "user-agent": USER_AGENT},
                    timeout=self._seconds,
                    allow_redirects=False,
                    stream=True,
                )
                with answer:
                    text = next(answer.iter_content(READ_BYTES), b"").decode(errors="replace")
                    return Receipt(
                        answer.status_code,
                        text,
                        retry_after_seconds=_seconds_in(answer.headers.get("retry-after")),
                    )
        except AntiSSRFError:
            return Receipt(None, fault=SendFault.REFUSED_ADDRESS)
        except requests.Timeout:
            return Receipt(None, fault=SendFault.TIMEOUT)
        except (requests.RequestException, ValueError, OSError):
            return Receipt(None, fault=SendFault.UNREACHABLE)

    def close(self) -> None:
        """Let no further call begin."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _seconds_in(header: str | None) -> int | None:
    return int(header) if header and header.isascii() and header.isdigit() else None
