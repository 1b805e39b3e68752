"""What an agent is told on its next visit, whatever its login."""

from datetime import datetime

import strawberry

from domain import notifications
from domain.notifications import NoticeKind
from resolvers import notices as resolvers
from schema.fields import field, presents


@strawberry.type(
    description="Something that the agent has to know or to do: a case, an agreement that is not"
    " accepted, a deposit that is short. It goes when its matter is done; the end of a case stays"
    " for 30 days."
)
@presents(notifications.AgentNotice)
class AgentNotice:
    kind: NoticeKind
    message: str = field(resolvers.message, description="For people, in the language asked for.")
    at: datetime
    until: datetime | None = field(description="Something may be done about it until then.")
    case_id: strawberry.ID | None = field(resolvers.case_of)
