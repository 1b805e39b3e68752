"""Logs: one JSON object a line, with the request's id, and without anything that is worth stealing.

Two nets: keys that name a secret lose their value, and texts that look like one of our tokens are
struck out wherever they stand, in messages and tracebacks too.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"
SECRET_KEYS = frozenset(
    {
        "authorization",
        "body",
        "card",
        "cards",
        "code",
        "codes",
        "cookie",
        "data_key",
        "dsn",
        "key",
        "number",
        "password",
        "password_hash",
        "pin",
        "refresh_token",
        "secret",
        "secrets",
        "signature",
        "signing_secret",
        "token",
        "tokens",
        "url",
        "variables",
    }
)
TOKENS = re.compile(
    r"\b(?:km[a-z]_[A-Za-z0-9_-]{8,}|whsec_[A-Za-z0-9+/=_-]{8,})|(?<=://)[^\s/@]+(?=@)"
)
MAX_DEPTH = 6
SILENT_BELOW_WARNING = ("tortoise", "asyncpg", "apscheduler", "httpx2", "httpcore", "dramatiq")


def configure_logs(level: str, form: str) -> None:
    """Route structlog and the standard library to standard error in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    shown: Processor = (
        structlog.dev.ConsoleRenderer()
        if form == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, shown],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in SILENT_BELOW_WARNING:
        logging.getLogger(name).setLevel(logging.WARNING)


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Strike out what must not be read in a log."""
    for key in list(event):
        if not key.startswith("_"):
            event[key] = _clean(key, event[key], 0)
    return event


def _clean(key: str, value: Any, depth: int) -> Any:
    if key.lower() in SECRET_KEYS and value is not None:
        return HIDDEN
    if isinstance(value, str):
        return TOKENS.sub(HIDDEN, value)
    if isinstance(value, bytes):
        return HIDDEN
    if depth >= MAX_DEPTH:
        return HIDDEN
    if isinstance(value, dict):
        return {name: _clean(str(name), each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", each, depth + 1) for each in value]
    if isinstance(value, BaseException):
        return TOKENS.sub(HIDDEN, repr(value))
    return value
