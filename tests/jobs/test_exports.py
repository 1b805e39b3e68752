"""An approved export reaches its job by the event, and by the sweep when a message is lost."""

from typing import Any
from uuid import UUID

import pytest
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker

from domain import vault
from domain.vault import ExportWish
from tests import make

pytestmark = pytest.mark.usefixtures("db")
KEY = "age1xkmwvscpfkvy7wp2g8fsuyws2l5kp9mrr5a5ukma7d84dh5t237s3la7t5"


async def approved() -> UUID:
    variant, taker = await make.variant(cards=2), await make.operator("cards:export")
    wish = ExportWish(KEY, "moving", "key", variant_id=variant.id)
    export = await vault.request_export(taker, wish)
    await vault.decide_export(await make.operator("cards:approve"), export.id, True)
    return export.id


def lying_in(queue: RedisBroker) -> list[str]:
    """The ids that the messages of the exports' queue carry."""
    found: Any = queue.client.hvals(f"{queue.namespace}:exports.msgs")
    return [argument for each in found for argument in Message.decode(each).args]


async def test_the_event_of_an_approval_makes_the_job_run(queue: RedisBroker) -> None:
    from jobs import relay

    export_id = await approved()
    while await relay.run_once():
        pass
    assert lying_in(queue) == [str(export_id)]


async def test_the_sweep_finds_what_the_queue_has_lost(queue: RedisBroker) -> None:
    from jobs import schedule

    export_id = await approved()
    assert await schedule.sweep() == 1
    assert lying_in(queue) == [str(export_id)]
