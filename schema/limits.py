"""What one document may ask for: depth, aliases, fields, cost.

One walk, made before any other rule. Every fragment is measured once and remembered, and all sums
saturate, so the walk is linear in the document's size however often fragments double; a library
rule that follows each spread anew takes 2^n steps for n doublings. The walk also writes the *cost
program* of each operation: one number when page sizes are literals, else a few sums in which the
variables of an execution are filled in.

Cost: a field that returns an object costs 1, a scalar 0. The children of a paged field (`first` or
`last`) count once per item asked for, those of another list `list_size` times; `edges` and `nodes`
of a connection are counted by the field that pages them. `field(cost=..., size=...)` overrules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from schema.faults import RequestRefused

CEILING = 10**9  # sums stop here, so a doubling document cannot grow big numbers
MAX_NESTING = 40  # the walk itself goes no deeper, far beyond any limit below
PAGING_ARGUMENTS = ("first", "last")
BREADTH_OF_PAGE = ("edges", "nodes")
RULES_KEY = "kameng.rules"
STRAWBERRY_KEY = "strawberry-definition"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may ask of one endpoint. Sizes in bytes where they say so, else counts."""

    cost: int
    depth: int = 12
    aliases: int = 15
    fields: int = 300
    repeats: int = 30  # of one response name in one selection; the merge rule compares each pair
    spreads: int = 100
    tokens: int = 2000
    mutations: int = 3
    sensitive: int = 1  # sign-in, reveal, order look-up: each guess must be a request of its own
    batch: int = 10
    body_bytes: int = 256 * 1024
    page_default: int = 20
    page_cap: int = 100
    list_size: int = 5
    introspection_depth: int = 20
    introspection_fields: int = 600


SHOP = Limits(cost=2_000)
PARTNER = Limits(cost=5_000, aliases=30, mutations=5, batch=20)
ADMIN = Limits(cost=20_000, depth=15, aliases=60, fields=600, tokens=4_000, mutations=10)


@dataclass(frozen=True, slots=True)
class FieldRules:
    """What a schema field says about itself to the limits."""

    cost: int | None = None
    size: int | None = None
    sensitive: bool = False
    purchase: bool = False


NO_RULES = FieldRules()


@dataclass(frozen=True, slots=True)
class SizeByVariable:
    """A page size that only the variables of an execution know."""

    name: str
    default: int
    cap: int

    def resolve(self, variables: Mapping[str, object]) -> int:
        """The items asked for, within 0..cap; the default when it is no whole number."""
        value = variables.get(self.name)
        return _within(value, self.cap) if _is_count(value) else self.default


Factor = int | SizeByVariable
Step = tuple[int, tuple[tuple[Factor, int], ...]]  # a constant plus factor x (an earlier step)


@dataclass(frozen=True, slots=True)
class OperationPlan:
    """What is known of one operation before it runs."""

    kind: OperationType
    constant_cost: int
    steps: tuple[Step, ...]
    defaults: Mapping[str, object]
    sensitive: int
    introspects: bool
    purchases: bool

    def cost(self, variables: Mapping[str, object] | None) -> int:
        """The cost with these variables. One addition per step; none without variable sizes."""
        if not self.steps:
            return self.constant_cost
        given = {**self.defaults, **(variables or {})}
        values: list[int] = []
        for constant, terms in self.steps:
            total = constant
            for factor, step in terms:
                size = factor if isinstance(factor, int) else factor.resolve(given)
                total += size * values[step]
            values.append(min(total, CEILING))
        return values[-1]


@dataclass(slots=True)
class _Measure:
    """One selection set with everything its fragments bring along."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0
    sensitive: int = 0
    introspects: bool = False
    purchases: bool = False
    cost: int = 0
    terms: list[tuple[Factor, int]] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def add(self, other: "_Measure") -> None:
        """Take in a fragment, whose fields stand in the same selection."""
        self.depth = max(self.depth, other.depth)
        self.aliases = min(self.aliases + other.aliases, CEILING)
        self.fields = min(self.fields + other.fields, CEILING)
        self.sensitive = min(self.sensitive + other.sensitive, CEILING)
        self.introspects = self.introspects or other.introspects
        self.purchases = self.purchases or other.purchases
        for name, count in other.names.items():
            self.names[name] = min(self.names.get(name, 0) + count, CEILING)


class Walk:
    """Measures a document. `visits` counts the selections looked at; a test holds it linear."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
        self.schema = schema
        self.document = document
        self.limits = limits
        self.visits = 0
        self.spreads = 0
        self.steps: list[Step] = []
        self.measured: dict[int, _Measure | None] = {}  # by definition; None while being measured
        self.fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }

    def plans(self) -> dict[str | None, OperationPlan]:
        """The plan of each operation by name; raises RequestRefused at the first limit passed."""
        plans: dict[str | None, OperationPlan] = {}
        for definition in self.document.definitions:
            if isinstance(definition, FragmentDefinitionNode):
                self._fragment(definition, 0)  # unused ones too: the other rules read them all
            elif isinstance(definition, OperationDefinitionNode):
                name = definition.name.value if definition.name else None
                plans[name] = self._operation(definition)
        return plans

    def _operation(self, node: OperationDefinitionNode) -> OperationPlan:
        root = self.schema.get_root_type(node.operation)
        measure = self._selection(node.selection_set, root, 0)
        self._check(measure, "depth", "aliases", "fields")
        if node.operation is OperationType.MUTATION:
            _at_most("mutations", sum(measure.names.values()), self.limits.mutations)
        _at_most("sensitive", measure.sensitive, self.limits.sensitive)
        steps: tuple[Step, ...] = ()
        if measure.terms:
            steps = tuple(self.steps[: self._emit(measure) + 1])
        return OperationPlan(
            kind=node.operation,
            constant_cost=measure.cost,
            steps=steps,
            defaults=_defaults(node),
            sensitive=measure.sensitive,
            introspects=measure.introspects,
            purchases=measure.purchases,
        )

    def _fragment(self, node: FragmentDefinitionNode, nesting: int) -> _Measure:
        key = id(node)
        if key not in self.measured:
            self.measured[key] = None
            parent = self.schema.get_type(node.type_condition.name.value)
            measure = self._selection(node.selection_set, parent, nesting)
            inside = parent is not None and parent.name.startswith("__")
            self._check(measure, *(() if inside else ("depth", "aliases", "fields")))
            if measure.terms:  # later spreads refer to this one step
                step = self._emit(measure)
                measure.cost, measure.terms = 0, [(1, step)]
            self.measured[key] = measure
        known = self.measured[key]
        if known is None:
            raise RequestRefused("FRAGMENT_CYCLE")
        return known

    def _selection(
        self, node: SelectionSetNode, parent: GraphQLNamedType | None, nesting: int
    ) -> _Measure:
        if nesting > MAX_NESTING:
            raise _too_much("depth", self.limits.depth)
        total = _Measure()
        for selection in node.selections:
            self.visits += 1
            if isinstance(selection, FieldNode):
                self._field(selection, parent, nesting, total)
            else:
                self._spread(selection, parent, nesting, total)
        if total.names and max(total.names.values()) > self.limits.repeats:
            raise _too_much("repeats", self.limits.repeats)
        return total

    def _spread(
        self,
        node: Any,
        parent: GraphQLNamedType | None,
        nesting: int,
        total: _Measure,
    ) -> None:
        self.spreads += 1
        _at_most("spreads", self.spreads, self.limits.spreads)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner = self.schema.get_type(condition.name.value) if condition else parent
            measure = self._selection(node.selection_set, inner, nesting)
        else:
            assert isinstance(node, FragmentSpreadNode)
            fragment = self.fragments.get(node.name.value)
            if fragment is None:
                return  # an unknown fragment is for the next rule to report
            measure = self._fragment(fragment, nesting)
        total.add(measure)
        total.cost = min(total.cost + measure.cost, CEILING)
        total.terms.extend(measure.terms)

    def _field(
        self, node: FieldNode, parent: GraphQLNamedType | None, nesting: int, total: _Measure
    ) -> None:
        name = node.name.value
        shown = node.alias.value if node.alias else name
        total.names[shown] = total.names.get(shown, 0) + 1
        total.fields += 1
        total.aliases += node.alias is not None
        total.depth = max(total.depth, 1)
        definition = self.schema.get_field(parent, name) if is_composite_type(parent) else None
        rules = _rules_of(definition)
        total.sensitive += rules.sensitive
        total.purchases = total.purchases or rules.purchase
        if node.selection_set is None:
            total.cost += rules.cost or 0
            return
        child_type = get_named_type(definition.type) if definition else None
        inner = self._selection(node.selection_set, child_type, nesting + 1)
        if name in ("__schema", "__type"):
            self._check_introspection(inner)
            total.introspects = True
            return
        total.depth = max(total.depth, inner.depth + 1)
        total.fields = min(total.fields + inner.fields, CEILING)
        total.aliases = min(total.aliases + inner.aliases, CEILING)
        total.sensitive = min(total.sensitive + inner.sensitive, CEILING)
        if parent is not None and parent.name.startswith("__"):
            return  # introspection has limits of its own and no cost
        total.cost += 1 if rules.cost is None else rules.cost
        self._multiply(total, self._factor(node, definition, rules), inner)

    def _multiply(self, total: _Measure, factor: Factor, inner: _Measure) -> None:
        """Add `factor` times the children's cost, folded into the constant where it is known."""
        if isinstance(factor, int) and not inner.terms:
            total.cost = min(total.cost + factor * inner.cost, CEILING)
        elif inner.cost or inner.terms:
            total.terms.append((factor, self._emit(inner)))

    def _emit(self, measure: _Measure) -> int:
        self.steps.append((measure.cost, tuple(measure.terms)))
        return len(self.steps) - 1

    def _factor(
        self, node: FieldNode, definition: GraphQLField | None, rules: FieldRules
    ) -> Factor:
        """How often the children count."""
        if definition is None:
            return 1
        if any(name in definition.args for name in PAGING_ARGUMENTS):
            return self._page_size(node, definition)
        if not is_list_type(get_nullable_type(definition.type)):
            return 1
        if rules.size is not None:
            return rules.size
        return 1 if node.name.value in BREADTH_OF_PAGE else self.limits.list_size

    def _page_size(self, node: FieldNode, definition: GraphQLField) -> Factor:
        cap = self.limits.page_cap
        given = [
            argument.value
            for argument in node.arguments or ()
            if argument.name.value in PAGING_ARGUMENTS
            and not isinstance(argument.value, NullValueNode)
        ]
        default = _default_size(definition, self.limits)
        if not given:
            return default
        if len(given) > 1:
            return cap  # both ends at once: whatever the resolver makes of it, at most a full page
        return _literal_size(given[0], default, cap)

    def _check(self, measure: _Measure, *names: str) -> None:
        for name in names:
            _at_most(name, getattr(measure, name), getattr(self.limits, name))

    def _check_introspection(self, measure: _Measure) -> None:
        _at_most("depth", measure.depth, self.limits.introspection_depth)
        _at_most("fields", measure.fields, self.limits.introspection_fields)


def rules_metadata(rules: FieldRules) -> dict[object, object]:
    """The metadata of a Strawberry field that carries its rules to the walk."""
    return {RULES_KEY: rules} if rules != NO_RULES else {}


def _rules_of(definition: GraphQLField | None) -> FieldRules:
    strawberry_field = definition.extensions.get(STRAWBERRY_KEY) if definition else None
    metadata = getattr(strawberry_field, "metadata", {})
    rules = metadata.get(RULES_KEY, NO_RULES)
    assert isinstance(rules, FieldRules)
    return rules


def _literal_size(value: ValueNode, default: int, cap: int) -> Factor:
    if isinstance(value, VariableNode):
        return SizeByVariable(value.name.value, default, cap)
    if isinstance(value, IntValueNode):
        # Ten digits are beyond every cap; longer numbers are not even read.
        return cap if len(value.value) > 10 else _within(int(value.value), cap)
    return default


def _default_size(definition: GraphQLField, limits: Limits) -> int:
    for name in PAGING_ARGUMENTS:
        argument = definition.args.get(name)
        if argument is not None and _is_count(argument.default_value):
            return _within(argument.default_value, limits.page_cap)
    return limits.page_default


def _defaults(node: OperationDefinitionNode) -> dict[str, object]:
    return {
        each.variable.name.value: int(each.default_value.value)
        for each in node.variable_definitions or ()
        if isinstance(each.default_value, IntValueNode) and len(each.default_value.value) <= 10
    }


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _within(value: Any, cap: int) -> int:
    return max(0, min(int(value), cap))


def _at_most(limit: str, actual: int, maximum: int) -> None:
    if actual > maximum:
        raise _too_much(limit, maximum)


def _too_much(limit: str, maximum: int) -> RequestRefused:
    details = {"limit": limit, "maximum": maximum}
    return RequestRefused("LIMIT_EXCEEDED", details=details, limit=limit, maximum=maximum)
