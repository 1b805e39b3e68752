"""Which suppliers a chaos run buys from: each dialect of the simulator, for cards and top-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.sandbox.dialects.desk import DIALECTS
from adapters.sandbox.dialects.desk import access as access_of
from adapters.sandbox.faults import CALLBACK_FAULTS, LIST_FAULTS, Fault

CARDS_ONLY = frozenset({Fault.WRONG_COUNT, Fault.SURPLUS, Fault.DUPLICATE_CODE})
TOPUPS_ONLY = frozenset({Fault.INVALID_ACCOUNT})
# Of these nothing is armed for orders: lists and statements have their own turns.
NOT_OF_ORDERS = frozenset({*LIST_FAULTS, Fault.STATEMENT_MISMATCH})


@dataclass(frozen=True)
class Vendor:
    """A supplier of the simulator, as it is saved and as its items are called."""

    code: str
    adapter: str
    account: str = ""  # the parameter of a top-up; empty: it sells cards
    face: str = ""  # what stands behind the number of its items
    separator: str = ":"
    rate: str = "1"  # our money for one unit of its own
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def sells_cards(self) -> bool:
        """Cards, or top-ups."""
        return not self.account

    @property
    def calls_back(self) -> bool:
        """Whether its dialect has callbacks."""
        return DIALECTS[self.adapter].notice is not None

    def item(self, number: int) -> str:
        """How the simulator calls an item."""
        if self.adapter == "dayuanren":
            return f"{1_000 + number}{self.face}"
        return f"{1_000 + number}{self.separator}{self.face}" if self.face else str(1_000 + number)

    def asked(self, number: int) -> str:
        """How our offer calls it."""
        told = self.item(number)
        return f"{told}/{self.face}" if self.adapter == "dayuanren" else told

    def access(self, simulator: str) -> tuple[str, str]:
        """Address and secret."""
        address, secret = access_of(self.adapter, self.code, simulator)
        return address, secret + "".join(f"&{name}={told}" for name, told in self.settings.items())

    def fits(self, fault: Fault) -> bool:
        """Whether this fault means anything here. One that is new is taken to fit everywhere."""
        if fault in NOT_OF_ORDERS:
            return False
        if fault in CALLBACK_FAULTS:
            return self.calls_back
        if fault in CARDS_ONLY:
            return self.sells_cards
        return not (fault in TOPUPS_ONLY and self.sells_cards)


VENDORS = (
    Vendor("plain-cards", "generic_http"),
    Vendor("plain-topups", "generic_http", "mobile"),
    Vendor("kashangwl-cards", "kashangwl"),
    Vendor("kashangwl-topups", "kashangwl", "recharge_account"),
    Vendor("dayuanren-topups", "dayuanren", "mobile", face="100"),
    Vendor("reloadly-cards", "reloadly", face="25", rate="7.1"),
    Vendor(
        "reloadly-topups",
        "reloadly",
        "mobile",
        face="50",
        rate="7.1",
        settings={"product": "airtime"},
    ),
    Vendor("kameng-cards", "kameng"),
    Vendor("kameng-topups", "kameng", "phone"),
    Vendor("hook-cards", "hook"),
    Vendor("hook-topups", "hook", "mobile"),
)
BY_CODE = {vendor.code: vendor for vendor in VENDORS}
ORDER_FAULTS = tuple(fault for fault in Fault if fault not in NOT_OF_ORDERS)
