"""Pure rules of the reconciler: what a transfer says of goods, and what a difference is called."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.catalog import CARD_KINDS, DeliveryKind
from domain.kernel import Prefix, Refused, decode_id
from domain.ledger import TransferKind
from domain.reconciliation.models import Matter

# Both sides are written in one transaction; what is older than the longest one can only be wrong.
GRACE_SECONDS = 180
_BATCH_OF_NOTE = "batch "
# Transfers that move stock for a batch as a whole, and the matter of theirs.
_OF_BATCH = {
    TransferKind.CARD_PURCHASE: Matter.STORED,
    TransferKind.CARD_PURCHASE_UNDONE: Matter.LEFT,
    TransferKind.CARD_WRITE_OFF: Matter.LEFT,
    TransferKind.CARD_RETURN: Matter.LEFT,
}

# Our own gift cards are made here and cost nothing: they are no stock of the books.
_BOUGHT_KINDS = CARD_KINDS - {DeliveryKind.GIFT_CARD}

Key = tuple[Matter, UUID, str]


@dataclass(frozen=True, slots=True)
class Side:
    """What one book, or both, say of one matter. Costs in units of 1/10000 of the currency."""

    money: int = 0
    goods: int = 0
    money_units: int = 0
    goods_units: int = 0
    at: datetime | None = None

    def __add__(self, other: "Side") -> "Side":
        """Both together; the time is the later one."""
        times = [each.at for each in (self, other) if each.at is not None]
        return Side(
            self.money + other.money,
            self.goods + other.goods,
            self.money_units + other.money_units,
            self.goods_units + other.goods_units,
            max(times, default=None),
        )

    @property
    def agrees(self) -> bool:
        """Whether both books say the same."""
        return (self.money, self.money_units) == (self.goods, self.goods_units)


def summed(items: Iterable[tuple[Key, Side]]) -> dict[Key, Side]:
    """The sides of each matter, together."""
    found: dict[Key, Side] = {}
    for key, side in items:
        if key in found and key[0] is Matter.SUPPLIED:
            side = replace(side, goods=0)  # read with each transfer of the attempt, charged once
        found[key] = found.get(key, Side()) + side
    return found


def items_of_transfer(row: Any) -> list[tuple[Key, Side]]:
    """What a transfer says of goods, for the matters that the other book has to confirm.

    `row` is the transfer with the sums of its legs by account kind, and what its reference leads
    to. Of goods that a supplier brought for a line, what one piece cost is rounded down; the rest
    of the division is the line's cost and no card's (`fulfilment`).
    """
    kind, currency, at = TransferKind(row["kind"]), row["currency"], row["posted_at"]
    found: list[tuple[Key, Side]] = []
    if row["attempt_id"] is not None and row["supplier"]:
        charged = Side(money=row["supplier"], goods=row["attempt_cost"] or 0, at=at)
        found.append(((Matter.SUPPLIED, row["attempt_id"], currency), charged))
    if kind is TransferKind.SALE:
        return found + _of_sale(row)
    if not row["inventory"]:
        return found
    if row["replaced_on"] is not None:
        # The card whose place it takes is counted out of its line, so the units stay as they are.
        given = Side(money=row["inventory"], at=at)
        return [*found, ((Matter.SOLD, row["replaced_on"], currency), given)]
    matter, batch = _OF_BATCH.get(kind), row["batch_id"]
    if kind is TransferKind.SUPPLY:
        matter = Matter.STORED
    elif kind in (TransferKind.CARD_PURCHASE, TransferKind.CARD_PURCHASE_UNDONE):
        batch = batch_of_note(row["note"])
    if matter is None or batch is None:
        unknown = Side(money=-row["inventory"], at=at)
        return [*found, ((Matter.UNEXPLAINED, row["id"], currency), unknown)]
    amount = -row["inventory"] if matter is Matter.STORED else row["inventory"]
    return [*found, ((matter, batch, currency), Side(money=amount, at=at))]


def _of_sale(row: Any) -> list[tuple[Key, Side]]:
    kind = row["delivery_kind"]
    if kind is None or DeliveryKind(kind) not in _BOUGHT_KINDS:
        if not row["inventory"]:
            return []
        side = Side(money=row["inventory"], at=row["posted_at"])
        return [((Matter.UNEXPLAINED, row["id"], row["currency"]), side)]
    brought = row["supplier"] and row["batch_id"] is not None
    rest = (row["attempt_cost"] or 0) % max(1, row["codes"] or 1) if brought else 0
    worth, at = -row["cost"] - rest, row["posted_at"]
    units = row["quantity"] - row["shared"]
    sold = Side(money=worth, money_units=units, at=at)
    found = [((Matter.SOLD, row["reference"], row["currency"]), sold)]
    if brought:
        came = Side(money=worth, at=at)
        found.append(((Matter.STORED, row["batch_id"], row["currency"]), came))
    return found


def batch_of_note(note: str) -> UUID | None:
    """The batch that the transfer of a purchase names; None when it names none."""
    if not note.startswith(_BATCH_OF_NOTE):
        return None
    try:
        return decode_id(Prefix.CARD_BATCH, note.removeprefix(_BATCH_OF_NOTE))
    except Refused:
        return None


def item_of_crossing(crossing: Any, *, free: bool = False) -> tuple[Key, Side]:
    """What the book of cards says of goods that crossed the border of the stock.

    Units are compared of sales only: a batch's transfer does not say how many. `free`: the line
    costs nothing and is in no transfer, so there is nobody to ask how many it should have.
    """
    matter = Matter(crossing.kind)
    units = crossing.units if matter is Matter.SOLD else 0
    side = Side(
        goods=crossing.cost,
        money_units=units if free else 0,
        goods_units=units,
        at=crossing.at,
    )
    return (matter, crossing.reference, crossing.currency), side


_NAMES = {
    Matter.STORED: ("purchase_without_cards", "cards_without_purchase", "purchase_differs"),
    Matter.SOLD: ("sale_without_cards", "cards_without_sale", "cost_of_sale_differs"),
    Matter.LEFT: ("write_off_without_cards", "cards_without_write_off", "write_off_differs"),
    Matter.SUPPLIED: ("supplier_not_charged", "supplier_not_owed", "supplier_differs"),
    Matter.INVENTORY: ("inventory_differs",) * 3,
    Matter.STORE: ("store_differs",) * 3,
    Matter.WALLET: ("balance_differs",) * 3,
    Matter.GIFT_CARDS: ("gift_cards_differ",) * 3,
    Matter.UNEXPLAINED: ("stock_moved_unexplained",) * 3,
}
KINDS = tuple(sorted({name for names in _NAMES.values() for name in names} | {"units_differ"}))


def name_of(matter: Matter, side: Side) -> str:
    """What the difference is called; each name has its sentence and its next step."""
    without_goods, without_money, different = _NAMES[matter]
    if side.money == side.goods and (side.money or side.money_units * side.goods_units):
        return "units_differ"
    if not side.goods and not side.goods_units:
        return without_goods
    if not side.money and not side.money_units:
        return without_money
    return different
