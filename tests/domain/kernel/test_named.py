"""Parameters with names become numbers, and casts stay what they are."""

import pytest

from domain.kernel import named


def test_names_get_numbers_in_their_order_and_casts_are_none() -> None:
    statement = named("SELECT :price::bigint, :sku, :price + 1, now()::date")
    assert statement.text == "SELECT $1::bigint, $2, $1 + 1, now()::date"
    assert statement.values({"sku": "A", "price": 7}) == [7, "A"]


@pytest.mark.parametrize("given", [{"price": 1}, {"price": 1, "sku": "A", "more": 2}])
def test_a_parameter_too_few_or_too_many_is_told_by_its_name(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"more|sku"):
        named("SELECT :price, :sku").values(given)
