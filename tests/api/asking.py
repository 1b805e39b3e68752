"""Asks a schema in this process, as a signed-in caller, without HTTP."""

from dataclasses import dataclass, field
from typing import Any

from domain.kernel import ANONYMOUS, Actor
from resolvers.context import Context
from schema.documents import Door, RootSchema


@dataclass
class Tries:
    """Counts nothing and allows everything, but remembers what was to be counted."""

    seen: list[tuple[str, str]] = field(default_factory=list)

    async def hit(self, zone: str, subject: str, ip: str) -> int:
        """Allowed."""
        self.seen.append((zone, subject))
        return 0


async def ask(
    schema: RootSchema,
    query: str,
    actor: Actor = ANONYMOUS,
    language: str = "en",
    **variables: Any,
) -> Any:
    """The execution result: `data` and `errors`."""
    context = Context(actor=actor, language=language, request_id="test", rate_limits=Tries())
    return await schema.execute(
        query, variable_values=variables, context_value=context, root_value=Door()
    )


async def data_of(
    schema: RootSchema, query: str, actor: Actor = ANONYMOUS, language: str = "en", **variables: Any
) -> dict[str, Any]:
    """The data of an answer without errors."""
    result = await ask(schema, query, actor, language, **variables)
    assert not result.errors, result.errors
    found: dict[str, Any] = result.data
    return found
