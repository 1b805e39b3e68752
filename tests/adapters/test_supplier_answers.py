"""Answers that nobody should give, to each adapter: what is not surely a no is uncertain."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from adapters.answers import refusals_in, refused
from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from adapters.suppliers.dayuanren import Dayuanren
from adapters.suppliers.dayuanren import signature as dayuanren_signature
from adapters.suppliers.generic_http import GenericHttp
from adapters.suppliers.hook import Hook
from adapters.suppliers.kameng import (
    BALANCE,
    CATALOGUE,
    PLACE,
    PRODUCT,
    PRODUCTS,
    PUSHES,
    REVEAL,
    TOLD,
    Kameng,
)
from adapters.suppliers.kashangwl import Kashangwl
from adapters.suppliers.kashangwl import signature as kashangwl_signature
from adapters.suppliers.reloadly import Reloadly
from domain.kernel import clock
from domain.suppliers import Accepted, Category, Connection, Rejected, Submission, Uncertain
from schema.partner import schema
from tests import make

ADAPTERS = [Dayuanren, Hook, Kameng, Kashangwl]
SECRET = urlencode(
    {"rejections": "R1=out_of_stock,R2=duplicate_reference,R3=unknown,R4=nonsense,N0=not_found"}
    | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
)
HOUSE = Connection("alpha", "http://supplier.test", SECRET)


def ours(**changes: Any) -> Submission:
    soon = clock.now() + timedelta(seconds=20)
    wanted = {"reference": "ours", "item": "1", "quantity": 1, "valid_until": soon}
    return Submission(max_unit_cost=make.yuan(9), currency=make.CNY, **{**wanted, **changes})


class Answering(PartnerClient):
    """A client whose partner says what the test wants; it keeps what it was asked."""

    def __init__(self, answer: Answer | Exception) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[bytes] = []

    async def send(self, *args: Any, **options: Any) -> Answer:
        self.asked.append(options.get("body", b""))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        {},
        {"code": 7, "errno": "0", "result": ["completed"], "data": [], "errors": [{}]},
        {"code": "ok", "errno": 0, "data": None, "result": "completed"},
        {"code": "ok", "errno": 0, "data": {}, "result": "finished"},
        {"code": "ok", "errno": 0, "data": [{"out_trade_num": "theirs", "state": 1}]},
        {"code": "ok", "data": {"outer_order_id": "theirs", "state": 200, "cards": []}},
        {"code": "ok", "data": {"outer_order_id": "ours", "state": "200"}},
        {"code": "ok", "data": {"outer_order_id": "ours", "state": 501}},
        {"errno": 0, "data": [{"out_trade_num": "ours", "state": 9}]},
        {"code": "E7731", "errno": 7731, "result": "rejected", "category": "E7731"},
        {"result": "completed", "reference": "theirs", "cost": "1", "codes": [{"secret": "a"}]},
        {"result": "completed", "reference": "ours", "cost": "-1", "codes": [{"secret": "a"}]},
        {"result": "completed", "reference": "ours", "cost": "1", "codes": [{"secret": "a\0b"}]},
        {"data": {"orderPlace": {"order": None, "userErrors": []}, "order": {}}},
        {"data": {"orderPlace": {"order": {"externalId": "theirs"}, "userErrors": []}}},
        {"data": {"order": {"externalId": "ours", "status": "FINISHED", "lines": []}}},
        {"errors": [{"extensions": {"code": "INTERNAL"}}]},
        {"errors": [{"extensions": {"code": "SIGNATURE_WRONG", "reason": "signature_replayed"}}]},
    ],
)
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_what_is_not_understood_is_uncertain(adapter: Any, status: int, content: Any) -> None:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    port = adapter(Answering(Answer(status, body)))
    wanted = ours(account={"mobile": "13800138000"} if adapter is Dayuanren else {})
    assert isinstance(await port.submit(HOUSE, wanted), Uncertain)
    assert isinstance(await port.query(HOUSE, wanted), Uncertain)


@pytest.mark.parametrize(
    ("failure", "submitted"), [(NotSent("x"), Rejected), (Ambiguous("x"), Uncertain)]
)
@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_only_what_was_never_sent_is_a_sure_no(
    adapter: Any, failure: Exception, submitted: type
) -> None:
    port = adapter(Answering(failure))
    wanted = ours(account={"mobile": "13800138000"})
    assert isinstance(await port.submit(HOUSE, wanted), submitted)
    assert isinstance(await port.query(HOUSE, wanted), Uncertain)
    assert await port.balance(HOUSE) is None


async def test_a_shop_too_full_to_look_at_the_order_has_surely_not_sold() -> None:
    refused = {"errors": [{"extensions": {"code": "SHOP_BUSY", "retryAfter": 3}}]}
    port = Kameng(Answering(Answer(503, orjson.dumps(refused))))
    assert await port.submit(HOUSE, ours()) == Rejected(Category.RATE_LIMITED, "shop_busy")
    assert isinstance(await port.query(HOUSE, ours()), Uncertain)


def test_a_vendors_codes_mean_what_the_operator_wrote_and_nothing_else() -> None:
    meanings = refusals_in(
        {"rejections": "R1=out_of_stock, R2=duplicate_reference,R3=unknown,R4=x"}
    )
    assert refused("R1", meanings) == Rejected(Category.OUT_OF_STOCK, "R1")
    # That our reference is known there means that an order exists.
    assert isinstance(refused("R2", meanings), Uncertain)
    for code in ("R3", "R4", "R5", ""):
        assert isinstance(refused(code, meanings), Uncertain), code


def test_signatures_are_those_of_the_published_clients() -> None:
    """The text before the digest is the example of the published client's comment."""
    from hashlib import md5

    told = {"customer_id": 1192442, "order_id": "827669582783", "timestamp": 1626845767}
    plain = "KEYcustomer_id1192442order_id827669582783timestamp1626845767"
    assert kashangwl_signature("KEY", told) == md5(plain.encode()).hexdigest()
    plain = "mobile=13800138000&userid=7&apikey=KEY"
    right = md5(plain.encode()).hexdigest().upper()
    assert dayuanren_signature("KEY", {"userid": "7", "mobile": "13800138000"}) == right


def test_what_is_asked_of_another_kameng_fits_the_schema() -> None:
    from graphql import parse, validate

    for document in (PLACE, TOLD, REVEAL, BALANCE, CATALOGUE, PRODUCT, PRODUCTS, PUSHES):
        assert validate(schema._schema, parse(document)) == []


@pytest.mark.parametrize(
    ("adapter", "content"),
    [
        (Hook, {"result": "completed", "reference": "ours", "upstreamId": "7", "cost": "1"}),
        *(
            (
                GenericHttp,
                {
                    "status": status,
                    "reference": "ours",
                    "order_id": "7",
                    "charged": charged,
                    "codes": [],
                },
            )
            for status in ("completed", "partial")
            for charged in ("1.0000", "0.0000")
        ),
        (
            Kashangwl,
            {
                "code": "ok",
                "data": {
                    "outer_order_id": "ours",
                    "id": "7",
                    "state": 200,
                    "total_price": "1",
                    "refunded_amount": "0",
                    "cards": [],
                },
            },
        ),
    ],
)
async def test_done_and_nothing_shown_is_open_and_said_to_be_withheld(
    adapter: Any, content: Any
) -> None:
    port = adapter(Answering(Answer(200, orjson.dumps(content))))
    assert await port.query(HOUSE, ours()) == Accepted("7", withheld=True)


async def test_a_price_that_cannot_be_had_buys_nothing_at_reloadly() -> None:
    token = {"access_token": "t", "expires_in": 3600}
    client = Answering(Answer(200, orjson.dumps(token)))
    connection = Connection("r", "http://supplier.test", "client_id=a&client_secret=b&rate=7")
    result = await Reloadly(client).submit(connection, ours(item="12:25"))
    assert isinstance(result, Rejected)
    assert len(client.asked) == 2  # the token and the price: no order


@pytest.mark.parametrize(
    ("price", "category"),
    [
        ({"fixedRecipientToSenderDenominationsMap": {"25.00": 1.0}}, None),
        ({"fixedRecipientToSenderDenominationsMap": {"50.00": 1.0}}, Category.PRODUCT_GONE),
        ({"fixedRecipientToSenderDenominationsMap": {"25.00": 1.3}}, Category.PRICE_EXCEEDED),
        (
            {"fixedRecipientToSenderDenominationsMap": {"25.00": 1.2}, "senderFee": 0.5},
            Category.PRICE_EXCEEDED,
        ),
        (
            {"fixedRecipientToSenderDenominationsMap": {"25.00": 1.3}, "discountPercentage": 10},
            None,
        ),
    ],
)
async def test_what_a_card_costs_at_reloadly_is_fee_discount_and_rate(
    price: dict[str, Any], category: Category | None
) -> None:
    """The guard is 9.00 of our money, and a unit of the account costs 7.2."""
    told = {"access_token": "t", "expires_in": 3600, **price}
    client = Answering(Answer(200, orjson.dumps(told)))
    connection = Connection("r", "http://supplier.test", "client_id=a&client_secret=b&rate=7.2")
    result = await Reloadly(client).submit(connection, ours(item="12:25"))
    if category is None:
        assert isinstance(result, Uncertain)  # it was bought, and the answer is none
        assert len(client.asked) == 3
    else:
        assert isinstance(result, Rejected)
        assert result.category is category
