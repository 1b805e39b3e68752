"""How Alipay's open platform is spoken to: signed forms, signed answers, signed callbacks (RSA2).

An answer's signature is over the very letters of its inner object, so those are cut out of the text
and read again, and nothing else of the answer is believed. Alipay puts no time into its answers.
"""

import base64
import json
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from alipay import AliPay
from alipay.exceptions import AliPayException

from adapters.http import Ambiguous, PartnerClient
from adapters.payments.alipay_bill import BEIJING
from domain.kernel import clock
from domain.payments.ports import Connection, Why

SIGN_TYPE = "RSA2"
CHARSET = "utf-8"
OK = "10000"
MAX_FORM_FIELDS = 200
_BEGIN, _END = "-----BEGIN", "-----END PUBLIC KEY-----"
_DECODER = json.JSONDecoder()


class Unsure(Exception):
    """The answer cannot be taken for one: nobody knows what happened."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(why.value, detail)
        self.why, self.detail = why, detail


class NotConfigured(Exception):
    """A key of the channel is missing or unreadable; the text names it and does not show it."""


@dataclass(frozen=True, slots=True)
class AlipayConfig:
    """One merchant's application, its keys read: one of the library's objects for each key of
    Alipay that may sign. The first one signs for us."""

    app_id: str
    seller_id: str
    keys: tuple[Any, ...] = field(repr=False)
    royalty_freeze: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its inner object, and whether Alipay has surely signed it."""

    content: dict[str, Any] = field(repr=False)
    signed: bool

    @property
    def code(self) -> str:
        """The outer code: 10000 is a yes."""
        return self._text("code")

    @property
    def sub_code(self) -> str:
        """The reason of a no."""
        return self._text("sub_code")

    def _text(self, name: str) -> str:
        value = self.content.get(name)
        return value[:64] if isinstance(value, str) and value.isprintable() else ""


def config_of(connection: Connection) -> AlipayConfig:
    """Read what the operator has filled in; `NotConfigured` names what is wrong."""
    settings = connection.settings
    if not settings.get("seller_id", "").strip():
        raise NotConfigured("seller_id")
    return AlipayConfig(
        app_id=connection.merchant,
        seller_id=settings["seller_id"].strip(),
        keys=_keys(
            connection.merchant,
            connection.secrets.get("private_key", ""),
            settings.get("alipay_public_keys", ""),
        ),
        royalty_freeze=settings.get("profit_sharing", "") == "true",
    )


@lru_cache(maxsize=64)
def _keys(app_id: str, private: str, publics: str) -> tuple[Any, ...]:
    blocks = [_pem(each) for each in publics.split(_END) if each.strip()]
    if not blocks:
        raise NotConfigured("alipay_public_keys")
    try:
        AliPay(app_id, app_private_key_string=_pem(private), alipay_public_key_string=blocks[0])
    except (ValueError, IndexError, TypeError):
        _check_public(app_id, blocks)
        raise NotConfigured("private_key") from None
    _check_public(app_id, blocks)
    return tuple(
        AliPay(app_id, app_private_key_string=_pem(private), alipay_public_key_string=block)
        for block in blocks
    )


def _check_public(app_id: str, blocks: list[str]) -> None:
    try:
        for block in blocks:
            AliPay(app_id, app_private_key_string=block, alipay_public_key_string=block)
    except (ValueError, IndexError, TypeError):
        raise NotConfigured("alipay_public_keys") from None


def _pem(text: str) -> str:
    """A key with its frame: Alipay's own tool hands keys out without one."""
    bare = text.strip()
    if bare.startswith(_BEGIN):
        return bare if "-----END" in bare else f"{bare}\n{_END}"
    return f"-----BEGIN KEY-----\n{bare}\n-----END KEY-----"


def signed_form(
    connection: Connection,
    config: AlipayConfig,
    method: str,
    content: Mapping[str, Any],
    **more: str,
) -> str:
    """A request as Alipay wants it: sorted, signed, encoded for an address or a form."""
    data = {
        "app_id": config.app_id,
        "method": method,
        "format": "JSON",
        "charset": CHARSET,
        "sign_type": SIGN_TYPE,
        "timestamp": clock.now().astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "version": "1.0",
        "biz_content": orjson.dumps(content).decode(),
        **{name: value for name, value in more.items() if value},
    }
    return str(config.keys[0].sign_data(data))


async def ask(
    client: PartnerClient,
    connection: Connection,
    config: AlipayConfig,
    method: str,
    content: Mapping[str, Any],
    **more: str,
) -> Told:
    """One request and its answer. Raises `NotSent`, or `Unsure` for everything that is not an
    answer of Alipay: a success without its signature counts as none."""
    try:
        answer = await client.send(
            "POST",
            f"{connection.base_url}?charset={CHARSET}",
            headers={"content-type": f"application/x-www-form-urlencoded;charset={CHARSET}"},
            body=signed_form(connection, config, method, content, **more).encode(),
            timeout_seconds=connection.timeout_seconds,
        )
    except Ambiguous as error:
        raise Unsure(Why.PROVIDER_DOWN, str(error)) from None
    if answer.status != 200:
        raise Unsure(Why.PROVIDER_DOWN, f"http_{answer.status}")
    told = _told_in(config, answer.body, method.replace(".", "_") + "_response")
    if told.code == OK and not told.signed:
        raise Unsure(Why.SIGNATURE)
    if told.code in ("", "20000", "10003"):
        raise Unsure(Why.PROVIDER_DOWN, told.sub_code or told.code)
    return told


def _told_in(config: AlipayConfig, body: bytes, name: str) -> Told:
    try:
        text = body.decode()
        outer = json.loads(text)
        inner_name = name if name in outer else "error_response"
        begin = text.index("{", text.index(f'"{inner_name}"') + len(inner_name) + 2)
        content, end = _DECODER.raw_decode(text, begin)
        signature = outer.get("sign", "")
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Unsure(Why.UNREADABLE) from None
    if not isinstance(content, dict):
        raise Unsure(Why.UNREADABLE)
    signed = isinstance(signature, str) and _is_signed(config, text[begin:end], signature)
    return Told(content, signed)


def form_of(config: AlipayConfig, body: bytes) -> tuple[dict[str, str], Why | None]:
    """The fields of a callback, and what is wrong with it: None when Alipay has signed it."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            encoding=CHARSET,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except ValueError:
        return {}, Why.UNREADABLE
    form = dict(pairs)
    if len(form) != len(pairs) or form.get("sign_type") != SIGN_TYPE:
        return {}, Why.UNREADABLE
    signature = form.pop("sign", "")
    if not any(_verifies(key, dict(form), signature) for key in config.keys):
        return {}, Why.SIGNATURE
    return form, None


def _verifies(key: Any, form: dict[str, str], signature: str) -> bool:
    """Whether the library finds the form's signature right; it takes the form apart, so a copy."""
    try:
        return _is_plain(signature) and bool(key.verify(form, signature))
    except (AliPayException, NotBase64, ValueError):
        return False


def _is_signed(config: AlipayConfig, text: str, signature: str) -> bool:
    try:
        # The library has no public door for this that does not also fetch the answer by itself.
        return _is_plain(signature) and any(key._verify(text, signature) for key in config.keys)
    except (NotBase64, ValueError):
        return False


def _is_plain(signature: str) -> bool:
    """Whether it is base64 and the only way to write what it says."""
    try:
        return base64.b64encode(base64.b64decode(signature, validate=True)).decode() == signature
    except (NotBase64, ValueError):
        return False
