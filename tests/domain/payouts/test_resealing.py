"""New keys seal names, accounts and files that old ones sealed; nothing else may change them."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from domain import kernel, payouts, realname
from domain.audit.models import AuditEntry
from domain.kernel import SYSTEM, Refused, SealBroken, transaction
from domain.payouts import Payout, PayoutDestination, PayoutFile, running
from domain.payouts import destinations as places
from domain.realname.models import RealNameCase
from server.keyfile import FileKeys
from server.settings import Settings
from tests import banking, make, teller

pytestmark = pytest.mark.usefixtures("db")
SECOND = (2).to_bytes(4, "big")


@pytest.fixture
async def key_file(tmp_path: Path, db: None, test_settings: Settings) -> AsyncIterator[Path]:
    """Keys of this test's own, which may be rotated."""
    path = tmp_path / "keys.json"
    await kernel.install_keys(FileKeys(path))
    yield path
    await kernel.install_keys(FileKeys(test_settings.key_file))


async def with_file() -> tuple[banking.Desk, PayoutFile]:
    people, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people, "10", "20")
    return people, await payouts.make_file(people.one, of.id, batch.id)


async def test_new_keys_seal_what_old_ones_sealed(key_file: Path) -> None:
    people, made = await with_file()
    before = (await payouts.take_file(people.one, made.id)).content
    assert await payouts.reseal_payouts(SYSTEM) == 0
    await FileKeys(key_file).add_version()
    assert await payouts.reseal_payouts(SYSTEM) == 3  # two accounts, one file
    assert await realname.reseal_names(SYSTEM) == 4  # a name and a number of each agent
    for destination in await PayoutDestination.all():
        assert destination.sealed[:4] == SECOND
        assert places.receiver_of(destination).name == "王小明"
    for case in await RealNameCase.all():
        assert case.name_sealed[:4] == case.number_sealed[:4] == SECOND
        assert realname.words_of(case)[0] == "王小明"
    assert (await PayoutFile.get(id=made.id)).sealed[:4] == SECOND
    assert (await payouts.take_file(people.one, made.id)).content == before
    assert await payouts.reseal_payouts(SYSTEM) == await realname.reseal_names(SYSTEM) == 0
    for deed in (payouts.reseal_payouts, realname.reseal_names):
        with pytest.raises(Refused):
            await deed(await make.buyer())


async def test_what_was_sealed_before_there_were_versions_opens_and_moves(key_file: Path) -> None:
    _, actor = await teller.earner(10, account="account-4711")
    (destination,) = await PayoutDestination.all()
    old = kernel.seal_small(
        places.PURPOSE,
        kernel.open_sealed(
            places.PURPOSE, destination.sealed, places.bound_to(destination.id)
        ).decode(),
        str(destination.id),
    )
    async with transaction() as conn:
        await kernel.act_as(conn, SYSTEM, "rotate")
        await conn.execute("UPDATE payout_destinations SET sealed = $1", old)
    await FileKeys(key_file).add_version()
    assert await payouts.reseal_payouts(SYSTEM) == 1
    (destination,) = await PayoutDestination.all()
    assert destination.sealed[:4] == SECOND
    assert places.receiver_of(destination).account == "account-4711"
    assert actor.user_id is not None


async def test_a_key_that_another_process_made_is_found(key_file: Path) -> None:
    payouts.register(teller.ADAPTER, teller.Teller())
    channel = await teller.channel()
    _, actor = await teller.earner(10)
    payout = (await payouts.request_payout(actor, channel.id, make.money(5), "a")).payout
    old = kernel.keys()
    await FileKeys(key_file).add_version()
    await payouts.reseal_payouts(SYSTEM)
    await realname.reseal_names(SYSTEM)
    kernel.sealing._ring = old  # a process that has not looked since
    (destination,) = await PayoutDestination.all()
    with pytest.raises(Refused) as refused:
        places.receiver_of(destination)
    assert refused.value.refusals[0].code == "KEY_MISSING"
    order = await running.order_of(await Payout.get(id=payout.id))
    assert order.receiver.account == "sandbox-1"
    kernel.sealing._ring = old
    again = await payouts.request_payout(actor, channel.id, make.money(4), "b")
    assert again.payout.destination_id == destination.id


async def test_one_that_does_not_open_holds_up_no_other_and_is_told(key_file: Path) -> None:
    for number in range(3):
        await teller.earner(10, account=f"account-{number}")
    first = await PayoutDestination.all().order_by("id").first()
    assert first is not None
    async with transaction() as conn:
        await kernel.act_as(conn, SYSTEM, "rotate")
        await conn.execute(
            "UPDATE payout_destinations SET sealed = sealed || '\\x00' WHERE id = $1", first.id
        )
    await FileKeys(key_file).add_version()
    assert await payouts.reseal_payouts(SYSTEM) == 2
    assert await AuditEntry.filter(action="payout.seal_broken", target=first.id).count() == 1


async def test_a_seal_opens_at_its_own_row_only(key_file: Path) -> None:
    await teller.earner(10, account="account-1")
    await teller.earner(10, account="account-2")
    one, other = await PayoutDestination.all().order_by("id")
    with pytest.raises(SealBroken):
        kernel.open_sealed(places.PURPOSE, one.sealed, places.bound_to(other.id))


@pytest.mark.parametrize(
    ("sql", "reason", "refused"),
    [
        ("UPDATE payout_destinations SET sealed = 'x'", "", "retired, never changed"),
        ("UPDATE payout_destinations SET sealed = 'x', masked = 'y'", "rotate", "never changed"),
        ("UPDATE payout_files SET sealed = 'x'", "", "made once"),
        ("UPDATE payout_files SET sealed = 'x', total = 1", "rotate", "made once"),
        ("UPDATE real_name_cases SET name_sealed = 'x'", "", "stays"),
        ("UPDATE real_name_cases SET name_sealed = 'x', company = true", "rotate", "stays"),
    ],
)
async def test_only_a_rotation_touches_seals_and_nothing_else(
    sql: str, reason: str, refused: str
) -> None:
    await with_file()

    async def written() -> None:
        async with transaction() as conn:
            if reason:
                await kernel.act_as(conn, SYSTEM, reason)
            await conn.execute(sql)

    with pytest.raises(asyncpg.RestrictViolationError, match=refused):
        await written()
