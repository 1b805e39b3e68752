"""The sandbox registry and its adapter: what is confirmed, denied, and what is not clear."""

from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
import pytest_asyncio

from adapters.http import PartnerClient
from adapters.realname import sandbox
from adapters.realname.sandbox import SandboxRegistry
from domain.kernel import new_id
from domain.realname.ports import Answer, Confirmed, Denied, Question, Unclear, Why

NUMBER = "11010519491231002X"


@pytest_asyncio.fixture
async def client() -> AsyncIterator[PartnerClient]:
    made = PartnerClient()
    yield made
    await made.close()


@pytest.fixture
def registry(client: PartnerClient, simulator: str) -> SandboxRegistry:
    return SandboxRegistry(client, lambda: simulator)


def question(name: str) -> Question:
    return Question(f"rn{new_id().hex}", company=False, name=name, number=NUMBER)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("张三", Confirmed(), id="whoever is well formed"),
        pytest.param("张不符", Denied(Why.DIFFERS), id="differs"),
        pytest.param("查无此人", Denied(Why.UNKNOWN), id="unknown"),
        pytest.param("Expired Ltd", Denied(Why.EXPIRED), id="expired"),
        pytest.param("故障", Unclear("http_500"), id="a fault is no answer"),
    ],
)
async def test_the_registry_answers_by_the_name(
    registry: SandboxRegistry, name: str, expected: Answer
) -> None:
    assert await registry.check(question(name)) == expected


async def test_silence_is_no_answer_and_the_same_reference_is_the_same_question(
    registry: SandboxRegistry, simulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "TIMEOUT_SECONDS", 0.3)
    asked = question("张超时")
    assert isinstance(await registry.check(asked), Unclear)
    assert await registry.check(asked) == Confirmed()
    book = httpx.get(f"{simulator}/control/real-name").json()["checks"]
    assert book[asked.reference] == 2
    assert NUMBER not in str(book)


async def test_whoever_is_not_there_is_unclear(client: PartnerClient) -> None:
    nobody = SandboxRegistry(client, lambda: "http://127.0.0.1:9")
    assert isinstance(await nobody.check(question("张三")), Unclear)


async def test_an_unsigned_question_is_refused(simulator: str) -> None:
    answer = httpx.post(f"{simulator}/real-name/checks", json={"reference": "x"})
    assert answer.status_code == 401


def test_no_repr_shows_a_name_or_a_number() -> None:
    shown = repr(question("张三"))
    assert "张三" not in shown
    assert NUMBER not in shown
