"""The audit log: written with the deed or not at all, read by who may, changed by nobody."""

from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from domain import audit
from domain.kernel import (
    ANONYMOUS,
    Actor,
    PageRequest,
    Refused,
    connection,
    new_id,
    page_request,
    transaction,
)
from tests import make

pytestmark = pytest.mark.usefixtures("db")
READER = replace(make.OPERATOR, scopes=frozenset({"audit:read"}))


def page(first: int = 20, after: str | None = None) -> PageRequest:
    return page_request("audit", first, after)


async def write(*actions: str, target: UUID | None = None) -> None:
    async with transaction() as conn:
        for action in actions:
            await audit.record(conn, make.OPERATOR, action, target, {})


async def test_an_entry_says_who_did_what_to_what_from_where() -> None:
    who, target = replace(make.OPERATOR, request_id="request-1"), new_id()
    async with transaction() as conn:
        await audit.record(conn, who, "price.set", target, {"tier": "gold", "ref": new_id()})
    (entry,) = (await audit.list_entries(READER, page())).rows
    assert (entry.actor_kind, entry.actor_id) == ("operator", who.user_id)
    assert (entry.action, entry.target) == ("price.set", target)
    assert (entry.ip, entry.request_id) == ("127.0.0.1", "request-1")
    assert entry.details["tier"] == "gold"


async def test_a_deed_that_is_rolled_back_leaves_no_entry() -> None:
    async def deed() -> None:
        async with transaction() as conn:
            await audit.record(conn, make.OPERATOR, "price.set", None, {})
            raise RuntimeError("the deed failed")

    with pytest.raises(RuntimeError, match="the deed failed"):
        await deed()
    assert (await audit.list_entries(READER, page())).rows == []


async def test_entries_come_newest_first_page_by_page() -> None:
    await write("first", "second", "third")
    head = await audit.list_entries(READER, page(2))
    assert [entry.action for entry in head.rows] == ["third", "second"]
    assert head.has_next_page
    tail = await audit.list_entries(READER, page(2, head.cursors[-1]))
    assert [entry.action for entry in tail.rows] == ["first"]
    assert not tail.has_next_page


async def test_the_deeds_on_one_target_are_found() -> None:
    target = new_id()
    await write("mine", target=target)
    await write("other", target=new_id())
    found = await audit.list_entries(READER, page(), target)
    assert [entry.action for entry in found.rows] == ["mine"]


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        pytest.param(ANONYMOUS, "UNAUTHENTICATED", id="nobody"),
        pytest.param(
            replace(make.OPERATOR, scopes=frozenset({"audit:write"})), "FORBIDDEN", id="other scope"
        ),
    ],
)
async def test_reading_needs_the_scope(actor: Actor, code: str) -> None:
    with pytest.raises(Refused) as refused:
        await audit.list_entries(actor, page())
    assert refused.value.refusals[0].code == code


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries"]
)
async def test_plain_sql_cannot_change_what_was_written(statement: str) -> None:
    await write("price.set")
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError):
            await conn.execute(statement)
    assert len((await audit.list_entries(READER, page())).rows) == 1
