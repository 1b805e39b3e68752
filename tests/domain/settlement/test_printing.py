"""Statements as PDF: Chinese words in them, the same each time."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.kernel import Money
from domain.settlement import EarnedByRule, Statement, statement_pdf
from domain.settlement.statements import AMOUNTS
from tests.printed import words_of

STATEMENT = Statement(
    "CNY",
    {name: number * 12_345 for number, name in enumerate(AMOUNTS)},
    id=UUID(int=5),
    run_id=UUID(int=6),
    agent_id=UUID(int=7),
    agent_name="王小明的店 (Wang\\s)",
    agent_code="AGENT7",
    period="2026-11",
    starts_at=datetime(2026, 10, 31, 16, tzinfo=UTC),
    ends_at=datetime(2026, 11, 30, 16, tzinfo=UTC),
    frozen_at=datetime(2026, 12, 1, tzinfo=UTC),
    lines=9,
    earned_by=[EarnedByRule("percent", 1, 7, Money(500_000, "CNY"))],
    payout_id=None,
    withheld="",
)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_same_statement_is_the_same_bytes(language: str) -> None:
    document = await statement_pdf(STATEMENT, language)
    assert document == await statement_pdf(STATEMENT, language)
    assert b"D:20261201000000Z" in document  # its properties speak of its own moment


async def test_it_says_who_when_and_how_much_in_chinese_and_english() -> None:
    chinese = words_of(await statement_pdf(STATEMENT, "zh"))
    for words in ("结算单", "王小明的店 (Wang\\s) (AGENT7)", "2026-11-01 - 2026-11-30", "第 1 级"):
        assert words in chinese
    english = words_of(await statement_pdf(STATEMENT, "en"))
    for words in ("Statement", "percent of the price, level 1, 7 lines", "50.00", "王小明的店"):
        assert words in english
