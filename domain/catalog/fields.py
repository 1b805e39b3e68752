"""Pure rules of what a buyer must fill in (mission row A4): fields of a product type, as data.

`schema_faults` judges the fields themselves, when an operator saves them; `read_account` judges and
types what a buyer sends for them. Neither raises for anything a person may write.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

import phonenumbers

from domain.catalog.patterns import PatternInvalid, compile_pattern
from domain.kernel import Invalid

MAX_FIELDS = 12
MAX_OPTIONS = 200
MAX_VALUE_LETTERS = 256
MAX_LABEL_LETTERS = 64
MAX_HELP_LETTERS = 200
MAX_SCALE = 4
MAX_NUMBER = Decimal(10**11)  # with four decimals, fifteen digits: exact as a JSON number
REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)

_KEY = re.compile(r"[a-z][a-zA-Z0-9_]{0,31}")
_NUMBER = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,4})?")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){1,8}"
)
_ACCOUNT_ID = re.compile(r"[A-Za-z0-9._@+#:-]+")
_PHONE = re.compile(r"[+(]?[0-9][0-9() .-]{2,30}")

Value = str | int | float
Account = dict[str, Value]
Given = Sequence[tuple[str, str]]


class FieldKind(StrEnum):
    """What a field asks for."""

    TEXT = "TEXT"
    NUMBER = "NUMBER"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    ACCOUNT_ID = "ACCOUNT_ID"
    SELECT = "SELECT"


@dataclass(frozen=True, slots=True)
class FieldOption:
    """One choice of a select; there only when the field depended on has one of `when`, if any."""

    value: str
    label_zh: str
    label_en: str
    when: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountField:
    """One thing that a buyer fills in. Bounds are inclusive; lengths are of TEXT and ACCOUNT_ID,
    values and `scale` (digits after the point) of NUMBER, `region` (CN) of PHONE."""

    key: str
    kind: FieldKind
    label_zh: str
    label_en: str
    required: bool = True
    help_zh: str = ""
    help_en: str = ""
    min_length: int | None = None
    max_length: int | None = None
    min_value: Decimal | None = None
    max_value: Decimal | None = None
    scale: int = 0
    pattern: str = ""
    region: str = ""
    depends_on: str = ""
    options: tuple[FieldOption, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueFault:
    """Why one value cannot be taken. `reason` is a key of the texts."""

    key: str
    reason: str


_DEFAULTS = {each.name: each.default for each in fields(AccountField)}


def as_rows(account_fields: Sequence[AccountField]) -> list[dict[str, Any]]:
    """The fields as they are stored: plain JSON, without what is as usual."""
    rows = []
    for each in account_fields:
        row = {name: value for name, value in asdict(each).items() if value != _DEFAULTS[name]}
        row["kind"] = each.kind.value
        for bound in ("min_value", "max_value"):
            if row.get(bound) is not None:
                row[bound] = format(row[bound], "f")
        if each.options:
            row["options"] = [_option_row(option) for option in each.options]
        rows.append(row)
    return rows


def _option_row(option: FieldOption) -> dict[str, Any]:
    row = {"value": option.value, "label_zh": option.label_zh, "label_en": option.label_en}
    return {**row, "when": list(option.when)} if option.when else row


def from_rows(rows: Sequence[Mapping[str, Any]]) -> tuple[AccountField, ...]:
    """The fields of stored rows, or of a file of presets."""
    return tuple(_field_of(row) for row in rows)


def _field_of(row: Mapping[str, Any]) -> AccountField:
    options = tuple(
        FieldOption(
            each["value"], each["label_zh"], each["label_en"], tuple(each.get("when") or ())
        )
        for each in row.get("options") or ()
    )
    bounds = {
        name: Decimal(str(row[name]))
        for name in ("min_value", "max_value")
        if row.get(name) is not None
    }
    return AccountField(**{**row, "kind": FieldKind(row["kind"]), "options": options, **bounds})


def schema_faults(account_fields: Sequence[AccountField]) -> list[Invalid]:
    """What is wrong with the fields themselves, each named by its path; empty when nothing is."""
    if len(account_fields) > MAX_FIELDS:
        return [Invalid(reason="field_many", field=("accountFields",))]
    faults: list[Invalid] = []
    earlier: dict[str, AccountField] = {}
    for place, each in enumerate(account_fields):
        path = ("accountFields", str(place))
        checks = (
            ("key", "field_key", _KEY.fullmatch(each.key) is not None),
            ("key", "field_twice", each.key not in earlier),
            ("labelZh", "field_label", _is_text(each.label_zh, 1, MAX_LABEL_LETTERS)),
            ("labelEn", "field_label", _is_text(each.label_en, 1, MAX_LABEL_LETTERS)),
            ("helpZh", "field_help", _is_text(each.help_zh, 0, MAX_HELP_LETTERS)),
            ("helpEn", "field_help", _is_text(each.help_en, 0, MAX_HELP_LETTERS)),
            ("minLength", "field_length", _lengths_fit(each)),
            ("minValue", "field_bounds", _values_fit(each)),
            ("scale", "field_bounds", _scale_fits(each)),
            ("pattern", "field_pattern", _pattern_fits(each)),
            ("region", "field_region", _region_fits(each)),
            ("dependsOn", "field_depends", _depends_rightly(each, earlier)),
            ("options", "field_options", _options_fit(each, earlier)),
        )
        faults += [
            Invalid(reason=why, field=(*path, name)) for name, why, right in checks if not right
        ]
        earlier[each.key] = each
    return faults


def read_account(
    account_fields: Sequence[AccountField], given: Given
) -> tuple[Account, list[ValueFault]]:
    """What a buyer sent, typed, and every fault of it, one a field at most.

    Numbers become numbers, phones E.164 (+8613800138000), the domain of an e-mail small letters;
    texts lose outer blanks. An empty value counts as none. With a fault nothing may be stored.
    """
    known = {each.key for each in account_fields}
    faults = [ValueFault(key, "account_unknown") for key in _unknown(given, known)]
    texts: dict[str, str] = {}
    for key, text in given:
        if key in texts:
            faults.append(ValueFault(key, "account_twice"))
        texts[key] = text
    found: Account = {}
    for each in account_fields:
        value, why = _read(each, texts.get(each.key, ""), found)
        if why:
            faults.append(ValueFault(each.key, why))
        elif value is not None:
            found[each.key] = value
    return found, list({fault.key: fault for fault in reversed(faults)}.values())[::-1]


def as_text(value: Value) -> str:
    """A typed value as a person writes it, and as `read_account` reads it again."""
    return value if isinstance(value, str) else format(Decimal(str(value)), "f")


def masked(value: Value) -> str:
    """A value as others than its buyer may see it: its ends at most, never the most of it."""
    text = as_text(value)
    shown = 2 if len(text) >= 8 else 1 if len(text) >= 4 else 0
    return f"{text[:shown]}***{text[len(text) - shown :]}"


def _unknown(given: Given, known: set[str]) -> list[str]:
    """The keys that no field has, once each; cut, as strangers write them."""
    return list(dict.fromkeys(key[:32] for key, _ in given if key not in known))


def _read(each: AccountField, text: str, found: Account) -> tuple[Value | None, str | None]:
    """One value typed, or the reason why not; neither for an empty one that need not be."""
    if len(text) > MAX_VALUE_LETTERS:
        return None, "account_long"
    if not _is_clean(text):
        return None, "account_letters"
    text = unicodedata.normalize("NFC", text.strip())
    if len(text) > MAX_VALUE_LETTERS:  # a few letters become two
        return None, "account_long"
    allowed = _available(each, found)
    if not text:
        needed = each.required and (each.kind is not FieldKind.SELECT or bool(allowed))
        return None, "account_required" if needed else None
    value, why = _READERS[each.kind](each, text, allowed)
    # What is stored must match, so that what is stored can be sent again.
    if value is not None and each.pattern and not _matches(each.pattern, value):
        return None, "account_pattern"
    return value, why


def _matches(pattern: str, value: Value) -> bool:
    return compile_pattern(pattern).matches(as_text(value))


def _available(each: AccountField, found: Account) -> frozenset[str]:
    """The values that a select offers, given what was chosen before it."""
    chosen = found.get(each.depends_on)
    return frozenset(o.value for o in each.options if not o.when or chosen in o.when)


Read = tuple[Value | None, str | None]


def _read_text(each: AccountField, text: str, allowed: frozenset[str]) -> Read:
    if not (each.min_length or 0) <= len(text) <= (each.max_length or MAX_VALUE_LETTERS):
        return None, "account_length"
    return text, None


def _read_account_id(each: AccountField, text: str, allowed: frozenset[str]) -> Read:
    if not _ACCOUNT_ID.fullmatch(text):
        return None, "account_id"
    return _read_text(each, text, allowed)


def _read_number(each: AccountField, text: str, allowed: frozenset[str]) -> Read:
    if not _NUMBER.fullmatch(text):
        return None, "account_number"
    number = Decimal(text)
    if number != round(number, each.scale):
        return None, "account_number"
    low, high = each.min_value, each.max_value
    if (low is not None and number < low) or (high is not None and number > high):
        return None, "account_bounds"
    return (int(number) if number == number.to_integral_value() else float(number)), None


def _read_phone(each: AccountField, text: str, allowed: frozenset[str]) -> Read:
    if not _PHONE.fullmatch(text):
        return None, "account_phone"
    try:
        number = phonenumbers.parse(text, each.region or None)
    except phonenumbers.NumberParseException:
        return None, "account_phone"
    if not phonenumbers.is_valid_number(number):
        return None, "account_phone"
    if each.region and phonenumbers.region_code_for_number(number) != each.region:
        return None, "account_phone_region"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None


def _read_email(each: AccountField, text: str, allowed: frozenset[str]) -> Read:
    if not _EMAIL.fullmatch(text) or ".." in text:
        return None, "account_email"
    mailbox, _, domain = text.rpartition("@")
    return f"{mailbox}@{domain.lower()}", None


def _read_select(each: AccountField, text: str, allowed: frozenset[str]) -> Read:
    return (text, None) if text in allowed else (None, "account_option")


_READERS = {
    FieldKind.TEXT: _read_text,
    FieldKind.NUMBER: _read_number,
    FieldKind.PHONE: _read_phone,
    FieldKind.EMAIL: _read_email,
    FieldKind.ACCOUNT_ID: _read_account_id,
    FieldKind.SELECT: _read_select,
}


def _is_clean(text: str) -> bool:
    """One line of letters that can be stored and shown: nothing invisible, nothing that turns."""
    return all(
        unicodedata.category(letter)[0] != "C" and unicodedata.category(letter) not in ("Zl", "Zp")
        for letter in text
    )


def _is_text(text: str, least: int, most: int) -> bool:
    return least <= len(text.strip()) and len(text) <= most and _is_clean(text)


def _lengths_fit(each: AccountField) -> bool:
    if each.min_length is None and each.max_length is None:
        return True
    low, high = each.min_length or 0, each.max_length or MAX_VALUE_LETTERS
    of_text = each.kind in (FieldKind.TEXT, FieldKind.ACCOUNT_ID)
    return of_text and 0 <= low <= high <= MAX_VALUE_LETTERS


def _values_fit(each: AccountField) -> bool:
    bounds = [bound for bound in (each.min_value, each.max_value) if bound is not None]
    if not bounds:
        return True
    right = all(bound.is_finite() and abs(bound) < MAX_NUMBER for bound in bounds)
    return each.kind is FieldKind.NUMBER and right and bounds == sorted(bounds)


def _scale_fits(each: AccountField) -> bool:
    return each.scale == 0 or (each.kind is FieldKind.NUMBER and 0 < each.scale <= MAX_SCALE)


def _pattern_fits(each: AccountField) -> bool:
    if not each.pattern:
        return True
    try:
        compile_pattern(each.pattern)
    except PatternInvalid:
        return False
    return each.kind is not FieldKind.SELECT


def _region_fits(each: AccountField) -> bool:
    return not each.region or (each.kind is FieldKind.PHONE and each.region in REGIONS)


def _depends_rightly(each: AccountField, earlier: Mapping[str, AccountField]) -> bool:
    """On an earlier select only, so that there is no circle and what it needs is read before it."""
    if not each.depends_on:
        return True
    other = earlier.get(each.depends_on)
    return each.kind is FieldKind.SELECT and other is not None and other.kind is FieldKind.SELECT


def _options_fit(each: AccountField, earlier: Mapping[str, AccountField]) -> bool:
    if each.kind is not FieldKind.SELECT:
        return not each.options
    other = earlier.get(each.depends_on)
    chosen = {option.value for option in other.options} if other else set()
    values = [option.value for option in each.options]
    return (
        0 < len(values) <= MAX_OPTIONS
        and len(set(values)) == len(values)
        and all(
            _is_text(option.value, 1, MAX_LABEL_LETTERS)
            and option.value == unicodedata.normalize("NFC", option.value.strip())
            and _is_text(option.label_zh, 1, MAX_LABEL_LETTERS)
            and _is_text(option.label_en, 1, MAX_LABEL_LETTERS)
            and set(option.when) <= chosen
            for option in each.options
        )
    )
