"""Nothing planted comes out of the logs."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from server import logs

CANARY = "canary without any form"
CODE = "STEAM-CANARY-0042"
TOKEN = "kma_Q2FuYXJ5VG9rZW4tMDEyMzQ1Njc4OQ"


@dataclass
class Sealed:
    secret: str


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    output = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", output)
    logs.configure_logs("INFO", "json")
    yield output
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.mark.parametrize(
    "secret",
    [
        "otpauth://totp/Kameng:anna?secret=IMZAB4FBZXSCTIL22MLBVVH4X43KEE5J&issuer=Kameng",
        "AGE-SECRET-KEY-1KSEYP96XRGKD0U2D5VPA6AFW2FWU22P9U5J24RP533Z30J8TZTVSQ96DUN",
    ],
)
def test_what_has_the_form_of_a_second_factor_or_a_private_key_is_struck_out(
    written: io.StringIO, secret: str
) -> None:
    structlog.get_logger("test").info(f"a sentence with {secret} in it", note=f"and {secret}")
    logging.getLogger("library").warning("with %s", secret)
    assert len(lines(written)) == 2
    assert "IMZAB4FB" not in written.getvalue()
    assert "1KSEYP96" not in written.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "secret", "password", "code", "card_code", "cardCode", "codes", "number", "card_number",
        "access_token", "refreshToken", "apiKey", "data_key", "new_password", "signing_secret",
        "Authorization", "set-cookie", "DATABASE_URL", "variables", "pin",
    ],
)  # fmt: skip
def test_a_name_that_speaks_of_a_secret_hides_its_value(written: io.StringIO, name: str) -> None:
    log = structlog.get_logger("test")
    log.info("told", **{name: CANARY})
    log.info("told", nested={"deep": [{name: CANARY}]})
    logging.getLogger("library").warning("with %s", {name: CANARY})
    logging.getLogger("library").warning(f"with %({name})s", {name: CANARY})
    assert len(lines(written)) == 4
    assert CANARY not in written.getvalue()
    assert lines(written)[0][name] == logs.HIDDEN


@pytest.mark.parametrize(
    "name", ["status_code", "order_number", "sku", "keyboard", "codec", "card_id", "tokenised"]
)
def test_a_harmless_name_keeps_its_value(written: io.StringIO, name: str) -> None:
    structlog.get_logger("test").info("told", **{name: "plain"})
    assert lines(written)[0][name] == "plain"


@pytest.mark.parametrize("value", [Sealed(CANARY), SimpleNamespace(code=CANARY), CANARY.encode()])
def test_an_object_is_told_by_its_type(written: io.StringIO, value: object) -> None:
    structlog.get_logger("test").info("told", it=value, among=[value])
    logging.getLogger("library").warning("with %s and %r", value, [value])
    assert "canary" not in written.getvalue()
    assert lines(written)[0]["it"] == f"<{type(value).__name__}>"


def test_exceptions_lose_their_messages_and_keep_their_place(written: io.StringIO) -> None:
    log = structlog.get_logger("test")
    planted = CANARY
    try:
        try:
            raise KeyError(planted)
        except KeyError as error:
            raise ValueError("a row is wrong", planted) from error
    except ValueError as error:
        log.exception("failed")
        logging.getLogger("library").exception("failed with %s", error)
        log.warning("failed", problem=error)
    assert len(lines(written)) == 3
    assert CANARY not in written.getvalue()
    for line in lines(written)[:2]:
        assert "KeyError" in line["exception"]
        assert "ValueError" in line["exception"]
        assert "test_logs.py" in line["exception"]
    assert lines(written)[2]["problem"] == "ValueError"


def test_groups_of_exceptions_are_told_without_messages(written: io.StringIO) -> None:
    planted = CANARY
    try:
        raise ExceptionGroup(planted, [ValueError(planted), LookupError(planted)])
    except ExceptionGroup:
        structlog.get_logger("test").exception("failed")
    assert CANARY not in written.getvalue()
    assert "LookupError" in lines(written)[0]["exception"]


@pytest.mark.parametrize("planted", [TOKEN, CODE, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_what_has_the_form_of_a_secret_is_struck_out_of_texts(
    written: io.StringIO, planted: str
) -> None:
    structlog.get_logger("test").info(f"header was Bearer {planted}", note=f"({planted})")
    structlog.get_logger("test").info("told", by={planted: 1}, **{planted: 2})
    logging.getLogger("library").warning("with %s", planted)
    logging.getLogger("library").warning(f"with {planted}")
    assert len(lines(written)) == 4
    assert planted not in written.getvalue()


def test_credentials_are_struck_out_of_urls(written: io.StringIO) -> None:
    logging.getLogger("library").error("cannot reach postgres://kameng:canary@db/kameng")
    assert "canary" not in written.getvalue()
    assert "@db/kameng" in written.getvalue()


def test_a_broken_log_call_does_not_print_its_arguments(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    ours = [handler for handler in root.handlers if isinstance(handler, logs.QuietHandler)]
    monkeypatch.setattr(root, "handlers", ours)  # pytest's own handler would raise
    logging.getLogger("library").warning("%d cards", CANARY)
    assert CANARY not in written.getvalue()
    assert lines(written)[0]["event"] == "log_call_broken"
    assert lines(written)[0]["place"].rpartition(":")[0].endswith("test_logs.py")


def test_each_line_is_json_with_the_request_id(written: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-12345678"):
        structlog.get_logger("test").warning("told", count=3, name="话费")
        logging.getLogger("library").warning("also %d of %s", 3, "话费")
        logging.getLogger("_granian").info("worker started")
    assert [line["request_id"] for line in lines(written)] == ["req-12345678"] * 3
    assert [line["logger"] for line in lines(written)] == ["test", "library", "_granian"]
    assert lines(written)[0]["count"] == 3
    assert lines(written)[1]["event"] == "also 3 of 话费"


def test_libraries_that_log_statements_are_silent(written: io.StringIO) -> None:
    logs.configure_logs("DEBUG", "json")
    for name in ("tortoise.db_client", "asyncpg", "dramatiq.worker.WorkerThread"):
        logging.getLogger(name).debug("SELECT %s", CANARY)
    assert written.getvalue() == ""
