"""Documents: what is known of them, and the door for their bytes."""

from datetime import datetime

import strawberry

from domain import papers
from domain.kernel import Prefix
from resolvers import papers as resolvers
from schema.errors import UserError
from schema.fields import field, presents
from schema.scalars import id_field


@strawberry.type(description="A sealed document of a case.")
@presents(papers.Paper)
class Paper:
    id: strawberry.ID = id_field(Prefix.PAPER)
    label: str = field(description="What it shows, as its sender said.")
    media_type: str | None = field(description="Told by its content.")
    bytes: int | None
    added_at: datetime | None
    erased_at: datetime | None


@strawberry.type(
    description="Where a document goes in or comes out: send `method` to `url` of this host with"
    " the header `Authorization` as it stands here, once for a document that goes in."
)
@presents(resolvers.PaperDoor)
class PaperDoor:
    paper_id: strawberry.ID
    method: str = field(description="PUT with the file as the body, or GET.")
    url: str
    authorization: str
    expires_at: datetime = field(resolvers.expires_at)


@strawberry.type
class PaperDoorPayload:
    door: PaperDoor | None
    user_errors: list[UserError]
