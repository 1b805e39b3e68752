"""Pure rules of cards: how a code is compared, shown, packed and bound to its row."""

import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from ipaddress import IPv6Address, ip_address, ip_network
from math import log2
from random import Random
from uuid import UUID

import orjson

MAX_SECRET_LETTERS = 400
MAX_NUMBER_LETTERS = 100
MAX_SHOWN_LETTERS = 4
DOTS = "••••"
INVALID_PERCENT = 10
INVALID_MINIMUM = 3
COVER_DAYS = 7
HOLD_LIMIT = 20
ADDRESS_HOLD_LIMIT = 100
IPV6_NETWORK_BITS = 64  # what one subscriber is given, to choose addresses from as it likes
_FOLDED = str.maketrans("", "", " -\t")
_FOLDED_BYTES = b" -\t"
_SIGNS = bytes(each for each in range(128) if not chr(each).isalnum())
_WORD = re.compile(r"[A-Z0-9]+")
_DIGITS = "0123456789"
CANARY_BITS = 40  # that a made-up code has at least: nobody meets one by chance
TELLING_LETTERS = 8  # without signs, so many bits have at least so many
MAX_WORDS = 12  # that a code is written in, in a text
_SMALL_LETTERS = "abcdefghjkmnpqrstuvwxyz"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(slots=True)
class Limits:
    """What may be held unpaid; set once by the wiring."""

    per_address: int = ADDRESS_HOLD_LIMIT  # cards of all variants; 0: any number


limits = Limits()


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or the network that its subscriber chooses from."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, IPV6_NETWORK_BITS), strict=False))


def canonical(number: str, secret: str) -> bytes:
    """The form in which two codes are compared: blanks, dashes and case make no difference.

    Folding refuses at worst a code that differs by case only, and tells so; it never lets the same
    code in twice (row B2, invariant I5).
    """
    if number.isascii() and secret.isascii():  # NFKC leaves ASCII alone
        plain = f"{number}\0{secret}".upper().encode()
        return plain.translate(None, _FOLDED_BYTES)
    folded = (unicodedata.normalize("NFKC", text).translate(_FOLDED) for text in (number, secret))
    return "\0".join(text.upper() for text in folded).encode()


def masked(number: str, secret: str) -> str:
    """What may be shown of a card: the end of its number, else of its secret, a quarter at most."""
    text = number or secret
    shown = min(MAX_SHOWN_LETTERS, len(text) // 4)
    return DOTS + (text[-shown:] if shown else "")


def text_fault(number: str, secret: str) -> str | None:
    """Why a code cannot be stored, as a key of the texts; None when it can."""
    if not secret:
        return "card_secret_missing"
    if len(secret) > MAX_SECRET_LETTERS or len(number) > MAX_NUMBER_LETTERS:
        return "card_too_long"
    text = number + secret
    if text.isascii() and text.isprintable():
        return None
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        return "card_control_letters"
    return None


def packed(number: str, secret: str) -> bytes:
    """A code as it is sealed."""
    return orjson.dumps([number, secret])


def unpacked(plaintext: bytes) -> tuple[str, str]:
    """Number and secret of an opened code."""
    number, secret = orjson.loads(plaintext)
    return number, secret


def bound_to(card_id: UUID, variant_id: UUID, batch_id: UUID, generation: int) -> bytes:
    """What a sealed code is bound to: moved to another row it does not open."""
    return card_id.bytes + variant_id.bytes + batch_id.bytes + generation.to_bytes(4, "big")


def bound_all(
    card_ids: Sequence[UUID], variant_id: UUID, batch_id: UUID, generation: int
) -> list[bytes]:
    """`bound_to` for each card of a batch."""
    rest = bound_to(card_ids[0], variant_id, batch_id, generation)[16:] if card_ids else b""
    return [card_id.bytes + rest for card_id in card_ids]


def key_bound_to(batch_id: UUID, generation: int) -> bytes:
    """What a wrapped data key is bound to."""
    return batch_id.bytes + generation.to_bytes(4, "big")


def too_many_invalid(invalid: int, checked: int, percent: int, minimum: int) -> bool:
    """Whether a batch is to be frozen: more than `percent` of its checked cards are invalid.

    Fewer than `minimum` invalid cards say nothing yet, whatever their share (row B7).
    """
    return invalid >= minimum and invalid * 100 > checked * percent


def days_of_cover(available: int, sold: int, days: int) -> Decimal | None:
    """How many days `available` cards last when `sold` went in the last `days`; None: no sales."""
    return round(Decimal(available) * days / sold, 1) if sold else None


def sample_codes(
    number_format: str, secret_format: str, count: int, seed: str
) -> Iterator[tuple[str, str]]:
    """Codes of a form, for demos: `#` is a digit, `?` a letter. The same seed gives the same.

    A form that has no room for so many codes is a fault of the caller.
    """
    form = number_format + secret_format
    if count > len(_DIGITS) ** form.count("#") * len(_LETTERS) ** form.count("?"):
        raise ValueError(f"there are no {count} codes of the form {form}")
    chance = Random(seed)
    seen: set[tuple[str, str]] = set()
    while len(seen) < count:
        code = _filled(number_format, chance), _filled(secret_format, chance)
        if code not in seen:
            seen.add(code)
            yield code


def _filled(form: str, chance: Random) -> str:
    choices = {"#": _DIGITS, "?": _LETTERS}
    return "".join(chance.choice(choices.get(letter, letter)) for letter in form)


Form = tuple[str, ...]  # of each place of a code: the letters that may stand there


def form_of(text: str) -> Form:
    """A form in words: `#` is a digit, `?` a letter, anything else itself."""
    choices = {"#": _DIGITS, "?": _LETTERS}
    return tuple(choices.get(letter, letter) for letter in text)


def form_like(samples: Sequence[str]) -> Form:
    """The form of real codes: what all of them share stays, the rest is of the same kind."""
    first, *others = samples
    alike = [each for each in others if len(each) == len(first)]
    return tuple(
        letter if alike and all(each[place] == letter for each in alike) else _kind_of(letter)
        for place, letter in enumerate(first)
    )


def form_bits(*forms: Form) -> float:
    """How much chance there is in codes of these forms."""
    return sum(log2(len(choices)) for form in forms for choices in form)


def drawn(form: Form) -> str:
    """A code of a form, by real chance."""
    return "".join(secrets.choice(choices) for choices in form)


def _kind_of(letter: str) -> str:
    if letter.isascii() and letter.isdigit():
        return _DIGITS
    if letter.isascii() and letter.isalpha():
        return _LETTERS if letter.isupper() else _SMALL_LETTERS
    return letter


def bare(text: str) -> str:
    """Letters and digits alone, in one case: how somebody would write a code from memory."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return plain.encode("ascii", "ignore").upper().translate(None, _SIGNS).decode()


def ways_to_say(number: str, secret: str) -> list[str]:
    """The texts by which a brought code may be that of a canary."""
    first, second = bare(number), bare(secret)
    return [each for each in {second, first, first + second} if len(each) >= TELLING_LETTERS]


def telling(number: str, secret: str, number_form: Form, secret_form: Form) -> list[str]:
    """The texts that give a canary away: each part that nobody meets by chance, else both."""
    parts = (number, number_form), (secret, secret_form)
    found = [bare(text) for text, form in parts if form_bits(form) >= CANARY_BITS]
    return found or [bare(number) + bare(secret)]


def ways_in_text(text: str) -> set[str]:
    """All that may be a code in what somebody wrote: some words that stand together."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).upper())
    joined = (
        "".join(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, min(start + MAX_WORDS, len(words)) + 1)
    )
    most = MAX_SECRET_LETTERS + MAX_NUMBER_LETTERS
    return {each for each in joined if TELLING_LETTERS <= len(each) <= most}
