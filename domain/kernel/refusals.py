"""Expected "no" answers. A refusal is a value with a stable code; `Refused` only carries it up."""

from dataclasses import dataclass
from typing import ClassVar

REGISTRY: dict[str, "type[Refusal]"] = {}


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words that an operator wrote in both languages, for a text to be filled with."""

    en: str
    zh: str


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One expected refusal. Subclasses add the numbers that a screen needs."""

    code: ClassVar[str] = "INVALID"
    retryable: ClassVar[bool] = False
    field: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        """Every kind of refusal is known by its class name, so that its texts can be checked."""
        REGISTRY[cls.__name__] = cls


class Refused(Exception):
    """Carries refusals up to whoever answers. Nothing has changed when it is raised."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__(", ".join(refusal.code for refusal in refusals))
        self.refusals = refusals


@dataclass(frozen=True, kw_only=True)
class NotFound(Refusal):
    """What was asked for does not exist, or is not the caller's: both sound the same."""

    code: ClassVar[str] = "NOT_FOUND"
    what: str


@dataclass(frozen=True, kw_only=True)
class Invalid(Refusal):
    """A value has the wrong shape or range; `reason` is a key of the texts, not a sentence."""

    code: ClassVar[str] = "INVALID"
    reason: str


@dataclass(frozen=True, kw_only=True)
class Conflict(Refusal):
    """The object changed since it was read, or another one already has this value."""

    code: ClassVar[str] = "CONFLICT"
    what: str


@dataclass(frozen=True, kw_only=True)
class IdempotencyKeyReused(Refusal):
    """The same key came with other input: the first answer stands, this one is not executed."""

    code: ClassVar[str] = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, kw_only=True)
class IdempotencyInProgress(Refusal):
    """The first call with this key has not answered yet."""

    code: ClassVar[str] = "IDEMPOTENCY_IN_PROGRESS"
    retryable: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Busy(Refusal):
    """No database connection or lock was to be had in time; nothing changed."""

    code: ClassVar[str] = "BUSY"
    retryable: ClassVar[bool] = True


def refuse_unless(condition: bool, refusal: Refusal) -> None:
    """Raise `Refused(refusal)` unless the condition holds."""
    if not condition:
        raise Refused(refusal)
