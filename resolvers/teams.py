"""How the fields of what teams sell are answered."""

from datetime import date

from strawberry import Parent

from domain import agents, teams
from domain.kernel import refuse_unless
from domain.teams import Bucket, MemberSales, SalesPoint, Span
from resolvers.agents import is_own
from resolvers.context import Info


async def sales_of(
    agent: Parent[agents.Agent],
    info: Info,
    since: date,
    until: date,
    bucket: Bucket = Bucket.DAY,
) -> list[SalesPoint] | None:
    """By day, week or month; the agent's own and staff's to see."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    span = Span(since, until)
    span.check()  # before it is asked together with others
    return await info.context.loaders.team_sales.load((agent.id, span, bucket))


async def team_of(
    agent: Parent[agents.Agent], info: Info, since: date, until: date, first: int = 20
) -> list[MemberSales] | None:
    """Through whom; the agent's own and staff's to see."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    span = Span(since, until)
    span.check()
    teams.check_members(first)
    return await info.context.loaders.team_members.load((agent.id, span, first))


async def member(sales: Parent[MemberSales], info: Info) -> agents.Agent:
    """The direct child."""
    found = await info.context.loaders.agents.load(sales.agent_id)
    assert found is not None, "a foreign key holds it"
    return found
