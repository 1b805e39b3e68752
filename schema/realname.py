"""Real-name checks: who somebody is, as far as the house knows. No name or number is shown."""

from datetime import datetime

import strawberry

from domain import realname
from domain.kernel import Prefix
from domain.realname import RealNameLevel, RealNameState
from resolvers import realname as resolvers
from resolvers.logins import login_of
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.papers import Paper, PaperDoorPayload
from schema.scalars import id_field


@strawberry.type(description="Somebody says who they are.")
@presents(realname.RealNameCase)
class RealNameCase:
    id: strawberry.ID = id_field(Prefix.REAL_NAME_CASE)
    level: RealNameLevel
    company: bool
    state: RealNameState
    reason: str = field(
        description="Of one that failed: differs, unknown, expired or staff; no_answer of one that"
        " staff look at because no provider answers."
    )
    note: str = field(description="What staff wrote when they decided.")
    opened_at: datetime
    decided_at: datetime | None
    documents: list[Paper] = field(resolvers.documents, size=5)


@strawberry.type(description="A case as the back office sees it.")
@presents(realname.RealNameCase)
class RealNameFile:
    case: RealNameCase = field(resolvers.itself)
    user_id: strawberry.ID = id_field(Prefix.USER, "user_id")
    login: str | None = field(login_of("user_id"))
    decided_by_login: str | None = field(login_of("decided_by"))
    tries: int
    same_person: list[strawberry.ID] = field(
        resolvers.same_person, size=5, description="Other users whose check had the same number."
    )


@strawberry.type(description="Name and number; the look was audited.")
@presents(resolvers.NameLook)
class RealNameLook:
    name: str
    number: str


@strawberry.type
class RealNameCasePayload:
    case: RealNameCase | None
    user_errors: list[UserError]


@strawberry.type
class RealNameLookPayload:
    look: RealNameLook | None
    user_errors: list[UserError]


@strawberry.type
class RealNameMutation:
    real_name_submit: RealNameCasePayload = mutation(
        resolvers.real_name_submit,
        payload=RealNameCasePayload,
        entity="case",
        permissions=[SignedIn()],
        sensitive=True,
        description="Say who one is: a resident identity card, or a company's unified social"
        " credit code. BASIC asks a provider; FULL also needs documents and a look of staff.",
    )
    real_name_document_send: PaperDoorPayload = mutation(
        resolvers.real_name_document_send,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[SignedIn()],
        description="Be allowed to send a document (PNG, JPEG, WebP, PDF; 5 MiB) into one's own"
        " open case. `label`: id_front, id_back, licence or other.",
    )


@strawberry.type
class RealNameAdminQuery:
    real_name_cases: Connection[RealNameFile] = field(
        resolvers.real_name_cases,
        permissions=[Scope("realname:read")],
        description="Oldest first.",
    )


@strawberry.type
class RealNameAdminMutation:
    real_name_look: RealNameLookPayload = mutation(
        resolvers.real_name_look,
        payload=RealNameLookPayload,
        entity="look",
        permissions=[Scope("realname:decide")],
        sensitive=True,
        description="Name and number of a case. Audited; needs a fresh second factor.",
    )
    real_name_document_open: PaperDoorPayload = mutation(
        resolvers.real_name_document_open,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[Scope("realname:decide")],
        description="Be allowed to fetch a document. Audited; needs a fresh second factor.",
    )
    real_name_decide: RealNameCasePayload = mutation(
        resolvers.real_name_decide,
        payload=RealNameCasePayload,
        entity="case",
        permissions=[Scope("realname:decide")],
        description="Decide a case that waits for a look; not one's own. Documents of one that"
        " fails are erased.",
    )
