"""The money ledger and the card ledger, compared: for the back office."""

from datetime import date, datetime

import strawberry
from strawberry import Parent

from domain import reconciliation
from domain.kernel import Prefix
from domain.reconciliation import FindingState, Matter
from resolvers import reconciliation as resolvers
from resolvers.context import Info
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.locale import finding_text
from schema.paging import Connection
from schema.scalars import Money, id_field


def _message(finding: Parent[reconciliation.ReconciliationFinding], info: Info) -> str:
    return finding_text(finding.kind, info.context.language)


@strawberry.type(description="A difference between the books. Told once; nothing was moved.")
@presents(reconciliation.ReconciliationFinding)
class ReconciliationFinding:
    id: strawberry.ID = id_field(Prefix.RECONCILIATION_FINDING)
    matter: Matter
    kind: str = field(description="Stable; programs decide by it.")
    message: str = field(_message, description="What it means, and what to do next.")
    reference: str = field(
        resolvers.reference_of,
        description="UUID of what it is about: of a batch (STORED, LEFT, STORE), an order line"
        " (SOLD), an attempt (SUPPLIED), an account, or a transfer (UNEXPLAINED).",
    )
    money_ledger: Money = field(resolvers.in_money_ledger)
    card_ledger: Money = field(
        resolvers.in_card_ledger, description="Or what the supplier, the store, the wallet says."
    )
    money_units: int = field(description="Units that the money ledger or the book speaks of.")
    goods_units: int = field(description="Units that were found on the other side.")
    day: date
    state: FindingState
    found_at: datetime
    closed_at: datetime | None
    note: str


@strawberry.type(description="A matter that agreed, or a kind of account that moved.")
@presents(reconciliation.BookLine)
class BookLine:
    name: str
    number: int = field(description="How many matters, or entries.")
    amount: Money


@strawberry.type(description="What came to a place of the card ledger, and went from it.")
@presents(reconciliation.PlaceLine)
class PlaceLine:
    place: str = field(description="A state of cards, or `outside`.")
    arrived: int
    gone: int
    cost: Money = field(description="What the difference of both cost.")


@strawberry.type(description="A day (UTC) in both books.")
@presents(reconciliation.Reconciliation)
class Reconciliation:
    day: date
    agreed: list[BookLine] = field(size=6, description="What both books say the same of.")
    money_ledger: list[BookLine] = field(
        size=15, description="Entries by kind of account; above zero: credit. They sum to zero."
    )
    card_ledger: list[PlaceLine] = field(size=15, description="Units by place; they sum to zero.")
    differences: list[ReconciliationFinding] = field(size=20, description="At most 500.")
    waiting: int = field(description="Matters of any day whose other side is still on the way.")


@strawberry.type
class ReconciliationSettlePayload:
    finding: ReconciliationFinding | None
    user_errors: list[UserError]


@strawberry.type
class ReconciliationAdminQuery:
    reconciliation: Reconciliation = field(
        resolvers.reconciliation_of, permissions=[Scope("ledger:read")]
    )
    reconciliation_findings: Connection[ReconciliationFinding] = field(
        resolvers.reconciliation_findings,
        permissions=[Scope("ledger:read")],
        description="Differences of all days, newest first.",
    )


@strawberry.type
class ReconciliationAdminMutation:
    reconciliation_settle: ReconciliationSettlePayload = mutation(
        resolvers.reconciliation_settle,
        payload=ReconciliationSettlePayload,
        entity="finding",
        permissions=[Scope("ledger:write")],
        description="Close a finding that was explained, with a note. Moves nothing. Audited.",
    )
