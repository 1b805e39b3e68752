"""How the fields of partners' statements are answered (back office)."""

from collections.abc import Awaitable
from datetime import date
from typing import Any

import strawberry
from strawberry import Parent

from domain import statements
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from resolvers.batches import there
from resolvers.context import Info

_PREFIXES = {
    statements.LineKind.PAYMENT: Prefix.PAYMENT,
    statements.LineKind.REFUND: Prefix.PAYMENT_REFUND,
    statements.LineKind.PURCHASE: Prefix.ATTEMPT,
    statements.LineKind.SUPPLIER_REFUND: Prefix.ATTEMPT,
    statements.LineKind.PAYOUT: Prefix.PAYOUT,
    statements.LineKind.RETURN: Prefix.PAYOUT,
}


@strawberry.input(description="What one column of a partner's CSV holds.")
class StatementColumnInput:
    """One column of a layout."""

    holds: str = strawberry.field(
        description="reference, amount, at, kind, about, provider_id, fee, refunded or currency."
    )
    column: str = strawberry.field(description="The column's name in the file's header.")


@strawberry.input(description="What a partner's word for a kind means.")
class StatementWordInput:
    """One word of a layout."""

    word: str
    means: statements.LineKind


async def statement_report(info: Info, day: date) -> statements.StatementReport:
    """The report of a day."""
    return await statements.report_of(info.context.actor, day)


async def statement_differences(
    info: Info,
    state: statements.DifferenceState | None = None,
    day: date | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[statements.StatementDifference]:
    """Differences of all days, or of one."""
    page = page_request("statementDifferences", first, after)
    return await statements.list_differences(info.context.actor, page, state, day)


async def statement_difference_ask(info: Info, id: strawberry.ID) -> statements.StatementDifference:
    """Ask the partner now."""
    difference = decode_id(Prefix.STATEMENT_DIFFERENCE, id)
    return await statements.ask_partner(info.context.actor, difference)


async def statement_difference_settle(
    info: Info, id: strawberry.ID, note: str
) -> statements.StatementDifference:
    """Explain a difference."""
    difference = decode_id(Prefix.STATEMENT_DIFFERENCE, id)
    return await statements.ask_to_settle(info.context.actor, difference, note)


async def statement_difference_decide(
    info: Info, id: strawberry.ID, agree: bool
) -> statements.StatementDifference:
    """Agree to an explanation, or not."""
    difference = decode_id(Prefix.STATEMENT_DIFFERENCE, id)
    return await statements.decide(info.context.actor, difference, agree=agree)


async def statement_layout_save(
    info: Info,
    code: str,
    columns: list[StatementColumnInput],
    kinds: list[StatementWordInput] | None = None,
    amounts: str = "major",
    time_format: str = "",
    encoding: str = "utf-8",
    delimiter: str = ",",
    currency: str = "CNY",
) -> statements.StatementLayout:
    """Keep how a partner's CSV reads."""
    layout = statements.layout_from(
        {
            "columns": {each.holds: each.column for each in columns},
            "kinds": {each.word: each.means.value for each in kinds or ()},
            "amounts": amounts,
            "time_format": time_format,
            "encoding": encoding,
            "delimiter": delimiter,
            "currency": currency,
        }
    )
    return await statements.save_layout(info.context.actor, code, layout)


def source_of(
    difference: Parent[statements.StatementDifference], info: Info
) -> statements.StatementSource | Awaitable[statements.StatementSource]:
    """Whose statement it is."""
    return info.context.loaders.statement_source.get_from(difference.source_id, there)


def line_of(
    difference: Parent[statements.StatementDifference], info: Info
) -> statements.StatementLine | Awaitable[statements.StatementLine | None] | None:
    """The line; none when it is missing there."""
    if difference.line_id is None:
        return None
    return info.context.loaders.statement_line.get(difference.line_id)


def subject_of(difference: Parent[statements.StatementDifference]) -> str | None:
    """What we have of it, by its public id."""
    if difference.subject_id is None:
        return None
    prefix = _PREFIXES.get(difference.kind)
    subject = difference.subject_id
    return str(subject) if prefix is None else encode_id(prefix, subject)


def steps_of(difference: Parent[statements.StatementDifference]) -> list[statements.Step]:
    """What may be done about it now."""
    return statements.steps_of(difference.code, difference.state)


def theirs_of(difference: Parent[statements.StatementDifference]) -> Money | None:
    """What the statement says."""
    return _money(difference.theirs, difference.currency)


def ours_of(difference: Parent[statements.StatementDifference]) -> Money | None:
    """What we have."""
    return _money(difference.ours, difference.currency)


def line_amount(line: Parent[statements.StatementLine]) -> Money:
    """What moved."""
    return Money(line.amount, line.currency)


def line_fee(line: Parent[statements.StatementLine]) -> Money:
    """What the partner kept."""
    return Money(line.fee, line.currency)


def line_raw(line: Parent[statements.StatementLine]) -> str:
    """As it came."""
    return statements.raw_of(line)


def sum_theirs(tally: Parent[Any]) -> Money:
    """Of the statement."""
    return Money(tally.theirs, tally.currency)


def sum_ours(tally: Parent[Any]) -> Money:
    """Of ours."""
    return Money(tally.ours, tally.currency)


def sum_fee(tally: Parent[Any]) -> Money:
    """Kept by the partner."""
    return Money(tally.fee, tally.currency)


def _money(units: int | None, currency: str) -> Money | None:
    return None if units is None else Money(units, currency)
