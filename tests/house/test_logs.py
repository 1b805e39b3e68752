"""Nothing planted comes out of the logs."""

import io
import json
import logging

import pytest
import structlog

from server import logs

CANARY = "STEAM-CANARY-0042"
TOKEN = "kma_Q2FuYXJ5VG9rZW4tMDEyMzQ1Njc4OQ"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    output = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", output)
    logs.configure_logs("INFO", "json")
    yield output
    root.handlers[:], root.level = before, level
    structlog.reset_defaults()


def test_values_under_secret_names_are_hidden(written: io.StringIO) -> None:
    log = structlog.get_logger("test")
    log.info("told", secret=CANARY, nested={"cards": [CANARY], "deep": [{"password": CANARY}]})
    log.info("told", variables={"input": {"password": CANARY}}, raw=CANARY.encode())
    assert CANARY not in written.getvalue()
    assert json.loads(written.getvalue().splitlines()[0])["secret"] == logs.HIDDEN


def test_tokens_are_struck_out_of_texts_and_tracebacks(written: io.StringIO) -> None:
    log = structlog.get_logger("test")
    log.info(f"header was Bearer {TOKEN}")
    logging.getLogger("library").warning("with %s", TOKEN)
    try:
        raise ValueError(f"no session for {TOKEN}")
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").error("cannot reach postgres://kameng:canary@db/kameng")
    assert TOKEN not in written.getvalue()
    assert "canary" not in written.getvalue()
    assert "ValueError" in written.getvalue()


def test_each_line_is_json_with_the_request_id(written: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-12345678"):
        structlog.get_logger("test").warning("told", count=3)
        logging.getLogger("library").warning("also")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["request_id"] for line in lines] == ["req-12345678"] * 2
    assert lines[0]["count"] == 3
    assert {line["level"] for line in lines} == {"warning"}
