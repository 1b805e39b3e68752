"""How WeChat Pay v3 is spoken to: signed requests, signed answers, encrypted parts.

Its key is either a public key that the operator has filled in, or one of the platform certificates
that it hands out encrypted with the merchant's API v3 key. A certificate that a message itself
would bring is never believed; one whose serial number is not known is fetched, but not more often
than once a minute, since anybody can name serial numbers.
"""

import asyncio
import secrets
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import orjson
from wechatpayv3.utils import (
    aes_decrypt,
    load_certificate,
    load_private_key,
    load_public_key,
    rsa_sign,
    rsa_verify,
)

from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from domain.kernel import clock
from domain.payments.ports import Connection, Why

SCHEME = "WECHATPAY2-SHA256-RSA2048"
MAX_AGE_SECONDS = 300
REFRESH_SECONDS = 60.0
API_V3_KEY_LETTERS = 32
PUBLIC_KEY_PREFIX = "PUB_KEY_ID_"
PEM_END = "-----END PUBLIC KEY-----"
AGENT = "kameng"


class Unsure(Exception):
    """The answer cannot be taken for one: nobody knows what happened."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(why.value, detail)
        self.why, self.detail = why, detail


class NotConfigured(Exception):
    """A key of the channel is missing or unreadable; the text names it and does not show it."""


@dataclass(frozen=True, slots=True)
class WechatConfig:
    """One merchant's account, its keys read."""

    appid: str
    mchid: str
    serial: str
    private_key: Any = field(repr=False)
    api_v3_key: str = field(repr=False)
    public_keys: Mapping[str, Any] = field(repr=False)  # by id; empty in certificate mode
    profit_sharing: bool = False

    @property
    def identity(self) -> str:
        """What the fetched certificates belong to; says nothing of the key."""
        return f"{self.mchid}:{sha256(self.api_v3_key.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its status, its JSON, and whether WeChat Pay has surely signed it."""

    status: int
    content: dict[str, Any] = field(repr=False)
    signed: bool

    @property
    def code(self) -> str:
        """The error's code, of letters that can be stored."""
        code = self.content.get("code")
        return code[:64] if isinstance(code, str) and code.isprintable() else ""


def config_of(connection: Connection) -> WechatConfig:
    """Read what the operator has filled in; `NotConfigured` names what is wrong."""
    settings, hidden = connection.settings, connection.secrets
    for name in ("appid", "merchant_serial"):
        if not settings.get(name, "").strip():
            raise NotConfigured(name)
    if len(hidden.get("api_v3_key", "").encode()) != API_V3_KEY_LETTERS:
        raise NotConfigured("api_v3_key")
    return WechatConfig(
        appid=settings["appid"].strip(),
        mchid=connection.merchant,
        serial=settings["merchant_serial"].strip(),
        private_key=_private_key(hidden.get("private_key", "")),
        api_v3_key=hidden["api_v3_key"],
        public_keys=_public_keys(
            settings.get("public_key_ids", ""), settings.get("public_keys", "")
        ),
        profit_sharing=settings.get("profit_sharing", "") == "true",
    )


@lru_cache(maxsize=64)
def _private_key(text: str) -> Any:
    """Kept, since checking a key costs more than signing with it."""
    try:
        key = load_private_key(text)
    except Exception:  # the library raises this very class, for whatever is wrong
        key = None
    if key is None:
        raise NotConfigured("private_key")
    return key


@lru_cache(maxsize=64)
def _public_keys(ids: str, texts: str) -> Mapping[str, Any]:
    """Keys by their ids, in the order given: the newest first, older ones while they last."""
    named = [each.strip() for each in ids.split(",") if each.strip()]
    blocks = [each.strip() + "\n" + PEM_END for each in texts.split(PEM_END) if each.strip()]
    if len(named) != len(blocks):
        raise NotConfigured("public_keys")
    try:
        return {name: load_public_key(block) for name, block in zip(named, blocks, strict=True)}
    except Exception:  # the library raises this very class, for whatever is wrong
        raise NotConfigured("public_keys") from None


def signature_for_payer(config: WechatConfig, package: str) -> dict[str, str]:
    """The parameters that JSAPI and a mini-program hand to WeChat's own script."""
    timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
    text = f"{config.appid}\n{timestamp}\n{nonce}\n{package}\n"
    return {
        "appId": config.appid,
        "timeStamp": timestamp,
        "nonceStr": nonce,
        "package": package,
        "signType": "RSA",
        "paySign": rsa_sign(config.private_key, text),
    }


def decrypted(config: WechatConfig, resource: Any) -> dict[str, Any]:
    """The JSON object in an encrypted part; a `ValueError` when it is not for us or no object."""
    content = orjson.loads(decrypted_text(config, resource))
    if not isinstance(content, dict):
        raise ValueError("no object")
    return content


def decrypted_text(config: WechatConfig, resource: Any) -> str:
    """The text in an encrypted part; a `ValueError` when our key does not open it."""
    if not isinstance(resource, dict) or resource.get("algorithm") != "AEAD_AES_256_GCM":
        raise ValueError("not encrypted as agreed")
    parts = [resource.get(name) or "" for name in ("nonce", "ciphertext", "associated_data")]
    if not all(isinstance(part, str) for part in parts):
        raise ValueError("not encrypted as agreed")
    text = aes_decrypt(*parts, config.api_v3_key)
    if text is None:
        raise ValueError("not for this key")
    return str(text)


class WechatWire:
    """Sends and verifies for all merchants; keeps the platform certificates that it has fetched."""

    def __init__(self, client: PartnerClient, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self.client = client
        self.refresh_seconds = refresh_seconds
        self._certificates: dict[str, dict[int, Any]] = {}
        self._fetched_at: dict[str, datetime] = {}
        self._fetching: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def ask(
        self,
        connection: Connection,
        config: WechatConfig,
        method: str,
        path: str,
        content: Mapping[str, Any] | None = None,
        sealed_for: str = "",
    ) -> Told:
        """One request and its answer. Raises `NotSent`, or `Unsure` for everything that is not an
        answer of WeChat Pay: a success without its signature counts as none. `sealed_for` names the
        key that a part of the content is encrypted for."""
        try:
            answer = await self.send(
                connection, config, method, path, content, sealed_for=sealed_for
            )
        except Ambiguous as error:
            raise Unsure(Why.PROVIDER_DOWN, str(error)) from None
        if answer.status >= 500:
            raise Unsure(Why.PROVIDER_DOWN, f"http_{answer.status}")
        wrong = await self.fault_of(connection, config, answer.headers, answer.body)
        if wrong is not None and answer.status < 300:
            raise Unsure(wrong, f"http_{answer.status}")
        try:
            told = orjson.loads(answer.body) if answer.body else {}
        except orjson.JSONDecodeError:
            told = None
        if not isinstance(told, dict):
            raise Unsure(Why.UNREADABLE, f"http_{answer.status}")
        return Told(answer.status, told, wrong is None)

    async def send(
        self,
        connection: Connection,
        config: WechatConfig,
        method: str,
        path: str,
        content: Mapping[str, Any] | None = None,
        max_answer_bytes: int = 0,
        sealed_for: str = "",
    ) -> Answer:
        """One signed request; `path` is signed as it is sent, with its query."""
        url = connection.base_url.rstrip("/") + path
        body = orjson.dumps(content) if content is not None else b""
        timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
        signed_path = url[len("{0.scheme}://{0.netloc}".format(urlsplit(url))) :]
        text = f"{method}\n{signed_path}\n{timestamp}\n{nonce}\n{body.decode()}\n"
        signature = rsa_sign(config.private_key, text)
        headers = {
            "authorization": f'{SCHEME} mchid="{config.mchid}",nonce_str="{nonce}",'
            f'signature="{signature}",timestamp="{timestamp}",serial_no="{config.serial}"',
            "accept": "application/json",
            "content-type": "application/json",
            "user-agent": AGENT,
        }
        if sealed_for or config.public_keys:
            headers["wechatpay-serial"] = sealed_for or next(iter(config.public_keys))
        return await self.client.send(
            method,
            url,
            headers=headers,
            body=body,
            timeout_seconds=connection.timeout_seconds,
            max_answer_bytes=max_answer_bytes,
        )

    async def sealing_key(
        self, connection: Connection, config: WechatConfig
    ) -> tuple[str, Any] | None:
        """A key of WeChat Pay's to encrypt for, under its name; None when none is known."""
        if config.public_keys:
            return next(iter(config.public_keys.items()))
        known = self._valid(config)
        if not known and self._may_fetch(config):
            await self._fetch_once(connection, config)
            known = self._valid(config)
        if not known:
            return None
        newest = max(known, key=lambda each: each.not_valid_after_utc)
        return f"{newest.serial_number:X}", newest.public_key()

    def _valid(self, config: WechatConfig) -> list[Any]:
        certificates = self._certificates.get(config.identity, {}).values()
        return [each for each in certificates if _is_valid(each)]

    async def fault_of(
        self,
        connection: Connection,
        config: WechatConfig,
        headers: Mapping[str, str],
        body: bytes,
        *,
        any_age: bool = False,
    ) -> Why | None:
        """What is wrong with the signature over a raw body; None when it is WeChat Pay's own.

        An old one is wrong as well, unless the caller judges the age by itself.
        """
        if headers.get("wechatpay-signature-type", SCHEME) != SCHEME:
            return Why.SIGNATURE
        timestamp = headers.get("wechatpay-timestamp", "")
        if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
            return Why.SIGNATURE
        age = abs(clock.now().timestamp() - int(timestamp))
        if age > MAX_AGE_SECONDS and not any_age:
            return Why.SIGNATURE
        key = await self._key(connection, config, headers.get("wechatpay-serial", ""))
        if key is None:
            return Why.CERTIFICATE
        return None if _is_signed(headers, body, key) else Why.SIGNATURE

    async def _key(self, connection: Connection, config: WechatConfig, serial: str) -> Any:
        """The public key of this name; None when it is not WeChat Pay's, as far as we know."""
        if serial.startswith(PUBLIC_KEY_PREFIX):
            return config.public_keys.get(serial)
        try:
            number = int(serial, 16)
        except ValueError:
            return None
        known = self._known(config, number)
        if known is None and self._may_fetch(config):
            await self._fetch_once(connection, config)
            known = self._known(config, number)
        return known

    def _known(self, config: WechatConfig, number: int) -> Any:
        certificate = self._certificates.get(config.identity, {}).get(number)
        return certificate.public_key() if certificate and _is_valid(certificate) else None

    def _may_fetch(self, config: WechatConfig) -> bool:
        last = self._fetched_at.get(config.identity)
        return last is None or (clock.now() - last).total_seconds() >= self.refresh_seconds

    async def _fetch_once(self, connection: Connection, config: WechatConfig) -> None:
        """Fetch, or wait for the one who does."""
        key = (config.identity, id(asyncio.get_running_loop()))
        task = self._fetching.get(key)
        if task is None:
            task = asyncio.create_task(self._fetch(connection, config))
            self._fetching[key] = task
            task.add_done_callback(lambda _: self._fetching.pop(key, None))
        await asyncio.shield(task)

    async def _fetch(self, connection: Connection, config: WechatConfig) -> None:
        """All certificates that WeChat Pay uses now. They are encrypted with the merchant's key;
        the list must also be signed by one of them."""
        try:
            answer = await self.send(connection, config, "GET", "/v3/certificates")
            found = _certificates_in(config, answer) if answer.status == 200 else {}
        except (NotSent, Ambiguous, ValueError):
            found = {}
        if found:
            self._certificates[config.identity] = found
        self._fetched_at[config.identity] = clock.now()


def _certificates_in(config: WechatConfig, answer: Answer) -> dict[int, Any]:
    content = orjson.loads(answer.body)
    rows = content.get("data") if isinstance(content, dict) else None
    found: dict[int, Any] = {}
    for row in rows if isinstance(rows, list) else ():
        resource = row.get("encrypt_certificate") if isinstance(row, dict) else None
        certificate = load_certificate(decrypted_text(config, resource))
        if certificate is not None:
            found[certificate.serial_number] = certificate
    try:
        signer = found.get(int(answer.headers.get("wechatpay-serial", ""), 16))
    except ValueError:
        return {}
    if signer is None or not _is_signed(answer.headers, answer.body, signer.public_key()):
        return {}
    return found


def _is_signed(headers: Mapping[str, str], body: bytes, key: Any) -> bool:
    timestamp, nonce = headers.get("wechatpay-timestamp", ""), headers.get("wechatpay-nonce", "")
    try:
        text = body.decode()
        return bool(rsa_verify(timestamp, nonce, text, headers.get("wechatpay-signature", ""), key))
    except (UnicodeDecodeError, NotBase64):
        return False


def _is_valid(certificate: Any) -> bool:
    return bool(certificate.not_valid_before_utc <= clock.now() <= certificate.not_valid_after_utc)
