"""Tries are counted across processes, and go on being counted without Valkey."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute
from redis import Redis

from schema.fields import RateZone
from server import rate_limits
from server.embedded import Server, start_valkey
from server.rate_limits import WINDOWS, RateLimiter, Windows

MINUTE = RateLimitItemPerMinute
SMALL = {
    RateZone.LOGIN: Windows(address=[MINUTE(20)], subject=[MINUTE(8)], everyone=[MINUTE(30)]),
    RateZone.REVEAL: Windows(address=[MINUTE(4)], subject=[MINUTE(100)], everyone=[MINUTE(100)]),
}


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_valkey(tmp_path_factory.mktemp("valkey"), durable=False)
    yield server
    server.stop()


def emptied(server: Server) -> str:
    with Redis.from_url(server.url) as client:
        client.flushall()
    return server.url


@pytest.fixture
async def limiter(valkey: Server) -> AsyncIterator[RateLimiter]:
    made = RateLimiter(emptied(valkey), windows=SMALL)
    yield made
    await made.close()


async def allowed(limiter: RateLimiter, tries: int, subject: str, ip: str) -> int:
    return [await limiter.hit("login", subject, ip) for _ in range(tries)].count(0)


async def test_one_account_is_guessed_at_slowly_from_everywhere(limiter: RateLimiter) -> None:
    waits = [await limiter.hit("login", "lan@example.com", f"203.0.113.{n}") for n in range(12)]
    assert waits[:8] == [0] * 8
    assert all(50_000 < wait <= 61_000 for wait in waits[8:])
    assert await limiter.hit("login", "other@example.com", "203.0.113.1") == 0


async def test_upper_case_is_the_same_account(limiter: RateLimiter) -> None:
    assert await allowed(limiter, 8, "lan@example.com", "") == 8
    assert await allowed(limiter, 1, "LAN@example.com", "") == 0


async def test_one_address_cannot_try_many_accounts(limiter: RateLimiter) -> None:
    waits = [await limiter.hit("login", f"user{n}", "203.0.113.9") for n in range(25)]
    assert waits.count(0) == 20


async def test_a_stopped_attacker_does_not_use_up_the_shop(limiter: RateLimiter) -> None:
    for number in range(100):
        await limiter.hit("login", f"user{number}", "203.0.113.9")
    assert await limiter.hit("login", "honest", "198.51.100.1") == 0


async def test_all_together_have_a_limit(limiter: RateLimiter) -> None:
    waits = [await limiter.hit("login", f"user{n}", f"198.51.100.{n}") for n in range(40)]
    assert waits.count(0) == 30


async def test_zones_are_counted_apart(limiter: RateLimiter) -> None:
    assert await allowed(limiter, 8, "lan", "") == 8
    assert await limiter.hit("reveal", "lan", "") == 0


async def test_reveals_are_limited_per_account_and_per_address(valkey: Server) -> None:
    """The windows as they are in force."""
    limiter = RateLimiter(emptied(valkey))
    per_account = [await limiter.hit("reveal", "lan", f"203.0.113.{n}") for n in range(61)]
    assert per_account.count(0) == 60
    assert 50_000 < per_account[-1] <= 61_000
    per_address = [await limiter.hit("reveal", f"user{n}", "198.51.100.1") for n in range(241)]
    assert per_address.count(0) == 240
    codes = [await limiter.hit("step_up", "lan", "192.0.2.1") for _ in range(6)]
    assert codes.count(0) == 5
    await limiter.close()


async def test_two_processes_share_one_count(limiter: RateLimiter, valkey: Server) -> None:
    second = RateLimiter(valkey.url, windows=SMALL)
    assert await allowed(limiter, 5, "lan", "") + await allowed(second, 5, "lan", "") == 8
    await second.close()


async def test_no_login_is_stored(limiter: RateLimiter, valkey: Server) -> None:
    await limiter.hit("login", "canary-login", "203.0.113.9")
    keys = b" ".join(Redis.from_url(valkey.url).keys("*"))
    assert b"kameng:rate" in keys
    assert b"canary-login" not in keys


async def test_load_tests_may_widen_the_windows(valkey: Server) -> None:
    wide = RateLimiter(emptied(valkey), windows=SMALL, scale=3)
    assert await allowed(wide, 30, "lan", "") == 24
    await wide.close()


async def test_without_valkey_the_windows_are_narrower_but_there(
    tmp_path: Path,
) -> None:
    server = start_valkey(tmp_path, durable=False)
    limiter = RateLimiter(server.url, windows=SMALL)
    assert await allowed(limiter, 8, "lan", "") == 8
    server.stop()
    assert await allowed(limiter, 10, "lan", "") == 2
    assert await allowed(limiter, 10, "wei", "") == 2
    await limiter.close()


async def test_a_dead_valkey_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RateLimiter("redis://127.0.0.1:1/0", windows=SMALL)
    asked: list[str] = []
    real = limiter._shared.hit

    async def counted(*args: object, **options: object) -> bool:
        asked.append("asked")
        return await real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(limiter._shared, "hit", counted)
    await allowed(limiter, 5, "lan", "")
    assert len(asked) == 1
    monkeypatch.setattr(rate_limits.time, "monotonic", lambda: limiter._rest_until + 1)
    await limiter.hit("login", "lan", "")
    assert len(asked) == 2
    await limiter.close()


def test_every_zone_has_its_windows() -> None:
    assert set(WINDOWS) == set(RateZone)
    for zone, windows in WINDOWS.items():
        assert windows.address
        assert windows.subject
        # Callbacks guess at nothing: a flood from everywhere must not keep the vendors out.
        assert bool(windows.everyone) == (zone is not RateZone.CALLBACK)
    guesses = min(item.amount for item in WINDOWS[RateZone.LOGIN].subject)
    assert guesses <= 10, "at most ten guesses a minute at one account"
