"""The parts of what an order costs sum to its total, whatever they are (mission row E7)."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.costs import CostKind, LineFacts, break_down

UNITS = st.integers(-(10**9), 10**9)
LINE = st.builds(
    LineFacts,
    id=st.uuids(),
    sku=st.just("SKU"),
    total=st.integers(0, 10**9),
    goods=UNITS,
    commission=UNITS,
    after_sale=UNITS,
    refunded=UNITS,
    closed=st.booleans(),
)


@given(st.lists(LINE, min_size=1, max_size=20), UNITS, UNITS, st.booleans())
def test_parts_sum_to_the_total_of_each_line_and_of_the_order(
    lines: list[LineFacts], fee: int, messages: int, told: bool
) -> None:
    found = break_down(UUID(int=1), "CNY", lines, fee=fee, messages=messages, fee_told=told)
    assert sum(found.parts.values()) == found.total == sum(line.total for line in lines)
    for line in found.lines:
        assert sum(line.parts.values()) == line.total
    if found.total:
        assert found.parts[CostKind.CHANNEL_FEE] == fee
        assert found.parts[CostKind.MESSAGES] == messages
    assert found.final == (told and all(line.closed for line in lines))
