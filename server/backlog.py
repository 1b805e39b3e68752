"""Looks now and then how many paid lines wait for suppliers, so that no purchase has to."""

import asyncio

import structlog

from domain import checkout

PAUSE_SECONDS = 2.0

log = structlog.get_logger(__name__)


async def watch_backlog() -> None:
    """Until it is cancelled. A look that fails changes nothing: what was seen last counts on."""
    while True:
        try:
            await checkout.look_at_backlog()
        except Exception as error:
            log.warning("backlog_not_counted", problem=type(error).__name__)
        await asyncio.sleep(PAUSE_SECONDS)
