"""The queue of this house."""

from jobs.broker import DELAYED_LOOK_MS, QuietBroker


def test_what_waits_for_its_next_try_is_looked_at_seldom() -> None:
    # Nobody is asked there.
    broker = QuietBroker(url="redis://127.0.0.1:1/0")  # type: ignore[no-untyped-call]
    broker.declare_queue("work")
    assert broker.consume("work", timeout=200).timeout == 200  # type: ignore[attr-defined]
    assert broker.consume("work.DQ", timeout=200).timeout == DELAYED_LOOK_MS  # type: ignore[attr-defined]
