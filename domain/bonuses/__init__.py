"""The face of bonuses: plans that pay for a month of settled sales."""

from domain.bonuses.awarding import award_due, take_back_due
from domain.bonuses.models import (
    BonusBasis,
    BonusPlan,
    BonusReferralRefusal,
    BonusRun,
    BonusState,
)
from domain.bonuses.plans import (
    CURRENCY,
    PlanDraft,
    decide_plan,
    end_plan,
    list_plans,
    plans_in_force,
    propose_plan,
)
from domain.bonuses.previewing import Preview, PreviewedAward, preview_plan
from domain.bonuses.queries import BonusAward, awards_of_agent, list_awards, list_refusals
from domain.bonuses.refusals import (
    BonusCapsExceeded,
    BonusNotPossible,
    BonusSamePerson,
    BonusTeamOff,
)
from domain.bonuses.rules import (
    Measured,
    Worth,
    explain,
    last_closed,
    start_of,
    switches,
    times,
    worth_of,
)

__all__ = [
    "CURRENCY",
    "BonusAward",
    "BonusBasis",
    "BonusCapsExceeded",
    "BonusNotPossible",
    "BonusPlan",
    "BonusReferralRefusal",
    "BonusRun",
    "BonusSamePerson",
    "BonusState",
    "BonusTeamOff",
    "Measured",
    "PlanDraft",
    "Preview",
    "PreviewedAward",
    "Worth",
    "award_due",
    "awards_of_agent",
    "decide_plan",
    "end_plan",
    "explain",
    "last_closed",
    "list_awards",
    "list_plans",
    "list_refusals",
    "plans_in_force",
    "preview_plan",
    "propose_plan",
    "start_of",
    "switches",
    "take_back_due",
    "times",
    "worth_of",
]
