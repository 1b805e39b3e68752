"""The port of real-name checks: what the house asks of a provider, and the closed set of answers.

A request is known by its `reference`: the same one again is the same question, so that whatever is
not sure is asked again and never paid for twice.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias


class Why(StrEnum):
    """Why names are not confirmed."""

    DIFFERS = "differs"  # name and number do not belong together
    UNKNOWN = "unknown"  # there is no such number
    EXPIRED = "expired"  # of a document, or a company that was struck off


@dataclass(frozen=True, slots=True)
class Question:
    """Do this name and this number belong together? A repr shows neither."""

    reference: str
    company: bool
    name: str = field(repr=False)
    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """They do."""


@dataclass(frozen=True, slots=True)
class Denied:
    """They surely do not."""

    why: Why


@dataclass(frozen=True, slots=True)
class Unclear:
    """No answer, or one that nobody understands: ask again."""

    detail: str = ""


Answer: TypeAlias = Confirmed | Denied | Unclear


class RealNamePort(Protocol):
    """A provider of real-name checks."""

    async def check(self, question: Question) -> Answer:
        """Ask once; never raises for what a partner does."""


_ports: dict[str, RealNamePort] = {}


def register(name: str, port: RealNamePort) -> None:
    """Make a provider known; done by the wiring."""
    _ports[name] = port


def port_of(name: str) -> RealNamePort:
    """The provider of this name; a name that is not registered is a fault of the installation."""
    return _ports[name]
