"""Who somebody is, for the back office: the login behind an id that a row holds."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from strawberry import Parent

from resolvers.context import Info


def login_of(attribute: str) -> Callable[[Any, Info], Awaitable[str | None]]:
    """A resolver of the login behind a row's attribute; null where it holds nobody."""

    async def login(row: Parent[Any], info: Info) -> str | None:
        user_id: UUID | None = getattr(row, attribute)
        return None if user_id is None else await info.context.loaders.logins.load(user_id)

    return login
