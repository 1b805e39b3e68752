"""Receivers of messages that run here: a mail server and an SMS gateway, as bad as told."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class MailSink:
    """A mail server of few words. `answers` says what it answers to a command; None hangs up."""

    answers: dict[str, str | None] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The channel's address, as Apprise writes it."""
        return f"mailto://127.0.0.1:{self.port}?from=shop@example.com&name=Shop"

    def serve(self, caller: socket.socket) -> None:
        """One conversation."""
        with caller, caller.makefile("rb") as lines, suppress(OSError):
            if not self._say(caller, "CONNECT", "220 here"):
                return
            for line in lines:
                word = line.split(maxsplit=1)[0].decode().upper().partition(":")[0]
                if word == "RCPT":
                    self.recipients.append(line.decode().strip())
                if word == "DATA":
                    if not self._say(caller, "DATA", "354 go on"):
                        return
                    taken = self._read(lines)
                    if self.answers.get("END", "") is None:
                        return
                    if self.answers.get("END", "250").startswith("2"):
                        self.mails.append(taken)
                    self._say(caller, "END", "250 taken as 1")
                elif not self._say(caller, word, "250 fine"):
                    return

    def _read(self, lines: Any) -> str:
        taken = b""
        for line in lines:
            if line == b".\r\n":
                break
            taken += line
        return taken.decode()

    def _say(self, caller: socket.socket, word: str, usual: str) -> bool:
        said = self.answers.get(word, usual)
        if said is None:
            return False
        caller.sendall(f"{said}\r\n".encode())
        return True


@contextmanager
def mail_sink(**answers: str | None) -> Iterator[MailSink]:
    """A running mail server."""
    sink = MailSink(answers)
    with _listening(sink.serve) as port:
        sink.port = port
        yield sink


@contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(caller,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


@dataclass
class SmsSink:
    """A gateway that remembers what it was sent, and answers with a status; 0 hangs up."""

    status: int = 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def texts(self) -> list[dict[str, str]]:
        """The messages that came."""
        return [orjson.loads(body) for _, body in self.requests]


@contextmanager
def sms_sink(status: int = 200) -> Iterator[SmsSink]:
    """A running gateway."""
    sink = SmsSink(status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            sink.requests.append((headers, body))
            if not sink.status:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            answer = b'{"reference": "gw-1"}'
            self.send_response(sink.status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            """The newest text, for a browser that waits for its code."""
            answer = sink.texts[-1]["text"].encode() if sink.requests else b""
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    sink.url = f"http://127.0.0.1:{server.server_address[1]}/messages"
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
