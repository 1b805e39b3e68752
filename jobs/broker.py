"""The queue. It must be installed before the modules with actors are imported.

A message carries ids only, and losing all of them loses nothing: the scheduler finds due work in
the database and sends it again.
"""

from collections.abc import Sequence

import dramatiq
from dramatiq.broker import Broker, Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AgeLimit, AsyncIO, Callbacks, Middleware, Retries, TimeLimit

NAMESPACE = "kameng"
DELAYED_LOOK_MS = 1_000  # how often those are looked at that come again after a failure
SOCKET_SECONDS = 15.0  # a queue that hangs must not hang who sends to it
MAX_AGE_MS = 60 * 60 * 1000  # older messages were surely swept up and sent again


class QuietBroker(RedisBroker):
    """The queue, which is asked less often while nothing is in it.

    Each queue has a twin for messages that wait for their next try, and a worker polls both alike:
    with two dozen queues that costs it more processor time than its jobs. The twins may wait.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5_000) -> Consumer:
        """A consumer; of a twin one that looks seldom."""
        seldom = DELAYED_LOOK_MS if queue_name in self.delay_queues else timeout
        consumer: Consumer = super().consume(queue_name, prefetch, seldom)
        return consumer


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
    broker = QuietBroker(  # type: ignore[no-untyped-call]
        url=redis_url, socket_timeout=SOCKET_SECONDS, namespace=NAMESPACE, middleware=middleware
    )
    dramatiq.set_broker(broker)
    return broker
