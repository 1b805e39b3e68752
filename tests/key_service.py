"""A key service on this machine: the part of the transit API that Kameng uses, with real AES-GCM.

It hands out no key, remembers what it was asked, and can be told to fail.
"""

import json
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "a-token-of-the-service"


class KeyService:
    """Named keys with versions."""

    def __init__(self) -> None:
        self.versions: list[bytes] = [os.urandom(32)]
        self.asked: list[str] = []
        self.down = False
        self.url = ""

    def answer(self, method: str, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What the real one would say."""
        self.asked.append(f"{method} {path}")
        if self.down:
            return 503, {}
        if path == "/transit/keys/kameng":
            return 200, {"latest_version": len(self.versions)}
        if path == "/transit/keys/kameng/rotate":
            self.versions.append(os.urandom(32))
            return 204, {}
        bound = b64decode(body.get("associated_data", ""))
        if path == "/transit/encrypt/kameng":
            nonce = os.urandom(12)
            sealed = nonce + AESGCM(self.versions[-1]).encrypt(
                nonce, b64decode(body["plaintext"]), bound
            )
            return 200, {"ciphertext": f"vault:v{len(self.versions)}:{b64encode(sealed).decode()}"}
        if path == "/transit/decrypt/kameng":
            _, version, text = body["ciphertext"].split(":")
            try:
                sealed = b64decode(text, validate=True)
                key = self.versions[int(version[1:]) - 1]
                opened = AESGCM(key).decrypt(sealed[:12], sealed[12:], bound)
            except (InvalidTag, ValueError, IndexError):
                return 400, {}
            return 200, {"plaintext": b64encode(opened).decode()}
        return 404, {}


@contextmanager
def key_service() -> Iterator[KeyService]:
    """One that runs until the end of the block."""
    service = KeyService()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            known = self.headers.get("x-vault-token") == TOKEN
            status, data = service.answer(self.command, self.path, body) if known else (403, {})
            content = b"" if status == 204 else json.dumps({"data": data}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _do

        def log_message(self, *args: object) -> None:
            """Nothing: the test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_port}/transit"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
