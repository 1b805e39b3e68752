"""Paying statements: a file for a bank, made by one and answered by another (H7)."""

from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest

from domain import kernel, ledger, providers, statements
from domain.kernel import SYSTEM, Actor, Refused, clock, connection, new_id
from domain.ledger import AccountKind, account_id
from domain.payouts import PayoutChannel
from domain.providers import (
    AccountWish,
    PaymentState,
    ProviderAccount,
    ProviderFile,
    ProviderPayment,
    ProviderStatement,
)
from server.keyfile import FileKeys
from server.settings import Settings
from tests import banking, make, providing
from tests.providing import IN_APRIL, MARCH, World, by_result
from tests.settling import all_is_well, on
from tests.statement_files import Row, open_codes, take

pytestmark = pytest.mark.usefixtures("db")
WISH = AccountWish("6222 0000 1234 5678", "流量科技有限公司", "工商银行", "上海分行")
PAYERS = ("providers:pay", "providers:read")


class Desk:
    """A stated contract, a bank's channel, and two who pay."""

    world: World
    channel: PayoutChannel
    statement: ProviderStatement
    one: Actor
    other: Actor

    async def agree_to_account(self, wish: AccountWish = WISH) -> ProviderAccount:
        """An account that both agree to."""
        for actor in (self.world.clerk, self.world.chief):
            await make.step_up_again(actor)
        provider = self.world.contract.provider_id
        made = await providers.propose_account(self.world.clerk, provider, wish)
        return await providers.decide_account(self.world.chief, made.id, approved=True)

    async def file(self, key: str = "key") -> ProviderFile:
        """The file of all that can be paid."""
        await make.step_up_again(self.one)
        return (await providers.make_provider_file(self.one, self.channel.id, key))[0]

    async def answered(
        self, made: ProviderFile, word: str, amount: str = "20.00"
    ) -> providers.ResultsTaken:
        """The bank's word about the one payment of a file."""
        await make.step_up_again(self.other)
        payment = await ProviderPayment.get(file_id=made.id)
        rows = banking.results((payment.reference, amount, word))
        return await providers.take_provider_results(self.other, made.id, rows)

    async def balances(self) -> tuple[int, int]:
        """What is owed to the provider, and what is in transit, in yuan."""
        owed = account_id(AccountKind.PROVIDER, self.world.contract.provider_id, make.CNY)
        transit = account_id(AccountKind.PROVIDER_TRANSIT, None, make.CNY)
        found = [await ledger.balance_of(each) for each in (owed, transit)]
        return found[0] // make.yuan(1), found[1] // make.yuan(1)


@pytest.fixture
async def desk() -> Desk:
    """20.00 is owed for March."""
    made = Desk()
    with on(1):
        made.world = await providing.world()
        await made.world.agree(by_result(made.world.site))
        made.channel = await banking.channel()
        made.one, made.other = await make.operator(*PAYERS), await make.operator(*PAYERS)
    with on(3):
        await made.world.sold("400")
    with on(IN_APRIL):
        made.statement = await made.world.stated(MARCH)
    return made


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refused:
        await awaitable  # type: ignore[misc]
    refusal = refused.value.refusals[0]
    return getattr(refusal, "reason", refusal.code)


async def test_a_statement_is_paid_once_and_owed_until_the_bank_says_so(desk: Desk) -> None:
    with on(IN_APRIL):
        account = await desk.agree_to_account()
        made = await desk.file()
        assert await desk.balances() == (0, 20)
        taken = await providers.take_provider_file(desk.one, made.id)
        text = taken.content.decode("utf-8-sig")
        assert "6222000012345678" in text
        assert "END,1,20.00," in text
        assert taken.content == (await providers.take_provider_file(desk.one, made.id)).content
        assert "1234" not in repr(taken) + account.masked.removesuffix("5678")
        again, replayed = await providers.make_provider_file(desk.one, desk.channel.id, "key")
        assert (again.id, replayed) == (made.id, True)
        empty = providers.make_provider_file(desk.one, desk.channel.id, "key-2")
        assert await code_of(empty) == "provider_file_empty"
        own = providers.take_provider_results(desk.one, made.id, b"")
        assert await code_of(own) == "FOUR_EYES"
        assert (await desk.answered(made, "成功")).booked == 1
        assert await desk.balances() == (0, 0)
        assert (await desk.answered(made, "成功")).known == 1
        assert await code_of(desk.answered(made, "失败")) == "provider_row_contradicts"
        assert (await desk.answered(made, "退汇")).booked == 1
        assert await desk.balances() == (20, 0)
    await all_is_well()


async def test_what_failed_is_owed_and_paid_again(desk: Desk) -> None:
    with on(IN_APRIL):
        await desk.agree_to_account()
        first = await desk.file()
        await desk.answered(first, "失败")
        assert await desk.balances() == (20, 0)
        second = await desk.file("key-2")
        await desk.answered(second, "退汇")  # it came back before it was told to be paid
        assert await desk.balances() == (20, 0)
        await desk.answered(await desk.file("key-3"), "成功")
    states = [row.state for row in await ProviderPayment.all().order_by("id")]
    assert states == [PaymentState.FAILED, PaymentState.RETURNED, PaymentState.PAID]
    await all_is_well()


async def test_results_are_taken_whole_or_not_at_all(desk: Desk) -> None:
    with on(IN_APRIL):
        await desk.agree_to_account()
        made = await desk.file()
        assert await code_of(desk.answered(made, "成功", "20.01")) == "provider_row_amount"
        row = (await ProviderPayment.get(file_id=made.id)).reference, "20.00", "成功"
        for rows, reason in (
            ((row, ("unknown", "20.00", "成功")), "provider_row_unknown"),
            ((row, row), "provider_row_twice"),
            ((row, (row[0], "20.00", "也许")), "payout_file_result"),
        ):
            content = banking.results(*rows)
            taken = providers.take_provider_results(desk.other, made.id, content)
            assert await code_of(taken) == reason
    assert (await ProviderPayment.get(file_id=made.id)).state is PaymentState.SENT


async def test_a_changed_account_cools_off_and_is_told_by_one_and_agreed_to_by_another(
    desk: Desk,
) -> None:
    world = desk.world
    with on(IN_APRIL):
        await desk.agree_to_account()
        provider = world.contract.provider_id
        for wish, reason in (
            (AccountWish("no digits", "a", "b"), "payout_account"),
            (AccountWish("62220000", " ", "b"), "payout_name"),
            (AccountWish("62220000", "a", ""), "payout_bank"),
        ):
            refused = providers.propose_account(world.clerk, provider, wish)
            assert await code_of(refused) == reason
        told = await providers.propose_account(world.clerk, provider, WISH)
        second = providers.propose_account(world.clerk, provider, WISH)
        assert await code_of(second) == "provider_account_waits"
        own = providers.decide_account(world.clerk, told.id, approved=True)
        assert await code_of(own) == "FOUR_EYES"
        await providers.decide_account(world.chief, told.id, approved=True)
        assert await code_of(desk.file()) == "provider_file_empty"
    with on(IN_APRIL + 1, minutes=1):
        assert (await desk.file()).count == 1


async def test_whoever_approved_a_statement_does_not_make_its_file(desk: Desk) -> None:
    with on(IN_APRIL):
        await desk.agree_to_account()
        chief = Actor(
            **{
                **{name: getattr(desk.world.chief, name) for name in Actor.__slots__},
                "scopes": frozenset(PAYERS),
            }
        )
        refused = providers.make_provider_file(chief, desk.channel.id, "key")
        assert await code_of(refused) == "FOUR_EYES"


async def refused_by(statement: str, *values: object) -> str | None:
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as refused:
            await conn.execute(statement, *values)
    return getattr(refused.value, "constraint_name", None)


async def test_the_database_keeps_accounts_files_and_payments(desk: Desk) -> None:
    with on(IN_APRIL):
        account = await desk.agree_to_account()
        made = await desk.file()
        moment = clock.now()
    payment = await ProviderPayment.get(file_id=made.id)
    for change, constraint in (
        ("UPDATE provider_accounts SET sealed = '\\x00' WHERE id = $1", "provider_account_kept"),
        ("UPDATE provider_accounts SET masked = '1' WHERE id = $1", "provider_account_kept"),
        ("DELETE FROM provider_accounts WHERE id = $1", "provider_account_kept"),
        (
            "UPDATE provider_accounts SET usable_from = usable_from - interval '1 day'"
            " WHERE id = $1",
            "provider_account_kept",
        ),
    ):
        assert await refused_by(change, account.id) == constraint
    for change in ("total = total + 1", "sealed = '\\x00'"):
        kept = f"UPDATE provider_files SET {change} WHERE id = $1"
        assert await refused_by(kept, made.id) == "provider_file_kept"
    for change, constraint in (
        ("amount = amount + 1", "provider_payment_goes_on"),
        ("state = 'PAID'", "provider_payment_told_by_somebody"),
        (f"state = 'PAID', told_at = now(), told_by = '{made.made_by}'",
         "provider_payment_of_four_eyes"),
    ):  # fmt: skip
        kept = f"UPDATE provider_payments SET {change} WHERE id = $1"
        assert await refused_by(kept, payment.id) == constraint
    copied = (
        "INSERT INTO provider_payments (id, statement_id, account_id, file_id, reference, amount,"
        " currency, state) SELECT gen_random_uuid(), statement_id, {account}, {file},"
        " md5(random()::text), {amount}, currency, {state} FROM provider_payments WHERE id = $1"
    )
    right = {"account": "account_id", "file": "file_id", "amount": "amount", "state": "'SENT'"}
    for changes, constraint in (
        ({}, "provider_statement_paid_once"),
        ({"amount": "amount - 1"}, "provider_payment_as_approved"),
        ({"state": "'PAID'"}, "provider_payment_as_approved"),
        ({"account": "gen_random_uuid()"}, "provider_payment_as_approved"),
        ({"file": "gen_random_uuid()"}, "provider_payment_as_approved"),
    ):
        assert await refused_by(copied.format(**{**right, **changes}), payment.id) == constraint
    with on(IN_APRIL):
        await desk.answered(made, "失败")
        waits = await desk.world.agree(by_result(desk.world.site, from_month="2031-05"))
    of_approver = (
        "INSERT INTO provider_files (id, channel_id, number, count, total, currency, digest,"
        " sealed, made_by, made_at) SELECT $2, channel_id, 'x', 1, 1, currency, digest, sealed,"
        " $3, $4 FROM provider_files WHERE id = $1"
    )
    forged = new_id()
    async with connection() as conn:
        await conn.execute(
            of_approver, made.id, forged, desk.statement.decided_by, moment + timedelta(1)
        )
    own = copied.format(**{**right, "file": f"'{forged}'"})
    assert await refused_by(own, payment.id) == "provider_payment_as_approved"
    assert waits.number == 2


async def test_new_keys_seal_accounts_and_files_anew(
    desk: Desk, tmp_path: Path, test_settings: Settings
) -> None:
    path = tmp_path / "keys.json"
    await kernel.install_keys(FileKeys(path))
    try:
        with on(IN_APRIL):
            desk.channel = await banking.channel("other")
            await desk.agree_to_account()
            made = await desk.file()
            before = (await providers.take_provider_file(desk.one, made.id)).content
            assert await providers.reseal_providers(SYSTEM) == 0
            await FileKeys(path).add_version()
            assert await providers.reseal_providers(SYSTEM) == 2
            assert (await providers.take_provider_file(desk.one, made.id)).content == before
            with pytest.raises(Refused):
                await providers.reseal_providers(desk.one)
    finally:
        await kernel.install_keys(FileKeys(test_settings.key_file))


async def test_a_banks_statement_finds_what_was_paid_and_misses_what_it_does_not_tell(
    desk: Desk,
) -> None:
    with on(IN_APRIL):
        await desk.agree_to_account()
        await desk.answered(await desk.file(), "成功")
        payment = await ProviderPayment.get()
        assert payment.told_at is not None
        source = await statements.source_of_payouts(desk.channel.code)
    stranger = Row("nobody's", make.yuan(9), payment.told_at, kind="payout", fee=0)
    row = Row(payment.reference, payment.amount, payment.told_at, kind="payout", fee=0)
    with on(IN_APRIL + 2):
        await take(source, stranger, day=date(2031, 4, 1))
        assert sorted(await open_codes()) == ["payout_missing_there", "payout_unknown_here"]
        await take(source, row, day=date(2031, 4, 1))
        assert "payout_missing_there" not in await open_codes()
    line = await statements.StatementLine.get(reference=payment.reference)
    assert (line.outcome, line.subject_id) == (statements.Outcome.MATCHED, payment.id)


async def test_nobody_is_asked_about_what_went_by_a_file(desk: Desk) -> None:
    with on(IN_APRIL):
        await desk.agree_to_account()
        await desk.file()
        payment = await ProviderPayment.get()
        source = await statements.source_of_payouts(desk.channel.code)
        row = Row(payment.reference, payment.amount, clock.now(), kind="payout", fee=0)
        await take(source, row)
        assert await open_codes() == ["payout_not_booked"]
        difference = await statements.StatementDifference.get()
        await statements.ask_partner(make.OPERATOR, difference.id)
    assert (await ProviderPayment.get()).state is PaymentState.SENT
