"""What a text may say that agents share (mission row G10; money.md part 7, point 8)."""

import pytest

from domain.promotion.posters import wrapped
from domain.promotion.rules import fault_of, filled, new_code, percent_off, tidy_code


@pytest.mark.parametrize(
    "text",
    [
        "稳赚不赔，快来加入",
        "躺 赚 不是梦",
        "加入我们，月入过万",
        "日入三百",
        "保证收益的好生意",
        "零风险副业",
        "拉人头就有奖励",
        "发展下线，人人都是老板",
        "静态收益",
        "睡后收入",
        "Guaranteed income for everybody",
        "your earnings are guaranteed",
        "Risk-free side job",
        "Passive income from home",
        "Get rich with {product}",
        "Recruit your friends and earn",
        "Build your downline today",
    ],
)
def test_nobody_promises_income_or_a_reward_for_winning_people(text: str) -> None:
    assert fault_of(text, 500) == "promo_text_promise"


@pytest.mark.parametrize(
    "text",
    ["只要 ¥9.9", "现在 8 折", "八折优惠", "20% off today", "earn nothing, save 5 yuan", "￥ 12"],
)
def test_a_price_or_a_discount_is_never_typed(text: str) -> None:
    assert fault_of(text, 500) == "promo_text_figure"


@pytest.mark.parametrize("text", ["{name} is here", "{product", "product}", "{} {link}", "{PRICE}"])
def test_only_the_places_that_the_house_knows_are_filled_in(text: str) -> None:
    assert fault_of(text, 500) == "promo_text_place"


@pytest.mark.parametrize("text", ["", "   ", "x" * 61])
def test_a_text_has_a_length(text: str) -> None:
    assert fault_of(text, 60) == "promo_text_length"


@pytest.mark.parametrize(
    "text",
    [
        "{product} 只要 {price}，付款后立即到账：{link}",
        "{off} {product} at {shop}: {link}",
        "Netflix 4K, 12 months, for two screens",
        "风险提示：虚拟商品不支持退换",
        "earn the trust of your buyers",
    ],
)
def test_what_says_what_is_sold_may_be_shared(text: str) -> None:
    assert fault_of(text, 500) is None


def test_a_text_without_a_value_for_one_of_its_places_is_left_out() -> None:
    assert filled("was {was}, now {price}", {"was": "", "price": "¥9"}) is None
    assert filled("was {was}, now {price}", {"was": "¥12", "price": "¥9"}) == "was ¥12, now ¥9"
    assert filled("{price}", {"price": "{was}", "was": "x"}) == "{was}", "values are not places"


@pytest.mark.parametrize(
    ("price", "was", "percent"),
    [(80, 100, 20), (999, 1_000, 0), (67, 100, 33), (100, 100, 0), (120, 100, 0), (50, None, 0)],
)
def test_a_discount_is_never_more_than_true(price: int, was: int | None, percent: int) -> None:
    assert percent_off(price, was) == percent


def test_codes_are_told_from_everything_else() -> None:
    code = new_code()
    assert tidy_code(f" {code.lower()} ") == code
    assert [tidy_code(each) for each in ("", "ABCDEFGH", "ABCDEFGH0", "x" * 99)] == [None] * 4


def test_long_words_break_and_what_is_too_long_ends_in_an_ellipsis() -> None:
    assert wrapped("卡" * 25, 50, 500, most=3) == ["卡" * 10, "卡" * 10, "卡" * 5]
    assert wrapped("卡" * 99, 50, 500, most=2) == ["卡" * 10, "卡" * 9 + "…"]
    assert wrapped("Gift card for all stores", 50, 400, most=3) == ["Gift card for", "all stores"]
    assert wrapped("", 50, 500, most=2) == []


def test_no_line_begins_with_what_ends_a_phrase() -> None:
    assert wrapped("卡" * 10 + "）", 50, 500, most=3) == ["卡" * 9, "卡）"]
    assert wrapped("卡" * 9 + "！？", 50, 500, most=3) == ["卡" * 8, "卡！？"]
    assert "".join(wrapped("！" * 12, 50, 500, most=12)) == "！" * 12  # nothing but such: it ends
