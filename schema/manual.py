"""The queue of lines that operators deliver by hand."""

from datetime import datetime

import strawberry

from domain import fulfilment
from domain.kernel import Prefix
from domain.orders import LineStatus
from resolvers import manual as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.orders import AccountEntry, OrderLine
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="A line that waits for an operator.")
@presents(fulfilment.ManualLine)
class ManualLine:
    id: strawberry.ID = id_field(Prefix.ORDER_LINE)
    order_id: strawberry.ID = id_field(Prefix.ORDER, "order_id")
    order_number: str
    sku: str
    quantity: int
    status: LineStatus
    account: list[AccountEntry] = field(
        resolvers.account_of_manual_line, size=2, description="What the buyer filled in."
    )
    placed_at: datetime
    due_at: datetime = field(description="When operators are told that it still waits.")
    claimed_by: strawberry.ID | None = field(resolvers.claimed_by)
    claimed_at: datetime | None


@strawberry.type
class LineClaimPayload:
    line: OrderLine | None
    user_errors: list[UserError]


@strawberry.type
class LineDeliverPayload:
    line: OrderLine | None
    user_errors: list[UserError]


@strawberry.type
class LineFailPayload:
    line: OrderLine | None
    user_errors: list[UserError]


@strawberry.type
class ManualAdminQuery:
    manual_lines: Connection[ManualLine] = field(
        resolvers.manual_lines,
        permissions=[Scope("orders:fulfil")],
        description="The lines of kind MANUAL that are not delivered yet, oldest first.",
    )


@strawberry.type
class ManualAdminMutation:
    line_claim: LineClaimPayload = mutation(
        resolvers.line_claim,
        payload=LineClaimPayload,
        entity="line",
        permissions=[Scope("orders:fulfil")],
        description="Begin to work on a manual line, so that nobody else does; `takeOver` takes it"
        " from another operator.",
    )
    line_deliver: LineDeliverPayload = mutation(
        resolvers.line_deliver,
        payload=LineDeliverPayload,
        entity="line",
        permissions=[Scope("orders:fulfil")],
        description="Hand a claimed line over. `note` is shown to the buyer alone and sealed;"
        " `evidence` to the back office; `cost` is what all of it cost us.",
    )
    line_fail: LineFailPayload = mutation(
        resolvers.line_fail,
        payload=LineFailPayload,
        entity="line",
        permissions=[Scope("orders:fulfil")],
        description="Give a claimed line up: its price goes back to the buyer's wallet.",
    )
