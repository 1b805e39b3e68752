"""A statement to print and to keep: PDF, in Chinese or English."""

from collections.abc import Iterator, Mapping
from datetime import timedelta, timezone
from types import MappingProxyType

from domain import bulk, commissions
from domain.kernel import Prefix, encode_id, plain
from domain.settlement.queries import Statement

TITLE = ("结算单", "Statement")
# Each part: its title, and the amounts that stand in it with their signs.
_PARTS = (
    ("pending", "opening", "earned", "-clawed_pending", "-released", "closing"),
    (
        *("available", "opening", "released", "given_back", "-repaid", "-clawed_available"),
        *("-to_wallet", "-withdrawn", "closing"),
    ),
    ("owed", "opening", "clawed_owed", "-repaid", "closing"),
)
WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "number": ("编号", "Number"),
        "agent": ("代理", "Agent"),
        "period": ("周期", "Period"),
        "currency": ("币种", "Currency"),
        "frozen": ("冻结时间", "Frozen"),
        "pending": ("待结算佣金", "Pending commission"),
        "available": ("可提佣金", "Available commission"),
        "owed": ("待抵扣欠款", "Owed, made up by later commission"),
        "opening": ("期初", "Opening"),
        "closing": ("期末", "Closing"),
        "earned": ("本期佣金", "Earned"),
        "clawed_pending": ("退款扣回", "Taken back by refunds"),
        "clawed_available": ("退款扣回", "Taken back by refunds"),
        "clawed_owed": ("退款应扣（已提走部分）", "Refunds of what was taken out"),
        "released": ("转为可提", "Released"),
        "repaid": ("抵扣欠款", "Made up for what was owed"),
        "to_wallet": ("转入余额", "Moved to the wallet"),
        "withdrawn": ("提现", "Withdrawn"),
        "given_back": ("提现退回", "Payouts given back"),
        "percent": ("按售价比例", "percent of the price"),
        "margin_percent": ("按毛利比例", "percent of the margin"),
        "fixed": ("按件固定", "fixed per piece"),
        "price_difference": ("差价", "price difference"),
        "performance": ("月度绩效奖", "performance award"),
        "promotion": ("推广奖励", "promotion award"),
        "team": ("团队管理奖", "team award"),
        "referral": ("推荐奖励", "referral reward"),
    }
)
_RULE = ("其中：{kind}，第 {level} 级，{lines} 笔", "of it {kind}, level {level}, {lines} lines")
_FOOT = (
    "本结算单已冻结，不会更改；此后的变动见下一期结算单。",
    "This statement is frozen and never changes; what comes after it is in the next one.",
)


async def statement_pdf(statement: Statement, language: str) -> bytes:
    """One frozen statement, in `zh` or `en`; the same bytes each time."""
    return await bulk.as_pdf(_document(statement, language))


def _document(statement: Statement, language: str) -> bulk.Document:
    zh = language == "zh"
    return bulk.Document(
        title=f"{_said(TITLE, zh)} {statement.number}",
        at=statement.frozen_at or statement.ends_at,
        language=language,
        pairs=list(_leading(statement, zh)),
        parts=[_part(statement, part, items, zh) for part, *items in _PARTS],
        foot=[_said(_FOOT, zh), encode_id(Prefix.SETTLEMENT_STATEMENT, statement.id)],
    )


def _part(statement: Statement, part: str, items: list[str], zh: bool) -> bulk.Part:
    rows: list[tuple[str, str, str]] = []
    for item in items:
        name = item.removeprefix("-")
        column = f"{name}_{part}" if name in ("opening", "closing") else name
        units = statement.amounts[column]
        rows.append((_said(WORDS[name], zh), "", plain(-units if item[0] == "-" else units)))
        if name == "earned":
            rows += [(told, amount, "") for told, amount in _by_rule(statement, zh)]
    return bulk.Part(_said(WORDS[part], zh), rows, (3, 1, 1), figures=frozenset({1, 2}))


def _leading(statement: Statement, zh: bool) -> Iterator[tuple[str, str]]:
    zone = timezone(commissions.calendar.utc_offset)
    first = statement.starts_at.astimezone(zone).date()
    last = (statement.ends_at.astimezone(zone) - timedelta(microseconds=1)).date()
    frozen = statement.frozen_at.astimezone(zone) if statement.frozen_at else None
    yield _said(WORDS["number"], zh), statement.number
    yield _said(WORDS["agent"], zh), f"{statement.agent_name} ({statement.agent_code})"
    yield _said(WORDS["period"], zh), f"{first.isoformat()} - {last.isoformat()}"
    yield _said(WORDS["currency"], zh), statement.currency
    yield _said(WORDS["frozen"], zh), frozen.isoformat(" ", "seconds") if frozen else ""


def _by_rule(statement: Statement, zh: bool) -> Iterator[tuple[str, str]]:
    for each in statement.earned_by:
        kind = _said(WORDS[each.kind], zh) if each.kind in WORDS else each.kind
        told = _said(_RULE, zh).format(kind=kind, level=each.level, lines=each.lines)
        yield told, plain(each.amount.units)


def _said(words: tuple[str, str], zh: bool) -> str:
    return words[0] if zh else words[1]
