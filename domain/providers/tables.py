"""A provider's statement to take away: as a table, and as PDF in Chinese or English."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from types import MappingProxyType
from uuid import UUID

from domain import bulk, commissions
from domain.kernel import Actor, Prefix, encode_id, plain
from domain.providers.models import Decided, Provider, ProviderContract, ProviderStatement
from domain.providers.queries import get_contract, get_statement
from domain.providers.rules import EXACT, Facts, Part, Sums
from domain.providers.stating import facts_of, sums_of

COLUMNS = ("item", "code", "basis", "rate_percent", "each", "exact", "amount", "currency")
PERCENT = 10_000
WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "title": ("服务商结算单", "Provider statement"),
        "provider": ("服务商", "Provider"),
        "contract": ("合同", "Contract"),
        "period": ("周期", "Period"),
        "currency": ("币种", "Currency"),
        "state": ("状态", "State"),
        "PROPOSED": ("待批准", "waits for approval"),
        "APPROVED": ("已批准", "approved"),
        "REJECTED": ("已驳回", "rejected"),
        "counted": ("本期计入的订单", "What was counted"),
        "sold": ("已交付净售价", "Delivered, at what buyers paid"),
        "sold_cost": ("其成本", "What it had cost"),
        "returned": ("退款", "Paid back"),
        "returned_cost": ("退款商品的成本", "What that had cost"),
        "orders": ("新计入订单数", "Orders that came to count"),
        "orders_lost": ("不再计入订单数", "Orders that ceased to count"),
        "lines": ("明细", "Lines"),
        "item": ("项目", "Item"),
        "basis": ("基数", "Basis"),
        "price": ("比例或单价", "Rate or price"),
        "amount": ("金额", "Amount"),
        "FEE": ("固定服务费", "Fixed fee"),
        "RESULT": ("按效果付费", "By result"),
        "RETURNED": ("退款扣回", "Taken back by refunds"),
        "BONUS": ("绩效奖金", "Performance bonus"),
        "EXTRA": ("增值服务", "Extra service"),
        "sums": ("合计", "Sums"),
        "total": ("本期合计", "Total of the period"),
        "carried_in": ("上期结转", "Carried from the last one"),
        "payable": ("应付", "Payable"),
        "carried_out": ("结转下期", "Carried to the next one"),
    }
)
_FOOT = {
    True: (
        "本结算单已批准并冻结，不会更改；此后的退款计入下一期。",
        "This statement is approved and frozen; refunds that come later are in the next one.",
    ),
    False: ("草稿，未经批准不构成应付款。", "Not approved: nothing is owed by it."),
}


@dataclass(frozen=True, slots=True)
class Printed:
    """A statement with whose it is."""

    statement: ProviderStatement
    contract: ProviderContract
    provider: Provider

    @property
    def number(self) -> str:
        """What people call it."""
        return f"{self.statement.period}-{self.provider.code}"


async def find_printed(actor: Actor, statement_id: UUID) -> Printed:
    """A statement to be taken away. Needs `providers:read`."""
    statement = await get_statement(actor, statement_id)
    contract = await get_contract(actor, statement.contract_id)
    return Printed(statement, contract, await Provider.get(id=contract.provider_id))


def statement_table(printed: Printed) -> bulk.Table:
    """One line a row, and the sums below; `exact` is what a line came to before it was rounded."""
    sums, currency = sums_of(printed.statement), printed.statement.currency

    async def rows() -> AsyncIterator[bulk.OutRow]:
        for part in sums.parts:
            yield [
                part.kind.value,
                part.code,
                _counted(part),
                "" if part.rate is None else _percent(part.rate),
                "" if part.each is None else plain(part.each),
                _exact(part.exact),
                plain(part.amount),
                currency,
            ]
        for name, units in _ends(sums):
            yield [name, "", "", "", "", "", plain(units), currency]

    return bulk.Table("statement", COLUMNS, rows())


async def statement_pdf(printed: Printed, language: str) -> bytes:
    """In `zh` or `en`; the same bytes each time."""
    return await bulk.as_pdf(_document(printed, language))


def _document(printed: Printed, language: str) -> bulk.Document:
    statement, zh = printed.statement, language == "zh"
    sums, facts = sums_of(statement), facts_of(statement)
    heads = tuple(_said(name, zh) for name in ("item", "basis", "price", "amount"))
    return bulk.Document(
        title=f"{_said('title', zh)} {printed.number}",
        at=statement.decided_at or statement.proposed_at,
        language=language,
        pairs=list(_leading(printed, zh)),
        parts=[
            bulk.Part(_said("counted", zh), list(_facts(facts, zh)), (3, 1), frozenset({1})),
            bulk.Part(
                _said("lines", zh),
                [_row(part, zh) for part in sums.parts],
                (4, 2, 2, 2),
                frozenset({1, 2, 3}),
                heads,
            ),
            bulk.Part(
                _said("sums", zh),
                [(_said(name, zh), plain(units)) for name, units in _ends(sums)],
                (3, 1),
                frozenset({1}),
            ),
        ],
        foot=[
            _FOOT[statement.state is Decided.APPROVED][0 if zh else 1],
            encode_id(Prefix.PROVIDER_STATEMENT, statement.id),
        ],
    )


def _leading(printed: Printed, zh: bool) -> Iterator[tuple[str, str]]:
    statement, zone = printed.statement, timezone(commissions.calendar.utc_offset)
    first = statement.starts_at.astimezone(zone).date()
    last = (statement.ends_at.astimezone(zone) - timedelta(microseconds=1)).date()
    yield _said("provider", zh), f"{printed.provider.name} ({printed.provider.code})"
    yield _said("contract", zh), printed.contract.title
    yield _said("period", zh), f"{first.isoformat()} - {last.isoformat()}"
    yield _said("currency", zh), statement.currency
    yield _said("state", zh), _said(statement.state.value, zh)


def _facts(facts: Facts, zh: bool) -> Iterator[tuple[str, str]]:
    for name in Facts.__slots__:
        value = getattr(facts, name)
        yield _said(name, zh), str(value) if name.startswith("orders") else plain(value)


def _row(part: Part, zh: bool) -> tuple[str, ...]:
    name = _said(part.kind.value, zh) + (f": {part.code}" if part.code else "")
    price = _percent(part.rate) + " %" if part.rate is not None else plain(part.each or 0)
    return name, _counted(part), price, plain(part.amount)


def _counted(part: Part) -> str:
    """A share is of money; all else counts orders, pieces, or once."""
    is_money = part.rate is not None
    return plain(part.basis) if is_money else str(part.basis)


def _ends(sums: Sums) -> Iterator[tuple[str, int]]:
    for name in ("total", "carried_in", "payable", "carried_out"):
        yield name, getattr(sums, name)


def _percent(rate: int) -> str:
    whole, rest = divmod(rate, PERCENT)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def _exact(exact: int) -> str:
    """Millionths of a unit as currency, to the last place."""
    places = 10_000 * EXACT
    sign, whole = "-" if exact < 0 else "", abs(exact)
    units, rest = divmod(whole, places)
    return f"{sign}{units}.{rest:010d}".rstrip("0").rstrip(".")


def _said(word: str, zh: bool) -> str:
    return WORDS[word][0 if zh else 1]
