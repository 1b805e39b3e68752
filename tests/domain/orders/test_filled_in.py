"""What buyers fill in: sealed, opened for who delivers it, sealed anew by new keys, and erased."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson
import pytest
import pytest_asyncio

from domain import fulfilment, kernel, ledger, orders, suppliers
from domain.kernel import SYSTEM, Actor, Refused, clock, connection
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, Order, OrderLine, filled_in
from jobs import schedule
from server.keyfile import FileKeys
from server.settings import Settings
from tests import make
from tests.domain.fulfilment.test_fulfilment import Scripted
from tests.domain.fulfilment.test_topup import done, offered, paid
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
ACCOUNT = {"account": "10001"}


@pytest_asyncio.fixture
async def key_file(db: None, tmp_path: Path, test_settings: Settings) -> AsyncIterator[Path]:
    """A key file of this test alone."""
    path = tmp_path / "keys.json"
    await kernel.install_keys(FileKeys(path))
    yield path
    await kernel.install_keys(FileKeys(test_settings.key_file))


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


async def waiting() -> tuple[Actor, UUID]:
    """A buyer, and a line that waits for its supplier."""
    return await paid(await offered(["first"]))


async def delivered(port: Scripted) -> tuple[Actor, UUID]:
    port.submits = {"first": [done()]}
    buyer, line_id = await waiting()
    await fulfilment.fulfil_line(line_id)
    return buyer, line_id


async def line_of(line_id: UUID) -> OrderLine:
    return await OrderLine.get(id=line_id)


async def order_of(line_id: UUID) -> Order:
    return await Order.get(lines__id=line_id)


async def sql(statement: str, *values: object) -> str:
    async with connection() as conn:
        return str(await conn.execute(statement, *values))


async def in_the_open(line_id: UUID, **account: object) -> None:
    """As a line was stored before there were seals."""
    async with connection() as conn, conn.transaction():
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(
            "UPDATE order_lines SET account = $2, account_sealed = NULL, account_masked = NULL"
            " WHERE id = $1",
            line_id,
            orjson.dumps(account or ACCOUNT).decode(),
        )


async def everything() -> str:
    """All rows of all tables, as text."""
    async with connection() as conn:
        names = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        texts = [
            await conn.fetchval(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {name} t")
            for (name,) in names
        ]
    return " ".join(texts)


async def test_it_lies_nowhere_in_the_open_and_reaches_its_supplier(port: Scripted) -> None:
    _, line_id = await delivered(port)
    line = await line_of(line_id)
    assert line.account is None
    assert line.account_masked == {"account": "1***1"}
    assert [dict(each.account) for each in port.submitted] == [ACCOUNT]
    assert await orders.account_in(line) == ACCOUNT
    text = await everything()
    assert '"10001"' not in text
    assert b"10001".hex() not in text


async def test_a_masked_value_is_shown_without_opening(port: Scripted) -> None:
    _, line_id = await waiting()
    await sql("UPDATE order_lines SET account_sealed = $2 WHERE id = $1", line_id, b"\0\0\0\x01xx")
    assert orders.masked_in(await line_of(line_id)) == {"account": "1***1"}


async def test_a_seal_opens_at_its_own_line_only_and_the_money_goes_back(port: Scripted) -> None:
    buyer, one = await waiting()
    other, two = await paid(await offered(["second"]))
    moved = (await line_of(two)).account_sealed
    await sql("UPDATE order_lines SET account_sealed = $2 WHERE id = $1", one, moved)
    with pytest.raises(Refused) as refused:
        await orders.account_in(await line_of(one))
    assert refused.value.refusals[0].code == "ACCOUNT_SEAL_BROKEN"
    await fulfilment.fulfil_line(one)
    line = await line_of(one)
    assert (line.status, line.failure_code) == (LineStatus.REFUNDED, "ACCOUNT_UNREADABLE")
    assert port.submitted == []
    wallet = account_id(AccountKind.WALLET, buyer.require_user(), make.CNY)
    assert await ledger.balance_of(wallet) == make.yuan(1_000)
    async with connection() as conn:
        audited = await conn.fetch(
            "SELECT target FROM audit_entries WHERE action = 'order_line.seal_broken'"
        )
    assert {row["target"] for row in audited} == {one}
    assert other is not buyer


async def test_a_cut_seal_does_not_open() -> None:
    suppliers.register("scripted", Scripted())
    _, line_id = await waiting()
    sealed = (await line_of(line_id)).account_sealed
    assert sealed is not None
    for cut in (sealed[:-1], sealed[:10], b"", sealed[:4], bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(Refused) as refused:
            await orders.opened_account(line_id, cut)
        assert refused.value.refusals[0].code in ("ACCOUNT_SEAL_BROKEN", "KEY_MISSING")


async def test_the_database_takes_nothing_in_the_open_and_no_change(port: Scripted) -> None:
    _, line_id = await waiting()
    for statement, constraint in (
        ("UPDATE order_lines SET account = '{}' WHERE id = $1", "line_account_kept"),
        ("UPDATE order_lines SET account_masked = '{}' WHERE id = $1", "line_account_kept"),
        (
            "UPDATE order_lines SET account_sealed = NULL, account_masked = NULL WHERE id = $1",
            "line_account_kept",
        ),
        (  # it waits for its delivery
            "UPDATE order_lines SET account_sealed = NULL, account_masked = NULL,"
            " account_erased_at = now() WHERE id = $1",
            "line_account_kept",
        ),
        (
            "INSERT INTO order_lines SELECT (jsonb_populate_record(l, jsonb_build_object("
            "'id', gen_random_uuid(), 'position', 7, 'account', '{}'::jsonb))).*"
            " FROM order_lines l WHERE id = $1",
            "line_account_sealed",
        ),
    ):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await sql(statement, line_id)
        assert refused.value.constraint_name == constraint  # type: ignore[attr-defined]


async def test_lines_from_before_are_sealed_in_slices(port: Scripted) -> None:
    lines = []
    for item in ("a", "b", "c"):
        _, line_id = await paid(await offered([item]))
        await in_the_open(line_id, account=f"1000{item}", level=7)
        lines.append(line_id)
    assert await orders.account_in(await line_of(lines[0])) == {"account": "1000a", "level": 7}
    assert orders.masked_in(await line_of(lines[0])) == {"account": "1***a", "level": "***"}
    assert [await orders.seal_open_accounts(2) for _ in range(3)] == [2, 1, 0]
    for item, line_id in zip("abc", lines, strict=True):
        line = await line_of(line_id)
        assert (line.account, line.account_masked) == (
            None,
            {"account": f"1***{item}", "level": "***"},
        )
        assert await orders.account_in(line) == {"account": f"1000{item}", "level": 7}
    text = await everything()
    assert not any(f'"1000{item}"' in text for item in "abc")


async def test_an_open_line_is_delivered_before_it_is_sealed(port: Scripted) -> None:
    _, line_id = await waiting()
    await in_the_open(line_id)
    port.submits = {"first": [done()]}
    await fulfilment.fulfil_line(line_id)
    assert [dict(each.account) for each in port.submitted] == [ACCOUNT]
    assert await orders.seal_open_accounts() == 1


async def test_two_that_seal_at_once_seal_each_line_once(port: Scripted) -> None:
    lines = [(await paid(await offered([item])))[1] for item in "abcd"]
    for line_id in lines:
        await in_the_open(line_id)
    done_by_each = await asyncio.gather(*(orders.seal_open_accounts(3) for _ in range(4)))
    rest = await orders.seal_open_accounts()
    assert sum(done_by_each) + rest == len(lines)
    for line_id in lines:
        assert await orders.account_in(await line_of(line_id)) == ACCOUNT


@pytest.mark.parametrize("place", ["orders.accounts_sealed", "orders.accounts_resealed"])
async def test_killed_in_a_slice_nothing_is_lost(
    key_file: Path, port: Scripted, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [(await paid(await offered([item])))[1] for item in "ab"]
    if place.endswith("_sealed"):
        for line_id in lines:
            await in_the_open(line_id)
    else:
        await FileKeys(key_file).add_version()

    def dies(name: str) -> None:
        if name == place:
            raise RuntimeError(name)

    monkeypatch.setattr(filled_in, "crash_point", dies)
    work = (
        orders.seal_open_accounts
        if place.endswith("_sealed")
        else lambda: orders.reseal_accounts(SYSTEM, None, 1)
    )
    with pytest.raises(RuntimeError):
        await work()
    for line_id in lines:
        assert await orders.account_in(await line_of(line_id)) == ACCOUNT
    monkeypatch.undo()
    assert await work() == 2
    for line_id in lines:
        assert await orders.account_in(await line_of(line_id)) == ACCOUNT


async def test_new_keys_seal_what_old_ones_sealed(key_file: Path, port: Scripted) -> None:
    lines = [(await paid(await offered([item])))[1] for item in "abc"]
    assert await orders.reseal_accounts(SYSTEM) == 0
    await FileKeys(key_file).add_version()
    seen: list[tuple[int, int]] = []
    assert await orders.reseal_accounts(SYSTEM, lambda *how: seen.append(how), 2) == 3
    assert seen == [(2, 3), (3, 3)]
    for line_id in lines:
        sealed = (await line_of(line_id)).account_sealed
        assert sealed is not None
        assert sealed[:4] == (2).to_bytes(4, "big")
        assert await orders.account_in(await line_of(line_id)) == ACCOUNT
    assert await orders.reseal_accounts(SYSTEM) == 0
    with pytest.raises(Refused):
        await orders.reseal_accounts(await make.buyer())


async def test_one_that_does_not_open_holds_up_no_other(key_file: Path, port: Scripted) -> None:
    lines = sorted([(await paid(await offered([item])))[1] for item in "abc"])
    await sql(
        "UPDATE order_lines SET account_sealed = account_sealed || '\\x00' WHERE id = $1", lines[0]
    )
    await FileKeys(key_file).add_version()
    assert await orders.reseal_accounts(SYSTEM, None, 1) == 2
    assert await orders.account_in(await line_of(lines[2])) == ACCOUNT


async def test_a_key_that_another_process_made_is_found(key_file: Path, port: Scripted) -> None:
    _, line_id = await waiting()
    old = kernel.keys()
    await FileKeys(key_file).add_version()
    await orders.reseal_accounts(SYSTEM)
    kernel.sealing._ring = old  # a process that has not looked since
    assert await orders.account_in(await line_of(line_id)) == ACCOUNT


async def test_a_buyer_erases_it_once_nobody_needs_it(port: Scripted) -> None:
    buyer, line_id = await waiting()
    order = await order_of(line_id)
    with pytest.raises(Refused) as refused:
        await orders.forget_accounts(buyer, order.id)
    assert refused.value.refusals[0].reason == "order_accounts_needed"  # type: ignore[attr-defined]
    port.submits = {"first": [done()]}
    await fulfilment.fulfil_line(line_id)
    with pytest.raises(Refused) as refused:
        await orders.forget_accounts(await make.buyer(), order.id)
    assert refused.value.refusals[0].code == "NOT_FOUND"
    for _ in range(2):
        await orders.forget_accounts(buyer, order.id)
    line = await line_of(line_id)
    assert (line.account, line.account_sealed, line.account_masked) == (None, None, None)
    assert line.account_erased_at is not None
    assert (line.status, line.receipt) == (LineStatus.DELIVERED, "R-1")
    assert await orders.account_in(line) == {}
    async with connection() as conn:
        audited = await conn.fetchval(
            "SELECT count(*) FROM audit_entries WHERE action = 'order.accounts_forget'"
        )
    assert audited == 1


async def test_after_its_time_it_is_erased_by_itself(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, closed = await delivered(port)
    _, still_open = await paid(await offered(["later"]))
    now = clock.now()
    monkeypatch.setattr(orders.kept, "after_close", timedelta(days=30))
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=29))
    assert await orders.erase_overdue_accounts() == 0
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=31))
    assert await orders.erase_overdue_accounts() == 1
    assert (await line_of(closed)).account_erased_at is not None
    assert await orders.account_in(await line_of(still_open)) == ACCOUNT
    monkeypatch.setattr(orders.kept, "after_close", None)
    assert await orders.erase_overdue_accounts() == 0


async def test_the_scheduler_seals_rotates_and_erases(
    key_file: Path, port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, old = await delivered(port)
    _, plain = await paid(await offered(["plain"]))
    _, behind = await paid(await offered(["behind"]))
    await in_the_open(plain)
    await FileKeys(key_file).add_version()
    await schedule.keep_house()
    heads = {(await line_of(each)).account_sealed[:4] for each in (old, plain, behind)}  # type: ignore[index]
    assert heads == {(2).to_bytes(4, "big")}
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=181))
    await schedule.keep_house()
    assert (await line_of(old)).account_erased_at is not None


async def test_a_purchase_asks_for_new_keys_once_a_minute(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    async def refresh() -> None:
        asked.append(1)

    monkeypatch.setattr(kernel.sealing, "refresh_keys", refresh)
    monkeypatch.setattr(kernel.sealing, "_asked_at", -kernel.sealing.RECENT_SECONDS)
    for _ in range(3):
        async with count_statements() as statements:
            await orders.ready_to_seal()
        assert statements == []
    assert asked == [1]
