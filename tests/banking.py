"""A bank that takes files: its channel, agents with accounts there, an approved batch."""

from dataclasses import dataclass

from domain import payouts
from domain.kernel import Actor
from domain.payouts import DestinationKind, DestinationWish, Payout, PayoutBatch, PayoutChannel
from tests import make, teller

ACCOUNT = "62220000{number:08d}"
SETTINGS = {"encoding": "utf-8", "payer_name": "卡盟商贸"}
SECRETS = {"payer_account": "4000123456789"}


@dataclass
class Desk:
    """Who does what: two operators are enough."""

    one: Actor  # proposes, makes the file, hands it over
    other: Actor  # approves, takes in what comes back


async def channel(code: str = "icbc", **changes: object) -> PayoutChannel:
    """A bank's channel, without fees."""
    usual: dict[str, object] = {"settings": SETTINGS, "secrets": SECRETS, "base_url": ""}
    return await teller.channel(code, "bank", **{**usual, **changes})


async def desk() -> Desk:
    """Two operators with all that files need."""
    scopes = ("payouts:read", "payouts:propose", "payouts:approve", "payouts:files")
    return Desk(await make.operator(*scopes), await make.operator(*scopes))


async def asked(of: PayoutChannel, *amounts: str) -> list[Payout]:
    """A withdrawal to a bank account for each amount, by an agent of its own."""
    made = []
    for number, amount in enumerate(amounts, start=1):
        _, actor = await teller.earner(amount, account="")
        account = ACCOUNT.format(number=number)
        wish = DestinationWish(DestinationKind.BANK, account, "王小明", "工商银行", "上海分行")
        await payouts.save_destination(actor, wish)
        wanted = make.money(amount)
        made.append((await payouts.request_payout(actor, of.id, wanted, "a")).payout)
    return made


async def approved(of: PayoutChannel, people: Desk, *amounts: str) -> PayoutBatch:
    """A batch of such withdrawals, proposed by one and approved by the other."""
    made = await asked(of, *amounts)
    batch = await payouts.propose_batch(people.one, [each.id for each in made], None)
    return await payouts.decide_batch(people.other, batch.id, approved=True)


def results(*rows: tuple[str, str, str], end: str = "") -> bytes:
    """What the bank says: reference, amount, result."""
    lines = ["参考号,金额,结果,流水号", *(f"{a},{b},{c},B-1" for a, b, c in rows)]
    return ("\r\n".join([*lines, *([end] if end else [])]) + "\r\n").encode("utf-8-sig")
