"""WeChat Pay's transfers of merchants (商家转账, `fund-app/mch-transfer/transfer-bills`).

Whole fen, one bill number for life. An error says what became of one request and never what became
of the bill, so only a signed state ends a payout: every error is uncertain, the bill is asked about
and, when WeChat Pay surely knows nothing of it, sent again under its number. Bills older than
thirty days cannot be asked about: then "not found" says nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
from wechatpayv3.utils import rsa_encrypt

from adapters.http import NotSent, PartnerClient
from adapters.pacing import Pace
from adapters.payments.wechat_wire import (
    REFRESH_SECONDS,
    NotConfigured,
    Told,
    Unsure,
    WechatConfig,
    WechatWire,
    config_of,
    decrypted,
)
from domain.kernel import SCALE, clock
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
    SubmitResult,
    Uncertain,
    Why,
)

NAME = "wechat"
FEN = 100  # units in one fen
CURRENCY = "CNY"
BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
PER_SECOND = 90  # of the hundred that WeChat Pay allows a merchant
NAMED_FROM = 2_000 * SCALE
NAMED_ABOVE_FEN = 30  # below it no name may be told
ASKABLE = timedelta(days=30)
MAX_REMARK_LETTERS = 32
FINISHED = "MCHTRANSFER.BILL.FINISHED"
_ERRORS = {
    "NOT_ENOUGH": Why.BALANCE,
    "FREQUENCY_LIMITED": Why.RATE_LIMITED,
    "FREQUENCY_LIMIT_EXCEED": Why.RATE_LIMITED,
    "RATELIMIT_EXCEEDED": Why.RATE_LIMITED,
    "NO_AUTH": Why.AUTH,
    "SIGN_ERROR": Why.AUTH,
    "ALREADY_EXISTS": Why.REFERENCE_USED,
    "APPID_MCHID_NOT_MATCH": Why.NOT_CONFIGURED,
    "QUOTA_EXCEED": Why.LIMIT,
    "PARAM_ERROR": Why.REFUSED,
    "INVALID_REQUEST": Why.REFUSED,
}
_FAILED = {
    "NAME_NOT_CORRECT": Why.NAME,
    "REAL_NAME_CHECK_FAIL": Why.NAME,
    "ID_CARD_NOT_CORRECT": Why.NAME,
    "ACCOUNT_NOT_EXIST": Why.RECEIVER,
    "ACCOUNT_FROZEN": Why.RECEIVER,
    "OPENID_INVALID": Why.RECEIVER,
    "TRANSFER_QUOTA_EXCEED": Why.LIMIT,
    "DAY_RECEIVED_QUOTA_EXCEED": Why.LIMIT,
    "MONTH_RECEIVED_QUOTA_EXCEED": Why.LIMIT,
    "DAY_RECEIVED_COUNT_EXCEED": Why.LIMIT,
    "OVERDUE_CLOSE": Why.NOT_CONFIRMED,
}


class WechatTransfers:
    """The payout port over WeChat Pay v3."""

    capabilities = Capabilities(
        destinations=frozenset({DestinationKind.WECHAT}),
        currencies=frozenset({CURRENCY}),
        cancel=True,
        callback=True,
        settle_seconds=900.0,
        not_found_answers=4,
        name_from=NAMED_FROM,
    )
    setting_names = frozenset(
        {
            *("appid", "merchant_serial", "public_key_ids", "public_keys"),
            *("transfer_scene_id", "report_infos"),
        }
    )
    secret_names = frozenset({"private_key", "api_v3_key"})

    def __init__(self, client: PartnerClient, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self.wire = WechatWire(client, refresh_seconds)
        self.pace = Pace(PER_SECOND)

    async def submit(self, connection: Connection, order: PayoutOrder) -> SubmitResult:
        """Send it; the same number again is the same bill."""
        if wrong := _fault_of(order):
            return Rejected(wrong)
        try:
            config, content = _config(connection), _content_of(connection, order)
            serial = await self._seal_name(connection, config, order, content)
            told = await self._ask(connection, config, "POST", "", content, serial)
        except _NO_ANSWER as error:
            return _uncertain(error)
        if told.status != 200:
            return _refused(told)
        return _state_in(told.content, config, order)

    async def query(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        """What became of it. When it waits for its receiver and what the receiver needs was lost
        with an answer, it is fetched by sending the bill again, which changes nothing."""
        try:
            config = _config(connection)
            told = await self._ask(connection, config, "GET", _by_number(order))
        except _NO_ANSWER as error:
            return _uncertain(error)
        if told.status == 404 and told.code == "NOT_FOUND" and told.signed:
            return _not_found(order)
        if told.status != 200:
            return _refused(told)
        state = _state_in(told.content, config, order)
        lost = isinstance(state, Accepted) and state.waits and not order.action_known
        if lost and told.content.get("state") == "WAIT_USER_CONFIRM":
            again = await self.submit(connection, order)
            return again if isinstance(again, Accepted | Paid) else state
        return state

    async def cancel(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        """Ask for it to be let go, which takes a while; what it is by now."""
        try:
            config = _config(connection)
            await self._ask(connection, config, "POST", _by_number(order) + "/cancel", {})
        except _NO_ANSWER as error:
            return _uncertain(error)
        return await self.query(connection, order)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        """Check the signature over the raw body, then open the encrypted part."""
        try:
            config = _config(connection)
        except NotConfigured as error:
            return Forged(Why.NOT_CONFIGURED, str(error))
        where = _paying(connection)
        wrong = await self.wire.fault_of(where, config, headers, body, any_age=True)
        if wrong is not None:
            return Forged(Why(wrong.value))
        try:
            content = orjson.loads(body)
            inner = decrypted(config, content["resource"])
            at = datetime.fromtimestamp(int(headers["wechatpay-timestamp"]), UTC)
            if content["event_type"] != FINISHED:
                return Notice("", config.mchid, "", at)
            reference, merchant = _text(inner["out_bill_no"]), _text(inner["mch_id"])
            return Notice(reference, merchant, _text(inner["state"]), at)
        except (KeyError, TypeError, ValueError, OverflowError):
            return Forged(Why.UNREADABLE)

    def reply(self, taken: bool) -> Reply:
        """204: do not send it again."""
        if taken:
            return Reply(204, b"")
        body = orjson.dumps({"code": "FAIL", "message": "not taken"})
        return Reply(400, body, "application/json")

    async def _ask(
        self,
        connection: Connection,
        config: WechatConfig,
        method: str,
        path: str,
        content: Mapping[str, Any] | None = None,
        serial: str = "",
    ) -> Told:
        await self.pace.wait(config.mchid)
        where = _paying(connection)
        return await self.wire.ask(where, config, method, BILLS + path, content, serial)

    async def _seal_name(
        self,
        connection: Connection,
        config: WechatConfig,
        order: PayoutOrder,
        content: dict[str, Any],
    ) -> str:
        """Put the receiver's name in, for WeChat Pay's eyes only; the name of the key."""
        if not order.receiver.name or order.amount // FEN < NAMED_ABOVE_FEN:
            return ""
        found = await self.wire.sealing_key(_paying(connection), config)
        if found is None:
            raise Unsure(paying.Why.CERTIFICATE, "no_key_for_the_name")
        serial, key = found
        content["user_name"] = rsa_encrypt(order.receiver.name, key)
        return serial


_NO_ANSWER = (NotConfigured, NotSent, Unsure)


def _uncertain(error: Exception) -> Uncertain:
    """Whatever stopped the call, an earlier one may have come through."""
    if isinstance(error, NotConfigured):
        return Uncertain(Why.NOT_CONFIGURED, str(error))
    if isinstance(error, Unsure):
        return Uncertain(Why(error.why.value), error.detail)
    return Uncertain(Why.PROVIDER_DOWN, str(error))


def _refused(told: Told) -> Uncertain:
    if told.status == 401:
        return Uncertain(Why.AUTH, told.code)
    if told.status == 429:
        return Uncertain(Why.RATE_LIMITED, told.code)
    why = _ERRORS.get(told.code, Why.UNKNOWN) if told.signed else Why.SIGNATURE
    return Uncertain(why, told.code or f"http_{told.status}")


def _not_found(order: PayoutOrder) -> QueryResult:
    sent = order.first_sent_at
    if sent is not None and clock.now() - sent >= ASKABLE:
        return Uncertain(Why.TOO_OLD)
    return NotFound()


def _fault_of(order: PayoutOrder) -> Why | None:
    """Why WeChat Pay could never take this order, as far as the order itself says it."""
    if order.currency != CURRENCY:
        return Why.CURRENCY
    if order.amount <= 0 or order.amount % FEN:
        return Why.AMOUNT
    if order.receiver.kind is not DestinationKind.WECHAT:
        return Why.RECEIVER
    if order.amount >= NAMED_FROM and not order.receiver.name:
        return Why.NAME
    return None


def _config(connection: Connection) -> WechatConfig:
    if not connection.settings.get("transfer_scene_id", "").strip():
        raise NotConfigured("transfer_scene_id")
    return config_of(_paying(connection))


def _content_of(connection: Connection, order: PayoutOrder) -> dict[str, Any]:
    content = {
        "appid": connection.settings["appid"].strip(),
        "out_bill_no": order.reference,
        "transfer_scene_id": connection.settings["transfer_scene_id"].strip(),
        "openid": order.receiver.account,
        "transfer_amount": order.amount // FEN,
        "transfer_remark": order.remark[:MAX_REMARK_LETTERS],
        "transfer_scene_report_infos": _reports(connection.settings.get("report_infos", "")),
    }
    if connection.notify_url:
        content["notify_url"] = connection.notify_url
    return content


def _reports(text: str) -> list[dict[str, str]]:
    """What the scene has to report, as the operator filled it in: a JSON list."""
    try:
        told = orjson.loads(text)
        return [
            {"info_type": _text(each["info_type"]), "info_content": _text(each["info_content"])}
            for each in told
        ]
    except (KeyError, TypeError, ValueError):
        raise NotConfigured("report_infos") from None


def _by_number(order: PayoutOrder) -> str:
    return f"/out-bill-no/{quote(order.reference, safe='')}"


def _state_in(content: dict[str, Any], config: WechatConfig, order: PayoutOrder) -> SubmitResult:
    """The state of a bill; an answer about another one, or of another amount, says nothing."""
    if content.get("out_bill_no") != order.reference:
        return Uncertain(detail="other_reference")
    if content.get("mch_id", config.mchid) != config.mchid:
        return Uncertain(detail="other_merchant")
    if content.get("transfer_amount", order.amount // FEN) != order.amount // FEN:
        return Uncertain(detail="other_amount")
    try:
        number = _text(content["transfer_bill_no"])
        match content["state"]:
            case "ACCEPTED" | "PROCESSING" | "CANCELING":
                return Accepted(number)
            case "WAIT_USER_CONFIRM" | "TRANSFERING":
                return Accepted(number, waits=True, action=_action_in(content, config))
            case "SUCCESS":
                return Paid(number, _moment(content.get("update_time")))
            case "FAIL":
                reason = str(content.get("fail_reason", ""))[:64]
                return Rejected(_FAILED.get(reason, Why.UNKNOWN), reason)
            case "CANCELLED":
                return Rejected(Why.CANCELLED)
    except (KeyError, TypeError, ValueError):
        return Uncertain(Why.UNREADABLE)
    return Uncertain(detail="state_unknown")


def _action_in(content: dict[str, Any], config: WechatConfig) -> dict[str, str]:
    """What `wx.requestMerchantTransfer` is called with; only the answer to a submission has it."""
    package = content.get("package_info")
    if not isinstance(package, str) or not package:
        return {}
    return {"mchId": config.mchid, "appId": config.appid, "package": package}


def _paying(connection: Connection) -> paying.Connection:
    """The same account as the wire of payments knows it."""
    return paying.Connection(
        channel_id=connection.channel_id,
        merchant=connection.merchant,
        base_url=connection.base_url,
        notify_url=connection.notify_url,
        settings=connection.settings,
        secrets=connection.secrets,
        timeout_seconds=connection.timeout_seconds,
    )


def _moment(value: Any) -> datetime | None:
    """When it was done; one that cannot be read tells nothing against the rest."""
    if not isinstance(value, str):
        return None
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is not None else None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("no text")
    return value
