"""Statements whose parameters have names, so that pieces of several contexts stand in one.

A parameter is written `:name`. The driver wants numbers: `named` gives each name its own, in the
order in which the names first come.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PARAMETER = re.compile(r"(?<!:):([a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Named:
    """A statement as the driver takes it, and the names of its parameters by number."""

    text: str
    names: tuple[str, ...]

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """The parameters in their order; a name too few or too many is a fault of the caller."""
        if len(given) != len(self.names):
            odd = set(self.names) ^ set(given)
            raise ValueError(f"parameters that do not fit the statement: {sorted(odd)}")
        return [given[name] for name in self.names]


def named(statement: str) -> Named:
    """Number the parameters of a statement. No `:name` may stand in its quoted texts."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${numbers.setdefault(found[1], len(numbers) + 1)}"

    text = _PARAMETER.sub(number, statement)
    return Named(text, tuple(numbers))
