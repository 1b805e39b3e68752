"""What waits for a person in supply: incidents, and purchases whose outcome stays unknown."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import fulfilment
from domain.fulfilment import IncidentKind, Resolution, StepKind, VerdictState
from domain.kernel import Prefix
from resolvers import supply as resolvers
from resolvers.context import Info
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.locale import step_text
from schema.paging import Connection
from schema.scalars import Money, id_field
from schema.suppliers import FulfilmentAttempt

strawberry.enum(
    IncidentKind, name="SupplyIncidentKind", description="What is not where it should be."
)
strawberry.enum(Resolution, name="SupplyResolution", description="How an incident ends.")
strawberry.enum(StepKind, name="SupplyStepKind", description="What happened.")
strawberry.enum(
    VerdictState, name="AttemptVerdictState", description="ASKED: another operator has to agree."
)


def _message(step: Parent[fulfilment.SupplyStep], info: Info) -> str:
    text = step.what.value
    if step.what is StepKind.RESOLVED:
        text = "REFUNDED" if step.money else text if step.by else "OVER"
    words: dict[str, object] = {
        "supplier": step.supplier,
        "number": step.attempt,
        "pieces": step.pieces,
        "item": step.item,
        "word": step.word,
        "by": step.by or "-",
        "money": step.money or "-",
    }
    return step_text(text, info.context.language, words, step.note)


@strawberry.type(description="One thing that happened to the line of an incident.")
@presents(fulfilment.SupplyStep)
class SupplyStep:
    at: datetime
    what: StepKind
    message: str = field(_message, description="In words: who, what, why.")
    attempt: int | None = field(description="The number of the attempt; null: of the line.")
    supplier: str = field(description="Its code; empty: of the line.")
    word: str = field(description="A code: why, or how it ended; empty without.")
    by: str = field(description="The login of the operator who did it; empty: none did.")


@strawberry.type(description="Goods or money of a supplier that are not where they should be.")
@presents(fulfilment.SupplyIncident)
class SupplyIncident:
    id: strawberry.ID = id_field(Prefix.SUPPLY_INCIDENT)
    kind: IncidentKind
    attempt: FulfilmentAttempt = field(resolvers.attempt_of)
    steps: list[SupplyStep] = field(
        resolvers.steps_of,
        size=10,
        description="What happened to the line, oldest first: attempts, answers, words of"
        " operators, incidents.",
    )
    line_id: strawberry.ID = id_field(Prefix.ORDER_LINE, "line_id")
    order_id: strawberry.ID = field(resolvers.order_id_of, description="Public id, ord_...")
    order_number: str = field(resolvers.order_number_of)
    supplier_id: strawberry.ID = id_field(Prefix.SUPPLIER, "supplier_id")
    opened_at: datetime
    ends: list[Resolution] = field(
        resolvers.ends_of,
        size=4,
        description="How it may be ended now, by one operator. REFUNDED_UPSTREAM may need an"
        " `amount`, CLOSED needs a note.",
    )
    resolution: Resolution | None
    amount: Money = field(resolvers.amount_of, description="What the supplier gave back.")
    note: str
    resolved_by: strawberry.ID | None = field(resolvers.resolved_by)
    resolved_at: datetime | None


@strawberry.type(description="An operator's word that an attempt was surely not sold.")
@presents(fulfilment.AttemptVerdict)
class AttemptVerdict:
    id: strawberry.ID = id_field(Prefix.ATTEMPT_VERDICT)
    attempt_id: strawberry.ID = id_field(Prefix.ATTEMPT, "attempt_id")
    state: VerdictState
    reason: str
    alone: bool = field(description="The amount was small enough for one operator.")
    asked_by: strawberry.ID = id_field(Prefix.USER, "asked_by")
    asked_at: datetime
    decided_at: datetime | None


@strawberry.type(description="A purchase whose outcome has been unknown for too long.")
@presents(fulfilment.UncertainAttempt)
class UncertainAttempt:
    attempt: FulfilmentAttempt
    order_id: strawberry.ID = id_field(Prefix.ORDER, "order_id")
    order_number: str
    sku: str
    age_seconds: int
    verdict: AttemptVerdict | None = field(
        description="That nothing was sold; it waits for a second operator."
    )


@strawberry.type
class SupplyIncidentPayload:
    incident: SupplyIncident | None
    user_errors: list[UserError]


@strawberry.type
class AttemptVerdictPayload:
    verdict: AttemptVerdict | None
    user_errors: list[UserError]


@strawberry.type
class AttemptDeliverPayload:
    attempt: FulfilmentAttempt | None
    user_errors: list[UserError]


@strawberry.type
class SupplyAdminQuery:
    supply_incidents: Connection[SupplyIncident] = field(
        resolvers.supply_incidents,
        permissions=[Scope("suppliers:read")],
        description="Incidents that wait for a person, oldest first; `resolved`: those that ended,"
        " newest first.",
    )
    uncertain_attempts: Connection[UncertainAttempt] = field(
        resolvers.uncertain_attempts,
        permissions=[Scope("suppliers:read")],
        description="Purchases without an outcome for longer than the setting, oldest first.",
    )


@strawberry.type
class SupplyAdminMutation:
    supply_incident_resolve: SupplyIncidentPayload = mutation(
        resolvers.supply_incident_resolve,
        payload=SupplyIncidentPayload,
        entity="incident",
        permissions=[Scope("supply:resolve")],
        description="End an incident. REFUNDED_UPSTREAM without `amount`: all that the attempt had"
        " cost came back, and goods that nobody bought leave the stock. GONE_ON, LINE_REFUNDED: an"
        " attempt without an end is given up; the next offer is tried, or the price goes back."
        " CLOSED needs a note.",
    )
    attempt_give_up: AttemptVerdictPayload = mutation(
        resolvers.attempt_give_up,
        payload=AttemptVerdictPayload,
        entity="verdict",
        permissions=[Scope("supply:resolve")],
        description="The supplier says that nothing was sold: the next offer is tried, at once or,"
        " above an amount, when another operator has agreed.",
    )
    attempt_give_up_decide: AttemptVerdictPayload = mutation(
        resolvers.attempt_give_up_decide,
        payload=AttemptVerdictPayload,
        entity="verdict",
        permissions=[Scope("supply:approve")],
        description="Agree that nothing was sold, or not. Never the operator who said so.",
    )
    attempt_deliver: AttemptDeliverPayload = mutation(
        resolvers.attempt_deliver,
        payload=AttemptDeliverPayload,
        entity="attempt",
        permissions=[Scope("supply:resolve")],
        description="The supplier says that it was sold: hand in the codes, or the receipt of a"
        " top-up. They are the line's when it waits for them, else stock.",
    )
