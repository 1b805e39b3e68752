"""How well an agent is known by name, and whether an account is in that name (row L5).

Nobody is paid out whom the house does not know: no setting turns that off.
"""

from domain import agents, realname
from domain.kernel import know_keys_of, refuse_unless
from domain.payouts.refusals import DestinationName
from domain.payouts.rules import limits, same_name
from domain.realname import RealNameCase, RealNameState


async def require_name(agent: agents.Agent) -> None:
    """Refuse an agent whose name is not proven as well as it must be (REAL_NAME_NEEDED)."""
    level = await realname.level_of(agent.user_id)
    needed = realname.RealNameNeeded(level=limits.real_name_level.value)
    refuse_unless(realname.reaches(level, limits.real_name_level), needed)


async def require_same_name(agent: agents.Agent, told: str) -> None:
    """Refuse an account in another name than the agent's proven one."""
    proven = await _proven_name(agent)
    theirs = proven is None or not told or same_name(proven, told)
    refuse_unless(theirs, DestinationName(reason="payout_other_name", field=("name",)))


async def _proven_name(agent: agents.Agent) -> str | None:
    passed = RealNameCase.filter(user_id=agent.user_id, state=RealNameState.PASSED)
    case = await passed.order_by("-id").first()
    if case is None:
        return None
    await know_keys_of(case.name_sealed, case.number_sealed)
    return realname.words_of(case)[0]
