"""Money: an integer count of 1/10000 of the currency unit. Never a float."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from domain.kernel.refusals import Invalid, Refused

SCALE = 10_000
MAX_UNITS = 10**15  # a hundred billion of the currency unit: beyond any shop, well inside 64 bits
MINOR_DIGITS = {"CNY": 2, "USD": 2, "EUR": 2, "GBP": 2, "HKD": 2, "JPY": 0, "KRW": 0}
DEFAULT_MINOR_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in units of 1/10000 and its ISO 4217 currency code."""

    units: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """The amount in currency units with at least two digits, for people and for the API."""
        return Decimal(plain(self.units))

    @property
    def minor_units(self) -> int | None:
        """Whole cents (or yen) for payment channels; None when the amount is finer than that."""
        whole, rest = divmod(self.units, minor_step(self.currency))
        return whole if rest == 0 else None

    def __str__(self) -> str:
        return f"{plain(self.units)} {self.currency}"


def minor_digits(currency: str) -> int:
    """How many digits a payable amount of this currency may have."""
    return MINOR_DIGITS.get(currency, DEFAULT_MINOR_DIGITS)


def minor_step(currency: str) -> int:
    """One minor unit (a cent, a yen) in units of 1/10000."""
    return SCALE // int(10 ** minor_digits(currency))


def plain(units: int) -> str:
    """The shortest decimal text with at least two digits: 123400 -> "12.34"."""
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), SCALE)
    digits = f"{rest:04d}"
    return f"{sign}{whole}.{digits[:2]}{digits[2:].rstrip('0')}"


def parse_units(text: str | Decimal, *, field: tuple[str, ...] = ()) -> int:
    """Units from a decimal text; refuses more than four digits and amounts beyond MAX_UNITS."""
    try:
        scaled = Decimal(text) * SCALE
    except (ArithmeticError, ValueError):  # no number, or beyond what Decimal holds
        raise Refused(Invalid(reason="amount_not_a_number", field=field)) from None
    if not scaled.is_finite():
        raise Refused(Invalid(reason="amount_not_a_number", field=field))
    # Before it becomes an integer: of "1e999990" that would take the process most of a minute.
    if abs(scaled) > MAX_UNITS:
        raise Refused(Invalid(reason="amount_too_large", field=field))
    units = int(scaled)
    if scaled != units:
        raise Refused(Invalid(reason="amount_too_fine", field=field))
    return units


def is_payable(units: int, currency: str) -> bool:
    """Whether a total can be charged: a whole number of minor units."""
    return units % minor_step(currency) == 0


def to_minor(units: int, currency: str) -> int:
    """Units rounded half-even to a payable amount, still in units."""
    step = minor_step(currency)
    return int((Decimal(units) / step).quantize(Decimal(1), ROUND_HALF_EVEN)) * step


def share_out(total: int, weights: list[int]) -> list[int]:
    """Split `total` by weights so that the parts sum to it exactly (largest remainder first)."""
    whole = sum(weights)
    if whole <= 0:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
