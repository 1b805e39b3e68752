"""Pure rules of real names: forms of numbers, ages, levels, and when a provider is asked again."""

import re
from datetime import date, timedelta

from domain.realname.models import RealNameLevel

MAX_NAME_LETTERS = 64
FULL_AGE = 18
MAX_TRIES = 8
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
LEVELS = (RealNameLevel.NONE, RealNameLevel.BASIC, RealNameLevel.FULL)

_CITIZEN = re.compile(r"[1-9]\d{16}[\dX]")
_CITIZEN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CITIZEN_CHECKS = "10X98765432"
_COMPANY_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_COMPANY = re.compile(f"[{_COMPANY_LETTERS}]{{18}}")
_COMPANY_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


def reaches(level: RealNameLevel, needed: RealNameLevel) -> bool:
    """Whether a level is enough."""
    return LEVELS.index(level) >= LEVELS.index(needed)


def plain_number(text: str) -> str:
    """A number as it is compared: without blanks, in capital letters."""
    return "".join(text.split()).upper()


def is_name(text: str) -> bool:
    """Whether a text can be a person's or a company's name."""
    text = text.strip()
    return 1 < len(text) <= MAX_NAME_LETTERS and text.isprintable()


def is_citizen_number(number: str) -> bool:
    """A number of a resident identity card: 18 places, a day of birth, its check letter."""
    if not _CITIZEN.fullmatch(number) or birth_of(number) is None:
        return False
    total = sum(int(n) * w for n, w in zip(number[:17], _CITIZEN_WEIGHTS, strict=True))
    return number[17] == _CITIZEN_CHECKS[total % 11]


def is_company_number(number: str) -> bool:
    """A unified social credit code: 18 places, its check letter."""
    if not _COMPANY.fullmatch(number):
        return False
    places = [_COMPANY_LETTERS.index(letter) for letter in number]
    total = sum(n * w for n, w in zip(places[:17], _COMPANY_WEIGHTS, strict=True))
    return places[17] == (31 - total % 31) % 31


def birth_of(number: str) -> date | None:
    """The day of birth that an identity card's number tells; None when there is no such day."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def is_of_age(number: str, today: date) -> bool:
    """Whether whoever has this number is eighteen."""
    born = birth_of(number)
    if born is None:
        return False
    had_birthday = (today.month, today.day) >= (born.month, born.day)
    return today.year - born.year - (not had_birthday) >= FULL_AGE


def masked_name(name: str) -> str:
    """The first letter of a name, the rest as stars; what may be published."""
    return name[:1] + "*" * max(1, len(name) - 1) if name else ""


def pause_before(tries: int) -> timedelta:
    """How long until a provider that gave no clear answer is asked again."""
    return RETRY_AFTER[min(tries, len(RETRY_AFTER)) - 1]
