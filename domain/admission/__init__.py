"""The face of admission: invitations, applications, and the two looks at each."""

from domain.admission.inviting import (
    InvitationWish,
    invite,
    invite_for_the_house,
    list_invitations,
    revoke_invitation,
)
from domain.admission.models import (
    AgentApplication,
    AgentInvitation,
    ApplicationReview,
    ApplicationState,
    ReviewStage,
)
from domain.admission.refusals import (
    ApplicationNotPossible,
    ApplicationSameReviewer,
    InvitationUnusable,
    TooManyInvitations,
)
from domain.admission.service import (
    ApplicationWish,
    apply,
    check_licence,
    last_application,
    list_applications,
    open_document,
    reviews_of,
    sample,
    send_document,
    withdraw,
)

__all__ = [
    "AgentApplication",
    "AgentInvitation",
    "ApplicationNotPossible",
    "ApplicationReview",
    "ApplicationSameReviewer",
    "ApplicationState",
    "ApplicationWish",
    "InvitationUnusable",
    "InvitationWish",
    "ReviewStage",
    "TooManyInvitations",
    "apply",
    "check_licence",
    "invite",
    "invite_for_the_house",
    "last_application",
    "list_applications",
    "list_invitations",
    "open_document",
    "reviews_of",
    "revoke_invitation",
    "sample",
    "send_document",
    "withdraw",
]
