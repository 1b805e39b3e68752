"""What a buyer fills in: each kind's good and bad values, and properties of all of them (A4)."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.catalog import fields
from domain.catalog.fields import (
    AccountField,
    FieldKind,
    FieldOption,
    as_rows,
    as_text,
    from_rows,
    read_account,
    schema_faults,
)
from schema.locale import LANGUAGES, texts

TEXT = AccountField("note", FieldKind.TEXT, "备注", "Note", min_length=2, max_length=5)
NUMBER = AccountField(
    "age", FieldKind.NUMBER, "年龄", "Age", min_value=Decimal(-3), max_value=Decimal(90)
)
PHONE = AccountField("phone", FieldKind.PHONE, "手机", "Phone", region="CN")
ABROAD = AccountField("phone", FieldKind.PHONE, "手机", "Phone")
EMAIL = AccountField("email", FieldKind.EMAIL, "邮箱", "E-mail")
ACCOUNT = AccountField("uid", FieldKind.ACCOUNT_ID, "账号", "Account", pattern=r"\d{5,11}")
AREA = AccountField(
    "area",
    FieldKind.SELECT,
    "大区",
    "Area",
    options=(FieldOption("cn", "国服", "China"), FieldOption("eu", "欧服", "Europe")),
)
SERVER = AccountField(
    "server",
    FieldKind.SELECT,
    "服务器",
    "Server",
    depends_on="area",
    options=(
        FieldOption("gz", "广州", "Guangzhou", ("cn",)),
        FieldOption("bj", "北京", "Beijing", ("cn",)),
        FieldOption("test", "测试", "Test", ("cn", "eu")),
    ),
)
ALL = (replace(TEXT, required=False), NUMBER, PHONE, EMAIL, ACCOUNT, AREA, SERVER)


def verdict(field: AccountField, text: str) -> Any:
    found, faults = read_account([field], [(field.key, text)])
    return faults[0].reason if faults else found[field.key]


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        (TEXT, " ab ", "ab"),
        (TEXT, "a", "account_length"),
        (TEXT, "abcdef", "account_length"),
        (TEXT, "a\nb", "account_letters"),
        (TEXT, "a\u202eb", "account_letters"),
        (TEXT, "e\u0301e\u0301", "éé"),
        (TEXT, "", "account_required"),
        (TEXT, "   ", "account_required"),
        (TEXT, "x" * 300, "account_long"),
        (NUMBER, "42", 42),
        (NUMBER, "-3", -3),
        (NUMBER, "42.0", 42),
        (NUMBER, "42.5", "account_number"),
        (NUMBER, "1e3", "account_number"),
        (NUMBER, "٤٢", "account_number"),
        (NUMBER, "NaN", "account_number"),
        (NUMBER, "91", "account_bounds"),
        (NUMBER, "-4", "account_bounds"),
        (replace(NUMBER, scale=2), "42.50", 42.5),
        (replace(NUMBER, scale=2), "42.505", "account_number"),
        (PHONE, "138 0013 8000", "+8613800138000"),
        (PHONE, "+86-138-0013-8000", "+8613800138000"),
        (PHONE, "12345", "account_phone"),
        (PHONE, "phone", "account_phone"),
        (PHONE, "+1 650 253 0000", "account_phone_region"),
        (ABROAD, "+1 650 253 0000", "+16502530000"),
        (ABROAD, "13800138000", "account_phone"),
        (EMAIL, "Some.One@Example.COM", "Some.One@example.com"),
        (EMAIL, "some one@example.com", "account_email"),
        (EMAIL, "someone@example", "account_email"),
        (EMAIL, "a..b@example.com", "account_email"),
        (EMAIL, "a@-example.com", "account_email"),
        (ACCOUNT, "10001", "10001"),
        (ACCOUNT, "1000", "account_pattern"),
        (ACCOUNT, "中文账号", "account_id"),
        (AREA, "cn", "cn"),
        (AREA, "CN", "account_option"),
    ],
)
def test_a_value_is_typed_or_named_at_fault(
    field: AccountField, text: str, expected: object
) -> None:
    found = verdict(field, text)
    assert (found, type(found)) == (expected, type(expected))


def test_an_optional_field_may_be_left_empty() -> None:
    optional = replace(TEXT, required=False)
    assert read_account([optional], []) == ({}, [])
    assert read_account([optional], [("note", "")]) == ({}, [])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("area", "cn"), ("server", "gz")], {"area": "cn", "server": "gz"}),
        ([("server", "test"), ("area", "eu")], {"area": "eu", "server": "test"}),
        ([("area", "eu"), ("server", "gz")], [("server", "account_option")]),
        ([("area", "cn")], [("server", "account_required")]),
        ([("server", "gz")], [("area", "account_required"), ("server", "account_option")]),
    ],
)
def test_a_select_offers_what_the_other_one_allows(given: Any, expected: Any) -> None:
    found, faults = read_account([AREA, SERVER], given)
    shown = [(fault.key, fault.reason) for fault in faults] if faults else found
    assert shown == expected


def test_what_nobody_asked_for_and_what_comes_twice_is_refused() -> None:
    _, faults = read_account([AREA], [("area", "cn"), ("area", "eu"), ("x" * 500, "1")])
    assert [(fault.key, fault.reason) for fault in faults] == [
        ("x" * 32, "account_unknown"),
        ("area", "account_twice"),
    ]


def test_every_reason_has_its_words() -> None:
    source = Path(fields.__file__).read_text(encoding="utf-8")
    reasons = {word for word in source.split('"') if word.startswith("account_")}
    assert len(reasons) >= 14
    for language in LANGUAGES:
        assert reasons <= texts(language)["reasons"].keys()


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ([replace(TEXT, key="Note")], ("0", "key", "field_key")),
        ([replace(TEXT, key="n" * 33)], ("0", "key", "field_key")),
        ([TEXT, TEXT], ("1", "key", "field_twice")),
        ([replace(TEXT, label_en=" ")], ("0", "labelEn", "field_label")),
        ([replace(TEXT, label_zh="一\n二")], ("0", "labelZh", "field_label")),
        ([replace(TEXT, help_en="h" * 201)], ("0", "helpEn", "field_help")),
        ([replace(TEXT, min_length=6)], ("0", "minLength", "field_length")),
        ([replace(TEXT, max_length=257)], ("0", "minLength", "field_length")),
        ([replace(NUMBER, max_length=5)], ("0", "minLength", "field_length")),
        ([replace(NUMBER, min_value=Decimal(91))], ("0", "minValue", "field_bounds")),
        ([replace(NUMBER, min_value=Decimal("NaN"))], ("0", "minValue", "field_bounds")),
        ([replace(TEXT, max_value=Decimal(1))], ("0", "minValue", "field_bounds")),
        ([replace(NUMBER, scale=5)], ("0", "scale", "field_bounds")),
        ([replace(TEXT, scale=1)], ("0", "scale", "field_bounds")),
        ([replace(TEXT, pattern="(a")], ("0", "pattern", "field_pattern")),
        ([replace(AREA, pattern="cn")], ("0", "pattern", "field_pattern")),
        ([replace(PHONE, region="XX")], ("0", "region", "field_region")),
        ([replace(TEXT, region="CN")], ("0", "region", "field_region")),
        ([SERVER, AREA], ("0", "dependsOn", "field_depends")),
        ([AREA, replace(AREA, key="a2", depends_on="a2")], ("1", "dependsOn", "field_depends")),
        ([TEXT, replace(AREA, depends_on="note")], ("1", "dependsOn", "field_depends")),
        ([AREA, replace(TEXT, depends_on="area")], ("1", "dependsOn", "field_depends")),
        ([replace(AREA, options=())], ("0", "options", "field_options")),
        ([replace(AREA, options=AREA.options[:1] * 2)], ("0", "options", "field_options")),
        ([replace(TEXT, options=AREA.options)], ("0", "options", "field_options")),
        (
            [AREA, replace(SERVER, options=(FieldOption("x", "一", "x", ("us",)),))],
            ("1", "options", "field_options"),
        ),
        (
            [replace(AREA, options=(FieldOption(" cn", "国服", "China"),))],
            ("0", "options", "field_options"),
        ),
    ],
)
def test_a_field_that_cannot_work_is_refused(
    broken: list[AccountField], fault: tuple[str, str, str]
) -> None:
    place, name, reason = fault
    told = [(refusal.field, refusal.reason) for refusal in schema_faults(broken)]
    assert (("accountFields", place, name), reason) in told


def test_there_are_not_too_many_fields() -> None:
    many = [replace(TEXT, key=f"f{n}") for n in range(13)]
    assert [refusal.reason for refusal in schema_faults(many)] == ["field_many"]
    assert schema_faults(many[:12]) == []


def test_fields_are_stored_and_read_again() -> None:
    assert schema_faults(ALL) == []
    stored = orjson.loads(orjson.dumps(as_rows(ALL)))
    assert from_rows(stored) == ALL


LABELS = st.text("abc 中", min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
OPTIONAL = st.booleans()


@st.composite
def any_field(draw: st.DrawFn, key: str) -> AccountField:
    kind = draw(st.sampled_from(list(FieldKind)))
    more: dict[str, Any] = {}
    if kind in (FieldKind.TEXT, FieldKind.ACCOUNT_ID):
        low, high = sorted((draw(st.integers(0, 20)), draw(st.integers(1, 40))))
        more = {"min_length": low, "max_length": max(1, high)}
    if kind is FieldKind.NUMBER:
        bounds = sorted((draw(st.integers(-999, 999)), draw(st.integers(-999, 999))))
        more = {"min_value": Decimal(bounds[0]), "max_value": Decimal(bounds[1])}
        more["scale"] = draw(st.integers(0, 4))
    if kind is FieldKind.PHONE:
        more = {"region": draw(st.sampled_from(["", "CN", "US", "GB"]))}
    if kind is FieldKind.SELECT:
        values = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True))
        more = {"options": tuple(FieldOption(value, "选", "Option") for value in values)}
    if kind is not FieldKind.SELECT:
        more["pattern"] = draw(st.sampled_from(["", "", r"[^x]*", r"(\d|\+)+", ".{2,}"]))
    return AccountField(key, kind, draw(LABELS), draw(LABELS), draw(OPTIONAL), **more)


@st.composite
def schemas(draw: st.DrawFn) -> list[AccountField]:
    keys = [f"f{number}" for number in range(draw(st.integers(1, 5)))]
    return [draw(any_field(key)) for key in keys]


PLAUSIBLE = st.one_of(
    st.text(max_size=30),
    st.text("0123456789+-. ", max_size=16),
    st.sampled_from("abcdef"),
    st.emails(),
    st.sampled_from(["+8613800138000", "13800138000", "+16502530000", "020 7946 0018"]),
    st.decimals(-999, 999, places=4).map(lambda number: format(number, "f")),
    st.text(min_size=250, max_size=270),
)


@given(schemas(), st.data())
def test_a_sound_schema_is_sound_and_stored_as_it_was(
    account_fields: list[AccountField], data: st.DataObject
) -> None:
    assert schema_faults(account_fields) == []
    assert list(from_rows(orjson.loads(orjson.dumps(as_rows(account_fields))))) == account_fields


@given(schemas(), st.data())
def test_whatever_is_taken_is_taken_again_and_means_the_same(
    account_fields: list[AccountField], data: st.DataObject
) -> None:
    given_ = [(each.key, data.draw(PLAUSIBLE)) for each in account_fields]
    found, faults = read_account(account_fields, given_)
    at_fault = {fault.key for fault in faults}
    assert at_fault.isdisjoint(found)
    assert len(at_fault) == len(faults)
    for each in account_fields:
        assert each.key in at_fault or each.key in found or not each.required
    stored = orjson.loads(orjson.dumps(found))
    assert stored == found
    sound = [each for each in account_fields if each.key in found]
    again, new_faults = read_account(sound, [(key, as_text(value)) for key, value in found.items()])
    assert (again, new_faults) == (found, [])


@given(schemas(), st.data())
def test_what_is_taken_keeps_what_the_field_promises(
    account_fields: list[AccountField], data: st.DataObject
) -> None:
    given_ = [(each.key, data.draw(PLAUSIBLE)) for each in account_fields]
    found, _ = read_account(account_fields, given_)
    for each in account_fields:
        value = found.get(each.key)
        if value is None:
            continue
        assert isinstance(value, int | float) is (each.kind is FieldKind.NUMBER)
        if each.kind is FieldKind.NUMBER:
            assert each.min_value <= Decimal(as_text(value)) <= each.max_value  # type: ignore[operator]
        if each.kind is FieldKind.PHONE:
            number = phonenumbers.parse(str(value))
            assert phonenumbers.is_valid_number(number)
            assert not each.region or phonenumbers.region_code_for_number(number) == each.region
        if each.kind is FieldKind.SELECT:
            assert value in {option.value for option in each.options}
        if each.max_length is not None:
            assert (each.min_length or 0) <= len(str(value)) <= each.max_length


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=300)), max_size=8))
def test_nothing_that_anybody_sends_raises(sent: list[tuple[str, str]]) -> None:
    _, faults = read_account(ALL, sent)
    assume(not {key for key, _ in sent} >= {each.key for each in ALL})
    assert faults


@given(
    st.one_of(
        st.text(), st.integers(-(10**11), 10**11), st.floats(-999, 999).map(lambda f: round(f, 4))
    )
)
def test_a_masked_value_shows_less_than_half(value: Any) -> None:
    shown = fields.masked(value)
    assert "***" in shown
    assert len(shown) - 3 <= len(as_text(value)) / 2
