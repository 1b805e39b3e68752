"""Ratings over the API: what a buyer says, what a shop shows, what the back office reads."""

from typing import Any

import pytest

from domain.kernel import ANONYMOUS, Prefix, connection, encode_id
from domain.orders import Order, OrderLine, guest_token
from schema.admin import schema as admin_schema
from schema.shop import schema as shop_schema
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.aftersale.test_disputes import bought
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
FIELDS = """rating { id stars tags text state editableUntil } userErrors { code message field }"""
RATE = f"""mutation Rate($input: OrderLineRateInput!) {{
  orderLineRate(input: $input) {{ {FIELDS} }} }}"""
BY_GUEST = f"""mutation Rate($input: OrderLineRateByGuestInput!) {{
  orderLineRateByGuest(input: $input) {{ {FIELDS} }} }}"""
JUDGE = """mutation Judge($input: RatingJudgeInput!) { ratingJudge(input: $input) {
  rating { state judgement } userErrors { code } } }"""
OWN = "query Own($id: ID!) { order(id: $id) { lines { rating { stars text state } } } }"
SHELF = "{ products { nodes { id rating { count average } } } }"
WRITTEN = """query Written($id: ID!) { productRatings(productId: $id) {
  nodes { stars tags text ratedAt } } }"""
WAITING = """{ ratings(states: [PENDING]) { nodes {
  id orderId productId siteId agentId supplierId afterCase stars tags text state } } }"""
FIGURES = """query F($since: DateTime!, $until: DateTime!) {
  ratingFigures(by: SITE, since: $since, until: $until) { subjectId count average byStars } }"""


def line_id(line: OrderLine) -> str:
    return encode_id(Prefix.ORDER_LINE, line.id)


async def rated(who: Any, line: OrderLine, **wish: Any) -> Any:
    values = {"lineId": line_id(line), "stars": 5, **wish}
    return (await data_of(shop_schema, RATE, who, input=values))["orderLineRate"]


async def test_a_buyer_rates_a_reader_lets_the_words_through_and_the_shop_shows_them() -> None:
    who, order, line = await bought()
    script = "<img src=x onerror=alert(1)>"
    answer = await rated(who, line, tags=["FAST"], text=script)
    assert answer["userErrors"] == []
    assert answer["rating"]["state"] == "PENDING"
    own = await data_of(shop_schema, OWN, who, id=encode_id(Prefix.ORDER, order.id))
    assert own["order"]["lines"][0]["rating"] == {"stars": 5, "text": script, "state": "PENDING"}
    (shown,) = (await data_of(shop_schema, SHELF))["products"]["nodes"]
    assert shown["rating"] == {"count": 1, "average": 5.0}
    written = await data_of(shop_schema, WRITTEN, id=shown["id"])
    assert written["productRatings"]["nodes"] == []
    staff = await make.operator("ratings:read", "ratings:judge")
    (waiting,) = (await data_of(admin_schema, WAITING, staff))["ratings"]["nodes"]
    assert (waiting["text"], waiting["productId"]) == (script, shown["id"])
    wish = {"ratingId": waiting["id"], "publish": True}
    judged = (await data_of(admin_schema, JUDGE, staff, input=wish))["ratingJudge"]
    assert judged["rating"] == {"state": "PUBLISHED", "judgement": ""}
    (text,) = (await data_of(shop_schema, WRITTEN, id=shown["id"]))["productRatings"]["nodes"]
    assert (text["text"], text["tags"], text["stars"]) == (script, ["FAST"], 5)
    period = {"since": "2020-01-01T00:00:00Z", "until": "2020-12-01T00:00:00Z"}
    assert (await data_of(admin_schema, FIGURES, staff, **period))["ratingFigures"] == []


async def test_a_guest_rates_by_what_only_the_buyer_has() -> None:
    _, order, line = await bought()
    guest = {"number": order.number, "token": guest_token(order.id)}
    wish = {"guest": guest, "lineId": line_id(line), "stars": 2}
    answer = (await data_of(shop_schema, BY_GUEST, input=wish))["orderLineRateByGuest"]
    assert answer["rating"]["stars"] == 2
    wish["guest"] = {**guest, "token": "kmg_1_x"}
    answer = (await data_of(shop_schema, BY_GUEST, input=wish))["orderLineRateByGuest"]
    assert [each["code"] for each in answer["userErrors"]] == ["NOT_FOUND"]


async def test_what_is_refused_says_why_in_both_languages() -> None:
    who, _, line = await bought()
    for language, word in (("en", "1 to 5 stars"), ("zh", "1 至 5 星")):
        values = {"lineId": line_id(line), "stars": 9}
        answer = await data_of(shop_schema, RATE, who, language, input=values)
        (error,) = answer["orderLineRate"]["userErrors"]
        assert word in error["message"]
    await rated(who, line)
    with make.later(days=9):
        (error,) = (await rated(who, line, stars=1))["userErrors"]
        assert error["code"] == "LINE_NOT_RATABLE"
        assert "time to change" in error["message"]


async def test_only_who_may_reads_judges_and_counts() -> None:
    who, _, line = await bought()
    made = await rated(who, line, text="good")
    wish = {"ratingId": made["rating"]["id"], "publish": True}
    period = {"since": "2020-01-01T00:00:00Z", "until": "2020-12-01T00:00:00Z"}
    for actor in (who, await make.operator("aftersales:read")):
        for query, values in ((JUDGE, {"input": wish}), (WAITING, {}), (FIGURES, period)):
            result = await ask(admin_schema, query, actor, **values)
            assert result.errors[0].extensions["code"] == "FORBIDDEN"
    nobody = await ask(shop_schema, RATE, ANONYMOUS, input={"lineId": line_id(line), "stars": 1})
    assert nobody.errors[0].extensions["code"] == "UNAUTHENTICATED"


async def test_a_page_of_products_reads_its_ratings_in_one_statement() -> None:
    lines = [await bought() for _ in range(3)]
    for who, _, line in lines:
        await rated(who, line)

    async def statements() -> int:
        async with count_statements() as counted:
            await data_of(shop_schema, SHELF)
        return sum("rating_totals" in each for each in counted)

    assert await statements() == 1


async def test_the_lines_of_an_order_read_their_ratings_at_once() -> None:
    who, order, line = await bought()
    await rated(who, line)
    async with count_statements() as counted:
        await data_of(shop_schema, OWN, who, id=encode_id(Prefix.ORDER, order.id))
    assert sum(' FROM "ratings"' in each for each in counted) == 1
    assert await Order.all().count() == 1
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM ratings") == 1
