"""What partners booked, compared with what we have: for the back office."""

from datetime import date, datetime

import strawberry
from strawberry import Parent

from domain import statements
from domain.kernel import Prefix
from domain.statements import DifferenceState, LineKind, Outcome, Party, Step
from resolvers import statements as resolvers
from resolvers.context import Info
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.locale import difference_text
from schema.paging import Connection
from schema.scalars import Money, id_field


def _message(difference: Parent[statements.StatementDifference], info: Info) -> str:
    return difference_text(difference.code, info.context.language)


@strawberry.type(description="Somebody whose statements come; channels of one merchant are one.")
@presents(statements.StatementSource)
class StatementSource:
    party: Party
    code: str = field(description="Of the channel or supplier, or the name of what pays out.")


@strawberry.type(description="Lines of one kind that compare alike, and what they sum to.")
@presents(statements.StatementTally)
class StatementSum:
    kind: LineKind
    outcome: Outcome
    number: int
    late: int = field(description="How many of them are of another day here.")
    theirs: Money = field(resolvers.sum_theirs)
    ours: Money = field(resolvers.sum_ours)
    fee: Money = field(resolvers.sum_fee)


@strawberry.type(description="One source on one day, by its own calendar.")
@presents(statements.SourceDay)
class StatementSourceDay:
    source: StatementSource
    whole: bool = field(description="False: the statement has not come, or rows were left out.")
    sums: list[StatementSum] = field(size=8)


@strawberry.type(description="One line of a statement, as it was told.")
@presents(statements.StatementLine)
class StatementLine:
    id: strawberry.ID = id_field(Prefix.STATEMENT_LINE)
    kind: LineKind
    reference: str = field(description="Ours, as they were told it.")
    about: str = field(description="Of a refund: the payment's reference.")
    provider_id: str
    amount: Money = field(resolvers.line_amount)
    fee: Money = field(resolvers.line_fee)
    at: datetime
    outcome: Outcome
    raw: str = field(
        resolvers.line_raw,
        permissions=[Scope("statements:write")],
        description="As it came; it may name a buyer's account there. Kept sealed.",
    )


@strawberry.type(description="Where a statement and we do not agree. Told once; nothing moved.")
@presents(statements.StatementDifference)
class StatementDifference:
    id: strawberry.ID = id_field(Prefix.STATEMENT_DIFFERENCE)
    source: StatementSource = field(resolvers.source_of)
    day: date
    kind: LineKind
    outcome: Outcome
    code: str = field(description="Stable; programs decide by it.")
    message: str = field(_message, description="What it means, and what to do next.")
    reference: str
    subject_id: str | None = field(
        resolvers.subject_of, description="Our payment, refund, attempt or payout."
    )
    theirs: Money | None = field(resolvers.theirs_of)
    ours: Money | None = field(resolvers.ours_of)
    state: DifferenceState
    steps: list[Step] = field(
        resolvers.steps_of,
        size=2,
        description="ASK: statementDifferenceAsk. SETTLE: statementDifferenceSettle.",
    )
    line: StatementLine | None = field(resolvers.line_of)
    found_at: datetime
    asked_at: datetime | None = field(description="When somebody explained it.")
    note: str
    closed_at: datetime | None


@strawberry.type(description="A day of all partners' statements.")
@presents(statements.StatementReport)
class StatementReport:
    day: date
    sources: list[StatementSourceDay] = field(size=10)
    differences: list[StatementDifference] = field(
        size=20, description="At most 500; all: GET /admin/exports/statement-differences?day="
    )
    open: int = field(description="Differences of any day that nobody has closed.")


@strawberry.type(description="How a partner's own CSV reads.")
@presents(statements.StatementLayout)
class StatementLayout:
    code: str
    saved_at: datetime


@strawberry.type
class StatementDifferencePayload:
    difference: StatementDifference | None
    user_errors: list[UserError]


@strawberry.type
class StatementLayoutSavePayload:
    layout: StatementLayout | None
    user_errors: list[UserError]


@strawberry.type
class StatementsAdminQuery:
    statement_report: StatementReport = field(
        resolvers.statement_report,
        permissions=[Scope("statements:read")],
        description="A day by each partner's calendar, from sums that were kept.",
    )
    statement_differences: Connection[StatementDifference] = field(
        resolvers.statement_differences,
        permissions=[Scope("statements:read")],
        description="Differences, newest first.",
    )


@strawberry.type
class StatementsAdminMutation:
    statement_difference_ask: StatementDifferencePayload = mutation(
        resolvers.statement_difference_ask,
        payload=StatementDifferencePayload,
        entity="difference",
        permissions=[Scope("statements:write")],
        description="Ask the partner now, book what it says, compare again. Audited.",
    )
    statement_difference_settle: StatementDifferencePayload = mutation(
        resolvers.statement_difference_settle,
        payload=StatementDifferencePayload,
        entity="difference",
        permissions=[Scope("statements:write")],
        description="Explain a difference; another operator has to agree. Moves nothing. Audited.",
    )
    statement_difference_decide: StatementDifferencePayload = mutation(
        resolvers.statement_difference_decide,
        payload=StatementDifferencePayload,
        entity="difference",
        permissions=[Scope("statements:approve")],
        description="Agree to another operator's explanation, or open it again. Audited.",
    )
    statement_layout_save: StatementLayoutSavePayload = mutation(
        resolvers.statement_layout_save,
        payload=StatementLayoutSavePayload,
        entity="layout",
        permissions=[Scope("statements:write")],
        description="Keep which column of a partner's CSV holds what. Audited.",
    )
