"""Pure rules of the purchase: from what was read to what will be written, or to refusals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from domain.agents import BarReason
from domain.catalog import (
    CARD_KINDS,
    AccountField,
    DeliveryKind,
    ValueFault,
    WhenOut,
    read_account,
)
from domain.checkout.refusals import (
    AccountInvalid,
    CardNotFree,
    NotForSale,
    PriceChanged,
    QuantityOutOfRange,
    StockShort,
)
from domain.commissions import Beneficiary, Coupon, Rule
from domain.coupons import NO_COUPONS, NamedCoupons
from domain.kernel import Invalid, Money, Refusal, Refused, Spoken, refuse_unless
from domain.orders import MAX_LINES, Keepsake
from domain.priceguard import NO_MARGIN, Margin

RETAIL = "retail"
HOUSE = "CNY"  # the currency of the books
MAX_PIECES = 1_000_000  # in one line, whatever its variant allows
# Kinds whose goods are cards: what is sold is a sealed code, a link or a gift card's number.
FROM_THE_POOL = CARD_KINDS
SOLD_KINDS = FROM_THE_POOL | {DeliveryKind.DIRECT_TOPUP, DeliveryKind.MANUAL}


@dataclass(frozen=True, slots=True)
class LineWish:
    """What a caller asks for: `expected_price` refuses any other, `max_price` only a higher one."""

    sku: str
    quantity: int
    expected_price: int | None = None
    max_price: int | None = None
    account: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # (key of a field, value)
    card_id: UUID | None = None  # the one that the buyer chose by hand


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase: the wishes, the key that makes it happen once, and how it came about."""

    lines: tuple[LineWish, ...]
    idempotency_key: str
    promoter_code: str | None = None
    external_id: str | None = None
    keepsake: Keepsake | None = None
    by_channel: bool = False  # somebody pays through a payment channel, not out of the wallet
    quote_id: UUID | None = None  # sells at the prices that this quote locked
    expected_total: int | None = None  # refuses any other
    currency: str = HOUSE  # of the site; amounts above are in it
    coupons: NamedCoupons = NO_COUPONS
    automatic: bool = True  # False once what applies by itself would sell below the floor

    def plain(self) -> list[Any]:
        """The values that make two purchases the same one."""
        wishes = [
            [w.sku, w.quantity, w.expected_price, w.max_price, *_filled_in(w)] for w in self.lines
        ]
        left = [self.keepsake.mark] if self.keepsake else []
        way = ["channel"] if self.by_channel else []
        price = [["quote", str(self.quote_id)]] if self.quote_id else []
        if self.expected_total is not None:
            price.append(["total", str(self.expected_total)])
        if self.currency != HOUSE:
            price.append(["currency", self.currency])
        if self.coupons:
            price.append(["coupons", *self.coupons.marks()])
        return [wishes, self.promoter_code, self.external_id, *left, *way, *price]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the database says of one wanted sku, for this buyer, at this moment."""

    sku: str
    variant_id: UUID | None
    for_sale: bool
    delivery_kind: str
    min_quantity: int
    max_quantity: int
    sold_below_cost: bool
    prices: Mapping[str, int]
    rules: Mapping[int, Rule]
    own_cards: int  # counted up to the quantity asked for by all lines together
    offer_cost: int | None  # of the cheapest offer; None: nobody offers it
    shared: bool = False  # its code is for many buyers
    paid_up: tuple[int | None, ...] = ()  # what each agent of the chain pays, nearest first
    withheld: str | None = None  # why it is not sold here or now, as a key of the texts
    type_id: UUID | None = None
    type_version: int = 0
    account_fields: tuple[AccountField, ...] = ()
    parts: tuple["Part", ...] = ()  # of a bundle
    locked: int | None = None  # the unit price that the buyer's quote locked
    margin: Margin = NO_MARGIN  # what a sale must bring in beyond its cost
    least_price: int = 0  # of resale to whoever uses it


@dataclass(frozen=True, slots=True)
class Part:
    """What a bundle holds: pieces in one of it, their share of its price, and their own shelf."""

    position: int
    pieces: int
    share: int
    gift_from: int | None
    when_out: WhenOut | None
    shelf: Shelf

    @property
    def is_gift(self) -> bool:
        """Whether nothing is paid for it."""
        return self.gift_from is not None


@dataclass(frozen=True, slots=True)
class Whole:
    """A bundle as the price guard sees it: `pieces` of it are bought."""

    variant_id: UUID
    pieces: int
    sold_below_cost: bool
    margin: Margin
    least_price: int


@dataclass(frozen=True, slots=True)
class BundleMark:
    """Of which bundle a line is a part."""

    sku: str
    position: int
    gift: bool
    whole: Whole


@dataclass(frozen=True, slots=True)
class ChainMember:
    """An agent above a buyer, level 1 nearest; `barred`: why it earns nothing on this purchase."""

    agent_id: UUID
    level: int
    tier: str
    barred: BarReason | None = None


@dataclass(frozen=True, slots=True)
class BuyerFacts:
    """Who buys, at which tier, and who earns on it."""

    user_id: UUID
    tier: str
    is_agent: bool
    chain: tuple[ChainMember, ...]  # nearest first
    wallet_balance: int
    promo_link: UUID | None = None  # by which they came


@dataclass(slots=True)
class PlannedLine:
    """One line as it will be written; `place` is that of its wish."""

    position: int
    place: int
    variant_id: UUID
    sku: str
    quantity: int
    unit_price: int
    max_unit_cost: int
    sold_below_cost: bool
    from_own_stock: bool
    tier: str
    delivery_kind: DeliveryKind
    type_id: UUID
    type_version: int
    account: dict[str, Any] | None = field(default=None, repr=False)
    chosen: UUID | None = None
    shared: bool = False
    stored_value: bool = False  # an own gift card: what it holds is owed, and nobody earns on it
    bundle: BundleMark | None = None
    offer_cost: int | None = None
    margin: Margin = NO_MARGIN
    least_price: int = 0
    bears: int = 0  # of what the other parts of its bundle cost beyond their shares
    discount: int = 0  # what coupons took off all pieces together; `unit_price` is after that
    agent_bears: int = 0  # of it
    chain: list[Beneficiary] = field(default_factory=list)
    rules: Mapping[int, Rule] = field(default_factory=dict)

    @property
    def coupon(self) -> Coupon:
        """What coupons took off, as commissions see it."""
        return Coupon(self.discount, self.agent_bears)


def _filled_in(wish: LineWish) -> list[Any]:
    """Nothing when nothing was filled in, so that the keys of earlier purchases stay good."""
    account = [sorted(wish.account)] if wish.account else []
    return [*account, str(wish.card_id)] if wish.card_id else account


def check_wishes(lines: Sequence[LineWish]) -> None:
    """Refuses an empty order, too many lines, one sku twice, and no or absurdly many pieces."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise Refused(Invalid(reason="order_lines", field=("lines",)))
    if len({line.sku for line in lines}) != len(lines):
        raise Refused(Invalid(reason="sku_twice", field=("lines",)))
    for position, line in enumerate(lines):
        one = line.card_id is None or line.quantity == 1
        path = ("lines", str(position), "quantity")
        # Before the database counts cards by it; the variant's own bounds come later.
        some = QuantityOutOfRange(minimum=1, maximum=MAX_PIECES, field=path)
        refuse_unless(1 <= line.quantity <= MAX_PIECES, some)
        refuse_unless(one, Invalid(reason="chosen_quantity", field=path))


class Pool:
    """The own cards that are left for the lines of one order, by variant."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def left(self, shelf: Shelf) -> int:
        """How many are left. Cards count for the kinds that are cards only: a top-up is never made
        of them."""
        if shelf.delivery_kind not in FROM_THE_POOL:
            return 0
        return shelf.own_cards - self._taken.get(shelf.sku, 0)

    def take(self, shelf: Shelf, quantity: int) -> bool:
        """Keep so many for a line, if they are there."""
        if self.left(shelf) < quantity:
            return False
        self._taken[shelf.sku] = self._taken.get(shelf.sku, 0) + quantity
        return True


def plan_line(
    place: int, wish: LineWish, shelf: Shelf, buyer: BuyerFacts, pool: Pool
) -> tuple[list[PlannedLine], list[Refusal]]:
    """The line of a wish that is offered, or why it cannot be delivered."""
    path = ("lines", str(place))
    available = pool.left(shelf)
    if wish.card_id is not None:
        if not shelf.own_cards or shelf.delivery_kind not in FROM_THE_POOL:
            return [], [CardNotFree(sku=wish.sku, field=(*path, "cardId"))]
        own = True  # this very card, which is none of the pool's
    else:
        own = pool.take(shelf, wish.quantity)
    if not own and not made_elsewhere(shelf):
        short = StockShort(
            sku=wish.sku,
            requested=wish.quantity,
            available=available,
            field=(*path, "quantity"),
        )
        return [], [short]
    account, faults = read_account(shelf.account_fields, wish.account)
    if faults:
        return [], [account_refusal(fault, shelf.account_fields, path) for fault in faults]
    return [_planned(place, wish, shelf, buyer, account, own=own)], []


def listed_price(shelf: Shelf, buyer: BuyerFacts) -> int | None:
    """What this buyer pays for one now: retail, or what the agent that it is pays."""
    return agent_price(shelf, 1) if buyer.is_agent else shelf.prices.get(RETAIL)


def agent_price(shelf: Shelf, level: int) -> int | None:
    """What the agent at a level of the chain, 1 nearest, pays for one (row E2)."""
    return shelf.paid_up[level - 1] if level <= len(shelf.paid_up) else None


def price_for(shelf: Shelf, buyer: BuyerFacts) -> int | None:
    """What this buyer pays for one: the locked price, where there is a price at all. Agents above
    earn by the price lists of now: a lock binds the shop towards its buyer alone."""
    listed = listed_price(shelf, buyer)
    return listed if listed is None or shelf.locked is None else shelf.locked


def beneficiary(member: ChainMember, price: int | None) -> Beneficiary:
    """A member of the chain as commissions see it. Who is barred keeps its place, so that nobody
    above earns what it does not."""
    barred = member.barred is not None
    return Beneficiary(member.agent_id, member.level, member.tier, price, barred)


def unfilled(shelf: Shelf) -> Shelf:
    """The shelf, for somebody who only asks what it costs and has filled nothing in yet."""
    parts = tuple(replace(part, shelf=unfilled(part.shelf)) for part in shelf.parts)
    return replace(shelf, account_fields=(), parts=parts)


def not_offered(
    wish: LineWish, shelf: Shelf, buyer: BuyerFacts, currency: str, path: tuple[str, ...]
) -> Refusal | None:
    """Why a wish is refused whatever the stock; None when it is not."""
    price = price_for(shelf, buyer)
    bundle = shelf.delivery_kind == DeliveryKind.BUNDLE and bool(shelf.parts)
    sellable = shelf.for_sale and (bundle or shelf.delivery_kind in SOLD_KINDS)
    if sellable and shelf.withheld is not None:
        return NotForSale(sku=wish.sku, reason=shelf.withheld, field=(*path, "sku"))
    if not sellable or price is None:
        return NotForSale(sku=wish.sku, field=(*path, "sku"))
    if not shelf.min_quantity <= wish.quantity <= shelf.max_quantity:
        return QuantityOutOfRange(
            minimum=shelf.min_quantity, maximum=shelf.max_quantity, field=(*path, "quantity")
        )
    expected = _expectation(wish, price)
    if expected is not None:
        return PriceChanged(
            sku=wish.sku,
            expected=Money(expected, currency),
            actual=Money(price, currency),
            field=(*path, "expectedUnitPrice"),
        )
    return None


def made_elsewhere(shelf: Shelf) -> bool:
    """Whether it can be delivered without own cards; nobody else makes own gift cards."""
    if shelf.delivery_kind == DeliveryKind.MANUAL:
        return True
    return shelf.offer_cost is not None and shelf.delivery_kind != DeliveryKind.GIFT_CARD


def account_refusal(
    fault: ValueFault, asked: Iterable[AccountField], path: tuple[str, ...]
) -> AccountInvalid:
    """What is wrong with one field, at its place in the input, and as its buyer knows it."""
    labels = {each.key: Spoken(each.label_en, each.label_zh) for each in asked}
    label = labels.get(fault.key, Spoken(fault.key, fault.key))
    place = (*path, "account", fault.key)
    return AccountInvalid(key=fault.key, label=label, reason=fault.reason, field=place)


def _expectation(wish: LineWish, price: int) -> int | None:
    """The price that the caller expected or allowed, when this one breaks it."""
    if wish.expected_price is not None and wish.expected_price != price:
        return wish.expected_price
    if wish.max_price is not None and price > wish.max_price:
        return wish.max_price
    return None


def _planned(
    place: int,
    wish: LineWish,
    shelf: Shelf,
    buyer: BuyerFacts,
    account: dict[str, Any],
    *,
    own: bool,
) -> PlannedLine:
    price = price_for(shelf, buyer)
    if price is None or shelf.variant_id is None or shelf.type_id is None:
        raise ValueError("a refused wish is not planned")
    stored_value = shelf.delivery_kind == DeliveryKind.GIFT_CARD
    by_hand = shelf.delivery_kind == DeliveryKind.MANUAL
    margin = NO_MARGIN if stored_value or by_hand or shelf.sold_below_cost else shelf.margin
    return PlannedLine(
        position=place,
        place=place,
        variant_id=shelf.variant_id,
        sku=shelf.sku,
        quantity=wish.quantity,
        unit_price=price,
        max_unit_cost=margin.most_cost(price),
        sold_below_cost=shelf.sold_below_cost,
        from_own_stock=own,
        tier=buyer.tier,
        chosen=wish.card_id,
        shared=shelf.shared,
        stored_value=stored_value,
        offer_cost=None if by_hand else shelf.offer_cost,
        margin=margin,
        least_price=shelf.least_price if buyer.tier == RETAIL else 0,
        delivery_kind=DeliveryKind(shelf.delivery_kind),
        type_id=shelf.type_id,
        type_version=shelf.type_version,
        account=account or None,
        chain=[
            beneficiary(member, agent_price(shelf, member.level))
            for member in buyer.chain
            if not stored_value
        ],
        rules=shelf.rules,
    )
