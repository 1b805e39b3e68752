"""What admission refuses."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class InvitationUnusable(Refusal):
    """There is no such invitation, or it has ended, was taken back, or has no use left: all of them
    sound the same."""

    code: ClassVar[str] = "INVITATION_UNUSABLE"


@dataclass(frozen=True, kw_only=True)
class TooManyInvitations(Refusal):
    """An agent has only so many open invitations, by its level of the real-name check."""

    code: ClassVar[str] = "TOO_MANY_INVITATIONS"
    most: int


@dataclass(frozen=True, kw_only=True)
class ApplicationNotPossible(Refusal):
    """The application is not in a state that this needs; `reason` is a key of the texts."""

    code: ClassVar[str] = "APPLICATION_NOT_POSSIBLE"
    reason: str


@dataclass(frozen=True, kw_only=True)
class ApplicationSameReviewer(Refusal):
    """Whoever has taken one look does not take the other, and nobody looks at their own."""

    code: ClassVar[str] = "APPLICATION_SAME_REVIEWER"
