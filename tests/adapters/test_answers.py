"""Answers that nobody should give: what is not surely a no, and not goods, is uncertain."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from adapters.suppliers.generic_http import GenericHttp
from domain.kernel import clock
from domain.suppliers import (
    Accepted,
    Connection,
    NotFound,
    Rejected,
    Submission,
    Uncertain,
)
from tests import make


class Answering(PartnerClient):
    """A client whose partner says what the test wants."""

    def __init__(self, answer: Answer | Exception) -> None:
        super().__init__()
        self.answer = answer

    async def send(self, *args: Any, **options: Any) -> Answer:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


HOUSE = Connection("alpha", "http://supplier.test", "secret")
OURS = Submission("ours", "item", 1, make.yuan(100), make.CNY, clock.now() + timedelta(seconds=20))


async def judged(status: int, content: Any) -> tuple[Any, Any]:
    """What a submission and a query make of the same answer."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    adapter = GenericHttp(Answering(Answer(status, body)))
    return await adapter.submit(HOUSE, OURS), await adapter.query(HOUSE, OURS)


def order(**content: Any) -> dict[str, Any]:
    return {"reference": "ours", "status": "completed", "charged": "1.00", "codes": [], **content}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"completed"',
        {},
        {"error": {}},
        {"error": []},
        {"error": None},
        order(reference="another"),
        order(reference=None),
        order(status=["completed"]),
        order(status={}),
        order(status="finished"),
        order(status="rejected"),
        order(status="rejected", error={}),
        order(status="rejected", error="E7731"),
        order(codes=None),
        order(codes="abc"),
        order(codes={"secret": "abc"}),
        order(codes=["abc"]),
        order(codes=[None]),
        order(codes=[[]]),
        order(codes=[{}]),
        order(codes=[{"number": "1"}]),
        order(codes=[{"secret": None}]),
        order(codes=[{"secret": "  "}]),
        order(codes=[{"secret": 7}]),
        order(codes=[{"secret": "a\0b"}]),
        order(codes=[{"number": "1\n", "secret": "a\nb"}]),
        order(codes=[{"secret": "a" * 401}]),
        order(charged="much"),
        order(charged="-1"),
        order(charged="NaN"),
        order(charged="Infinity"),
        order(charged="1e999999999"),
        order(charged="1e999990"),
        order(charged="99999999999999999"),
        order(charged="0.00001"),
        order(charged=None),
        order(charged={}),
    ],
)
@pytest.mark.parametrize("status", [200, 302, 400, 404, 409, 500, 503])
async def test_what_is_not_understood_is_uncertain(status: int, content: Any) -> None:
    for result in await judged(status, content):
        assert isinstance(result, Uncertain)


@pytest.mark.parametrize("status", [201, 302, 404, 500, 502])
async def test_goods_count_only_with_the_status_that_goes_with_them(status: int) -> None:
    for result in await judged(status, order(codes=[{"secret": "code"}])):
        assert isinstance(result, Uncertain)


async def test_a_nonce_that_was_seen_before_may_have_bought() -> None:
    """Whoever repeated our request on its way has bought with the first one, perhaps."""
    for result in await judged(401, {"error": "replayed_nonce"}):
        assert isinstance(result, Uncertain)


@pytest.mark.parametrize("error", ["auth", "rate_limited", "expired", "malformed"])
async def test_not_begun_says_nothing_in_answer_to_a_query(error: str) -> None:
    submitted, queried = await judged(409, {"error": error})
    assert isinstance(submitted, Rejected)
    assert isinstance(queried, Uncertain)


@pytest.mark.parametrize("error", ["auth", "rate_limited", "expired", "malformed"])
async def test_not_begun_is_not_believed_of_a_broken_server(error: str) -> None:
    for result in await judged(500, {"error": error}):
        assert isinstance(result, Uncertain)


async def test_not_found_is_an_answer_to_a_query_only() -> None:
    submitted, queried = await judged(404, {"error": "order_not_found"})
    assert isinstance(submitted, Uncertain)
    assert queried == NotFound()
    assert isinstance((await judged(404, b"<html>404</html>"))[1], Uncertain)


async def test_the_suppliers_number_is_made_fit_to_be_stored() -> None:
    for result in await judged(200, order(status="accepted", order_id="a\0b" + "c" * 200)):
        assert result == Accepted("ab" + "c" * 94)
    for result in await judged(200, order(status="accepted", order_id=None)):
        assert result == Accepted(None)


@pytest.mark.parametrize(
    ("failure", "submitted", "queried"),
    [(NotSent("x"), Rejected, Uncertain), (Ambiguous("x"), Uncertain, Uncertain)],
)
async def test_only_what_was_never_sent_is_a_sure_no(
    failure: Exception, submitted: type, queried: type
) -> None:
    adapter = GenericHttp(Answering(failure))
    assert isinstance(await adapter.submit(HOUSE, OURS), submitted)
    assert isinstance(await adapter.query(HOUSE, OURS), queried)
    assert await adapter.balance(HOUSE) is None
