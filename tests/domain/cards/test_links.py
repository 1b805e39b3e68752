"""Cards of a variant of links are https addresses (mission row A1)."""

import io

import pytest

from domain import cards
from domain.cards.links import is_link
from domain.catalog import DeliveryKind
from tests import make

LINKS = ["https://example.com/claim?c=1", "https://shop.test:8443/a", "https://[::1]/x"]
OTHERS = ["http://example.com/a", "example.com", "https://", "https://me@example.com/", "CODE-1"]


@pytest.mark.parametrize("text", [*OTHERS, "https://a b.test", "https://a.test:port/", ""])
def test_what_is_no_link(text: str) -> None:
    assert not is_link(text)


@pytest.mark.usefixtures("db")
async def test_rows_without_a_link_are_left_out_and_told() -> None:
    variant = await make.variant(delivery_kind=DeliveryKind.LINK)
    file = io.BytesIO("\n".join(["secret", *LINKS, *OTHERS]).encode())
    report = await cards.import_cards(make.OPERATOR, cards.ImportWish(variant.sku, 1), file)
    assert report.accepted == len(LINKS)
    assert [(each.line, each.reason) for each in report.problems] == [
        (line, "card_link") for line in range(len(LINKS) + 2, len(LINKS) + len(OTHERS) + 2)
    ]


@pytest.mark.usefixtures("db")
async def test_other_cards_may_be_anything() -> None:
    variant = await make.variant()
    file = io.BytesIO("\n".join(["secret", *OTHERS]).encode())
    report = await cards.import_cards(make.OPERATOR, cards.ImportWish(variant.sku, 1), file)
    assert report.accepted == len(OTHERS)
