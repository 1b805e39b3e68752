"""Pure rules of gift cards: codes that tell a slip of the pen, moves, verdicts, lockouts.

A code is 16 random letters of base 32 (80 bits) and a check letter. The check letter is a public
function of the 16: whoever guesses can compute it too, and still has 2^80 codes before him, each as
likely as the next. It sums the letters in the field of 32 elements with a weight of its own for
each place, so that one wrong letter, and any two that changed places, never give a sound code.
"""

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.giftcards.models import (
    Activation,
    Breakage,
    GiftCardReason,
    GiftCardStatus,
    GiftCardValue,
    GuardKind,
)
from domain.kernel import Invalid, is_payable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: without I, L, O, U
RANDOM_LETTERS = 16
BITS = 5
GROUP = 4
NUMBER_LETTERS = 12
MAX_TYPED_LETTERS = 64

MAX_NAME_LETTERS = 64
MAX_REASON_LETTERS = 500
MAX_USES = 10_000
MAX_VALID_DAYS = 36_500
MAX_ISSUED = 50_000  # in one go: some seconds, and one transaction
MAX_MOVED = 500
MAX_AT_COUNTER = 2_000

_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})
_FIELD = 0b100101  # x^5 + x^2 + 1: its root makes all 31 elements but zero


def _powers() -> list[int]:
    found, power = [], 1
    for _ in range(RANDOM_LETTERS + 1):
        found.append(power)
        power <<= 1
        if power >> BITS:
            power ^= _FIELD
    return found


def _times(first: int, second: int) -> int:
    product = 0
    while second:
        if second & 1:
            product ^= first
        first <<= 1
        if first >> BITS:
            first ^= _FIELD
        second >>= 1
    return product


_WEIGHTS = _powers()  # the check letter's own weight is the first, 1
_TIMES = [[_times(weight, value) for value in range(32)] for weight in _WEIGHTS]


def check_letter(body: str) -> str:
    """The check letter of sixteen letters."""
    total = 0
    for place, letter in enumerate(body, start=1):
        total ^= _TIMES[place][_VALUES[letter]]
    return ALPHABET[total]


def new_code() -> str:
    """A fresh code as it is printed: XXXX-XXXX-XXXX-XXXX-C."""
    body = _random_letters(RANDOM_LETTERS)
    groups = [body[at : at + GROUP] for at in range(0, RANDOM_LETTERS, GROUP)]
    return "-".join([*groups, check_letter(body)])


def new_number(prefix: str) -> str:
    """A card's number, for people: random too, and nothing that would help to guess its code."""
    return prefix + _random_letters(NUMBER_LETTERS)


def read_code(typed: str) -> str | None:
    """The seventeen letters behind what somebody typed; None when it cannot be a code.

    Blanks, dashes, case and look-alikes (O and 0; I, L and 1) make no difference.
    """
    folded = unicodedata.normalize("NFKC", typed[:MAX_TYPED_LETTERS]).upper().translate(_ALIKE)
    letters = "".join(letter for letter in folded if letter not in " -\t")
    if len(letters) != RANDOM_LETTERS + 1 or any(each not in _VALUES for each in letters):
        return None
    return letters if check_letter(letters[:-1]) == letters[-1] else None


def _random_letters(count: int) -> str:
    bits = secrets.randbits(count * BITS)
    return "".join(ALPHABET[bits >> shift & 31] for shift in range(0, count * BITS, BITS))


# --- the life of a card ---------------------------------------------------------------------------

_ISSUED, _ACTIVE, _FROZEN = GiftCardStatus.ISSUED, GiftCardStatus.ACTIVE, GiftCardStatus.FROZEN
_USED_UP, _VOID, _EXPIRED = GiftCardStatus.USED_UP, GiftCardStatus.VOID, GiftCardStatus.EXPIRED

MOVES: dict[GiftCardStatus, frozenset[GiftCardStatus]] = {
    _ISSUED: frozenset({_ACTIVE, _VOID}),
    _ACTIVE: frozenset({_FROZEN, _USED_UP, _VOID, _EXPIRED}),
    _FROZEN: frozenset({_ACTIVE, _VOID, _EXPIRED}),
    _EXPIRED: frozenset({_ACTIVE, _VOID}),  # an operator makes it good again, or pays it back
    _USED_UP: frozenset(),
    _VOID: frozenset(),
}
BY_STAFF = frozenset({_ACTIVE, _FROZEN, _VOID})


class CounterFault(StrEnum):
    """Why a card is not sold at a counter."""

    NOT_PRINTED = "not_printed"  # it is good at once when the shop sells it, so nobody prints it
    SOLD = "sold"
    HELD = "held"  # for a buyer who has not paid yet
    FROZEN = "frozen"
    VOID = "void"
    NOT_THERE = "not_there"


def needs_reason(source: GiftCardStatus, target: GiftCardStatus) -> bool:
    """Every move that an operator decides, but for the first activation, says why."""
    return (target in BY_STAFF and source is not _ISSUED) or target is _VOID


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a card at the moment somebody wants to use it."""

    status: GiftCardStatus
    value: GiftCardValue
    expires_at: datetime | None
    delivered: bool  # its card of the store is whole: sold, and not disputed or taken back

    def fault(self, wanted: GiftCardValue, moment: datetime) -> GiftCardReason | None:
        """Why it is not good for this; None when it is."""
        if self.status in _FAULTS:
            return _FAULTS[self.status]
        if not self.delivered:
            return GiftCardReason.FROZEN
        if self.expires_at is not None and self.expires_at <= moment:
            return GiftCardReason.EXPIRED
        if self.value is not wanted:
            uses = self.value is GiftCardValue.COUNT
            return GiftCardReason.HOLDS_USES if uses else GiftCardReason.HOLDS_MONEY
        return None


_FAULTS = {
    _ISSUED: GiftCardReason.NOT_ACTIVATED,
    _FROZEN: GiftCardReason.FROZEN,
    _USED_UP: GiftCardReason.USED_UP,
    _VOID: GiftCardReason.VOID,
    _EXPIRED: GiftCardReason.EXPIRED,
}


# --- programs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProgramDraft:
    """The editable part of a program. Face value in units of 1/10000 of `currency`."""

    name_zh: str
    name_en: str
    value: GiftCardValue
    face_units: int | None = None
    currency: str = "CNY"
    uses: int | None = None
    valid_days: int | None = None
    transferable: bool = True
    activation: Activation = Activation.ON_SALE
    breakage: Breakage = Breakage.KEPT
    prefix: str = "GC"


@dataclass(slots=True)
class Limits:
    """What the law of the place allows; set once by the wiring.

    The defaults are those for cards without a name in China: 1000 yuan at most, good for three
    years at least.
    """

    face_units: int = 1_000 * 10_000
    valid_days: int = 1_095


limits = Limits()


def program_faults(draft: ProgramDraft) -> list[Invalid]:
    """What is wrong with a program, one refusal a field; empty when nothing is."""
    counted = draft.value is GiftCardValue.COUNT
    face, uses = draft.face_units, draft.uses
    if counted:
        face_right, uses_right = face is None, uses is not None and 1 <= uses <= MAX_USES
    else:
        face_right = face is not None and face > 0 and is_payable(face, draft.currency)
        uses_right = uses is None
    lasting = draft.valid_days is None or limits.valid_days <= draft.valid_days <= MAX_VALID_DAYS
    income = draft.breakage is Breakage.INCOME
    prefix_right = 1 <= len(draft.prefix) <= 4 and set(draft.prefix) <= set(ALPHABET)
    checks = (
        ("nameZh", "name", _is_name(draft.name_zh)),
        ("nameEn", "name", _is_name(draft.name_en)),
        ("faceValue", "face_value" if not counted else "gift_face_of_count", face_right),
        ("faceValue", "gift_face_cap", counted or (face or 0) <= limits.face_units),
        ("faceValue", "currency", draft.currency == "CNY"),
        ("uses", "gift_uses", uses_right),
        ("validDays", "gift_valid_days", lasting),
        ("breakage", "gift_breakage", not (income and draft.valid_days is None)),
        ("prefix", "gift_prefix", prefix_right),
    )
    return [Invalid(reason=reason, field=(name,)) for name, reason, right in checks if not right]


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME_LETTERS and text == text.strip() and text.isprintable()


# --- lockouts -------------------------------------------------------------------------------------

FREE_TRIES = {  # an address may be that of a whole dormitory
    GuardKind.CODE: 5,
    GuardKind.USER: 5,
    GuardKind.SESSION: 5,
    GuardKind.ADDRESS: 30,
}
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=24)
FORGOTTEN_AFTER = timedelta(hours=24)  # without a try that came to nothing


def lock_for(kind: GuardKind, tries: int) -> timedelta | None:
    """How long whoever has tried so often in vain is locked out: a minute, and twice as long for
    each further try, up to a day. None while tries are free."""
    beyond = tries - FREE_TRIES[kind]
    if beyond < 0:
        return None
    doublings: int = 2 ** min(beyond, 16)
    return min(FIRST_LOCK * doublings, LONGEST_LOCK)


def expiry_of(activated_at: datetime, valid_days: int | None) -> datetime | None:
    """Until when a card is good; None: without end."""
    return None if valid_days is None else activated_at + timedelta(days=valid_days)
