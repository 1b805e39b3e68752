"""Pure rules of bundles: the parts of one as lines, and what it may cost as a whole (row A6).

Each part is a line of its own, at its share of the price: what cannot be delivered is refunded by
exactly that. A gift is a line without a price. Nothing is lost in rounding: the price of a bundle
is shared out by largest remainder, and where a share does not divide by its pieces, some of them
cost 1/10000 more and stand in a line of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from domain.catalog import DeliveryKind, ValueFault, WhenOut, read_account
from domain.checkout.refusals import (
    BelowFloor,
    CardNotFree,
    NotForSale,
    PriceBelowCost,
    StockShort,
)
from domain.checkout.rules import (
    RETAIL,
    SOLD_KINDS,
    BundleMark,
    BuyerFacts,
    LineWish,
    Part,
    PlannedLine,
    Pool,
    Shelf,
    Whole,
    account_refusal,
    agent_price,
    beneficiary,
    made_elsewhere,
    price_for,
)
from domain.commissions import Beneficiary, Rule, RuleKind
from domain.kernel import Refusal, share_out
from domain.priceguard import NO_MARGIN, Below, Margin

WHOLE = 10_000


def plan_bundle(
    place: int, wish: LineWish, shelf: Shelf, buyer: BuyerFacts, pool: Pool
) -> tuple[list[PlannedLine], list[Refusal]]:
    """The lines of a bundle that is offered, or why one of its parts keeps it from being sold."""
    path = ("lines", str(place))
    if wish.card_id is not None:
        return [], [CardNotFree(sku=wish.sku, field=(*path, "cardId"))]
    price = price_for(shelf, buyer)
    assert price is not None, "a bundle without price is not offered"
    chosen, refusal = _deliverable(wish, shelf, pool, path)
    accounts, faults = _accounts(shelf.parts, wish)
    asked = [each for part in shelf.parts for each in part.shelf.account_fields]
    refusals: list[Refusal] = [account_refusal(fault, asked, path) for fault in faults]
    if refusal is not None:
        refusals = [refusal]
    groups = split_price(price, shelf.parts)
    paid = [part.position for part in shelf.parts if not part.is_gift]
    if any(unit == 0 for position in paid for _, unit in groups[position]):
        refusals = [NotForSale(sku=wish.sku, reason="bundle_price_low", field=(*path, "sku"))]
    if refusals:
        return [], refusals
    lines = []
    whole = _whole(shelf, buyer, wish.quantity)
    for part, own in chosen:
        mark = BundleMark(shelf.sku, part.position, part.is_gift, whole)
        for pieces, unit_price in groups[part.position]:
            line = _line(place, shelf, part, buyer, unit_price, mark, own=own)
            line.quantity, line.account = pieces * wish.quantity, accounts[part.position] or None
            lines.append(line)
    return lines, []


def split_price(price: int, parts: Sequence[Part]) -> dict[int, list[tuple[int, int]]]:
    """Of each part of one bundle, by its position: (pieces, unit price), one or two of them. All
    together cost `price` to the last 1/10000."""
    amounts = share_out(price, [part.share for part in parts])
    found: dict[int, list[tuple[int, int]]] = {}
    for part, amount in zip(parts, amounts, strict=True):
        unit, dearer = divmod(amount, part.pieces)
        groups = [(part.pieces - dearer, unit), (dearer, unit + 1)]
        found[part.position] = [group for group in groups if group[0]]
    return found


def guard_bundles(planned: Iterable[PlannedLine], own_costs: Mapping[int, int]) -> None:
    """No bundle is sold below what all of it costs with the minimum margin, unless an operator
    allowed it, and none below its least price of resale (rows D7, E5).

    `own_costs`: of the lines with own cards, by position. A part may cost more than its share when
    the others cost less: these bear it, so that neither a supplier nor the agents get what the
    whole does not bring in. Sets what each line bears and may cost upstream.
    """
    marked = [line for line in planned if line.bundle is not None]
    for place, group in groupby(marked, key=lambda line: line.place):
        _guard(place, list(group), own_costs)


def _guard(place: int, lines: list[PlannedLine], own_costs: Mapping[int, int]) -> None:
    prices = [line.unit_price * line.quantity for line in lines]
    costs = [
        own_costs[line.position] if line.from_own_stock else (line.offer_cost or 0) * line.quantity
        for line in lines
    ]
    mark = lines[0].bundle
    assert mark is not None, "only lines of bundles are guarded here"
    whole = mark.whole
    cost, price = sum(costs), sum(prices)
    floor = 0 if whole.sold_below_cost else whole.margin.floor(cost, whole.pieces)
    floor = max(floor, whole.least_price * whole.pieces)
    if price < floor:
        refusal = PriceBelowCost(sku=mark.sku, field=("lines", str(place)))
        raise BelowFloor(refusal, _below(lines[0].tier, whole, price, cost, floor))
    rooms = [max(0, price - cost) for price, cost in zip(prices, costs, strict=True)]
    beyond = sum(max(0, cost - price) for price, cost in zip(prices, costs, strict=True))
    borne = share_out(min(beyond, sum(rooms)), rooms)
    for line, paid, own, bears in zip(lines, prices, costs, borne, strict=True):
        line.bears, line.margin = bears, _margin_of_part(whole, line, paid, price)
        line.max_unit_cost = max(own, paid - bears)
    _keep_margin(lines, costs, price - whole.margin.most_cost(price, whole.pieces))
    for line in lines:
        line.max_unit_cost //= line.quantity


def _margin_of_part(whole: Whole, line: PlannedLine, paid: int, price: int) -> Margin:
    """Its share of what the bundle must bring in, by its share of the price."""
    least = whole.margin.least * whole.pieces * paid // (price * line.quantity) if price else 0
    return Margin(whole.margin.rate, least)


def _keep_margin(lines: list[PlannedLine], costs: list[int], margin: int) -> None:
    """What the bundle must bring in is no line's to spend: each may cost so much less, of what it
    could cost more than it does."""
    slack = [line.max_unit_cost - cost for line, cost in zip(lines, costs, strict=True)]
    kept = share_out(min(margin, sum(slack)), slack)
    for line, share in zip(lines, kept, strict=True):
        line.max_unit_cost -= share


def _below(tier: str, whole: Whole, price: int, cost: int, floor: int) -> Below:
    """What is noted of a bundle that is not sold, of one of them; the floor is never rounded down,
    so that it stays above the price."""
    each = price // whole.pieces
    dear = -(-cost // whole.pieces)
    return Below(whole.variant_id, tier, each, dear, -(-floor // whole.pieces), whole.pieces)


def _deliverable(
    wish: LineWish, shelf: Shelf, pool: Pool, path: tuple[str, ...]
) -> tuple[list[tuple[Part, bool]], Refusal | None]:
    """The parts that come with this order, and whether their cards are our own."""
    chosen: list[tuple[Part, bool]] = []
    fewest = wish.quantity
    closed = False
    for part in shelf.parts:
        if part.gift_from is not None and wish.quantity < part.gift_from:
            continue
        open_ = part.shelf.for_sale and part.shelf.withheld is None
        if open_ and part.shelf.delivery_kind in SOLD_KINDS:
            left = pool.left(part.shelf)
            own = pool.take(part.shelf, part.pieces * wish.quantity)
            if own or made_elsewhere(part.shelf):
                chosen.append((part, own))
                continue
            bundles = left // part.pieces
        else:
            bundles = 0
        if part.when_out is WhenOut.SKIP:
            continue
        closed = closed or not open_
        fewest = min(fewest, bundles)
    if closed:
        return [], NotForSale(sku=wish.sku, reason="bundle_part_closed", field=(*path, "sku"))
    if fewest < wish.quantity:
        return [], StockShort(
            sku=wish.sku,
            requested=wish.quantity,
            available=fewest,
            field=(*path, "quantity"),
        )
    return chosen, None


def _whole(shelf: Shelf, buyer: BuyerFacts, pieces: int) -> Whole:
    """What the guard looks at of the bundle as a whole."""
    if shelf.variant_id is None:
        raise ValueError("a refused wish is not planned")
    margin = NO_MARGIN if shelf.sold_below_cost else shelf.margin
    least = shelf.least_price if buyer.tier == RETAIL else 0
    return Whole(shelf.variant_id, pieces, shelf.sold_below_cost, margin, least)


def _line(
    place: int,
    shelf: Shelf,
    part: Part,
    buyer: BuyerFacts,
    unit_price: int,
    mark: BundleMark,
    *,
    own: bool,
) -> PlannedLine:
    of = part.shelf
    if of.variant_id is None or of.type_id is None:
        raise ValueError("a part without its variant is not planned")
    stored_value = of.delivery_kind == DeliveryKind.GIFT_CARD
    earning = not stored_value and not part.is_gift
    return PlannedLine(
        position=place,
        place=place,
        variant_id=of.variant_id,
        sku=of.sku,
        quantity=part.pieces,
        unit_price=unit_price,
        max_unit_cost=unit_price,
        sold_below_cost=shelf.sold_below_cost,
        from_own_stock=own,
        tier=buyer.tier,
        shared=of.shared,
        stored_value=stored_value,
        bundle=mark,
        offer_cost=of.offer_cost,
        delivery_kind=DeliveryKind(of.delivery_kind),
        type_id=of.type_id,
        type_version=of.type_version,
        chain=_beneficiaries(shelf, part, buyer) if earning else [],
        rules={level: _shared(rule, part) for level, rule in shelf.rules.items()},
    )


def _beneficiaries(shelf: Shelf, part: Part, buyer: BuyerFacts) -> list[Beneficiary]:
    """The agents of the chain; what one pays for a piece is its share of the bundle's price."""
    found = []
    for member in buyer.chain:
        price = agent_price(shelf, member.level)
        own = None if price is None else -(-price * part.share // (WHOLE * part.pieces))
        found.append(beneficiary(member, own))
    return found


def _shared(rule: Rule, part: Part) -> Rule:
    """A rule of the bundle for a piece of one part: what is fixed for a bundle is shared, too."""
    if rule.kind is not RuleKind.FIXED:
        return rule
    return replace(rule, value=rule.value * part.share // (WHOLE * part.pieces))


def _accounts(
    parts: Sequence[Part], wish: LineWish
) -> tuple[dict[int, dict[str, Any]], list[ValueFault]]:
    """What was filled in, for each part. A key is taken by every part that asks for it, and
    `2.phone` by the second part alone."""
    known = {part.position: {each.key for each in part.shelf.account_fields} for part in parts}
    given: dict[int, list[tuple[str, str]]] = {part.position: [] for part in parts}
    faults = []
    named = {key for key, _ in wish.account}
    for key, value in wish.account:
        place, dot, rest = key.partition(".")
        takers = [
            position
            for position, keys in known.items()
            if (rest in keys and place == str(position))
            or (not dot and key in keys and f"{position}.{key}" not in named)
        ]
        for position in takers:
            given[position].append((rest if dot else key, value))
        if not takers and not any(key in keys for keys in known.values()):
            faults.append(ValueFault(key[:32], "account_unknown"))
    accounts: dict[int, dict[str, Any]] = {}
    for part in parts:
        if part.gift_from is not None and wish.quantity < part.gift_from:
            accounts[part.position] = {}
            continue
        accounts[part.position], wrong = read_account(
            part.shelf.account_fields, given[part.position]
        )
        faults += [fault for fault in wrong if fault not in faults]
    return accounts, faults
