"""The face of after-sale."""

from domain.aftersale.appealing import APPEAL_PURPOSE, AppealWish, appeal
from domain.aftersale.checking import CheckNote, note_check
from domain.aftersale.deciding import Decision, DecisionWish, decide
from domain.aftersale.models import (
    CheckResult,
    ClaimState,
    Dispute,
    DisputeReason,
    DisputeState,
    DisputeStep,
    SupplierClaim,
)
from domain.aftersale.moves import MOVES, UNDECIDED, may_move
from domain.aftersale.opening import (
    TEXT_PURPOSE,
    DisputeWish,
    open_disputes,
    open_disputes_by_guest,
)
from domain.aftersale.promises import PROMISES
from domain.aftersale.queries import (
    ComplaintRate,
    RateBy,
    claims_of,
    complaint_rates,
    disputes_of_orders,
    find_dispute,
    list_claims,
    list_disputes,
    steps_of,
)
from domain.aftersale.recovering import SettleWish, settle_claim
from domain.aftersale.refusals import (
    CardNotDisputable,
    ClaimSettled,
    DisputeMoveNotAllowed,
    DisputeSameJudge,
    DisputeTooLate,
    NotReplaceable,
    ReplacementShort,
)
from domain.aftersale.rules import windows
from domain.aftersale.telling import words_of

__all__ = [
    "APPEAL_PURPOSE",
    "MOVES",
    "PROMISES",
    "TEXT_PURPOSE",
    "UNDECIDED",
    "AppealWish",
    "CardNotDisputable",
    "CheckNote",
    "CheckResult",
    "ClaimSettled",
    "ClaimState",
    "ComplaintRate",
    "Decision",
    "DecisionWish",
    "Dispute",
    "DisputeMoveNotAllowed",
    "DisputeReason",
    "DisputeSameJudge",
    "DisputeState",
    "DisputeStep",
    "DisputeTooLate",
    "DisputeWish",
    "NotReplaceable",
    "RateBy",
    "ReplacementShort",
    "SettleWish",
    "SupplierClaim",
    "appeal",
    "claims_of",
    "complaint_rates",
    "decide",
    "disputes_of_orders",
    "find_dispute",
    "list_claims",
    "list_disputes",
    "may_move",
    "note_check",
    "open_disputes",
    "open_disputes_by_guest",
    "settle_claim",
    "steps_of",
    "windows",
    "words_of",
]
