"""How the fields of the second factor are answered."""

from datetime import datetime
from typing import NamedTuple

import strawberry

from domain import identity
from domain.kernel import Prefix, decode_id
from resolvers.context import Info


class SteppedUp(NamedTuple):
    """Until when the session is fresh."""

    stepped_up_until: datetime


async def factor_of_viewer(info: Info) -> identity.FactorState | None:
    """The caller's own second factor."""
    return await identity.factor_state(info.context.actor)


async def totp_enrol(info: Info, password: str) -> identity.Enrolment:
    """A new secret for the caller's app."""
    return await identity.enrol_totp(info.context.actor, password)


async def totp_confirm(info: Info, code: str) -> dict[str, object]:
    """Put the new app to work."""
    confirmed = await identity.confirm_totp(info.context.actor, code)
    return {
        "recovery_codes": list(confirmed.codes),
        "stepped_up_until": confirmed.stepped_up_until,
    }


async def step_up(info: Info, code: str) -> SteppedUp:
    """Prove the second factor for this session."""
    return SteppedUp(await identity.step_up(info.context.actor, code))


async def recovery_codes_renew(info: Info, password: str) -> dict[str, object]:
    """Ten fresh recovery codes."""
    renewed = await identity.renew_recovery_codes(info.context.actor, password)
    return {"recovery_codes": list(renewed.codes)}


async def totp_disable(info: Info, user_id: strawberry.ID, reason: str) -> dict[str, object]:
    """Take another login's app away (back office)."""
    user = decode_id(Prefix.USER, user_id, field=("userId",))
    await identity.disable_totp(info.context.actor, user, reason)
    return {}
