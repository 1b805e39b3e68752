"""Sends webhooks to addresses that strangers chose, and nowhere inside the house.

The library resolves the name, checks every address behind it, and connects to the one it has
checked; nothing is followed. It stands on `requests`, so each call takes a thread of a small pool,
and its timeout counts from byte to byte: a receiver that drips could hold a thread for days.
So a call that is late has its socket cut, which ends the thread.
"""

import asyncio
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import requests
from AntiSSRF import AntiSSRFError, AntiSSRFPolicy, PolicyConfigOptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from domain.kernel import refuse_inside_a_transaction
from domain.webhooks import Receipt, SendFault

THREADS = 16
READ_BYTES = 4_096
GRACE_SECONDS = 1.0  # for a thread whose socket was cut
USER_AGENT = "Kameng-Webhooks/1"


class _Call:
    """One call at work, which another thread may cut off at any moment."""

    def __init__(self) -> None:
        self.late = False
        self._socket: socket.socket | None = None

    def connected(self, sock: socket.socket | None) -> None:
        """Note the socket; cut it at once when the call is late already."""
        self._socket = sock
        if self.late:
            self.cut()

    def cut(self) -> None:
        """End whatever the call waits for."""
        self.late = True
        if self._socket is not None:
            try:
                # The plain socket's own method: that of TLS would change what its reader holds.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                self._socket = None  # it has hung up by itself


class _Current(threading.local):
    """The call that this thread works on."""

    call: _Call | None = None

    def connected(self, sock: socket.socket | None) -> None:
        """Tell the call of its socket."""
        if self.call is not None:
            self.call.connected(sock)


_current = _Current()


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _current.connected(self.sock)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _current.connected(self.sock)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class SafeSender:
    """The sender port. `private` lets it call this machine and private nets: for development."""

    def __init__(self, timeout_seconds: float, *, private: bool = False) -> None:
        choice = PolicyConfigOptions.NONE if private else PolicyConfigOptions.EXTERNAL_ONLY_LATEST
        policy = AntiSSRFPolicy(choice)
        policy.allow_plain_text_http = private
        self._policy = policy
        self._seconds = timeout_seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook")
        # A call's time begins with its thread, not while it waits for one.
        self._free = asyncio.Semaphore(THREADS)

    async def send(self, url: str, headers: Mapping[str, str], body: str) -> Receipt:
        """One POST; whatever the receiver does, it is over soon after the deadline."""
        refuse_inside_a_transaction()
        async with self._free:
            call = _Call()
            work = asyncio.get_running_loop().run_in_executor(
                self._pool, self._post, call, url, dict(headers), body.encode()
            )
            try:
                await asyncio.wait({work}, timeout=self._seconds)
            finally:
                if not work.done():
                    call.cut()
            if call.late:
                # Only a name that is still looked up may hold the thread longer than this.
                await asyncio.wait({work}, timeout=GRACE_SECONDS)
                return Receipt(None, fault=SendFault.TIMEOUT)
            return work.result()

    def _post(self, call: _Call, url: str, headers: dict[str, str], body: bytes) -> Receipt:
        _current.call = call
        try:
            with self._session() as session:
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
        finally:
            _current.call = None

    def _session(self) -> requests.Session:
        """The library's session, whose connections can be cut."""
        session: requests.Session = self._policy.get_antissrf_session()
        session.trust_env = False
        for adapter in session.adapters.values():
            manager = adapter.poolmanager  # type: ignore[attr-defined]  # of each HTTPAdapter
            manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        return session

    def close(self) -> None:
        """Let no further call begin."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _seconds_in(header: str | None) -> int | None:
    return int(header) if header and header.isascii() and header.isdigit() else None
