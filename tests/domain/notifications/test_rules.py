"""Templates are safe, addresses lead out, and the table of moves is the database's."""

import re
from pathlib import Path

import pytest

from domain.claims import CHALLENGED
from domain.notifications import EVENTS, MOVES, Medium, Text
from domain.notifications.rules import (
    LANGUAGES,
    address_fault,
    address_masked,
    filled,
    known_placeholders,
    next_try_in,
    placeholders,
)
from domain.notifications.texts import own_text

MIGRATION = next((Path(__file__).parents[3] / "domain/migrations").glob("*_notifications.py"))


def test_values_are_put_in_once_and_never_read_as_templates() -> None:
    made = filled(Text("{number}", "{products} {number}"), {"number": "1", "products": "{number}"})
    assert (made.subject, made.body) == ("1", "{number} 1")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("{number.__class__}", {"number.__class__"}),
        ("{number!r} {0}", {"number!r", "0"}),
        ("{}", {""}),
        ("a { b", {"{"}),
        ("{{number}}", {"number", "{", "}"}),
    ],
)
def test_nothing_but_a_plain_name_is_a_placeholder(body: str, found: set[str]) -> None:
    assert placeholders(Text("s", body)) == found
    assert not found <= set(known_placeholders("order.delivered", Medium.EMAIL))


def test_no_value_begins_a_header_line() -> None:
    made = filled(Text("Order {number}", "{number}"), {"number": "1\r\nBcc: x@y.z\u2028\0"})
    assert made.subject == "Order 1  Bcc: x@y.z"
    assert "\r" not in made.body
    assert "\0" not in made.body


@pytest.mark.parametrize("event", EVENTS)
def test_a_group_is_told_nothing_that_opens_the_goods(event: str) -> None:
    assert not {"link", "secrets", "code"} & set(known_placeholders(event, Medium.GROUP))


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("medium", Medium)
@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_words_keep_the_rules(event: str, medium: Medium, language: str) -> None:
    if event == CHALLENGED and medium is Medium.GROUP:
        return  # a code goes to one recipient
    text = own_text(event, medium, language)
    assert placeholders(text) <= set(known_placeholders(event, medium))
    assert "secrets" not in placeholders(text)


@pytest.mark.parametrize(
    ("medium", "url", "good"),
    [
        (Medium.EMAIL, "mailtos://u:p@smtp.example.com:465?from=a@b.cn", True),
        (Medium.EMAIL, "mailto://u:p@smtp.example.com", False),
        (Medium.EMAIL, "mailtos://u:p@10.0.0.1", False),
        (Medium.EMAIL, "mailtos://u:p@localhost", False),
        (Medium.SMS, "https://sms.example.com/send", True),
        (Medium.SMS, "http://sms.example.com/send", False),
        (Medium.SMS, "https://169.254.169.254/latest", False),
        (Medium.SMS, "https://[::1]/", False),
        (Medium.SMS, "https://intranet/", False),
        (Medium.SMS, "file:///etc/passwd", False),
        (Medium.GROUP, "wecombot://abcdef123456", True),
        (Medium.GROUP, "dingtalk://abcdef123456", True),
        (Medium.GROUP, "json://127.0.0.1/", False),
        (Medium.GROUP, "syslog://", False),
        (Medium.GROUP, "dbus://", False),
        (Medium.GROUP, "gotify://10.0.0.1/token", False),
        (Medium.GROUP, "wecombot://abc\ndef", False),
    ],
)
def test_an_address_leads_out_of_the_house_or_is_refused(
    medium: Medium, url: str, good: bool
) -> None:
    assert address_fault(medium, url, private=False) is not good


def test_an_address_is_shown_without_what_opens_it() -> None:
    assert address_masked("wecombot://secretkey1") == "wecombot://•••"
    assert address_masked("mailtos://u:pass@smtp.example.com/?x=y") == "mailtos://smtp.example.com"


def test_the_pauses_grow_and_end() -> None:
    pauses = [next_try_in(number) for number in range(1, 7)]
    assert pauses[-1] is None
    known = [pause for pause in pauses if pause is not None]
    assert known == sorted(known)


def test_the_database_lists_the_same_moves() -> None:
    moves = MIGRATION.read_text().split("NOT IN (")[1].split("THEN")[0]
    listed = set(re.findall(r"\('(\w+)', '(\w+)'\)", moves))
    assert listed == {(a.value, b.value) for a, targets in MOVES.items() for b in targets}
