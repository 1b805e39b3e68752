"""The queue in the worker's own Valkey."""

from collections.abc import Iterator

import dramatiq
import pytest
from dramatiq.brokers.redis import RedisBroker


@pytest.fixture(scope="session")
def _broker(valkey_url: str) -> Iterator[RedisBroker]:
    from jobs import broker

    made = broker.install(valkey_url)
    # Their actors belong to the broker that is installed when they are imported.
    import jobs.exports
    import jobs.fulfilment
    import jobs.webhooks  # noqa: F401

    assert isinstance(made, RedisBroker)
    yield made
    made.close()


@pytest.fixture
def queue(_broker: RedisBroker) -> Iterator[RedisBroker]:
    """An empty queue, and empty again afterwards: other tests share the Valkey."""
    dramatiq.set_broker(_broker)
    for name in ("exports", "fulfilment", "webhooks"):
        _broker.declare_queue(name)
    _broker.flush_all()
    yield _broker
    _broker.flush_all()
