"""大猿人 and its like: phone and utility top-ups, taken first and done later (row D1).

Built from published client code and tested against the simulator, never against the vendor. What
its numbers of refusal mean is in no public document: the connection's `rejections` say it, and a
number that stands not there is uncertain until a query by our own reference tells.

An item is the vendor's product number, or `number/face`: then the vendor checks the face, too. The
vendor tells no price of a top-up that is done; the price of its product is taken for it, and our
guard when that cannot be had. The statement is where a difference is found.
"""

import hmac
from collections.abc import Mapping
from hashlib import md5
from typing import Any

import orjson

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    NOT_FOUND,
    balance_in,
    flaw_in,
    json_of,
    list_of,
    moment_in,
    object_of,
    refusals_in,
    refused,
    sent_in,
    settings_of,
    share_of,
    shown,
    too_late,
    units_in,
)
from adapters.goods import goods_in
from adapters.http import Ambiguous, NotSent, PartnerClient
from domain.kernel import SCALE, plain
from domain.suppliers.ports import (
    Accepted,
    CallbackTrust,
    Capabilities,
    CatalogueItem,
    CataloguePage,
    Category,
    Completed,
    Connection,
    Delivery,
    Flaw,
    Forged,
    NotFound,
    Notice,
    OwnReference,
    QueryResult,
    Rejected,
    Reply,
    Says,
    Submission,
    SubmitResult,
    SupplierPort,
    Uncertain,
    Why,
)

NAME = "dayuanren"
MOBILE = "mobile"
MOST_LISTED = 10_000  # there is one page
_RUNNING, _DONE, _PART = 0, 1, 3
_FAILED = (-1, 2)  # cancelled, failed: both are given back
_SAYS = {"0": Says.RUNNING, "1": Says.DONE, "3": Says.DONE, "2": Says.FAILED, "-1": Says.FAILED}


class Dayuanren(SupplierPort):
    """The supplier port in this dialect. Settings: `userid`, `key`, `rejections`."""

    def __init__(
        self, client: PartnerClient, *, settle_seconds: float = 60.0, not_found_answers: int = 3
    ) -> None:
        self.client = client
        self.capabilities = Capabilities(
            own_reference=OwnReference.ERROR_ON_REPEAT,
            query_by_own_reference=True,
            price_guard=True,
            partial=True,
            balance=True,
            catalogue_page=MOST_LISTED,
            face_guard=True,
            cancel=True,
            delivery=Delivery.QUERY,
            callback=CallbackTrust.SIGNED,
            callback_max_age_seconds=1_800,  # it tells when the order ended, not when it was sent
            not_found_answers=not_found_answers,
            settle_seconds=settle_seconds,
        )

    def account_of(self, connection: Connection) -> str:
        """The user's number."""
        return settings_of(connection).get("userid", "")

    def flaw_of(self, connection: Connection) -> Flaw | None:
        """What the vendor gave: a user's number and its key."""
        return flaw_in(connection, "userid", "key")

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Ask for one top-up; more than one at once the vendor does not know."""
        if late := too_late(submission):
            return late
        if submission.quantity != 1 or not submission.account.get(MOBILE):
            return Rejected(Category.INVALID_ACCOUNT, "one_number_at_a_time")
        product, _, face = submission.item.partition("/")
        body = {
            **{name: str(value) for name, value in submission.account.items()},
            "product_id": product,
            "out_trade_num": submission.reference,
            "price": plain(submission.max_unit_cost),
            "notify_url": connection.callback_url,
        }
        if face:
            body["amount"] = face
        try:
            status, content = await self._call(connection, "recharge", body)
        except NotSent as error:
            return Rejected(Category.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(detail=str(error))
        number = content.get("errno")
        if status != 200 or not isinstance(number, int):
            return Uncertain(detail=f"http_{status}")
        if number != 0:
            return refused(str(number), refusals_in(settings_of(connection)))
        data = object_of(content.get("data"))
        if data.get("out_trade_num") != submission.reference:
            return Uncertain(detail="other_order")
        return Accepted(shown(data.get("order_number")) or None)

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the top-up with our reference."""
        try:
            body = {"out_trade_nums": submission.reference}
            status, content = await self._call(connection, "check", body)
            number = content.get("errno")
            if status == 200 and _means_none(number, connection):
                return NotFound()
            if status != 200 or number != 0:
                return Uncertain(detail=f"http_{status}_errno_{shown(number)}")
            for row in list_of(content.get("data")):
                if object_of(row).get("out_trade_num") == submission.reference:
                    return await self._told(connection, row, submission)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        return Uncertain(detail="other_order")

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units; None when it cannot be told now."""
        try:
            _, content = await self._call(connection, "user", {})
        except (NotSent, Ambiguous):
            return None
        return balance_in(object_of(content.get("data")), "balance")

    async def cancel(self, connection: Connection, submission: Submission) -> QueryResult:
        """Ask for it to be taken back. Whether the wish was heard, only a query tells."""
        try:
            await self._call(connection, "cancel", {"out_trade_nums": submission.reference})
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        return await self.query(connection, submission)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> Notice | Forged:
        """A state and what was topped up, signed as all requests are. It tells no price, so the
        query is what counts."""
        content = {name: shown(value, 400) for name, value in sent_in(body).items()}
        key = settings_of(connection).get("key", "")
        told, right = content.get("sign", ""), signature(key, content)
        if not key or not hmac.compare_digest(told.encode(), right.encode()):
            return Forged(Why.SIGNATURE)
        return Notice(
            content.get("out_trade_num", ""),
            content.get("order_number", ""),
            _SAYS.get(content.get("state", ""), Says.LOOK),
            at=moment_in(content, "otime"),
        )

    def reply(self, taken: bool) -> Reply:
        """The word that ends its sending."""
        return Reply(200, b"success") if taken else Reply(400, b"fail")

    async def _told(
        self, connection: Connection, row: dict[str, Any], submission: Submission
    ) -> QueryResult:
        state, upstream_id = row.get("state"), shown(row.get("order_number")) or None
        if state == _RUNNING:
            return Accepted(upstream_id)
        if state in _FAILED:
            return Rejected(Category.UNKNOWN, "failed" if state == 2 else "cancelled")
        if state not in (_DONE, _PART):
            return Uncertain(detail=f"state_{shown(state)}")
        price = await self._price(connection, submission)
        receipt = shown(row.get("charge_kami"), MAX_RECEIPT_LETTERS) or upstream_id or ""
        if state == _DONE:
            return Completed(upstream_id, (), price, receipt)
        share = _share_in(row, submission.item.partition("/")[2])
        part = -(-price * share // SCALE) if share else price
        return Completed(upstream_id, (), part, receipt, whole=False, share=share)

    async def _price(self, connection: Connection, submission: Submission) -> int:
        """The price of the product; the guard, which it cannot exceed, when it is not told."""
        try:
            _, content = await self._call(connection, "product", {})
        except (NotSent, Ambiguous):
            return submission.max_unit_cost
        wanted = submission.item.partition("/")[0]
        for shelf in list_of(content.get("data")):
            for row in list_of(object_of(shelf).get("products")):
                if shown(object_of(row).get("id")) == wanted:
                    price = balance_in(row, "price")
                    return min(price or submission.max_unit_cost, submission.max_unit_cost)
        return submission.max_unit_cost

    def listed_as(self, item: str) -> str:
        """The product's number: an offer may name its face besides."""
        return item.partition("/")[0]

    async def catalogue(
        self, connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        """All it sells to us, on one page; no word of stock."""
        try:
            status, content = await self._call(connection, "product", {})
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        number = content.get("errno")
        if status != 200 or number != 0 or not isinstance(content.get("data"), list):
            meaning = refusals_in(settings_of(connection)).get(shown(number))
            limited = status == 429 or meaning == Category.RATE_LIMITED
            category = Category.RATE_LIMITED if limited else Category.UNKNOWN
            return Uncertain(category, f"http_{status}")
        rows = [
            each for shelf in content["data"] for each in list_of(object_of(shelf).get("products"))
        ]
        return CataloguePage(goods_in(rows, _item))

    async def _call(
        self, connection: Connection, name: str, body: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        settings = settings_of(connection)
        sent = {**body, "userid": settings.get("userid", "")}
        sent["sign"] = signature(settings.get("key", ""), sent)
        answer = await self.client.send(
            "POST",
            f"{connection.base_url.rstrip('/')}/index/{name}",
            headers={"content-type": "application/json"},
            body=orjson.dumps(sent),
            timeout_seconds=connection.timeout_seconds,
        )
        return answer.status, json_of(answer)


def signature(key: str, content: dict[str, Any]) -> str:
    """MD5, in capitals, of `name=value&` sorted by name, and the key at the end."""
    told = "".join(f"{name}={value}&" for name, value in sorted(content.items()) if name != "sign")
    return md5(f"{told}apikey={key}".encode(), usedforsecurity=False).hexdigest().upper()


def _item(row: dict[str, Any]) -> CatalogueItem:
    return CatalogueItem(
        item=shown(row.get("id")),
        name=shown(row.get("name")) or shown(row.get("id")),
        cost=units_in(row, "price"),
        currency="CNY",
        on_sale=row.get("api_open") in (1, "1"),
        max_quantity=1,
        account_fields=(MOBILE,),
    )


def _means_none(number: Any, connection: Connection) -> bool:
    return refusals_in(settings_of(connection)).get(shown(number)) == NOT_FOUND


def _share_in(row: dict[str, Any], face: str) -> int:
    """How much of the face was topped up; 0 when the item tells no face."""
    try:
        return share_of(units_in(row, "charge_amount"), units_in({"face": face}, "face"))
    except ValueError:
        return 0
