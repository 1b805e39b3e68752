"""How the fields of agreements are answered."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import agents, agreements
from domain.kernel import Page, Prefix, decode_id, page_request, refuse_unless
from resolvers.agents import is_own
from resolvers.context import Info


async def agreements_shown(
    info: Info, type: agents.AgentType | None = None
) -> list[agreements.AgreementVersion]:
    """What is in force, and what was announced."""
    return await agreements.current_agreements(type)


async def agreements_of(
    agent: Parent[agents.Agent], info: Info
) -> list[agreements.AgreementStanding] | None:
    """What an agent has accepted and has not; its own and staff's to see."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await agreements.standings_of(agent.user_id, agent.type)


async def agreement_versions(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[agreements.AgreementVersion]:
    """All versions (back office)."""
    page = page_request("agreementVersions", first, after)
    return await agreements.list_versions(info.context.actor, page)


async def agreement_accept(
    info: Info, agreement_version_id: strawberry.ID, digest: str
) -> agreements.Acceptance:
    """Accept what was shown."""
    place = ("agreementVersionId",)
    version = decode_id(Prefix.AGREEMENT_VERSION, agreement_version_id, field=place)
    context = info.context
    return await agreements.accept_agreement(
        context.actor, version, digest, context.language, context.user_agent
    )


async def agreement_publish(
    info: Info,
    agreement: str,
    title_zh: str,
    title_en: str,
    text_zh: str,
    text_en: str,
    types: list[agents.AgentType],
    blocks: list[agents.Deed],
    effective_at: datetime | None = None,
) -> agreements.AgreementVersion:
    """Publish a version (back office)."""
    draft = agreements.VersionDraft(
        agreement, title_zh, title_en, text_zh, text_en, types, blocks, effective_at
    )
    return await agreements.publish_agreement(info.context.actor, draft)


def title(version: Parent[agreements.AgreementVersion], info: Info) -> str:
    """In the caller's language."""
    chinese = info.context.language == "zh"
    return str(version.title_zh if chinese else version.title_en)


def text(version: Parent[agreements.AgreementVersion], info: Info) -> str:
    """In the caller's language."""
    return str(version.text_zh if info.context.language == "zh" else version.text_en)


def digest(version: Parent[agreements.AgreementVersion]) -> str:
    """In hex, over both languages."""
    return str(version.digest.hex())


def types(version: Parent[agreements.AgreementVersion]) -> list[agents.AgentType]:
    """For whom it is."""
    return [agents.AgentType(each) for each in version.types]


def blocks(version: Parent[agreements.AgreementVersion]) -> list[agents.Deed]:
    """What is blocked until it is accepted."""
    return [agents.Deed(each) for each in version.blocks]
