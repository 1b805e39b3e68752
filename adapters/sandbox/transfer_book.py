"""What the simulated vendors have really transferred, whatever they tell: one book for each.

The protocols are in a file for each (`wechat_transfers.py`). Amounts are fen.
"""

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from adapters.sandbox.protocol import new_number

NO_ACCOUNT_ENDS = "0404"
MOST_KEPT = 2_000


class Plan(StrEnum):
    """What becomes of the next new transfer."""

    PAID = "paid"
    WAITING = "waiting"  # for its receiver
    SLOW = "slow"  # worked on; done at the third look
    HIDDEN = "hidden"  # done, and two looks do not find it
    NAME_WRONG = "name_wrong"
    NO_ACCOUNT = "no_account"
    BALANCE_SHORT = "balance_short"  # refused at the door: nothing is made
    BUSY = "busy"  # refused with a code that nobody knows: nothing is made
    RETURNED = "returned"  # done, and it came back


_BORN = {
    Plan.PAID: ("paid", ""),
    Plan.WAITING: ("waiting", ""),
    Plan.SLOW: ("working", ""),
    Plan.HIDDEN: ("paid", ""),
    Plan.NAME_WRONG: ("failed", "name"),
    Plan.NO_ACCOUNT: ("failed", "account"),
    Plan.RETURNED: ("returned", ""),
}
_LOOKS = {Plan.SLOW: 2, Plan.HIDDEN: 2}
ENDED = frozenset({"paid", "failed", "cancelled", "returned"})


@dataclass
class Bill:
    """One transfer; `state`: working, waiting, paid, failed, cancelled, returned."""

    reference: str
    fen: int
    account: str
    name: str
    notify_url: str
    state: str
    why: str
    number: str
    package: str
    at: str
    looks: int = 0  # so many looks tell less than is true
    submissions: int = 1
    paid: int = 0  # how often its money left: never twice


@dataclass
class TransferBook:
    """The transfers of one merchant at one vendor."""

    usual: Plan = Plan.PAID
    bills: dict[str, Bill] = field(default_factory=dict)
    plans: list[Plan] = field(default_factory=list)
    balance_fen: int = 10**10
    on_end: Callable[[Bill], None] | None = None

    def take(self, reference: str, fen: int, account: str, name: str, url: str) -> Bill | Plan:
        """Take a transfer, or say why none was made; the same reference again is the first."""
        known = self.bills.get(reference)
        if known is not None:
            known.submissions += 1
            return known
        plan = self.plans.pop(0) if self.plans else self.usual
        if plan is Plan.BUSY:
            return plan
        if plan is Plan.BALANCE_SHORT or fen > self.balance_fen:
            return Plan.BALANCE_SHORT
        if account.endswith(NO_ACCOUNT_ENDS):
            plan = Plan.NO_ACCOUNT
        state, why = _BORN[plan]
        bill = Bill(
            *(reference, fen, account, name, url, state, why),
            number=new_number("13300"),
            package=secrets.token_urlsafe(48),
            at=_now(),
            looks=_LOOKS.get(plan, 0),
        )
        self.bills[reference] = bill
        if state in ("paid", "returned"):
            self._pay(bill)
        if state in ENDED:
            self._end(bill)
        return bill

    def look(self, reference: str) -> Bill | None:
        """A transfer as it is told now."""
        bill = self.bills.get(reference)
        if bill is None or bill.looks == 0:
            return bill
        bill.looks -= 1
        if bill.state == "working":
            if bill.looks == 0:
                self.move(reference, "working", "paid")
            return bill
        return None  # hidden

    def move(self, reference: str, before: str, after: str, why: str = "") -> bool:
        """What becomes of a transfer that is in this state."""
        bill = self.bills.get(reference)
        if bill is None or bill.state != before:
            return False
        bill.state, bill.why, bill.at, bill.looks = after, why, _now(), 0
        if after == "paid":
            self._pay(bill)
        if after in ENDED:
            self._end(bill)
        return True

    def kept(self) -> list[dict[str, Any]]:
        """The newest ones, to be written down."""
        return [asdict(bill) for bill in list(self.bills.values())[-MOST_KEPT:]]

    def remember(self, rows: list[dict[str, Any]]) -> None:
        """What was written down."""
        self.bills = {row["reference"]: Bill(**row) for row in rows}

    def _pay(self, bill: Bill) -> None:
        bill.paid += 1
        self.balance_fen -= bill.fen

    def _end(self, bill: Bill) -> None:
        if self.on_end is not None and bill.notify_url:
            self.on_end(bill)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
