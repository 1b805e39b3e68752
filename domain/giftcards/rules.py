"""Pure rules of gift cards: numbers, moves, verdicts, lockouts; codes in cards/own_codes.py."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.cards import ALPHABET, random_letters
from domain.giftcards.models import (
    Activation,
    Breakage,
    GiftCardReason,
    GiftCardStatus,
    GiftCardValue,
    GuardKind,
)
from domain.kernel import Invalid, is_payable

NUMBER_LETTERS = 12
MAX_NAME_LETTERS = 64
MAX_REASON_LETTERS = 500
MAX_USES = 10_000
MAX_VALID_DAYS = 36_500
MAX_ISSUED = 50_000  # in one go: some seconds, and one transaction
MAX_MOVED = 500
MAX_AT_COUNTER = 2_000


def new_number(prefix: str) -> str:
    """A card's number, for people: random too, and nothing that would help to guess its code."""
    return prefix + random_letters(NUMBER_LETTERS)


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
