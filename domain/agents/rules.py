"""Pure rules of agents: promoter codes, their life, how deep a house lets its tree grow."""

import re
import secrets
from dataclasses import dataclass

from domain.agents.models import MAX_DEPTH, AgentStatus

CODE_LETTERS = 8
MAX_NOTE_LETTERS = 500
DEFAULT_DEPTH = 2
# No 0/O, 1/I/L: a promoter code is read aloud and typed by hand.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE = re.compile(r"[A-Z0-9]{4,16}")

# An agent that is closed stays closed: whoever comes back applies anew.
MOVES = {
    AgentStatus.ACTIVE: frozenset({AgentStatus.SUSPENDED, AgentStatus.CLOSED}),
    AgentStatus.SUSPENDED: frozenset({AgentStatus.ACTIVE, AgentStatus.CLOSED}),
    AgentStatus.CLOSED: frozenset(),
}


@dataclass(slots=True)
class Limits:
    """What a house allows itself below what the law of the tree allows (mission row G3)."""

    _depth: int = DEFAULT_DEPTH

    @property
    def depth(self) -> int:
        """How many levels new agents may make; never above MAX_DEPTH, which is no setting."""
        return self._depth

    @depth.setter
    def depth(self, levels: int) -> None:
        if not 1 <= levels <= MAX_DEPTH:
            raise ValueError(f"an agent tree has 1 to {MAX_DEPTH} levels, not {levels}")
        self._depth = levels


limits = Limits()


def may_become(before: AgentStatus, after: AgentStatus) -> bool:
    """Whether an agent's status may change so."""
    return after in MOVES[before]


def fits(deepest: int, shift: int) -> bool:
    """Whether a subtree whose deepest agent stands at `deepest` may sink by `shift` levels. What
    stands deeper than the house allows by now may stay, and rise."""
    return shift <= 0 or deepest + shift <= limits.depth


def new_code() -> str:
    """A fresh promoter code; it is public, and grants nothing but an attribution."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LETTERS))


def is_code(text: str) -> bool:
    """Whether a text can be a promoter code."""
    return _CODE.fullmatch(text) is not None
