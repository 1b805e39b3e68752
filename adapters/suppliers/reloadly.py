"""Reloadly: gift cards whose codes are fetched apart, and airtime (row D1).

After its published openapi. Tokens come by OAuth2 client credentials, one for each product, and are
kept until they end. It has no price guard: the price is asked for just before the purchase, and one
above our guard buys nothing. Its account is in another currency than our costs, so the operator
sets the `rate`. What it answers is translated by codes; one that is not known is uncertain.

A gift card's item is `product:face` or `product:face:country`, airtime's `operator:amount`.
"""

import asyncio
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

import orjson

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    code_of,
    flaw_in,
    json_of,
    list_of,
    loaded,
    object_of,
    refusals_in,
    refused,
    settings_of,
    share_of,
    shown,
    text_in,
    too_late,
    units_in,
)
from adapters.goods import PAGE, goods_in, no_list
from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from domain.kernel import SCALE, clock
from domain.suppliers.ports import (
    Accepted,
    Capabilities,
    CatalogueItem,
    CataloguePage,
    Category,
    Completed,
    Connection,
    Delivery,
    Flaw,
    FlawKind,
    NotFound,
    OwnReference,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    SupplierPort,
    Uncertain,
    rate_in,
)

NAME = "reloadly"
AIRTIME = "airtime"
AUTH_URL = "https://auth.reloadly.com"
ACCEPT = {"giftcards": "giftcards-v1", AIRTIME: "topups-v1"}
EARLY_SECONDS = 60.0  # a token is renewed so long before it ends
_REFUSALS = {
    "INSUFFICIENT_BALANCE": Category.INSUFFICIENT_BALANCE,
    "PRODUCT_NOT_FOUND": Category.PRODUCT_GONE,
    "PRODUCT_OUT_OF_STOCK": Category.OUT_OF_STOCK,
    "INVALID_RECIPIENT_PHONE": Category.INVALID_ACCOUNT,
    "CUSTOM_IDENTIFIER_ALREADY_USED": Category.DUPLICATE_REFERENCE,
}
_RUNNING = ("PENDING", "PROCESSING")


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    until: float


class _NoToken(Exception):
    """Its text says why, and holds no secret."""


class Reloadly(SupplierPort):
    """The supplier port in this dialect.

    Settings: `client_id`, `client_secret`, `product` (`giftcards` or `airtime`), `rate` (what one
    unit of the account costs us), `auth_url`, `country` of phones, `rejections`.
    """

    def __init__(
        self, client: PartnerClient, *, settle_seconds: float = 60.0, not_found_answers: int = 3
    ) -> None:
        self.client = client
        self.capabilities = Capabilities(
            own_reference=OwnReference.ERROR_ON_REPEAT,
            query_by_own_reference=True,
            price_guard=False,
            partial=True,
            balance=True,
            catalogue_page=PAGE,
            product=True,
            delivery=Delivery.QUERY,
            not_found_answers=not_found_answers,
            settle_seconds=settle_seconds,
        )
        self._tokens: dict[tuple[str, str], _Token] = {}
        self._renewing = asyncio.Lock()

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Ask the price, and buy when the guard allows it."""
        settings = settings_of(connection)
        airtime = settings.get("product") == AIRTIME
        if airtime and submission.quantity != 1:
            return Rejected(Category.INVALID_ACCOUNT, "one_number_at_a_time")
        try:
            if refusal := await self._dear(connection, submission, settings):
                return refusal
            if late := too_late(submission):
                return late
            path = "/topups-async" if airtime else "/orders"
            body = _top_up(submission, settings) if airtime else _order(submission)
        except (NotSent, Ambiguous, _NoToken) as error:
            return Rejected(Category.PROVIDER_DOWN, str(error))  # nothing was bought by asking
        except (ValueError, InvalidOperation):
            return Rejected(Category.PRODUCT_GONE, "item_or_price_unreadable")
        try:
            answer = await self._send(connection, "POST", path, body)
        except (NotSent, _NoToken) as error:
            return Rejected(Category.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(detail=str(error))
        return await self._bought(connection, submission, answer, airtime=airtime)

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the order with our reference."""
        settings = settings_of(connection)
        airtime = settings.get("product") == AIRTIME
        path = "/topups/reports/transactions" if airtime else "/reports/transactions"
        try:
            told = urlencode({"customIdentifier": submission.reference})
            answer = await self._send(connection, "GET", f"{path}?{told}")
            content = json_of(answer)
            if answer.status != 200 or not isinstance(content.get("content"), list):
                return Uncertain(detail=f"http_{answer.status}")
            for row in content["content"]:
                if object_of(row).get("customIdentifier") == submission.reference:
                    return await self._told(connection, submission, row, airtime=airtime)
        except (NotSent, Ambiguous, _NoToken) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        return Uncertain(detail="other_order") if content["content"] else NotFound()

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, at the operator's rate; None when it cannot be told now."""
        try:
            answer = await self._send(connection, "GET", "/accounts/balance")
            balance = units_in(json_of(answer), "balance")
            return int(balance * _rate(settings_of(connection)))
        except (NotSent, Ambiguous, _NoToken, ValueError, InvalidOperation):
            return None

    def capabilities_of(self, connection: Connection) -> Capabilities:
        """Of airtime there is no list, only one operator after the other."""
        if settings_of(connection).get("product") == AIRTIME:
            return replace(self.capabilities, catalogue_page=0)
        return self.capabilities

    def flaw_of(self, connection: Connection) -> Flaw | None:
        """A client and its secret, the rate, and what it is for."""
        if flaw := flaw_in(connection, "client_id", "client_secret", "rate"):
            return flaw
        settings = settings_of(connection)
        if rate_in(settings) is None:
            return Flaw("rate", FlawKind.UNREADABLE)
        known = settings.get("product", "giftcards") in ACCEPT
        return None if known else Flaw("product", FlawKind.UNREADABLE)

    def rate_of(self, connection: Connection) -> Decimal | None:
        """The operator's `rate`, which stands with the secret here."""
        return rate_in(settings_of(connection)) or rate_in(connection.settings)

    def listed_as(self, item: str) -> str:
        """Product and face: an offer may name a country besides."""
        return ":".join(item.split(":")[:2])

    async def catalogue(
        self, connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        """One page of gift cards, each face an item of its own; no word of stock. A product that is
        sold at any face of a range is listed without a price."""
        number = int(cursor) if cursor and cursor.isdecimal() else 1
        try:
            answer = await self._send(connection, "GET", f"/products?page={number}&size={PAGE}")
        except (NotSent, Ambiguous, _NoToken) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        content = json_of(answer)
        if answer.status != 200 or not isinstance(content.get("content"), list):
            return no_list(answer)
        rows = [face for row in content["content"] for face in _faces(object_of(row))]
        more = content.get("last") is False and bool(content["content"])
        return CataloguePage(goods_in(rows, _item), str(number + 1) if more else None)

    async def product(
        self, connection: Connection, item: str
    ) -> CatalogueItem | NotFound | Uncertain:
        """One face of a product, or one amount of an operator's airtime."""
        airtime = settings_of(connection).get("product") == AIRTIME
        number, _, face = self.listed_as(item).partition(":")
        if not number.isdecimal():
            return Uncertain(detail="item_unreadable")
        try:
            path = f"/{'operators' if airtime else 'products'}/{number}"
            answer = await self._send(connection, "GET", path)
        except (NotSent, Ambiguous, _NoToken) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        content = json_of(answer)
        if answer.status == 404 and text_in(content, "errorCode") == "PRODUCT_NOT_FOUND":
            return NotFound()
        if answer.status != 200:
            return no_list(answer)
        try:
            price = _price_of(content, Decimal(face), airtime=airtime)
        except (ValueError, InvalidOperation):
            return Uncertain(detail="price_unreadable")
        if price is None:
            return NotFound()
        name = shown(content.get("productName") or content.get("name")) or number
        return _item({**content, "item": f"{number}:{face}", "name": name, "price": price})

    async def _dear(
        self, connection: Connection, submission: Submission, settings: dict[str, str]
    ) -> Rejected | None:
        """Why the purchase would be too dear, or cannot be made at all."""
        number, _, rest = submission.item.partition(":")
        face = Decimal(rest.partition(":")[0])
        what = "operators" if settings.get("product") == AIRTIME else "products"
        answer = await self._send(connection, "GET", f"/{what}/{int(number)}")
        if answer.status == 404:
            return Rejected(Category.PRODUCT_GONE, "not_found")
        if answer.status in (401, 429):
            category = Category.AUTH if answer.status == 401 else Category.RATE_LIMITED
            return Rejected(category, f"http_{answer.status}")
        if answer.status != 200:
            return Rejected(Category.PROVIDER_DOWN, f"http_{answer.status}")
        price = _price_of(json_of(answer), face, airtime=what == "operators")
        if price is None:
            return Rejected(Category.PRODUCT_GONE, "face_not_sold")
        if _ours(price, settings) > submission.max_unit_cost:
            return Rejected(Category.PRICE_EXCEEDED, "price_exceeded")
        return None

    async def _bought(
        self, connection: Connection, submission: Submission, answer: Answer, *, airtime: bool
    ) -> SubmitResult:
        content = json_of(answer)
        if answer.status in (401, 429):
            category = Category.AUTH if answer.status == 401 else Category.RATE_LIMITED
            return Rejected(category, f"http_{answer.status}")
        if answer.status in (400, 404):
            meanings = {**_REFUSALS, **refusals_in(settings_of(connection))}
            return refused(text_in(content, "errorCode"), meanings)
        number = shown(content.get("transactionId")) or None
        if answer.status != 200 or content.get("customIdentifier") != submission.reference:
            return Uncertain(detail=f"http_{answer.status}")
        if airtime:
            return Accepted(number)
        told = await self._told(connection, submission, content, airtime=False)
        return Uncertain(detail="not_found") if isinstance(told, NotFound) else told

    async def _told(
        self, connection: Connection, submission: Submission, row: dict[str, Any], *, airtime: bool
    ) -> QueryResult:
        number, state = shown(row.get("transactionId")) or None, text_in(row, "status")
        if state in _RUNNING:
            return Accepted(number)
        if state in ("FAILED", "REFUNDED"):
            return Rejected(Category.UNKNOWN, state.lower())
        if state != "SUCCESSFUL" or number is None:
            return Uncertain(detail=f"state_{shown(state, 40)}")
        settings = settings_of(connection)
        try:
            if airtime:
                return _topped_up(row, submission, number, settings)
            cost = _ours(units_in(row, "amount"), settings)
            codes = await self._codes(connection, number)
        except (NotSent, Ambiguous, _NoToken):
            return Accepted(number)  # done, and its codes are fetched another time
        except (ValueError, InvalidOperation):
            return Uncertain(detail="delivery_unreadable")
        nothing = Accepted(number, withheld=True)
        return nothing if codes is None else Completed(number, codes, cost)

    async def _codes(self, connection: Connection, number: str) -> Any:
        """The codes of an order that is done; None when none are shown yet."""
        answer = await self._send(connection, "GET", f"/orders/transactions/{number}/cards")
        if answer.status != 200:
            return None
        rows = loaded(answer.body)
        if not isinstance(rows, list):
            raise ValueError("cards")
        return tuple(code_of(_as_texts(row)) for row in rows) or None

    async def _send(
        self, connection: Connection, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Answer:
        """One request with a token; a token that was taken back is replaced once: with a bad one
        nothing has been done."""
        answer = await self._once(connection, method, path, body)
        if answer.status == 401:
            self._tokens.pop(_owner(connection), None)
            answer = await self._once(connection, method, path, body)
        return answer

    async def _once(
        self, connection: Connection, method: str, path: str, body: dict[str, Any] | None
    ) -> Answer:
        token = await self._token(connection)
        kind = ACCEPT.get(settings_of(connection).get("product", ""), ACCEPT["giftcards"])
        headers = {
            "accept": f"application/com.reloadly.{kind}+json",
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
        }
        return await self.client.send(
            method,
            connection.base_url.rstrip("/") + path,
            headers=headers,
            body=b"" if body is None else orjson.dumps(body),
            timeout_seconds=connection.timeout_seconds,
        )

    async def _token(self, connection: Connection) -> str:
        """A token that is good for a while; asked for once, however many need it."""
        async with self._renewing:
            known = self._tokens.get(_owner(connection))
            if known is not None and known.until > clock.now().timestamp():
                return known.text
            fresh = await self._new_token(connection)
            self._tokens[_owner(connection)] = fresh
            return fresh.text

    async def _new_token(self, connection: Connection) -> _Token:
        settings = settings_of(connection)
        wish = {
            "client_id": settings.get("client_id", ""),
            "client_secret": settings.get("client_secret", ""),
            "grant_type": "client_credentials",
            "audience": connection.base_url.rstrip("/"),
        }
        try:
            answer = await self.client.send(
                "POST",
                f"{settings.get('auth_url', AUTH_URL).rstrip('/')}/oauth/token",
                headers={"content-type": "application/json"},
                body=orjson.dumps(wish),
                timeout_seconds=connection.timeout_seconds,
            )
        except (NotSent, Ambiguous) as error:
            raise _NoToken(str(error)) from None
        content = json_of(answer)
        text, seconds = text_in(content, "access_token"), content.get("expires_in")
        if answer.status != 200 or not text or not isinstance(seconds, int):
            raise _NoToken(f"token_http_{answer.status}")
        return _Token(text, clock.now().timestamp() + seconds - EARLY_SECONDS)


def _owner(connection: Connection) -> tuple[str, str]:
    return connection.base_url, settings_of(connection).get("client_id", "")


def _order(submission: Submission) -> dict[str, Any]:
    number, face, *country = submission.item.split(":")
    body: dict[str, Any] = {
        "productId": int(number),
        "quantity": submission.quantity,
        "unitPrice": _plain_number(face),
        "customIdentifier": submission.reference,
    }
    return {**body, "countryCode": country[0]} if country else body


def _top_up(submission: Submission, settings: dict[str, str]) -> dict[str, Any]:
    number, amount = submission.item.split(":")
    phone = next((str(value) for value in submission.account.values()), "")
    return {
        "operatorId": int(number),
        "amount": amount,
        "useLocalAmount": True,
        "customIdentifier": submission.reference,
        "recipientPhone": {
            "countryCode": settings.get("country", "CN"),
            "number": phone.lstrip("+"),
        },
    }


def _faces(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A product of the list as rows, one for each of its faces."""
    number, name = shown(row.get("productId")), shown(row.get("productName"))
    prices = object_of(row.get("fixedRecipientToSenderDenominationsMap"))
    if not prices:
        return [{**row, "item": number, "name": name, "price": None}]
    found = []
    for printed in prices:
        try:
            price = _price_of(row, Decimal(printed), airtime=False)
        except (ValueError, InvalidOperation):
            continue
        found.append({**row, "item": f"{number}:{printed}", "name": name, "price": price})
    return found


def _item(row: dict[str, Any]) -> CatalogueItem:
    face = row["item"].partition(":")[2]
    return CatalogueItem(
        item=row["item"],
        name=f"{row['name']} {face}".strip(),
        cost=row["price"],
        currency=shown(row.get("senderCurrencyCode"), 3) or "USD",
        face_value=units_in({"face": face}, "face") if face else None,
    )


def _price_of(content: dict[str, Any], face: Decimal, *, airtime: bool) -> int | None:
    """What one piece costs in the account's currency, in units; None when it is not sold so."""
    if airtime:
        return _airtime_price(content, face)
    off = Decimal(str(content.get("discountPercentage") or 0))
    fee = Decimal(str(content.get("senderFee") or 0))
    for printed, price in object_of(content.get("fixedRecipientToSenderDenominationsMap")).items():
        if Decimal(printed) == face:
            return _up((Decimal(str(price)) * (100 - off) / 100 + fee) * SCALE)
    least, most = content.get("minRecipientDenomination"), content.get("maxRecipientDenomination")
    lowest = content.get("minSenderDenomination")
    if content.get("denominationType") != "RANGE" or not least or not most or not lowest:
        return None
    if not Decimal(str(least)) <= face <= Decimal(str(most)):
        return None
    rate = Decimal(str(lowest)) / Decimal(str(least))
    return _up((face * rate * (100 - off) / 100 + fee) * SCALE)


def _airtime_price(content: dict[str, Any], face: Decimal) -> int | None:
    """The same for a top-up of an amount in the operator's own currency."""
    prices = list_of(content.get("fixedAmounts"))
    for local, price in zip(list_of(content.get("localFixedAmounts")), prices, strict=False):
        if Decimal(str(local)) == face:
            return _up(Decimal(str(price)) * SCALE)
    rate = object_of(content.get("fx")).get("rate")
    least, most = content.get("localMinAmount"), content.get("localMaxAmount")
    if content.get("denominationType") != "RANGE" or not rate or not least or not most:
        return None
    inside = Decimal(str(least)) <= face <= Decimal(str(most))
    return _up(face / Decimal(str(rate)) * SCALE) if inside else None


def _topped_up(
    row: dict[str, Any], submission: Submission, number: str, settings: dict[str, str]
) -> Completed:
    asked = units_in(row, "requestedAmount")
    cost = _ours(
        max(0, asked - units_in({"discount": row.get("discount") or 0}, "discount")), settings
    )
    face = units_in({"face": submission.item.partition(":")[2]}, "face")
    made = units_in(row, "deliveredAmount")
    receipt = shown(row.get("operatorTransactionId"), MAX_RECEIPT_LETTERS) or number
    whole = made >= face
    return Completed(number, (), cost, receipt, whole, 0 if whole else share_of(made, face))


def _as_texts(row: Any) -> dict[str, str]:
    """A card as number and secret; one that has no PIN is its number alone."""
    told = {name: shown(object_of(row).get(name), 200) for name in ("cardNumber", "pinCode")}
    if told["pinCode"]:
        return {"number": told["cardNumber"], "secret": told["pinCode"]}
    return {"number": "", "secret": told["cardNumber"]}


def _ours(units: int, settings: dict[str, str]) -> int:
    """The same in our currency, rounded up: a cost is never told too low."""
    return _up(units * _rate(settings))


def _rate(settings: dict[str, str]) -> Decimal:
    rate = Decimal(settings.get("rate", ""))
    if not rate.is_finite() or rate <= 0:
        raise ValueError("rate")
    return rate


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_CEILING))


def _plain_number(face: str) -> float | int:
    """A face as the JSON number that it is; it is a label there, nobody reckons with it."""
    return int(face) if face.isdecimal() else float(face)
