"""Regular expressions that cannot hang: a small language, matched in linear time.

An operator writes a pattern, strangers send the values. A backtracking engine lets the two together
stop the server for hours; this one walks all possible states at once, so its time is bounded by
the limits below whatever anybody writes. The language is a subset of ECMAScript's and of Python's:
a web shop may check with the same pattern. A value must match as a whole.

    literals  .  [a-z0-9]  [^x]  \\d \\D \\w \\W \\s \\S (ASCII)  (a|b)  (?:a)  ? * + {2} {2,} {2,5}
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

MAX_PATTERN_LETTERS = 200
MAX_STATES = 256
MAX_REPEAT = 64
MAX_NESTING = 20

_SYNTAX = frozenset("^$\\.*+?()[]{}|/")
_SETS = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}

Ranges = tuple[tuple[int, int], ...]


class PatternInvalid(ValueError):
    """The text is not of the small language, or needs too many states."""


@dataclass(frozen=True, slots=True)
class Letters:
    """A set of letters."""

    ranges: Ranges
    negated: bool = False

    def has(self, code: int) -> bool:
        """Whether a letter, by its code point, belongs to the set."""
        return any(low <= code <= high for low, high in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    ways: tuple["_Node", ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    what: "_Node"
    least: int
    most: int | None  # None: without end


_Node = Letters | _Sequence | _Choice | _Repeat


@dataclass(slots=True)
class Pattern:
    """States, each with the letters that lead on or none, and where to. State 0 is the end."""

    letters: list[Letters | None] = field(default_factory=lambda: [None])
    ways: list[tuple[int, ...]] = field(default_factory=lambda: [()])
    start: int = 0

    def matches(self, text: str) -> bool:
        """Whether the whole text matches; in time at most letters x states."""
        here = self._open({self.start})
        for letter in text:
            code = ord(letter)
            there: set[int] = set()
            for state in here:
                found = self.letters[state]
                if found is not None and found.has(code):
                    there.update(self.ways[state])
            here = self._open(there)
            if not here:
                return False
        return 0 in here

    def add(self, letters: Letters | None, *ways: int) -> int:
        """A new state; refuses one too many."""
        if len(self.ways) > MAX_STATES:
            raise PatternInvalid("too_large")
        self.letters.append(letters)
        self.ways.append(ways)
        return len(self.ways) - 1

    def _open(self, states: set[int]) -> set[int]:
        """All states that are reached without a letter."""
        waiting, seen = list(states), set(states)
        while waiting:
            state = waiting.pop()
            if self.letters[state] is None:
                fresh = [way for way in self.ways[state] if way not in seen]
                seen.update(fresh)
                waiting += fresh
        return seen


@lru_cache(maxsize=512)
def compile_pattern(text: str) -> Pattern:
    """The pattern of a text; `PatternInvalid` when it is none of the small language."""
    if not 0 < len(text) <= MAX_PATTERN_LETTERS:
        raise PatternInvalid("length")
    pattern = Pattern()
    pattern.start = _build(pattern, _Parser(text).parse(), 0)
    return pattern


def _build(pattern: Pattern, node: _Node, then: int) -> int:
    """The state where `node` begins, after which it goes on at `then`."""
    match node:
        case Letters():
            return pattern.add(node, then)
        case _Sequence(parts=parts):
            for part in reversed(parts):
                then = _build(pattern, part, then)
            return then
        case _Choice(ways=ways):
            return pattern.add(None, *(_build(pattern, way, then) for way in ways))
        case _Repeat(what=what, least=least, most=most):
            if most is None:
                loop = pattern.add(None)
                pattern.ways[loop] = (_build(pattern, what, loop), then)
                then = loop
            else:
                end = then
                for _ in range(most - least):
                    then = pattern.add(None, _build(pattern, what, then), end)
            for _ in range(least):
                then = _build(pattern, what, then)
            return then


class _Parser:
    """Reads the text from left to right, by recursive descent."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("^")
        if self.text.endswith("$") and not self._escaped(len(self.text) - 1):
            self.text = self.text[:-1]
        self.place = 0
        self.depth = 0

    def parse(self) -> _Node:
        """The whole text; refuses what is left over."""
        found = self._choice()
        if self.place < len(self.text):
            raise PatternInvalid("unexpected")
        return found

    def _escaped(self, place: int) -> bool:
        before = self.text[:place]
        return (len(before) - len(before.rstrip("\\"))) % 2 == 1

    def _peek(self) -> str:
        return self.text[self.place] if self.place < len(self.text) else ""

    def _take(self) -> str:
        letter = self._peek()
        if not letter:
            raise PatternInvalid("ends_early")
        self.place += 1
        return letter

    def _choice(self) -> _Node:
        ways = [self._sequence()]
        while self._peek() == "|":
            self._take()
            ways.append(self._sequence())
        return ways[0] if len(ways) == 1 else _Choice(tuple(ways))

    def _sequence(self) -> _Node:
        parts: list[_Node] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return _Sequence(tuple(parts))

    def _repeated(self, what: _Node) -> _Node:
        bounds = {"?": (0, 1), "*": (0, None), "+": (1, None)}
        letter = self._peek()
        if letter in bounds:
            self._take()
            least, most = bounds[letter]
        elif letter == "{":
            least, most = self._bounds()
        else:
            return what
        if self._peek() in ("?", "*", "+", "{"):
            raise PatternInvalid("repeated_twice")  # lazy, possessive, or a slip
        return _Repeat(what, least, most)

    def _bounds(self) -> tuple[int, int | None]:
        end = self.text.find("}", self.place)
        inside = self.text[self.place + 1 : end] if end > 0 else ""
        first, comma, second = inside.partition(",")
        least = self._number(first)
        most = least if not comma else (self._number(second) if second else None)
        if most is not None and most < least:
            raise PatternInvalid("bounds")
        self.place = end + 1
        return least, most

    def _number(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= MAX_REPEAT):
            raise PatternInvalid("bounds")
        return int(text)

    def _atom(self) -> _Node:
        letter = self._take()
        if letter == "(":
            return self._group()
        if letter == "[":
            return self._class()
        if letter == "\\":
            return self._escape(in_class=False)
        if letter == ".":
            return Letters((), negated=True)
        if letter in _SYNTAX - {"/"}:
            raise PatternInvalid("unexpected")
        return _one(letter)

    def _group(self) -> _Node:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise PatternInvalid("too_deep")
        if self._peek() == "?":
            self._take()
            if self._take() != ":":
                raise PatternInvalid("group")  # look-around, names, back references
        inside = self._choice()
        if self._take() != ")":
            raise PatternInvalid("group")
        self.depth -= 1
        return inside

    def _escape(self, *, in_class: bool) -> Letters:
        letter = self._take()
        if letter.lower() in _SETS:
            return Letters(_SETS[letter.lower()], negated=letter.isupper())
        if letter in _SYNTAX or (in_class and letter == "-"):
            return _one(letter)
        raise PatternInvalid("escape")

    def _class(self) -> Letters:
        negated = self._peek() == "^"
        if negated:
            self._take()
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]":
            ranges += self._range()
        self._take()
        if not ranges:
            raise PatternInvalid("class")
        return Letters(tuple(ranges), negated)

    def _range(self) -> Iterator[tuple[int, int]]:
        low, alone = self._member()
        if alone or self._peek() != "-" or self.text[self.place + 1 : self.place + 2] in ("]", ""):
            yield from low.ranges
            return
        self._take()
        high, set_ = self._member()
        if set_ or high.ranges[0][0] < low.ranges[0][0]:
            raise PatternInvalid("class")
        yield low.ranges[0][0], high.ranges[0][0]

    def _member(self) -> tuple[Letters, bool]:
        """One member of a class, and whether it is a set such as \\d, which begins no range."""
        letter = self._take()
        if letter == "[":
            raise PatternInvalid("class")
        if letter != "\\":
            return _one(letter), False
        found = self._escape(in_class=True)
        if found.negated:
            return Letters(_rest(found.ranges)), True
        return found, len(found.ranges) > 1 or found.ranges[0][0] != found.ranges[0][1]


def _one(letter: str) -> Letters:
    return Letters(((ord(letter), ord(letter)),))


def _rest(ranges: Ranges) -> Ranges:
    """All letters that are in none of the ranges, which are sorted."""
    edges = [-1, *(edge for pair in ranges for edge in pair), 0x110000]
    return tuple(
        (edges[place] + 1, edges[place + 1] - 1)
        for place in range(0, len(edges), 2)
        if edges[place] + 1 <= edges[place + 1] - 1
    )
