"""Logs: one JSON object a line, with the request's id, and without anything that is worth stealing.

Four nets, each for what slips through the one before:

- a name that speaks of a secret hides its value, at any depth;
- an object is told by its type alone, because a repr shows fields without their names being asked;
- an exception is told by its type, its place and what the database says of it; its message only
  where the interpreter or the system wrote it, because others put values into theirs;
- texts lose what has the form of our tokens, of credentials in a URL, of a grouped card code.

A secret without any form, put into the middle of a sentence, passes: so nobody logs one.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import date, time, timedelta
from enum import Enum
from numbers import Number
from pathlib import PurePath
from typing import Any
from uuid import UUID

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"
# Words that hide a value wherever they stand in its name.
SECRET_WORDS = frozenset(
    {
        "authorization",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "dsn",
        "password",
        "passwords",
        "pin",
        "pins",
        "secret",
        "secrets",
        "signature",
        "signatures",
        "token",
        "tokens",
        "url",
        "urls",
    }
)
# Words that hide it when they end the name: `card_code`, `apiKey`, but not `code_page`.
SECRET_ENDINGS = frozenset(
    {
        "body",
        "card",
        "cards",
        "code",
        "codes",
        "key",
        "keys",
        "number",
        "numbers",
        "variables",
    }
)
HARMLESS_NAMES = frozenset(
    {
        "currency_code",
        "error_code",
        "exit_code",
        "line_number",
        "order_number",
        "refusal_code",
        "status_code",
        "supplier_code",
    }
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
SECRET_TEXTS = re.compile(
    r"\b(?:km[a-z]_|whsec_)[A-Za-z0-9+/=_-]{8,}"  # tokens and keys of ours
    r"|\botpauth://\S+|\bAGE-SECRET-KEY-1[A-Z0-9]+"  # second factors, private keys of recipients
    r"|(?<=://)[^\s/@]+(?=@)"  # user and password in a URL
    r"|\b(?=[A-Z0-9-]*\d)[A-Z0-9]{4,8}(?:-[A-Z0-9]{4,8}){2,}\b"  # ABCD-1234-EFGH
)
MAX_DEPTH = 6
MAX_CAUSES = 5
PLAIN = (Number, date, time, timedelta, UUID, PurePath)
# Their messages name attributes, types, files and system errors, and no value of ours.
SAFE_MESSAGES = (ImportError, AttributeError, NameError, OSError)
TOLD_BY_DATABASE = ("sqlstate", "table_name", "constraint_name")
SILENT_BELOW_WARNING = ("tortoise", "asyncpg", "httpx2", "httpcore", "dramatiq")
# Granian gives its loggers handlers of their own; ours takes them over. The processes that it
# starts are told by `GRANIAN_LOGS`, before they load the application.
WITH_OWN_HANDLERS = ("_granian", "granian.access")
GRANIAN_LOGS: dict[str, Any] = {
    "loggers": {name: {"handlers": [], "propagate": True} for name in WITH_OWN_HANDLERS}
}


def configure_logs(level: str, form: str) -> None:
    """Route structlog and the standard library to standard error in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        tell_exception,
        redact,
    ]
    shown: Processor = (
        structlog.dev.ConsoleRenderer()
        if form == "console"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = QuietHandler(sys.stderr)
    handler.setFormatter(
        CleanFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, shown],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in SILENT_BELOW_WARNING:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in WITH_OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


class CleanFormatter(structlog.stdlib.ProcessorFormatter):
    """Cleans the arguments of the standard library's records before they become part of a text."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        if record.args:
            record = logging.makeLogRecord(record.__dict__)
            record.args = _arguments(record.args)
        return super().format(record)


class QuietHandler(logging.StreamHandler[Any]):
    """Tells of a log call that cannot be formatted without printing its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Called by logging within its `except`."""
        error = sys.exc_info()[0]
        place = f"{record.pathname}:{record.lineno}"
        name = error.__name__ if error else "?"
        told = {"event": "log_call_broken", "level": "error", "place": place, "by": name}
        self.stream.write(json.dumps(told) + "\n")


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Strike out what must not be read in a log."""
    return {
        name if name.startswith("_") else _text(name): value
        if name.startswith("_")
        else _clean(name, value, 0)
        for name, value in event.items()
    }


def tell_exception(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Replace `exc_info` by the places and types of the exception and of its causes."""
    given = event.pop("exc_info", None)
    if given is True or (isinstance(given, tuple) and given == (None, None, None)):
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = _story(error, MAX_CAUSES)
    return event


def _story(error: BaseException, causes: int) -> str:
    """The causes first, as Python tells it, then the exception; lines of source are no secret."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    parts = [_story(before, causes - 1)] if before is not None and causes else []
    parts += ["".join(traceback.format_tb(error.__traceback__)) + _told(error)]
    if isinstance(error, BaseExceptionGroup) and causes:
        parts += [_story(each, causes - 1) for each in error.exceptions]
    return "\n".join(parts)


def _told(error: BaseException) -> str:
    """An exception in one line."""
    name = type(error).__qualname__
    if isinstance(error, SAFE_MESSAGES):
        return f"{name}: {_text(str(error))}"
    facts = [(each, getattr(error, each, None)) for each in TOLD_BY_DATABASE]
    known = ", ".join(f"{each}={value}" for each, value in facts if isinstance(value, str))
    return f"{name} ({known})" if known else name


def _arguments(arguments: Any) -> Any:
    if isinstance(arguments, Mapping):
        return {name: _clean(str(name), each, 0) for name, each in arguments.items()}
    return tuple(_clean("", each, 0) for each in arguments)


def _clean(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _is_secret(name) or depth >= MAX_DEPTH:
        return HIDDEN
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {_text(str(key)): _clean(str(key), each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", each, depth + 1) for each in value]
    if isinstance(value, BaseException):
        return _told(value)
    return _text(str(value)) if isinstance(value, PLAIN) else _kind(value)


def _kind(value: Any) -> str:
    """An object by its type; a queued job also by its name and id, which are never secret."""
    job, number = getattr(value, "actor_name", None), getattr(value, "message_id", None)
    shown = f" {job} {number}" if isinstance(job, str) and isinstance(number, str) else ""
    return f"<{type(value).__name__}{shown}>"


def _is_secret(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    if "_".join(words) in HARMLESS_NAMES:
        return False
    return bool(words) and (words[-1] in SECRET_ENDINGS or not SECRET_WORDS.isdisjoint(words))


def _text(text: str) -> str:
    return SECRET_TEXTS.sub(HIDDEN, text)
