"""Counts tries (sign-in, reveal, look-up, callbacks) in moving windows kept in Valkey.

Each zone counts per address, per subject (the login or the caller) and over all. The address comes
first, so that one attacker who is already stopped does not use up the windows of others.

Without Valkey the counting goes on in this process, with windows a quarter as wide: a shop that
cannot sign anybody in would be a second fault, a shop that stops counting would be open to
guessing. After a failure Valkey is left alone for some seconds, so that a dead server does not
slow every request.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from schema.fields import RateZone

CHANNELS_OF_AN_ADDRESS = 4  # busy channels that one vendor may call back from one address
REST_SECONDS = 5.0  # how long Valkey is not asked again after a failure
TIMEOUT_SECONDS = 0.5
FALLBACK_SHARE = 4  # windows are this many times narrower while each process counts alone

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Windows:
    """The windows of one zone, narrowest first."""

    address: Sequence[RateLimitItem]
    subject: Sequence[RateLimitItem]
    everyone: Sequence[RateLimitItem]


def _per_minute(amount: int) -> RateLimitItem:
    return RateLimitItemPerMinute(amount)


def _per_hour(amount: int) -> RateLimitItem:
    return RateLimitItemPerHour(amount)


def _at_the_door(callbacks_per_minute: int) -> Windows:
    """The subject is an address at a channel: a vendor that sends everything again at once fits in,
    and who floods one channel stops no vendor. A flood from everywhere must not either."""
    return Windows(
        address=[_per_minute(callbacks_per_minute * CHANNELS_OF_AN_ADDRESS)],
        subject=[_per_minute(callbacks_per_minute)],
        everyone=[],
    )


WINDOWS: Mapping[RateZone, Windows] = {
    RateZone.LOGIN: Windows(
        address=[_per_minute(30)],
        subject=[_per_minute(10), _per_hour(100)],
        everyone=[_per_minute(1_200)],
    ),
    RateZone.SIGNUP: Windows(
        address=[_per_minute(20), _per_hour(200)],
        subject=[_per_minute(5)],
        everyone=[_per_minute(600)],
    ),
    RateZone.STEP_UP: Windows(
        address=[_per_minute(30)],
        subject=[_per_minute(5), _per_hour(30)],
        everyone=[_per_minute(600)],
    ),
    RateZone.REVEAL: Windows(
        address=[_per_minute(240)],
        subject=[_per_minute(60)],
        everyone=[_per_minute(12_000)],
    ),
    # The database counts tries by itself and locks (domain/giftcards/guards.py); this keeps the
    # crowd off it.
    RateZone.GIFT_CARD: Windows(
        address=[_per_minute(60)],
        subject=[_per_minute(10), _per_hour(100)],
        everyone=[_per_minute(1_200)],
    ),
    RateZone.GIFT_CARD_USE: Windows(
        address=[_per_minute(240)],
        subject=[_per_minute(120)],
        everyone=[_per_minute(6_000)],
    ),
    # Wrong codes are counted by the database, too (domain/coupons/guessing.py).
    RateZone.COUPON: Windows(
        address=[_per_minute(240)],
        subject=[_per_minute(60), _per_hour(600)],
        everyone=[_per_minute(12_000)],
    ),
    # Each page of an open order asks once a second; who walks ids meets 50 random bits anyway.
    RateZone.ORDER_LOOKUP: Windows(
        address=[_per_minute(600)],
        subject=[_per_minute(180)],
        everyone=[_per_minute(60_000)],
    ),
    # The subject is the order's number: its password is guessed at slowly from everywhere.
    RateZone.GUEST_LOOKUP: Windows(
        address=[_per_minute(30), _per_hour(600)],
        subject=[_per_minute(10), _per_hour(60)],
        everyone=[_per_minute(3_000)],
    ),
    # The subject is the link's token, 256 bits of it a signature: this slows one-time codes.
    RateZone.CLAIM: Windows(
        address=[_per_minute(60), _per_hour(600)],
        subject=[_per_minute(20), _per_hour(120)],
        everyone=[_per_minute(6_000)],
    ),
    # Each of these costs a password hash.
    RateZone.LOOKUP_PASSWORD: Windows(
        address=[_per_minute(60)],
        subject=[_per_minute(20)],
        everyone=[_per_minute(1_200)],
    ),
    RateZone.CALLBACK: _at_the_door(6_000),  # as long as the settings say nothing else
}


def windows_with(callbacks_per_minute: int) -> Mapping[RateZone, Windows]:
    """All windows, with this one at the door of payment channels."""
    return {**WINDOWS, RateZone.CALLBACK: _at_the_door(callbacks_per_minute)}


class RateLimiter:
    """The port `rate_limits` of a request's context. One a process, made inside its event loop.

    `scale` widens every window by that factor, for load tests from one address.
    """

    def __init__(
        self, redis_url: str, *, windows: Mapping[RateZone, Windows] = WINDOWS, scale: int = 1
    ) -> None:
        self.windows = windows
        self.scale = scale
        self._storage = RedisStorage(
            f"async+{redis_url}",
            implementation="redispy",
            wrap_exceptions=True,
            key_prefix="kameng:rate",
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
        )
        self._shared = MovingWindowRateLimiter(self._storage)
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._rest_until = 0.0

    async def hit(self, zone: str, subject: str, ip: str) -> int:
        """Count one try; milliseconds to wait when it is one too many, else 0.

        An empty subject or address is not counted by itself.
        """
        if time.monotonic() >= self._rest_until:
            try:
                return await self._count(self._shared, RateZone(zone), subject, ip, 1)
            except StorageError as error:
                self._rest_until = time.monotonic() + REST_SECONDS
                log.warning("rate_limits_without_valkey", problem=str(error), zone=zone)
        return await self._count(self._own, RateZone(zone), subject, ip, FALLBACK_SHARE)

    async def close(self) -> None:
        """Give back the connections."""
        bridge: Any = self._storage.bridge  # its client is not part of the declared type
        await bridge.storage.aclose()

    async def _count(
        self,
        limiter: MovingWindowRateLimiter,
        zone: RateZone,
        subject: str,
        ip: str,
        narrower: int,
    ) -> int:
        windows = self.windows[zone]
        counted = (
            (windows.address, "ip", ip),
            (windows.subject, "subject", _hidden(subject)),
            (windows.everyone, "all", "all"),
        )
        for items, kind, key in counted:
            for item in items if key else ():
                window = self._scaled(item, narrower)
                if not await limiter.hit(window, zone.value, kind, key):
                    stats = await limiter.get_window_stats(window, zone.value, kind, key)
                    return max(1, round((stats.reset_time - time.time()) * 1000))
        return 0

    def _scaled(self, item: RateLimitItem, narrower: int) -> RateLimitItem:
        amount = max(1, item.amount * self.scale // narrower)
        return type(item)(amount, item.multiples)


def _hidden(subject: str) -> str:
    """A subject may be a phone number or an address: only its digest is kept."""
    return blake2b(subject.casefold().encode(), digest_size=16).hexdigest() if subject else ""
