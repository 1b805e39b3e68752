"""The queue. It must be installed before the modules with actors are imported.

A message carries ids only, and losing all of them loses nothing: the scheduler finds due work in
the database and sends it again.
"""

from collections.abc import Sequence

import dramatiq
from dramatiq.broker import Broker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, AsyncIO, Callbacks, Middleware, Retries, TimeLimit

NAMESPACE = "kameng"
SOCKET_SECONDS = 15.0  # a queue that hangs must not hang who sends to it
MAX_AGE_MS = 60 * 60 * 1000  # older messages were surely swept up and sent again


def install(redis_url: str, extra: Sequence[Middleware] = ()) -> Broker:
    """The broker of this process. `extra` comes after AsyncIO, so that it may use its loop."""
    middleware = [
        AgeLimit(max_age=MAX_AGE_MS),
        TimeLimit(),
        Callbacks(),
        # The scheduler sends due work again: a few quick retries are enough.
        Retries(max_retries=3, min_backoff=200, max_backoff=5_000),
        AsyncIO(),
        *extra,
    ]
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        url=redis_url, socket_timeout=SOCKET_SECONDS, namespace=NAMESPACE, middleware=middleware
    )
    dramatiq.set_broker(broker)
    return broker
