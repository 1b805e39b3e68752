"""Every event that the domain records may be subscribed to, or says why nobody hears of it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.webhooks.audiences import EVENTS, INTERNAL

NAME = re.compile(r"[a-z_]+\.[a-z_]+")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Emitter:
    """A function that records the event which one of its parameters names."""

    module: str
    name: str
    position: int
    parameter: str

    def is_called(self, module: str, name: str, own: set[str]) -> bool:
        """A private one is called in its own module only, and where no other bears its name."""
        elsewhere = not name.startswith("_") and name not in own
        return name == self.name and (module == self.module or elsewhere)


class Reader:
    """Finds the names of events in sources: literals, constants, choices between them, and what is
    handed through functions to those who record."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.trees = {module: ast.parse(source) for module, source in sources.items()}
        self.own = {
            module: {each.name for each in tree.body if isinstance(each, Function)}
            for module, tree in self.trees.items()
        }
        self.constants: dict[str, list[ast.expr]] = {}
        for tree in self.trees.values():
            for name, value in assigned(tree.body):
                self.constants.setdefault(name, []).append(value)
        self.emitters = {Emitter("", "Event", 0, "type")}
        self.names: set[str] = set()

    def read(self) -> set[str]:
        """All of them; repeated until no further function is found that hands one on."""
        known = 0
        while known != len(self.emitters):
            known = len(self.emitters)
            for module, tree in self.trees.items():
                for function, call in calls(tree, None):
                    self._look(module, function, call)
        return self.names

    def _look(self, module: str, function: Function | None, call: ast.Call) -> None:
        called = getattr(call.func, "id", getattr(call.func, "attr", ""))
        for emitter in tuple(self.emitters):
            if not emitter.is_called(module, called, self.own[module]):
                continue
            given = [each.value for each in call.keywords if each.arg == emitter.parameter]
            given += call.args[emitter.position : emitter.position + 1]
            for value in given:
                found = self._texts(module, function, value)
                namesakes = sum(emitter.name in names for names in self.own.values())
                clear = found or namesakes > 1 or self._is_handed_on(function, value)
                assert clear, f"{module}:{call.lineno} records an event whose name cannot be read"
                self.names |= found

    def _is_handed_on(self, function: Function | None, value: ast.expr) -> bool:
        return function is not None and getattr(value, "id", "") in parameters(function)

    def _texts(
        self,
        module: str,
        function: Function | None,
        value: ast.expr,
        seen: frozenset[str] = frozenset(),
    ) -> set[str]:
        """What an expression may be; each name is followed once."""
        parts: list[ast.expr] = []
        match value:
            case ast.Constant(value=str() as text):
                return {text} if NAME.fullmatch(text) else set()
            case ast.Name(id=name) | ast.Attribute(attr=name) if name not in seen:
                parts = self._meanings(module, function, name)
                seen = seen | {name}
            case ast.IfExp(body=one, orelse=other):
                parts = [one, other]
            case ast.Dict(values=values):
                parts = values
            case ast.Subscript(value=inner):
                parts = [inner]
            case ast.Call(func=ast.Attribute(value=inner, attr="get"), args=args):
                parts = [inner, *args[1:]]
        return {text for part in parts for text in self._texts(module, function, part, seen)}

    def _meanings(self, module: str, function: Function | None, name: str) -> list[ast.expr]:
        """A constant is the same everywhere; anything else belongs to its function."""
        if name.isupper():
            return self.constants.get(name, [])
        if function is None:
            return []
        if name in parameters(function):
            place = parameters(function).index(name)
            self.emitters.add(Emitter(module, function.name, place, name))
        return [each for other, each in assigned(list(ast.walk(function))) if other == name]


def assigned(nodes: list[ast.stmt] | list[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Names with what is assigned to them, also side by side."""
    for node in nodes:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            value = node.value
            if isinstance(target, ast.Name) and value is not None:
                yield target.id, value
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                for each, part in zip(target.elts, value.elts, strict=True):
                    if isinstance(each, ast.Name):
                        yield each.id, part


def parameters(function: Function) -> list[str]:
    """Of a function, in their order."""
    return [each.arg for each in function.args.args]


def calls(node: ast.AST, within: Function | None) -> Iterator[tuple[Function | None, ast.Call]]:
    """All calls, each with the innermost function around it."""
    inner = node if isinstance(node, Function) else within
    if isinstance(node, ast.Call):
        yield within, node
    for child in ast.iter_child_nodes(node):
        yield from calls(child, inner)


def of_the_domain() -> dict[str, str]:
    return {
        str(path): path.read_text()
        for path in sorted(Path("domain").rglob("*.py"))
        if "migrations" not in path.parts
    }


def test_every_event_may_be_heard_or_says_why_not() -> None:
    recorded = Reader(of_the_domain()).read()
    missing = recorded - set(EVENTS) - set(INTERNAL)
    assert missing == set(), (
        "say in domain/webhooks/audiences.py who may hear these, or why nobody may, and tell of"
        " them in docs/webhooks.md"
    )
    assert set(EVENTS) - recorded == set(), "nobody records these"
    assert set(INTERNAL) - recorded == set(), "nobody records these"


def test_no_event_is_both_heard_and_hidden() -> None:
    assert set(EVENTS) & set(INTERNAL) == set()
    assert all(len(reason) > 20 for reason in INTERNAL.values())


def test_every_event_is_told_of_in_the_papers() -> None:
    paper = Path("docs/webhooks.md").read_text()
    assert [name for name in (*EVENTS, *INTERNAL) if f"`{name}`" not in paper] == []


def test_the_reader_follows_names_through_functions() -> None:
    found = Reader(
        {
            "a": 'ONE, TWO = "x.one", "x.two"\nBY = {1: "x.three"}\n'
            "def tell(kind):\n    return Event(kind, 1, 1, {})\n",
            "b": "def end(good):\n    name = a.ONE if good else a.TWO\n    a.tell(name)\n"
            '    _own(kind="x.four")\n    a.tell(BY[good])\n'
            "def _own(kind):\n    tell(kind)\n",
            "c": 'def _own(kind):\n    pass\n_own("audit.only")\n',
        }
    ).read()
    assert found == {"x.one", "x.two", "x.three", "x.four"}
