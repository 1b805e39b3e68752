"""Agreements: what agents accept, and what the house publishes."""

from datetime import datetime

import strawberry

from domain import agreements
from domain.agents import AgentType, Deed
from domain.kernel import Prefix
from resolvers import agreements as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="One version of an agreement; published once, never changed.")
@presents(agreements.AgreementVersion)
class AgreementVersion:
    id: strawberry.ID = id_field(Prefix.AGREEMENT_VERSION)
    agreement: str = field(description="A slug, the same for all versions of an agreement.")
    version: int
    title: str = field(resolvers.title, description="In the caller's language.")
    text: str = field(resolvers.text, description="In the caller's language.")
    digest: str = field(
        resolvers.digest, description="SHA-256 in hex, over both languages; accept with it."
    )
    types: list[AgentType] = field(resolvers.types)
    blocks: list[Deed] = field(
        resolvers.blocks,
        description="What an agent may not do from `effectiveAt` on until it has accepted this"
        " version or a later one.",
    )
    effective_at: datetime
    published_at: datetime


@strawberry.type(description="A version, and since when an agent has accepted it or a later one.")
@presents(agreements.AgreementStanding)
class AgreementStanding:
    version: AgreementVersion
    accepted_at: datetime | None = field(description="Null: not yet.")
    accepted_version: int | None


@strawberry.type(description="That somebody accepted a version.")
@presents(agreements.Acceptance)
class AgreementAcceptance:
    agreement: str
    version: int
    accepted_at: datetime


@strawberry.type
class AgreementAcceptPayload:
    acceptance: AgreementAcceptance | None
    user_errors: list[UserError]


@strawberry.type
class AgreementPublishPayload:
    version: AgreementVersion | None
    user_errors: list[UserError]


@strawberry.type
class AgreementQuery:
    agreements: list[AgreementVersion] = field(
        resolvers.agreements_shown,
        size=5,
        description="In force, and announced, for a type of agents or for all.",
    )


@strawberry.type
class AgreementMutation:
    agreement_accept: AgreementAcceptPayload = mutation(
        resolvers.agreement_accept,
        payload=AgreementAcceptPayload,
        entity="acceptance",
        permissions=[SignedIn()],
        description="Accept a version whose text was shown. Who, when, from where and which text"
        " is kept for good.",
    )


@strawberry.type
class AgreementAdminQuery:
    agreement_versions: Connection[AgreementVersion] = field(
        resolvers.agreement_versions,
        permissions=[Scope("agreements:read")],
        description="Newest first.",
    )


@strawberry.type
class AgreementAdminMutation:
    agreement_publish: AgreementPublishPayload = mutation(
        resolvers.agreement_publish,
        payload=AgreementPublishPayload,
        entity="version",
        permissions=[Scope("agreements:write")],
        description="Publish the next version of an agreement. What `blocks` names is blocked from"
        " `effectiveAt` on for agents of these types that have not accepted it.",
    )
