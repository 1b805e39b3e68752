"""Exchange rates: at what sites of another currency are sold (mission row A9; docs/decisions/0053).

The books are kept in the house's currency. An operator says what one unit of another is worth in
it, for a time; a sale keeps the rate that it was made at. Nothing is fetched and nothing guessed:
without a rate that is good now nothing is sold in that currency.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from domain import audit, ledger
from domain.kernel import (
    Actor,
    Event,
    Invalid,
    Page,
    PageRequest,
    clock,
    new_id,
    page_of,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.pricing.models import ExchangeRate
from domain.pricing.rules import CURRENCIES, RATE_SCALE, SHOP_CURRENCY

WRITE_SCOPE = "prices:write"
READ_SCOPE = "products:read"
MAX_DAYS = 366
MAX_NOTE_LETTERS = 200
RATE_SET = "exchange_rate.set"

# The rate that is good at a moment, for the purchase's READ.
RATE_NOW = """
SELECT jsonb_build_object('id', id, 'rate', rate) FROM exchange_rates
WHERE currency = :currency AND valid_from <= :moment AND valid_until > :moment
ORDER BY valid_from DESC, id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class RateWish:
    """One unit of `currency` is worth `rate` of the house's, for `days` from now on."""

    currency: str
    rate: Decimal
    days: int
    note: str = ""

    def check(self) -> int:
        """The rate in millionths; refuses what cannot be one, with the field."""
        other = self.currency in CURRENCIES and self.currency != SHOP_CURRENCY
        refuse_unless(other, Invalid(reason="rate_currency", field=("currency",)))
        scaled = self.rate * RATE_SCALE if self.rate.is_finite() else Decimal(0)
        sound = scaled == scaled.to_integral_value() and 1 <= scaled <= 10**6 * RATE_SCALE
        refuse_unless(bool(sound), Invalid(reason="rate_value", field=("rate",)))
        refuse_unless(1 <= self.days <= MAX_DAYS, Invalid(reason="rate_days", field=("days",)))
        told = len(self.note) <= MAX_NOTE_LETTERS and (self.note.isprintable() or not self.note)
        refuse_unless(told, Invalid(reason="text_too_long", field=("note",)))
        return int(scaled)


async def set_rate(actor: Actor, wish: RateWish) -> ExchangeRate:
    """Set what a currency is worth from now on. Needs `prices:write`; audited, with its event.

    Earlier rates stay as they were. Refuses a currency that is not sold in or is the house's own, a
    rate that is not above zero or finer than a millionth, and more than a year.
    """
    actor.require_scope(WRITE_SCOPE)
    scaled, moment = wish.check(), clock.now()
    async with transaction() as conn:
        kinds = [(kind, None, wish.currency) for kind in ledger.EXCHANGED_KINDS]
        await ledger.open_accounts(conn, kinds)
        made = await ExchangeRate.create(
            id=new_id(),
            currency=wish.currency,
            rate=scaled,
            valid_from=moment,
            valid_until=moment + timedelta(days=wish.days),
            note=wish.note,
            set_by=actor.user_id,
        )
        told = {"currency": wish.currency, "rate": str(wish.rate), "until": made.valid_until}
        await audit.record(conn, actor, RATE_SET, made.id, told)
        payload = {**told, "until": made.valid_until.isoformat()}
        await record_events(conn, [Event(RATE_SET, made.id, 1, payload)])
    wake_relay()
    return made


async def list_rates(actor: Actor, page: PageRequest) -> Page[ExchangeRate]:
    """All rates that were ever set, newest first. Needs `products:read`."""
    actor.require_scope(READ_SCOPE)
    rows = ExchangeRate.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda rate: (rate.id,))
