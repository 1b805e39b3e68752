"""The event loop of the programs that are not the API's, whose server brings its own."""

import asyncio
import sys


def use_fast_loops() -> None:
    """Make every loop of this process uvloop's, where it is to be had: a statement costs less
    processor time with it than with the standard library's."""
    if sys.platform == "win32":
        return
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
