"""Codes that we make ourselves, as of own gift cards: they tell a slip of the pen (mission row K1).

A code is 16 random letters of base 32 (80 bits) and a check letter. The check letter is a public
function of the 16: whoever guesses can compute it too, and still has 2^80 codes before him, each as
likely as the next. It sums the letters in the field of 32 elements with a weight of its own for
each place, so that one wrong letter, and any two that changed places, never give a sound code.
"""

import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: without I, L, O, U
RANDOM_LETTERS = 16
BITS = 5
GROUP = 4
MAX_TYPED_LETTERS = 64

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
    return printed_code(secrets.randbits(RANDOM_LETTERS * BITS))


def printed_code(bits: int) -> str:
    """The code of 80 given bits as it is printed."""
    body = _letters(bits, RANDOM_LETTERS)
    groups = [body[at : at + GROUP] for at in range(0, RANDOM_LETTERS, GROUP)]
    return "-".join([*groups, check_letter(body)])


def read_code(typed: str) -> str | None:
    """The seventeen letters behind what somebody typed; None when it cannot be a code.

    Blanks, dashes, case and look-alikes (O and 0; I, L and 1) make no difference.
    """
    folded = unicodedata.normalize("NFKC", typed[:MAX_TYPED_LETTERS]).upper().translate(_ALIKE)
    letters = "".join(letter for letter in folded if letter not in " -\t")
    if len(letters) != RANDOM_LETTERS + 1 or any(each not in _VALUES for each in letters):
        return None
    return letters if check_letter(letters[:-1]) == letters[-1] else None


def random_letters(count: int) -> str:
    """So many letters of the alphabet, by real chance."""
    return _letters(secrets.randbits(count * BITS), count)


def _letters(bits: int, count: int) -> str:
    return "".join(ALPHABET[bits >> shift & 31] for shift in range(0, count * BITS, BITS))
