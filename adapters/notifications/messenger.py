"""The sender port of messages: each medium in a thread of a small pool, within a deadline."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from adapters.notifications.groups import send_to_group
from adapters.notifications.mail import send_mail
from adapters.notifications.sms import send_sms
from domain.kernel import refuse_inside_a_transaction
from domain.notifications import Medium, OutgoingMessage, SendReport, SendResult

THREADS = 8
DEADLINE_SECONDS = 60.0  # below the lease of a message

log = structlog.get_logger(__name__)


class Messenger:
    """Sends on each medium. `private` lets it call this machine and private nets: development."""

    def __init__(self, *, private: bool = False) -> None:
        self._ways: dict[Medium, Callable[[OutgoingMessage], SendReport]] = {
            Medium.EMAIL: partial(send_mail, private=private),
            Medium.SMS: partial(send_sms, private=private),
            Medium.GROUP: send_to_group,
        }
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="message")
        self._free = asyncio.Semaphore(THREADS)

    async def send(self, message: OutgoingMessage) -> SendReport:
        """One try. A fault of ours in the middle, or a deadline, leaves it uncertain."""
        refuse_inside_a_transaction()
        async with self._free:
            work = asyncio.get_running_loop().run_in_executor(
                self._pool, self._ways[message.medium], message
            )
            done, _ = await asyncio.wait({work}, timeout=DEADLINE_SECONDS)
            if not done:
                return SendReport(SendResult.UNCERTAIN, "deadline")
            error = work.exception()
            if error is not None:
                # Without its text: that may quote what was sent.
                log.error("message_not_sent", medium=message.medium, problem=type(error).__name__)
                return SendReport(SendResult.UNCERTAIN, f"fault:{type(error).__name__}")
            return work.result()

    def close(self) -> None:
        """Let no further message begin."""
        self._pool.shutdown(wait=False, cancel_futures=True)
