"""Documents made ready once: parsed, measured, validated, and remembered by their text.

Strawberry's own caches are not used: they hash the whole syntax tree at each request, and with the
documented limiters they never hit at all. Here a known document costs one dictionary look-up.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
    specified_rules,
    validate,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import BatchingConfig, StrawberryConfig
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.execution import ExecutionContext

from schema.errors import FieldError
from schema.faults import RequestRefused, presentable
from schema.limits import Limits, OperationPlan, Walk
from schema.locale import DEFAULT

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
MAX_ERRORS = 20  # of one document; finding more helps nobody and costs time
MAX_COMMENTS = 200
CACHED_DOCUMENTS = 1_000
CACHED_CHARACTERS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Door:
    """What one entrance to a schema allows; travels as the root value of each operation."""

    introspection: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that was read, with the plan of each operation or the errors found."""

    document: DocumentNode
    plans: Mapping[str | None, OperationPlan]
    errors: tuple[GraphQLError, ...] = ()

    def plan(self, operation_name: str | None) -> OperationPlan | None:
        """The plan of the operation that will run; None when the name fits none."""
        if operation_name is None and len(self.plans) == 1:
            return next(iter(self.plans.values()))
        return self.plans.get(operation_name)


class Documents:
    """The documents of one schema. Least recently used ones are forgotten first.

    Only sound documents are kept, and no more than CACHED_CHARACTERS of their text, so that strange
    documents can neither fill the memory nor push each other's errors around.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self.schema = schema
        self.limits = limits
        self.parse_options: dict[str, Any] = {
            "max_lexical_tokens": limits.tokens,
            "max_comments": MAX_COMMENTS,
        }
        self._known: OrderedDict[str, Prepared] = OrderedDict()
        self._characters = 0

    def prepare(self, text: str) -> Prepared:
        """The document ready to run; raises GraphQLSyntaxError when it cannot be parsed."""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        prepared = self._read(parse(text, **self.parse_options))
        if not prepared.errors:
            self._remember(text, prepared)
        return prepared

    def _read(self, document: DocumentNode) -> Prepared:
        try:
            plans = Walk(self.schema, document, self.limits).plans()
        except RequestRefused as refused:
            return Prepared(document, {}, (refused,))
        errors = validate(self.schema, document, RULES, MAX_ERRORS, hide_suggestions=True)
        return Prepared(document, plans, tuple(errors))

    def _remember(self, text: str, prepared: Prepared) -> None:
        self._known[text] = prepared
        self._characters += len(text)
        while len(self._known) > CACHED_DOCUMENTS or self._characters > CACHED_CHARACTERS:
            forgotten, _ = self._known.popitem(last=False)
            self._characters -= len(forgotten)


class DocumentGuard(SchemaExtension):
    """Takes the place of parsing and validation, and checks the cost of each execution."""

    requested: int | None = None

    def on_parse(self) -> Generator[None, None, None]:
        """Set the ready document and its errors, so that neither step is done again."""
        context = self.execution_context
        schema = context.schema
        assert isinstance(schema, RootSchema)
        text = context.query or ""
        try:
            prepared = schema.documents.prepare(text)
        except GraphQLSyntaxError:
            # Strawberry parses it again and reports it; the same caps keep that cheap.
            context.parse_options = schema.documents.parse_options  # type: ignore[assignment]
        else:
            context.graphql_document = prepared.document
            context.pre_execution_errors = list(prepared.errors) or self._refused(prepared)
        yield

    def get_results(self) -> dict[str, Any]:
        """`extensions.cost` and `extensions.requestId` of the answer."""
        results: dict[str, Any] = {}
        request_id = getattr(self.execution_context.context, "request_id", None)
        if request_id is not None:
            results["requestId"] = request_id
        if self.requested is not None:
            maximum = self.execution_context.schema.limits.cost  # type: ignore[attr-defined]
            results["cost"] = {"requested": self.requested, "maximum": maximum}
        return results

    def _refused(self, prepared: Prepared) -> list[GraphQLError]:
        """Why this execution of a sound document is refused; empty when it may run."""
        context = self.execution_context
        schema = context.schema
        assert isinstance(schema, RootSchema)
        name = context._provided_operation_name
        if name is None and len(prepared.plans) > 1:
            return [RequestRefused("OPERATION_NAME_REQUIRED")]
        plan = prepared.plan(name)
        if plan is None:
            return []  # Strawberry reports the unknown name
        if plan.introspects and not _door(context).introspection:
            return [RequestRefused("INTROSPECTION_OFF")]
        self.requested = plan.cost(context.variables)
        maximum = schema.limits.cost
        if self.requested <= maximum:
            return []
        details = {"requested": self.requested, "maximum": maximum}
        return [RequestRefused("COST_EXCEEDED", details={"cost": details}, **details)]


class RootSchema(strawberry.Schema):
    """A schema with its limits. Every error it answers has passed `presentable`.

    `FieldError` is always part of it, because any refusal may be answered.
    """

    def __init__(
        self,
        query: type,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        limits: Limits,
        types: Iterable[type] = (),
        scalar_map: Mapping[object, Any] | None = None,
    ) -> None:
        super().__init__(
            query,
            mutation,
            subscription,
            types=[*types, FieldError],
            extensions=[DocumentGuard],
            config=StrawberryConfig(
                disable_field_suggestions=True,
                relay_max_results=limits.page_cap,
                batching_config=BatchingConfig(max_operations=limits.batch),
                scalar_map=scalar_map or {},
            ),
        )
        self.limits = limits
        self.documents = Documents(self._schema, limits)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Replace each error, in the list that will be answered, by what the client may see.

        Strawberry calls this on every way out (execute, streams, sockets, failed hooks), which is
        why the masking stands here and not in an extension that some ways pass by.
        """
        asked = execution_context.context if execution_context else None
        hidden = execution_context is not None and not _door(execution_context).introspection
        written = (execution_context.query or "") if execution_context and hidden else None
        errors[:] = [
            presentable(
                error,
                language=getattr(asked, "language", DEFAULT),
                request_id=getattr(asked, "request_id", ""),
                written=written,
            )
            for error in errors
        ]


def _door(context: ExecutionContext) -> Door:
    return context.root_value if isinstance(context.root_value, Door) else Door()
