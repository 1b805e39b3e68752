"""`kameng worker`: runs the jobs. One event loop, some threads that wait for it."""

import signal
import threading
from types import FrameType

import structlog
from dramatiq import Broker, Worker
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

from adapters.notifications.messenger import Messenger
from adapters.webhooks import SafeSender
from domain import notifications, webhooks
from domain.kernel import on_committed
from jobs import broker as queue
from server import spare_the_collector
from server.logs import configure_logs
from server.loop import use_fast_loops
from server.settings import Settings
from server.waker import Waker
from server.wiring import connect, disconnect

THREADS = 16  # jobs at once: most of their time they wait for a supplier or a receiver
STOP_MS = 20_000

log = structlog.get_logger(__name__)


class Household(Middleware):
    """Opens the domain on the jobs' own event loop before the first job runs, and closes it after.

    It must come after AsyncIO, whose loop it uses; once the worker has booted it would be too late,
    because the consumers run by then.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sender: SafeSender | None = None
        self.messenger: Messenger | None = None
        self.waker: Waker | None = None

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Connect."""
        self._run(self._open())

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Disconnect."""
        self._run(self._close())

    def _run(self, work: object) -> None:
        thread = get_event_loop_thread()
        assert thread is not None, "AsyncIO stands before this middleware"
        thread.run_coroutine(work)  # type: ignore[arg-type]

    async def _open(self) -> None:
        await connect(self.settings, "kameng-worker")
        self.sender = SafeSender(
            self.settings.webhook_timeout_seconds, private=self.settings.webhook_private_addresses
        )
        webhooks.register_sender(self.sender)
        self.messenger = Messenger(private=self.settings.webhook_private_addresses)
        notifications.register_sender(self.messenger)
        self.waker = Waker(self.settings.database_url)
        on_committed(self.waker.wake)
        spare_the_collector()

    async def _close(self) -> None:
        if self.waker is not None:
            await self.waker.close()
        for sender in (self.sender, self.messenger):
            if sender is not None:
                sender.close()
        await disconnect()


def run(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM; jobs at hand are finished."""
    configure_logs(settings.log_level, settings.log_format)
    use_fast_loops()
    broker = queue.install(settings.redis_url, [Household(settings)])
    # Whoever sends messages knows all actors: importing these two declares them.
    import jobs.reactions
    import jobs.schedule  # noqa: F401

    worker = Worker(broker, worker_threads=THREADS, worker_timeout=200)
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    worker.start()
    log.info("worker_ready", threads=THREADS)
    ended.wait()
    worker.stop(timeout=STOP_MS)
    broker.close()
    log.info("worker_stopped")
