"""The schedule of tries, addresses, secrets."""

import base64
from datetime import timedelta

import pytest

from domain.webhooks import rules


def test_the_schedule_grows_with_jitter_and_ends() -> None:
    tries = range(1, len(rules.RETRY_AFTER_SECONDS) + 1)
    for attempts, seconds in zip(tries, rules.RETRY_AFTER_SECONDS, strict=True):
        pauses = {rules.next_try_in(attempts) for _ in range(50)}
        assert len(pauses) > 1, "receivers that failed together must not come back together"
        assert all(
            pause and seconds <= pause.total_seconds() <= seconds * (1 + rules.JITTER)
            for pause in pauses
        )
    assert rules.next_try_in(len(rules.RETRY_AFTER_SECONDS) + 1) is None
    assert list(rules.RETRY_AFTER_SECONDS) == sorted(rules.RETRY_AFTER_SECONDS)


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert rules.next_try_in(1, 120) == timedelta(minutes=2)
    assert rules.next_try_in(1, 10**9) == timedelta(seconds=rules.RETRY_AFTER_SECONDS[-1])
    pause = rules.next_try_in(4, 1)
    assert pause is not None
    assert pause.total_seconds() >= rules.RETRY_AFTER_SECONDS[3]


@pytest.mark.parametrize(
    "url",
    ["https://shop.test/hook", "http://127.0.0.1:9000/", "https://[2001:db8::1]:8443/a?b=c"],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert rules.is_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.test/hook",
        "ftp://shop.test/",
        "file:///etc/passwd",
        "gopher://shop.test:6379/_x",
        "https://",
        "https:///hook",
        "https://user:password@shop.test/",
        "https://user@shop.test/",
        "https://shop.test/#part",
        "https://shop.test:0/",
        "https://shop.test:99999/",
        "https://shop.test:port/",
        "https://[::1/",
        "https://shop.test/" + "a" * rules.MAX_URL_LETTERS,
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    assert not rules.is_url(url)


def test_secrets_are_long_and_each_its_own() -> None:
    secrets = {rules.new_secret() for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        prefix, _, letters = secret.partition("_")
        assert prefix == "whsec"
        assert 24 <= len(base64.b64decode(letters, validate=True)) <= 64
