"""The sender calls nobody inside the house, follows nothing, and waits no longer than it says."""

import asyncio
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.webhooks import SafeSender
from domain.kernel import clock
from domain.webhooks import SendFault

HEADERS = {"content-type": "application/json", "webhook-id": "evt_1"}
INSIDE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0/",
    "https://localhost/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://168.63.129.16/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
]


class Door:
    """A raw TCP server; counts who came, and answers with what it is given."""

    def __init__(self, answer: Callable[[socket.socket], Any]) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.callers = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/hook"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            self.callers += 1
            threading.Thread(target=self._talk, args=(caller,), daemon=True).start()

    def _talk(self, caller: socket.socket) -> None:
        with caller, suppress(OSError):
            self.requests.append(whole_request(caller))
            self.answer(caller)

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=5)


@contextmanager
def door(answer: Callable[[socket.socket], Any]) -> Iterator[Door]:
    made = Door(answer)
    try:
        yield made
    finally:
        made.close()


def whole_request(caller: socket.socket) -> bytes:
    """Head and body: a server that hangs up on unread bytes resets the connection."""
    received = b""
    while piece := caller.recv(65536):
        received += piece
        head, ended, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if ended and len(body) >= (int(length[1]) if length else 0):
            break
    return received


def says(text: str) -> Callable[[socket.socket], Any]:
    return lambda caller: caller.sendall(text.encode())


def drips(beginning: bytes) -> Callable[[socket.socket], Any]:
    """One byte at a time, each well within the timeout of a socket, and never an end."""

    def answer(caller: socket.socket) -> None:
        caller.sendall(beginning)
        for _ in range(300):
            time.sleep(0.1)
            caller.sendall(b"x")

    return answer


@pytest.fixture
def safe() -> Iterator[SafeSender]:
    sender = SafeSender(1.0)
    yield sender
    sender.close()


@pytest.fixture
def private() -> Iterator[SafeSender]:
    sender = SafeSender(1.0, private=True)
    yield sender
    sender.close()


@pytest.mark.parametrize("url", INSIDE)
async def test_addresses_inside_are_refused(
    safe: SafeSender, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: called.append(address))
    receipt = await safe.send(url, HEADERS, "{}")
    assert receipt.fault is not None
    assert called == [], "not even a connection was tried"
    assert receipt.fault is SendFault.REFUSED_ADDRESS


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["169.254.169.254"], ["::1"], ["93.184.215.14", "10.1.2.3"], ["fd00::1"]],
)
async def test_names_that_lead_inside_are_refused(
    safe: SafeSender, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    def resolve(host: str, *_: object, **__: object) -> list[Any]:
        assert host == "rebind.test"
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, 0))
            for each in addresses
        ]

    called: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: called.append(address))
    receipt = await safe.send("https://rebind.test/hook", HEADERS, "{}")
    assert receipt.fault is SendFault.REFUSED_ADDRESS
    assert called == []


async def test_the_address_that_was_checked_is_the_one_that_is_called(
    safe: SafeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its mind between the check and the call gains nothing."""
    answers = iter(["93.184.215.14"])
    called: list[Any] = []

    def resolve(host: str, port: object, *_: object, **__: object) -> list[Any]:
        address = next(answers, "127.0.0.1") if host == "rebind.test" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0))]

    def connect(_: socket.socket, address: Any) -> None:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    receipt = await safe.send("https://rebind.test/hook", HEADERS, "{}")
    assert receipt.fault is SendFault.UNREACHABLE
    assert {address[0] for address in called} == {"93.184.215.14"}


async def test_plain_text_goes_nowhere_outside_development(safe: SafeSender) -> None:
    receipt = await safe.send("http://93.184.215.14/hook", HEADERS, "{}")
    assert receipt.fault is SendFault.REFUSED_ADDRESS


async def test_what_is_sent_and_what_comes_back(private: SafeSender) -> None:
    answer = "HTTP/1.1 429 Slow\r\nretry-after: 77\r\ncontent-length: 5\r\n\r\nlater"
    with door(says(answer)) as there:
        receipt = await private.send(there.url, HEADERS, '{"名": 1}')
    assert (receipt.status, receipt.text, receipt.retry_after_seconds) == (429, "later", 77)
    head, _, body = there.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"webhook-id: evt_1" in head.lower()
    assert body.decode() in ('{"名": 1}', "")  # a body may come in a second packet


async def test_a_redirect_is_an_answer_and_no_invitation(private: SafeSender) -> None:
    with door(says("HTTP/1.1 204 Fine\r\n\r\n")) as inside:
        answer = f"HTTP/1.1 302 Go\r\nlocation: {inside.url}\r\ncontent-length: 0\r\n\r\n"
        with door(says(answer)) as there:
            receipt = await private.send(there.url, HEADERS, "{}")
    assert receipt.status == 302
    assert (there.callers, inside.callers) == (1, 0)


async def test_proxies_of_the_environment_are_not_asked(
    private: SafeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    ok = "HTTP/1.1 204 Fine\r\n\r\n"
    with door(says(ok)) as proxy, door(says(ok)) as there:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        receipt = await private.send(there.url, HEADERS, "{}")
    assert (receipt.status, proxy.callers, there.callers) == (204, 0, 1)


@pytest.mark.parametrize(
    "url",
    ["https://", "http://[::1", "https://a..b/", "https://" + "a" * 300 + "/", "https://\udc80/"],
)
async def test_nonsense_is_a_receipt_and_no_exception(safe: SafeSender, url: str) -> None:
    assert (await safe.send(url, HEADERS, "{}")).fault is not None


async def test_nobody_there(private: SafeSender) -> None:
    with door(says("")) as there:
        url = there.url
    receipt = await private.send(url, HEADERS, "{}")
    assert (receipt.status, receipt.fault) == (None, SendFault.UNREACHABLE)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200 Fine\r\nx-drip: ", b"HTTP/1.1 200 Fine\r\ncontent-length: 5000\r\n\r\n"],
    ids=["silent start", "headers", "body"],
)
async def test_a_dripping_answer_holds_nothing_up(private: SafeSender, beginning: bytes) -> None:
    """Strangers who drip must not take the threads of everybody else."""
    with door(drips(beginning)) as slow, door(says("HTTP/1.1 204 Fine\r\n\r\n")) as good:
        started = time.perf_counter()
        receipts = await asyncio.gather(*(private.send(slow.url, HEADERS, "{}") for _ in range(40)))
        assert {each.fault for each in receipts} == {SendFault.TIMEOUT}
        receipt = await private.send(good.url, HEADERS, "{}")
        assert receipt.status == 204
        assert time.perf_counter() - started < 10


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate of its own for this machine, in one file."""
    key, moment = ec.generate_private_key(ec.SECP256R1()), clock.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here.test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(moment - timedelta(hours=1))
        .not_valid_after(moment + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def secretly(certificate: Path, answer: Callable[[socket.socket], Any]) -> Door:
    """The same door behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    class SecretDoor(Door):
        def _talk(self, caller: socket.socket) -> None:
            with suppress(OSError):
                super()._talk(context.wrap_socket(caller, server_side=True))

    made = SecretDoor(answer)
    made.url = made.url.replace("http:", "https:")
    return made


async def test_a_certificate_that_nobody_vouches_for_is_none(
    private: SafeSender, certificate: Path
) -> None:
    there = secretly(certificate, says("HTTP/1.1 204 Fine\r\n\r\n"))
    try:
        receipt = await private.send(there.url, HEADERS, "{}")
    finally:
        there.close()
    assert receipt.fault is SendFault.UNREACHABLE
    assert there.requests == []


async def test_a_dripping_answer_is_cut_off_behind_tls_too(
    private: SafeSender, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = SafeSender._session

    def trusting(self: SafeSender) -> requests.Session:
        made = session(self)
        made.verify = str(certificate)
        return made

    monkeypatch.setattr(SafeSender, "_session", trusting)
    good = secretly(certificate, says("HTTP/1.1 204 Fine\r\n\r\n"))
    slow = secretly(certificate, drips(b"HTTP/1.1 200 Fine\r\nx-drip: "))
    try:
        started = time.perf_counter()
        receipts = await asyncio.gather(*(private.send(slow.url, HEADERS, "{}") for _ in range(20)))
        assert {each.fault for each in receipts} == {SendFault.TIMEOUT}
        assert (await private.send(good.url, HEADERS, "{}")).status == 204
        assert time.perf_counter() - started < 8
    finally:
        good.close()
        slow.close()
