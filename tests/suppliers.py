"""One bench for each adapter: the adapter, a supplier of the simulator in its dialect, its book."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import httpx2

from adapters.http import PartnerClient
from adapters.sandbox.dialects.desk import access
from adapters.sandbox.faults import Fault
from adapters.suppliers.dayuanren import Dayuanren
from adapters.suppliers.generic_http import GenericHttp
from adapters.suppliers.hook import Hook
from adapters.suppliers.kameng import Kameng
from adapters.suppliers.kashangwl import Kashangwl
from adapters.suppliers.reloadly import Reloadly
from domain.kernel import SCALE, clock
from domain.suppliers import Connection, QueryResult, Submission, SubmitResult

COST = 80 * SCALE
GUARD = 100 * SCALE
PATIENCE = 0.6  # seconds until a call is given up
HELD = 2.0  # for how long a fault keeps the caller waiting
_desk = httpx2.Client()
_numbers = count(int.from_bytes(os.urandom(3), "big") * 1000)


@dataclass(frozen=True)
class Goods:
    """What one kind of bench sells, and how an order for it looks."""

    adapter: str
    make: Callable[[PartnerClient], Any]
    account: Mapping[str, str] = field(default_factory=dict)
    item: Callable[[int], str] = lambda number: str(1_000_000 + number)
    asked: Callable[[str], str] = lambda item: item  # the item as our offer names it
    most: int = 2  # how many pieces an order may have
    rate: int = 1  # our money for 10 units of the supplier's, in tenths
    settings: Mapping[str, str] = field(default_factory=dict)
    asynchronous: bool = False  # nothing is done at once
    guard_upstream: bool = True
    tries: int = 1  # calls that one submission makes when its key is refused


GUIDE = Path(__file__).parents[1] / "docs/add-a-supplier.md"


def template() -> Any:
    """The adapter that the guide prints, as somebody would copy it."""
    (code,) = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    module = ModuleType("template")
    exec(compile(code, str(GUIDE), "exec"), module.__dict__)  # noqa: S102 - of this repository
    return module.Example


PHONE = "13800138000"
KINDS = {
    "generic cards": Goods("generic_http", GenericHttp),
    "generic top-up": Goods("generic_http", GenericHttp, {"mobile": PHONE}),
    "kashangwl cards": Goods("kashangwl", Kashangwl),
    "kashangwl top-up": Goods(
        "kashangwl", Kashangwl, {"recharge_account": PHONE}, asynchronous=True
    ),
    "dayuanren": Goods(
        "dayuanren",
        Dayuanren,
        {"mobile": PHONE},
        item=lambda number: f"{number}100",
        asked=lambda item: f"{item}/100",
        most=1,
        asynchronous=True,
    ),
    "reloadly cards": Goods(
        "reloadly",
        Reloadly,
        item=lambda number: f"{number}:25",
        guard_upstream=False,
        tries=2,
        settings={"rate": "7.1"},
        rate=71,
    ),
    "reloadly airtime": Goods(
        "reloadly",
        Reloadly,
        {"mobile": f"+86{PHONE}"},
        item=lambda number: f"{number}:50",
        most=1,
        asynchronous=True,
        guard_upstream=False,
        tries=2,
        settings={"rate": "7.1", "product": "airtime"},
        rate=71,
    ),
    "kameng cards": Goods("kameng", Kameng),
    "kameng top-up": Goods("kameng", Kameng, {"phone": PHONE}),
    "template cards": Goods("example", template()),
    "template top-up": Goods("example", template(), {"mobile": PHONE}),
    "hook cards": Goods("hook", Hook),
    "hook top-up": Goods("hook", Hook, {"mobile": PHONE}),
}


@dataclass
class Bench:
    """One adapter at work against the simulator."""

    goods: Goods
    simulator: str
    client: PartnerClient
    supplier: str = field(default_factory=lambda: f"s{uuid4().hex[:10]}")

    def __post_init__(self) -> None:
        self.port = self.goods.make(self.client)
        url, secret = access(self.goods.adapter, self.supplier, self.simulator)
        for name, value in self.goods.settings.items():
            secret += f"&{name}={value}"
        self.connection = Connection(self.supplier, url, secret, PATIENCE)
        self.control("suppliers", {"code": self.supplier})

    @property
    def cost(self) -> int:
        """What one piece costs us, in our money."""
        return COST * self.goods.rate // 10 if self.goods.rate > 1 else COST

    def order(self, fault: Fault | None = None, **changes: Any) -> Submission:
        """An order for an item of its own, whose first submission meets the fault."""
        item = self.goods.item(next(_numbers))
        price = changes.pop("price", COST)
        row: dict[str, Any] = {"item": item, "price": f"{price / SCALE:.4f}", "stock": -1}
        if self.goods.account:
            row["account"] = list(self.goods.account)
        self.control("items", {"supplier": self.supplier, "items": [row]})
        if fault:
            wish = {"supplier": self.supplier, "fault": fault, "item": item, "hold_seconds": HELD}
            self.control("faults", {**wish, "times": self.goods.tries})
        guard = GUARD * self.goods.rate // 10 if self.goods.rate > 1 else GUARD
        wanted: dict[str, Any] = {
            "reference": f"k{uuid4().hex}",
            "item": self.goods.asked(item),
            "quantity": self.goods.most,
            "max_unit_cost": guard,
            "currency": "CNY",
            "valid_until": clock.now() + timedelta(seconds=20),
            "account": dict(self.goods.account),
        }
        return Submission(**{**wanted, **changes})

    async def submit(self, order: Submission) -> SubmitResult:
        """Buy."""
        result: SubmitResult = await self.port.submit(self.connection, order)
        return result

    async def query(self, order: Submission) -> QueryResult:
        """Ask."""
        result: QueryResult = await self.port.query(self.connection, order)
        return result

    def booked(self, order: Submission) -> dict[str, Any] | None:
        """What the supplier's own book says of the order."""
        shown = _desk.get(f"{self.simulator}/control/book", params={"supplier": self.supplier})
        found = [row for row in shown.json()["orders"] if row["reference"] == order.reference]
        assert len(found) <= 1
        return found[0] if found else None

    def fired(self) -> dict[str, int]:
        """How often each fault of this supplier has fired."""
        rows = _desk.get(f"{self.simulator}/control/faults").json()["faults"]
        return {row["fault"]: row["fired"] for row in rows if row["supplier"] == self.supplier}

    def control_get(self, what: str, **asked: str) -> Any:
        """Ask the simulator's desk."""
        return _desk.get(f"{self.simulator}/control/{what}", params=asked).json()

    def control(self, what: str, body: dict[str, Any]) -> Any:
        """Tell the simulator's desk something."""
        answer = _desk.post(f"{self.simulator}/control/{what}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()
