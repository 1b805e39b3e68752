"""`kameng payouts`: files for a bank from the command line, in the names of two operators."""

import stat

import pytest
from pyotp import TOTP

from domain import identity, payouts
from domain.kernel import Actor, Prefix, clock, encode_id
from tests import banking
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations
from tests.faults.test_trace import command

pytestmark = pytest.mark.xdist_group("kills")
PASSWORD = "correct horse battery"


async def operator(login: str) -> tuple[Actor, list[str]]:
    """An operator with an app, and the codes that each open a fresh session once."""
    scopes = ["payouts:read", "payouts:propose", "payouts:approve", "payouts:files"]
    await identity.create_operator(login, PASSWORD, scopes)
    signed_in = await identity.sign_in(login, PASSWORD)
    actor = await identity.actor_of_token(signed_in.access_token)
    assert actor is not None
    app = await identity.enrol_totp(actor, PASSWORD)
    codes = await identity.confirm_totp(actor, TOTP(app.secret).at(clock.now()))
    return actor, list(codes.codes)


async def test_one_carries_the_file_and_another_brings_the_results(
    installation: Installation,
) -> None:
    (one, ones), (other, others) = await operator("alice"), await operator("bob")
    of = await banking.channel()
    batch = await banking.approved(of, banking.Desk(one, other), "10", "20")
    installation.environment["KAMENG_OPERATOR_PASSWORD"] = PASSWORD
    channel, batch_id = (
        encode_id(Prefix.PAYOUT_CHANNEL, of.id),
        encode_id(Prefix.PAYOUT_BATCH, batch.id),
    )
    wish = ("payouts", "file", channel, "--batch", batch_id, "--login", "alice", "--code", ones[0])
    told = await command(installation, *wish)
    assert told.returncode == 0, told.stderr
    assert "2 payouts, 30.00 CNY" in told.stdout
    made = await payouts.PayoutFile.get(batch_id=batch.id)
    there = installation.folder / f"{made.number}.csv"
    assert stat.S_IMODE(there.stat().st_mode) == 0o600
    assert b"6222000000000001" in there.read_bytes()
    file_id = encode_id(Prefix.PAYOUT_FILE, made.id)
    carried = ("payouts", "hand-over", file_id, "--login", "alice", "--code", ones[1])
    assert (await command(installation, *carried)).returncode == 0
    paid, failed = await payouts.Payout.filter(batch_id=batch.id).order_by("id")
    results = installation.folder / "bank.csv"
    rows = ((paid.reference, "10", "paid"), (failed.reference, "20", "failed"))
    results.write_bytes(banking.results(*rows))
    taken = ("payouts", "results", file_id, str(results))
    own = await command(installation, *taken, "--login", "alice", "--code", ones[2])
    assert own.returncode != 0
    assert "Two people are needed for this" in own.stdout + own.stderr
    told = await command(installation, *taken, "--login", "bob", "--code", others[0])
    assert (told.returncode, told.stdout.strip()) == (0, "2 rows, 2 booked, 0 known")
    for output in (own, told):
        assert "6222000000000001" not in output.stdout + output.stderr
    await no_violations()
