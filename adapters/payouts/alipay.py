"""Alipay's transfers to accounts (`alipay.fund.trans.uni.transfer`), which ask for certificates.

Yuan texts, one `out_biz_no` for life, and the product and the scene told again with each query. An
error tells of one request, so it is uncertain, with one exception: that there is no such receiver,
or that the name is another one. A payout has one receiver for life, so any request under its number
would be refused alike; it is rejected once Alipay also says that it knows no transfer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import md5
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from adapters.http import NotSent, PartnerClient
from adapters.payments.alipay_bill import BEIJING
from adapters.payments.alipay_wire import (
    OK,
    AlipayConfig,
    NotConfigured,
    Told,
    Unsure,
    ask,
    config_of,
    form_of,
)
from domain.kernel import Refused, clock, parse_units, plain
from domain.payments import ports as paying
from domain.payouts.ports import (
    Accepted,
    CallbackResult,
    Capabilities,
    Connection,
    DestinationKind,
    Forged,
    NotFound,
    Notice,
    Paid,
    PayoutOrder,
    QueryResult,
    Rejected,
    Reply,
    Returned,
    SubmitResult,
    Uncertain,
    Why,
)

NAME = "alipay"
CURRENCY = "CNY"
FEN = 100  # units in one fen
LEAST = 10 * FEN
TRANSFER, QUERY = "alipay.fund.trans.uni.transfer", "alipay.fund.trans.common.query"
CHANGED = "alipay.fund.trans.order.changed"
PRODUCT, SCENE = "TRANS_ACCOUNT_NO_PWD", "DIRECT_TRANSFER"
ASKABLE = timedelta(days=30)
MAX_TITLE_LETTERS = 128
USER_ID_DIGITS = 16
_END = "-----END CERTIFICATE-----"
_RSA = "1.2.840.113549.1.1."  # where all signatures by RSA have their numbers
_ISSUER = {
    "CN": NameOID.COMMON_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "C": NameOID.COUNTRY_NAME,
}
_UNKNOWN_THERE = ("ORDER_NOT_EXIST",)
_OF_RECEIVER = {
    "PAYEE_NOT_EXIST": Why.RECEIVER,
    "PAYEE_ACCOUNT_NOT_EXSIT": Why.RECEIVER,  # Alipay's own spelling
    "PAYEE_USER_INFO_ERROR": Why.NAME,
}
_ERRORS = {
    "PAYER_BALANCE_NOT_ENOUGH": Why.BALANCE,
    "BALANCE_IS_NOT_ENOUGH": Why.BALANCE,
    "EXCEED_LIMIT_SM_AMOUNT": Why.LIMIT,
    "EXCEED_LIMIT_DM_AMOUNT": Why.LIMIT,
    "EXCEED_LIMIT_UNRN_DM_AMOUNT": Why.LIMIT,
    "INVALID_PARAMETER": Why.REFUSED,
    "PERMISSION_DENIED": Why.AUTH,
    "DUPLICATE_REQUEST": Why.REFERENCE_USED,
    "NOT_SUPPORT_PAYMENT_REUSE": Why.REFERENCE_USED,
}
_DOOR = {"40002": Why.AUTH, "40006": Why.AUTH, "20001": Why.AUTH}


@dataclass(frozen=True, slots=True)
class Account:
    """One application's account: keys as the wire has them, and the numbers of certificates."""

    config: AlipayConfig = field(repr=False)
    connection: paying.Connection = field(repr=False)
    app_cert_sn: str
    alipay_root_cert_sn: str


class AlipayTransfers:
    """The payout port over Alipay's open platform."""

    capabilities = Capabilities(
        destinations=frozenset({DestinationKind.ALIPAY}),
        currencies=frozenset({CURRENCY}),
        callback=True,
        settle_seconds=900.0,
        not_found_answers=4,
        name_from=0,
    )
    setting_names = frozenset({"app_cert", "alipay_certs", "alipay_root_cert"})
    secret_names = frozenset({"private_key"})

    def __init__(self, client: PartnerClient) -> None:
        self.client = client

    async def submit(self, connection: Connection, order: PayoutOrder) -> SubmitResult:
        """Send it; the same number again is the same transfer."""
        if wrong := _fault_of(order):
            return Rejected(wrong)
        try:
            told = await self._ask(connection, TRANSFER, _content_of(order))
        except _NO_ANSWER as error:
            return _uncertain(error)
        if told.code == OK:
            return _sent(_state_in(told.content, order))
        if told.signed and told.sub_code in _OF_RECEIVER:
            return await self._refused_receiver(connection, order, told)
        return _refused(told)

    async def query(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        """What became of it."""
        content = {"product_code": PRODUCT, "biz_scene": SCENE, "out_biz_no": order.reference}
        try:
            told = await self._ask(connection, QUERY, content)
        except _NO_ANSWER as error:
            return _uncertain(error)
        if told.code == OK:
            return _state_in(told.content, order)
        if told.signed and told.sub_code in _UNKNOWN_THERE:
            sent = order.first_sent_at
            old = sent is not None and clock.now() - sent >= ASKABLE
            return Uncertain(Why.TOO_OLD) if old else NotFound()
        return _refused(told)

    async def cancel(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        """Nothing waits for its receiver here: what it is by now."""
        return await self.query(connection, order)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        """Check the signature over all fields, then read them."""
        try:
            account = _account(connection)
        except NotConfigured as error:
            return Forged(Why.NOT_CONFIGURED, str(error))
        form, wrong = form_of(account.config, body)
        if wrong is not None:
            return Forged(Why(wrong.value))
        try:
            merchant, at = form["app_id"], _notified(form)
            if form.get("msg_method") != CHANGED:
                return Notice("", merchant, "", at)
            content = orjson.loads(form["biz_content"])
            return Notice(_text(content["out_biz_no"]), merchant, _text(content["status"]), at)
        except (KeyError, TypeError, ValueError, OverflowError):
            return Forged(Why.UNREADABLE)

    def reply(self, taken: bool) -> Reply:
        """The word `success`: do not send it again."""
        return Reply(200, b"success" if taken else b"fail")

    async def _refused_receiver(
        self, connection: Connection, order: PayoutOrder, told: Told
    ) -> SubmitResult:
        """A refusal of the receiver, once Alipay says that it has no transfer either."""
        state = await self.query(connection, order)
        if isinstance(state, NotFound):
            return Rejected(_OF_RECEIVER[told.sub_code], told.sub_code)
        return _sent(state)

    async def _ask(self, connection: Connection, method: str, content: Mapping[str, Any]) -> Told:
        account = _account(connection)
        return await ask(
            self.client,
            account.connection,
            account.config,
            method,
            content,
            app_cert_sn=account.app_cert_sn,
            alipay_root_cert_sn=account.alipay_root_cert_sn,
        )


_NO_ANSWER = (NotConfigured, NotSent, Unsure)


def _uncertain(error: Exception) -> Uncertain:
    """Whatever stopped the call, an earlier one may have come through."""
    if isinstance(error, NotConfigured):
        return Uncertain(Why.NOT_CONFIGURED, str(error))
    if isinstance(error, Unsure):
        return Uncertain(Why(error.why.value), error.detail)
    return Uncertain(Why.PROVIDER_DOWN, str(error))


def _refused(told: Told) -> Uncertain:
    why = _DOOR.get(told.code) or _ERRORS.get(told.sub_code, Why.UNKNOWN)
    return Uncertain(why if told.signed else Why.SIGNATURE, told.sub_code or told.code)


def _sent(state: QueryResult) -> SubmitResult:
    """What a submission may say: it is not there, or came back, is for the next query to tell."""
    return Uncertain(detail="state") if isinstance(state, NotFound | Returned) else state


def _fault_of(order: PayoutOrder) -> Why | None:
    """Why Alipay could never take this order, as far as the order itself says it."""
    if order.currency != CURRENCY:
        return Why.CURRENCY
    if order.amount < LEAST or order.amount % FEN:
        return Why.AMOUNT
    if order.receiver.kind is not DestinationKind.ALIPAY:
        return Why.RECEIVER
    return None if order.receiver.name else Why.NAME


def _content_of(order: PayoutOrder) -> dict[str, Any]:
    who = order.receiver.account
    by_number = len(who) == USER_ID_DIGITS and who.startswith("2088") and who.isdecimal()
    return {
        "out_biz_no": order.reference,
        "trans_amount": plain(order.amount),
        "product_code": PRODUCT,
        "biz_scene": SCENE,
        "order_title": order.remark[:MAX_TITLE_LETTERS],
        "payee_info": {
            "identity": who,
            "identity_type": "ALIPAY_USER_ID" if by_number else "ALIPAY_LOGON_ID",
            "name": order.receiver.name,
        },
        "remark": order.remark[:MAX_TITLE_LETTERS],
    }


def _state_in(content: dict[str, Any], order: PayoutOrder) -> QueryResult:
    """The state of a transfer; an answer about another one, or another amount, says nothing."""
    if content.get("out_biz_no") != order.reference:
        return Uncertain(detail="other_reference")
    try:
        amount = content.get("trans_amount")
        if amount is not None and parse_units(_text(amount)) != order.amount:
            return Uncertain(detail="other_amount")
        number = _text(content["order_id"])
        match content["status"]:
            case "SUCCESS":
                return Paid(number, _moment(content.get("trans_date") or content.get("pay_date")))
            case "DEALING" | "WAIT_PAY" | "INIT":
                return Accepted(number)
            case "REFUND":
                return Returned(number)
            case "FAIL" | "CLOSED":
                code = str(content.get("error_code", ""))[:64]
                why = _OF_RECEIVER.get(code) or _ERRORS.get(code, Why.UNKNOWN)
                return Rejected(why, code)
    except (KeyError, TypeError, ValueError, Refused):
        return Uncertain(Why.UNREADABLE)
    return Uncertain(detail="state_unknown")


def _account(connection: Connection) -> Account:
    settings = connection.settings
    keys, app_sn, root_sn = _read(
        settings.get("app_cert", ""),
        settings.get("alipay_certs", ""),
        settings.get("alipay_root_cert", ""),
    )
    where = paying.Connection(
        channel_id=connection.channel_id,
        merchant=connection.merchant,
        base_url=connection.base_url,
        notify_url=connection.notify_url,
        settings={"seller_id": connection.merchant, "alipay_public_keys": keys},
        secrets=connection.secrets,
        timeout_seconds=connection.timeout_seconds,
    )
    return Account(config_of(where), where, app_sn, root_sn)


@lru_cache(maxsize=64)
def _read(app: str, alipay: str, root: str) -> tuple[str, str, str]:
    """Alipay's public keys, and the numbers of the other two; `NotConfigured` names what is
    wrong."""
    found: dict[str, Any] = {}
    for name, text, read in (
        ("app_cert", app, _number),
        ("alipay_certs", alipay, _publics),
        ("alipay_root_cert", root, _root_numbers),
    ):
        try:
            found[name] = read(_chain(text))
        except (ValueError, IndexError):
            found[name] = None
        if not found[name]:
            raise NotConfigured(name)
    return found["alipay_certs"], found["app_cert"], found["alipay_root_cert"]


def _chain(text: str) -> list[str]:
    blocks = [each.strip() for each in text.replace("\r", "").split(_END) if each.strip()]
    return [f"{each}\n{_END}\n" for each in blocks]


def _number(chain: list[str]) -> str:
    return _number_of(x509.load_pem_x509_certificate(chain[0].encode()))


def _root_numbers(chain: list[str]) -> str:
    """Of those certificates of the chain that are signed by RSA: the others are of SM2."""
    found = [x509.load_pem_x509_certificate(pem.encode()) for pem in chain]
    by_rsa = (each for each in found if each.signature_algorithm_oid.dotted_string.startswith(_RSA))
    return "_".join(_number_of(each) for each in by_rsa)


def _number_of(certificate: x509.Certificate) -> str:
    """By what Alipay knows a certificate: a digest of who issued it, and its serial number."""
    parts = []
    for letters, oid in _ISSUER.items():
        values = certificate.issuer.get_attributes_for_oid(oid)
        parts.append(f"{letters}={str(values[0].value) if values else None}")
    text = ",".join(parts) + str(certificate.serial_number)
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _publics(chain: list[str]) -> str:
    return "".join(_public(pem) for pem in chain)


def _public(pem: str) -> str:
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _notified(form: Mapping[str, str]) -> datetime:
    """When it was told: milliseconds since 1970."""
    return datetime.fromtimestamp(int(form["utc_timestamp"]) / 1_000, BEIJING)


def _moment(value: Any) -> datetime | None:
    """A moment in Beijing; one that cannot be read tells nothing against the rest."""
    try:
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("no text")
    return value
