"""How the fields of orders are answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from typing import TypeAlias
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import cards, catalog, checkout, coupons, orders, refunds, sites
from domain.kernel import ActorKind, Money, Page, Prefix, clock, decode_id, page_request
from resolvers.batches import AtOnceOrLater, there
from resolvers.context import Info
from resolvers.exchange import as_paid, currency_here
from resolvers.money import MoneyInput, money_of
from resolvers.quotes import named_coupons, quote_of
from resolvers.sealed import Revealed, recipient_of, revealed_to

DeliveredCard: TypeAlias = cards.Card | checkout.ClaimedCard  # as read, or as just claimed


@strawberry.input(description="What the buyer fills in for one field of the variant.")
class AccountEntryInput:
    key: str = strawberry.field(description="Of `Variant.accountFields`.")
    value: str


@strawberry.input(description="One variant and how many pieces of it.")
class OrderLineInput:
    sku: str
    quantity: int
    account: list[AccountEntryInput] | None = strawberry.field(
        default=None, description="For a variant with `accountFields`: one entry for each field."
    )
    expected_unit_price: MoneyInput | None = strawberry.field(
        default=None, description="Refuse the order when the price is another one."
    )
    card_id: strawberry.ID | None = strawberry.field(
        default=None, description="The very card to buy, of `choosableCards`; quantity 1."
    )


@strawberry.input(description="Where a buyer is told of an order: one of them.")
class ContactInput:
    email: str | None = None
    phone: str | None = strawberry.field(
        default=None, description="With its country, such as +86...; without one it is Chinese."
    )


@dataclass(frozen=True)
class OrderOutcome:
    """What the payload shows of a purchase. A repr shows no token."""

    order: orders.Order
    replayed: bool
    guest_token: str | None = field(default=None, repr=False)


async def order_create(
    info: Info,
    idempotency_key: str,
    lines: list[OrderLineInput],
    promoter_code: str | None = None,
    contact: ContactInput | None = None,
    lookup_password: str | None = None,
    pay_by_channel: bool = False,
    quote_id: strawberry.ID | None = None,
    expected_total: MoneyInput | None = None,
    coupon_codes: list[str] | None = None,
    coupon_ids: list[strawberry.ID] | None = None,
) -> OrderOutcome:
    """Buy with the caller's wallet, or to be paid through a channel."""
    here = await currency_here(info)
    told = orders.contact_of(contact.email, contact.phone) if contact else None
    keepsake = await orders.keepsake_of(told, lookup_password, info.context.language)
    wishes = tuple(
        checkout.LineWish(
            sku=line.sku,
            quantity=line.quantity,
            expected_price=_units(line.expected_unit_price, index, "expectedUnitPrice", here),
            account=filled_in(line.account),
            card_id=_chosen(line.card_id, index),
        )
        for index, line in enumerate(lines)
    )
    purchase = checkout.Purchase(
        wishes,
        idempotency_key,
        promoter_code,
        keepsake=keepsake,
        by_channel=pay_by_channel,
        quote_id=quote_of(quote_id),
        expected_total=_total(expected_total, here),
        currency=here,
        coupons=named_coupons(coupon_codes, coupon_ids),
    )
    outcome = show_placed(info, await checkout.place_order(info.context.actor, purchase))
    if info.context.actor.kind is not ActorKind.GUEST:
        return outcome
    return replace(outcome, guest_token=orders.guest_token(outcome.order.id))


def show_placed(info: Info, placed: checkout.Placed) -> OrderOutcome:
    """What was just written need not be read again: the loaders are told."""
    info.context.loaders.lines.prime(placed.order.id, placed.lines)
    info.context.loaders.buyers.prime(placed.order.id, placed.order.buyer_id)
    if placed.cards is not None:
        info.context.loaders.exchanges.prime(placed.order.id, placed.paid)
        for line_id, claimed in placed.cards.items():
            info.context.loaders.cards.prime(line_id, claimed)
    return OrderOutcome(placed.order, placed.replayed)


def filled_in(entries: list[AccountEntryInput] | None) -> tuple[tuple[str, str], ...]:
    """The entries as the domain takes them."""
    return tuple((each.key, each.value) for each in entries or ())


def _chosen(card_id: strawberry.ID | None, index: int) -> UUID | None:
    if card_id is None:
        return None
    return decode_id(Prefix.CARD, card_id, field=("lines", str(index), "cardId"))


def _total(money: MoneyInput | None, currency: str) -> int | None:
    if money is None:
        return None
    return money_of(money, "expectedTotal", currency=currency).units


def _units(money: MoneyInput | None, index: int, name: str, currency: str) -> int | None:
    if money is None:
        return None
    return money_of(money, "lines", str(index), name, currency=currency).units


async def order_cards_reveal(
    info: Info,
    order_id: strawberry.ID,
    card_ids: list[strawberry.ID] | None = None,
    recipient_public_key: str | None = None,
) -> Revealed:
    """The codes of the caller's own order; each look is audited."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    recipient = recipient_of(recipient_public_key)
    opened = await orders.reveal_cards(info.context.actor, order, _cards(card_ids))
    return revealed_to(recipient, opened)


def _cards(card_ids: list[strawberry.ID] | None) -> list[UUID] | None:
    if card_ids is None:
        return None
    return [decode_id(Prefix.CARD, card, field=("cardIds",)) for card in card_ids]


async def order_by_guest(
    info: Info, number: str, token: str | None = None, lookup_password: str | None = None
) -> orders.Order | None:
    """An order by its number and what proves that it is the caller's."""
    proof = orders.GuestProof(number, token, lookup_password)
    found = await orders.find_by_guest(info.context.actor, proof)
    if found is not None:
        info.context.proved_orders.add(found.id)
    return found


async def order_cards_reveal_by_guest(
    info: Info,
    number: str,
    token: str | None = None,
    lookup_password: str | None = None,
    card_ids: list[strawberry.ID] | None = None,
    recipient_public_key: str | None = None,
) -> Revealed:
    """The codes of such an order; each look is audited."""
    recipient = recipient_of(recipient_public_key)
    proof = orders.GuestProof(number, token, lookup_password)
    opened = await orders.reveal_by_guest(info.context.actor, proof, _cards(card_ids))
    return revealed_to(recipient, opened)


async def order_contact_forget(info: Info, order_id: strawberry.ID) -> orders.Order:
    """Forget what a buyer left with an order."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    return await orders.forget_keepsake(info.context.actor, order)


async def order_accounts_forget(info: Info, order_id: strawberry.ID) -> orders.Order:
    """Erase what a buyer filled in for an order."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    return await orders.forget_accounts(info.context.actor, order)


async def order(info: Info, id: strawberry.ID) -> orders.Order | None:
    """One of the caller's own orders."""
    return await orders.find_order(info.context.actor, decode_id(Prefix.ORDER, id))


async def orders_of_viewer(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[orders.Order]:
    """The caller's orders, newest first."""
    return await orders.list_orders(info.context.actor, page_request("orders", first, after))


def lines(order: Parent[orders.Order], info: Info) -> AtOnceOrLater[list[orders.OrderLine]]:
    """The lines of an order, in one statement for a whole page of orders."""
    return info.context.loaders.lines.get(order.id)


async def cards_of_order(order: Parent[orders.Order], info: Info) -> list[DeliveredCard]:
    """The delivered cards of all lines, masked."""
    found = await info.context.loaders.lines.load(order.id)
    batches = await info.context.loaders.cards.load_many([line.id for line in found])
    return [card for batch in batches for card in batch]


def cards_of_line(
    line: Parent[orders.OrderLine], info: Info
) -> AtOnceOrLater[Sequence[DeliveredCard]]:
    """The delivered cards of one line, masked."""
    return info.context.loaders.cards.get(line.id)


def ready_of_line(line: Parent[orders.OrderLine], info: Info) -> AtOnceOrLater[int]:
    """Pieces that are here for a line while the rest is bought; only an open one waits for any."""
    if line.status is not orders.LineStatus.DELIVERING:
        return 0
    return info.context.loaders.ready_pieces.get(line.id)


def variant_of_line(
    line: Parent[orders.OrderLine], info: Info
) -> AtOnceOrLater[catalog.ShownVariant]:
    """What was bought."""
    return info.context.loaders.variants.get_from(line.variant_id, there)


def order_total(order: Parent[orders.Order], info: Info) -> AtOnceOrLater[Money]:
    """What was paid, in the currency that it was paid in."""
    house = Money(order.total, order.currency)
    return as_paid(info, order.id, house, lambda paid: Money(paid.total, paid.currency))


def house_total(order: Parent[orders.Order]) -> Money:
    """What it is in the books."""
    return Money(order.total, order.currency)


async def refunded_total(order: Parent[orders.Order], info: Info) -> Money:
    """What of it went back in all."""
    found = await info.context.loaders.lines.load(order.id)
    house = Money(sum(line.money_back for line in found), order.currency)
    shown = as_paid(info, order.id, house, lambda paid: Money(paid.back, paid.currency))
    return await shown if isawaitable(shown) else shown


def refunds_of_order(
    order: Parent[orders.Order], info: Info
) -> AtOnceOrLater[list[refunds.ShownRefund]]:
    """What went back after the delivery, in one statement for a whole page of orders."""
    return info.context.loaders.order_refunds.get(order.id)


def next_poll_after_ms(order: Parent[orders.Order]) -> int | None:
    """When to ask again, the later the older it is; null once nothing can change."""
    if order.status in orders.CLOSED_ORDERS:
        return None
    return orders.poll_after_ms(clock.now() - order.placed_at)


def unit_price(line: Parent[orders.OrderLine], info: Info) -> AtOnceOrLater[Money]:
    """The price that was locked when the order was placed."""
    house = Money(line.unit_price, checkout.CURRENCY)
    return as_paid(info, _order_of(line), house, lambda paid: paid.price_of(line.id))


def line_total(line: Parent[orders.OrderLine], info: Info) -> AtOnceOrLater[Money]:
    """Price times quantity."""
    house = Money(line.unit_price * line.quantity, checkout.CURRENCY)
    return as_paid(info, _order_of(line), house, lambda paid: _whole(line, paid))


def line_discount(line: Parent[orders.OrderLine], info: Info) -> AtOnceOrLater[Money]:
    """What coupons took off all pieces of it."""
    house = Money(line.discount, checkout.CURRENCY)
    if not line.discount or sites.all_sell_in(checkout.CURRENCY):
        return house
    uses = info.context.loaders.coupon_uses
    return uses.get_from(_order_of(line), lambda found: _off_line(line.id, found) or house)


def _off_line(line_id: UUID, uses: Sequence[coupons.CouponUse]) -> Money | None:
    if not uses:
        return None
    return Money(sum(use.parts.get(str(line_id), 0) for use in uses), uses[0].currency)


async def order_discount(order: Parent[orders.Order], info: Info) -> Money:
    """What coupons took off it, in the currency that it was paid in."""
    uses = await info.context.loaders.coupon_uses.load(order.id)
    if not uses:
        return Money(0, await _currency_of(order, info))
    return Money(sum(use.amount for use in uses), uses[0].currency)


async def order_subtotal(order: Parent[orders.Order], info: Info) -> Money:
    """What it costs before coupons."""
    shown = order_total(order, info)
    total = await shown if isawaitable(shown) else shown
    uses = await info.context.loaders.coupon_uses.load(order.id)
    return Money(total.units + sum(use.amount for use in uses), total.currency)


async def _currency_of(order: orders.Order, info: Info) -> str:
    shown = order_total(order, info)
    return (await shown if isawaitable(shown) else shown).currency


def coupons_of_order(
    order: Parent[orders.Order], info: Info
) -> AtOnceOrLater[list[coupons.CouponUse]]:
    """What came off it, in that order; one statement for a whole page of orders."""
    return info.context.loaders.coupon_uses.get(order.id)


def line_refunded(line: Parent[orders.OrderLine], info: Info) -> AtOnceOrLater[Money]:
    """What of its price went back: of another currency its share, down to the unit."""
    house = Money(line.money_back, checkout.CURRENCY)
    total = line.unit_price * line.quantity

    def share(paid: orders.Exchange) -> Money:
        whole = _whole(line, paid)
        return Money(whole.units * line.money_back // total if total else 0, whole.currency)

    return as_paid(info, _order_of(line), house, share)


def _whole(line: orders.OrderLine, paid: orders.Exchange) -> Money:
    price = paid.price_of(line.id)
    return Money(price.units * line.quantity, price.currency)


def _order_of(line: orders.OrderLine) -> UUID:
    order_id: UUID = line.order_id  # type: ignore[attr-defined]
    return order_id


async def all_orders(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[orders.Order]:
    """Everybody's orders, newest first (back office)."""
    return await orders.list_all_orders(info.context.actor, page_request("allOrders", first, after))


async def any_order(info: Info, id: strawberry.ID) -> orders.Order | None:
    """Any order (back office)."""
    return await orders.find_any_order(info.context.actor, decode_id(Prefix.ORDER, id))
