"""Top-level errors: what a client is told, and what it is never told.

Business refusals are data (`userErrors`, see errors.py). A top-level error means the request itself
was refused (syntax, sign-in, limits) or that something broke. Every error passes `presentable`
once; only known codes keep their message, all else becomes INTERNAL with the request's id.
"""

import re
from collections.abc import Mapping

import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError, StrawberryInputCoercionError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from domain.kernel import Refused
from schema.locale import DEFAULT, refusal_text, request_text

INTERNAL = "INTERNAL"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
TOO_MUCH = "LIMIT_EXCEEDED"
TOO_LONG = re.compile(r"more than (\d+) (tokens|comments)")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
SUGGESTION = re.compile(r"\s*Did you mean [^?]*\?")
# What a client sent as a value may be a card code: it is never said back, only what was expected.
VALUE = re.compile(
    r"[,.]? [Ff]ound:? .*"
    r"|(?<!invalid value)(?<=value): .*"
    r"|(?<=cannot represent)( an? \w+): .*"  # Strawberry's own scalars
    r"|(?<=\bValue )(?:'[^']*'|\"[^\"]*\") (?=does not exist)",
    re.DOTALL,
)
TOKEN = re.compile(r"(found (?:Name|String|BlockString|Int|Float)) .*", re.DOTALL)
# What Strawberry says about the operation as a whole, before it runs.
ABOUT_THE_OPERATION: dict[type[BaseException], str] = {
    MissingQueryError: "QUERY_MISSING",
    CannotGetOperationTypeError: "OPERATION_NOT_FOUND",
    InvalidOperationTypeError: "OPERATION_NOT_ALLOWED",
}
BUILT_IN = frozenset({"Int", "Float", "String", "Boolean", "ID", "null", "true", "false"})

log = structlog.get_logger(__name__)


class RequestRefused(GraphQLError):
    """The request is refused as a whole, or one field of it (sign-in, limits, rate).

    `code` is stable and the key of the text in `locale/`; `values` fill the text; `details` are
    added to the error's extensions for programs to read.
    """

    def __init__(
        self, code: str, *, details: Mapping[str, object] | None = None, **values: object
    ) -> None:
        self.code = code
        self.values = values
        self.details = dict(details or {})
        super().__init__(self.text(DEFAULT), extensions={"code": code, **self.details})

    def text(self, language: str) -> str:
        """The sentence in the caller's language."""
        return request_text(self.code, language, self.values)


def presentable(
    error: GraphQLError, *, language: str, request_id: str, written: str | None = None
) -> GraphQLError:
    """The error as the client may see it.

    With `written` (the document's text; given when introspection is off) a validation message names
    nothing of the schema that the client did not write itself.
    """
    cause = _cause(error)
    if type(cause) in ABOUT_THE_OPERATION:
        cause = RequestRefused(ABOUT_THE_OPERATION[type(cause)])
    if isinstance(cause, RequestRefused):
        return _shown(error, cause.text(language), cause.code, cause.details)
    if isinstance(cause, Refused):
        refusal = cause.refusals[0]
        text = refusal_text(refusal, language)
        return _shown(error, text, refusal.code, {"retryable": refusal.retryable})
    if isinstance(error, GraphQLSyntaxError):
        too_long = TOO_LONG.search(error.message)
        if too_long:
            maximum, limit = int(too_long[1]), too_long[2]
            values = {"limit": limit, "maximum": maximum}
            return _shown(error, request_text(TOO_MUCH, language, values), TOO_MUCH, values)
        return _shown(error, TOKEN.sub(r"\1.", error.message), PARSE_FAILED)
    if _is_about_the_document(error, cause):
        message = VALUE.sub(r"\1", SUGGESTION.sub("", error.message))
        message = message if written is None else _only_written(message, written)
        return _shown(error, message, VALIDATION_FAILED)
    log.error("graphql_fault", request_id=request_id, path=error.path, exc_info=cause)
    text = request_text(INTERNAL, language, {"request_id": request_id})
    return _shown(error, text, INTERNAL, {"requestId": request_id})


def _cause(error: GraphQLError) -> BaseException:
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _is_about_the_document(error: GraphQLError, cause: BaseException) -> bool:
    """Said by graphql-core about the document or its variables, before any resolver ran.

    Of a scalar of ours that could not be read it holds what was expected, never what came.
    An error with a path comes from execution: a scalar that cannot show its value is our fault, and
    its message would show that value. Only an argument that could not be read is the client's.
    """
    said_by_library = type(cause) in (GraphQLError, StrawberryInputCoercionError)
    return said_by_library and (error.path is None or error.message.startswith("Argument '"))


def _shown(
    error: GraphQLError, message: str, code: str, details: Mapping[str, object] | None = None
) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": code, **(details or {})},
    )


def _only_written(message: str, written: str) -> str:
    names = BUILT_IN.union(NAME.findall(written))

    def shown(quoted: re.Match[str]) -> str:
        known = names.issuperset(NAME.findall(quoted.group()))
        return quoted.group() if known else "'…'"

    return QUOTED.sub(shown, message)
