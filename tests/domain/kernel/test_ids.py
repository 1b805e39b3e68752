"""Ids carry the time at which they were made; those of the demo's past carry that."""

from datetime import UTC, date, datetime, timedelta

from domain.bonuses import start_of
from domain.kernel import clock, new_id
from server import history


def time_in(id_: object) -> datetime:
    return datetime.fromtimestamp((int(id_) >> 80) / 1_000, UTC)  # type: ignore[call-overload]


def test_ids_of_the_demo_s_past_stand_where_its_clock_does() -> None:
    before = new_id()
    with history.on(date(2026, 3, 1), 5, 12):
        noon = clock.now()
        made = [new_id() for _ in range(3)]
        with history.on(date(2026, 3, 1), 7):
            later = new_id()
        again = new_id()
    assert noon - start_of(date(2026, 3, 1)) >= timedelta(days=4, hours=12)
    assert all(abs(time_in(each) - noon) < timedelta(seconds=5) for each in (*made, again))
    assert time_in(later) > max(time_in(each) for each in made) + timedelta(days=1)
    assert len({*made, later, again}) == 5
    assert before < new_id()  # and afterwards as ever
