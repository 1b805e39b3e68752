"""A line is rated once, by its buyer; its words are read first, its stars always count (row M4)."""

import asyncio
from typing import Any

import asyncpg
import pytest

from domain import catalog, checkout, ratings
from domain.aftersale import Decision
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import (
    ANONYMOUS,
    Actor,
    Refused,
    clock,
    connection,
    new_id,
    page_request,
    transaction,
)
from domain.orders import GuestProof, Order, OrderLine, guest_token
from domain.ratings import RatedBy, Rating, RatingState, RatingTag, RatingWish
from tests import make
from tests.domain.aftersale.test_disputes import (
    all_is_well,
    bought,
    cards_of,
    complain,
    decide,
    supplier_of,
)

pytestmark = pytest.mark.usefixtures("db")


async def rate(who: Actor, line: OrderLine, stars: int = 5, **more: Any) -> Rating:
    return await ratings.rate_line(who, RatingWish(line.id, stars, **more))


async def refused(work: Any) -> str:
    with pytest.raises(Refused) as caught:
        await work
    refusal = caught.value.refusals[0]
    return getattr(refusal, "reason", "") or refusal.code


async def total_of(line: OrderLine) -> tuple[int, int]:
    variant = await Variant.get(id=line.variant_id)
    found = await ratings.totals_of([variant.product_id])  # type: ignore[attr-defined]
    total = found.get(variant.product_id, ratings.NOTHING)  # type: ignore[attr-defined]
    return total.count, total.stars


async def test_a_line_is_rated_once_and_counts_at_once() -> None:
    who, order, line = await bought(supplied=True)
    assert await total_of(line) == (0, 0)
    tags = (RatingTag.FAST, RatingTag.AS_DESCRIBED, RatingTag.FAST)
    rating = await rate(who, line, 4, tags=tags, text=" works \n well ")
    assert (rating.stars, rating.tags) == (4, ["AS_DESCRIBED", "FAST"])
    assert (rating.text, rating.state) == ("works \n well", RatingState.PENDING)
    assert (rating.order_id, rating.buyer_id) == (order.id, who.user_id)
    assert (rating.supplier_id, rating.agent_id) == (await supplier_of(line), None)
    assert (rating.site_id, rating.after_case) == (order.site_id, False)
    assert await total_of(line) == (1, 4)
    again = await rate(who, line, 2)
    assert (again.id, again.version, again.state) == (rating.id, 2, RatingState.PLAIN)
    assert await total_of(line) == (1, 2)
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT sequence, payload FROM outbox_events WHERE type = 'rating.given' ORDER BY id"
        )
    assert [row["sequence"] for row in told] == [1, 2]
    assert all("works" not in row["payload"] for row in told)
    await all_is_well()


async def test_only_the_buyer_rates() -> None:
    who, order, line = await bought()
    stranger = await make.buyer()
    assert await refused(rate(stranger, line)) == "NOT_FOUND"
    assert await refused(rate(make.OPERATOR, line)) == "NOT_FOUND"
    assert await refused(rate(ANONYMOUS, line)) == "UNAUTHENTICATED"
    ghost = RatingWish(new_id(), 5)
    assert await refused(ratings.rate_line(who, ghost)) == "NOT_FOUND"
    _, foreign, _ = await bought()
    for number, token in (
        (order.number, guest_token(foreign.id)),
        (foreign.number, guest_token(foreign.id)),
        (order.number, "kmg_1_x"),
    ):
        proof = GuestProof(number, token=token)
        said = await refused(ratings.rate_line(ANONYMOUS, RatingWish(line.id, 1), proof))
        assert said == "NOT_FOUND"
    proof = GuestProof(order.number, token=guest_token(order.id))
    made = await ratings.rate_line(ANONYMOUS, RatingWish(line.id, 1), proof)
    assert made.buyer_id == who.user_id
    assert (await rate(who, line, 3)).id == made.id  # the same buyer, signed in
    assert await Rating.all().count() == 1


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"stars": 0}, "rating_stars"),
        ({"stars": 6}, "rating_stars"),
        ({"tags": tuple(RatingTag)[:6]}, "rating_tags"),
        ({"text": "x" * 1_001}, "rating_text"),
        ({"text": "a\x00b"}, "rating_text"),
    ],
)
async def test_what_is_no_rating_is_refused(wish: dict[str, Any], said: str) -> None:
    who, _, line = await bought()
    assert await refused(rate(who, line, **{"stars": 5, **wish})) == said
    assert await Rating.all().count() == 0


async def test_what_is_not_at_its_end_is_not_rated_yet() -> None:
    variant, who = await make.variant(), await make.buyer()
    await make.offer(variant, make.yuan(40))
    placed = await checkout.place_order(who, Purchase((LineWish(variant.sku, 1),), "key"))
    assert await refused(rate(who, placed.lines[0])) == "rating_not_yet"


async def test_nobody_rates_or_changes_a_rating_for_ever() -> None:
    who, _, line = await bought()
    with make.later(days=181):
        assert await refused(rate(who, line)) == "rating_too_late"
    await rate(who, line)
    with make.later(days=6):
        await rate(who, line, 4)
    with make.later(days=8):
        assert await refused(rate(who, line, 1)) == "rating_fixed"
    assert await total_of(line) == (1, 4)


async def test_the_end_of_a_case_opens_a_rating_once_more() -> None:
    who, order, line = await bought()
    await rate(who, line, 1)
    with make.later(days=5):
        (case,) = await complain(who, order, await cards_of(line))
    with make.later(days=20):
        assert await refused(rate(who, line, 1)) == "rating_fixed"
        await decide(case, Decision.REFUND)
    with make.later(days=26):
        assert (await rate(who, line, 5)).after_case
    (own,) = (await ratings.own_ratings([line.id])).values()
    assert 25 <= (own.editable_until - clock.now()).days < 28
    await all_is_well()


async def test_a_banned_word_is_found_however_it_is_written() -> None:
    who, _, line = await bought()
    await catalog.ban(make.OPERATOR, "advertising", word="外挂")
    for text in ("外 挂", "加我 外-挂!", "外\n挂"):
        assert await refused(rate(who, line, text=text)) == "RATING_TEXT_BANNED"
    assert await Rating.all().count() == 0
    await rate(who, line, text="挂外")


async def test_words_are_shown_once_somebody_has_read_them() -> None:
    who, _, line = await bought()
    script = '<script>alert(1)</script> & "co"'
    rating = await rate(who, line, text=script)
    page = page_request("productRatings", None, None)
    assert (await ratings.list_published(rating.product_id, page)).rows == []
    judge = await make.operator("ratings:judge")
    await ratings.judge_text(judge, rating.id, publish=True)
    (shown,) = (await ratings.list_published(rating.product_id, page)).rows
    assert shown.text == script  # as it was written: who shows it escapes it
    hidden = ratings.judge_text(judge, rating.id, publish=False)
    assert await refused(hidden) == "review_reason"
    await ratings.judge_text(judge, rating.id, publish=False, reason="no sense")
    assert (await ratings.list_published(rating.product_id, page)).rows == []
    assert await total_of(line) == (1, 5)
    same = await rate(who, line, 3, text=script)
    assert same.state is RatingState.HIDDEN  # the same words stay judged
    other = await rate(who, line, 3, text="better")
    assert (other.state, other.judged_by) == (RatingState.PENDING, None)
    await all_is_well()


async def test_a_shop_may_show_words_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings.ways, "texts_wait", False)
    who, _, line = await bought()
    assert (await rate(who, line, text="good")).state is RatingState.PUBLISHED


async def test_only_who_may_reads_and_judges() -> None:
    who, _, line = await bought()
    rating = await rate(who, line, text="good")
    reader, judge = await make.operator("ratings:read"), await make.operator("ratings:judge")
    page = page_request("ratings", None, None)
    assert len((await ratings.list_ratings(reader, page, [RatingState.PENDING])).rows) == 1
    assert await refused(ratings.list_ratings(judge, page)) == "FORBIDDEN"
    assert await refused(ratings.judge_text(reader, rating.id, publish=True)) == "FORBIDDEN"
    plain = await rate(who, line)
    assert await refused(ratings.judge_text(judge, plain.id, publish=True)) == "NOT_FOUND"
    assert await refused(ratings.list_ratings(who, page)) == "FORBIDDEN"


async def test_ratings_are_counted_by_whom_they_concern() -> None:
    who, _, line = await bought(supplied=True)
    other, order, second = await bought()
    first, last = await rate(who, line, 5), await rate(other, second, 2)
    (case,) = await complain(other, order, await cards_of(second))
    await decide(case, Decision.REJECT)
    await rate(other, second, 1)
    reader, moment = await make.operator("ratings:read"), clock.now()
    with make.later(days=-1):
        since = clock.now()
    with make.later(days=1):
        until = clock.now()

    async def figures(by: RatedBy, after: bool | None = None) -> list[tuple[Any, int, float, Any]]:
        rows = await ratings.rating_figures(reader, by, since, until, after)
        return [(row.subject, row.count, row.average, row.by_stars) for row in rows]

    bad, good = (
        (last.product_id, 1, 1.0, [1, 0, 0, 0, 0]),
        (first.product_id, 1, 5.0, [0, 0, 0, 0, 1]),
    )
    assert await figures(RatedBy.PRODUCT) == [bad, good]
    assert await figures(RatedBy.PRODUCT, True) == [bad]
    assert await figures(RatedBy.PRODUCT, False) == [good]
    assert await figures(RatedBy.SITE) == [(order.site_id, 2, 3.0, [1, 0, 0, 0, 1])]
    assert await figures(RatedBy.SUPPLIER) == [(first.supplier_id, 1, 5.0, [0, 0, 0, 0, 1])]
    assert await figures(RatedBy.AGENT) == []
    empty = ratings.rating_figures(reader, RatedBy.SITE, moment, moment)
    assert await refused(empty) == "rating_period"


async def test_an_agents_sale_is_rated_for_the_agent() -> None:
    top, _, nearest = await make.agent_chain()
    who = await make.buyer(referrer=nearest.id)
    variant = await make.variant(cards=1)
    placed = await checkout.place_order(who, Purchase((LineWish(variant.sku, 1),), "key"))
    line = await OrderLine.get(order_id=placed.order.id)
    rating = await rate(who, line)
    assert rating.agent_id == (await Order.get(id=placed.order.id)).agent_chain[0] == nearest.id
    assert rating.agent_id != top.id


async def test_ten_ratings_at_once_are_one() -> None:
    who, _, line = await bought()
    work = [rate(who, line, 1 + number % 5) for number in range(10)]
    said = await asyncio.gather(*work, return_exceptions=True)
    kinds = {type(each) for each in said}
    assert kinds <= {Rating, Refused}
    assert await Rating.all().count() == 1
    await all_is_well()


async def test_many_buyers_of_one_product_at_once_are_all_counted() -> None:
    variant = await make.variant(cards=20)
    lines = []
    for number in range(20):
        who = await make.buyer()
        wish = Purchase((LineWish(variant.sku, 1),), f"key{number}")
        placed = await checkout.place_order(who, wish)
        lines.append((who, await OrderLine.get(order_id=placed.order.id)))
    await asyncio.gather(*(rate(who, line, 3) for who, line in lines))
    assert await total_of(lines[0][1]) == (20, 60)
    await all_is_well()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ratings SET buyer_id = gen_random_uuid(), version = 2",
        "UPDATE ratings SET stars = 1",
        "UPDATE ratings SET stars = 9, version = 2",
        "UPDATE ratings SET tags = ARRAY['NEW'], version = 2",
        "UPDATE ratings SET text = '', version = 2",
        "UPDATE ratings SET state = 'HIDDEN', version = 2",
        "DELETE FROM ratings",
    ],
)
async def test_the_database_keeps_a_rating_as_it_was_given(sql: str) -> None:
    who, _, line = await bought()
    await rate(who, line, text="good")
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with transaction() as conn:
            await conn.execute(sql)
    assert isinstance(caught.value, asyncpg.RestrictViolationError | asyncpg.CheckViolationError)


@pytest.mark.parametrize(
    "breach",
    [
        "UPDATE rating_totals SET stars = stars + 1, count = count + 1",
        "DELETE FROM rating_totals",
        "UPDATE ratings SET buyer_id = gen_random_uuid()",
    ],
)
async def test_a_broken_promise_is_found(breach: str) -> None:
    from domain.invariants import find_violations

    who, _, line = await bought()
    await rate(who, line, 4)
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(breach)
    assert "M4" in {each.name for each in await find_violations() if each.violations}
