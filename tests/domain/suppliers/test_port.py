"""The port: what an adapter need not write, and what its connection may change."""

from dataclasses import replace
from datetime import date

import pytest

from domain import suppliers
from domain.suppliers import (
    Accepted,
    Capabilities,
    Connection,
    Forged,
    HealthState,
    NotFound,
    OwnReference,
    QueryResult,
    Submission,
    SubmitResult,
    SupplierPort,
    Uncertain,
    Why,
)
from tests import make

LEAST = Capabilities(
    own_reference=OwnReference.NONE, query_by_own_reference=False, price_guard=False
)
REACHED = Connection("one", "http://one.test", "secret")


class Least(SupplierPort):
    """Whoever only sells and can be asked."""

    def __init__(self, balance: int | None = None) -> None:
        self.capabilities = LEAST
        self.left = balance

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        return Accepted("up-1")

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        return NotFound()

    async def balance(self, connection: Connection) -> int | None:
        return self.left


class PerConnection(Least):
    """A vendor whose sandbox keeps nothing."""

    def capabilities_of(self, connection: Connection) -> Capabilities:
        sandbox = connection.settings.get("sandbox") == "true"
        return replace(self.capabilities, not_found_answers=0 if sandbox else 3)


async def test_what_a_dialect_lacks_teaches_nothing_and_proves_nothing() -> None:
    port = Least()
    for answer in (
        await port.catalogue(REACHED),
        await port.product(REACHED, "item"),
        await port.quote(REACHED, "item", 1, {}),
        await port.validate(REACHED, "item", {}),
        await port.statement(REACHED, date(2030, 1, 1)),
    ):
        assert answer == Uncertain(detail="not_supported")
    forged = await port.parse_callback(REACHED, {}, b"{}")
    assert forged == Forged(Why.NOT_EXPECTED)
    assert (port.reply(True).status, port.reply(False).status) == (200, 400)


async def test_a_cancel_that_nobody_understands_is_no_rejection(submission: Submission) -> None:
    """Only a rejection permits the next supplier."""
    assert isinstance(await Least().cancel(REACHED, submission), Uncertain)


async def test_codes_are_fetched_by_the_query_unless_there_is_another_way(
    submission: Submission,
) -> None:
    assert await Least().fetch_codes(REACHED, submission) == NotFound()


async def test_health_is_told_by_the_balance_or_not_at_all() -> None:
    assert (await Least().health(REACHED)).state is HealthState.UNKNOWN
    for left, state in ((5, HealthState.UP), (0, HealthState.UP), (None, HealthState.DOWN)):
        port = Least(left)
        port.capabilities = replace(LEAST, balance=True)
        assert (await port.health(REACHED)).state is state


def test_what_can_be_done_is_a_matter_of_the_connection() -> None:
    port = PerConnection()
    assert port.capabilities_of(REACHED).not_found_answers == 3
    sandbox = replace(REACHED, settings={"sandbox": "true"})
    assert port.capabilities_of(sandbox).not_found_answers == 0


def test_an_adapter_that_cannot_be_asked_is_none() -> None:
    class Blind(SupplierPort):
        async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
            return Accepted(None)

    with pytest.raises(TypeError, match="query"):
        Blind()  # type: ignore[abstract]


@pytest.fixture
def submission() -> Submission:
    return make.submission()


def test_no_code_account_or_secret_is_in_a_repr(submission: Submission) -> None:
    shown = repr((REACHED, replace(submission, account={"mobile": "13800138000"})))
    shown += repr(suppliers.Completed(None, (suppliers.SuppliedCode("NUM", "CODE-9"),), 1))
    for hidden in ("secret'", "13800138000", "CODE-9", "NUM"):
        assert hidden not in shown
