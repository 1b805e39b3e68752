"""`kameng verify-cards`: recomputes the trace from the rows as they lie, and names each fault.

All is read in one snapshot, so that purchases which go on meanwhile look like no fault, and in
slices, so that memory does not grow with the store. Cards and the marks that vouch for them come in
the order of their ids, like two sorted files that are merged.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.cards.checkpoints import Signed, checkpoint_faults
from domain.cards.trace_rules import (
    FIRST_DIGEST,
    NO_SECRET,
    PRINT,
    ROW,
    SECRET,
    event_digest,
    marks_in,
    marks_of,
    path_faults,
)
from domain.cards.tracing import EVENT, ORDER_OF_EVENT, WINDOW_SECONDS, floor_of
from domain.kernel import Connection, Prefix, encode_id, refresh_keys, unhurried

SLICE = 2_000
MAX_FAULTS_TOLD = 1_000

_CHAIN = f"""
SELECT s.sequence AS link, s.digest AS seal, s.event_id, {EVENT},
    e.card_id IS NOT NULL AND (SELECT true FROM cards WHERE id = e.card_id) IS NULL AS orphaned
FROM card_seals s
LEFT JOIN LATERAL (SELECT * FROM card_events WHERE id = s.event_id LIMIT 1) e ON true
{ORDER_OF_EVENT}
WHERE s.sequence > $1 ORDER BY s.sequence LIMIT $2
"""  # noqa: S608
_FORGOTTEN = """
SELECT e.id, e.card_id, e.batch_id, e.sequence, e.action FROM card_events e WHERE e.id < $1
AND (SELECT true FROM card_seals s WHERE s.event_id = e.id) IS NULL ORDER BY e.id LIMIT 100
"""
_BATCHES = """
SELECT b.id, batch_facts(b)::text AS facts, told.details::text AS told
FROM card_batches b LEFT JOIN LATERAL (
    SELECT details FROM card_events e WHERE e.batch_id = b.id AND e.card_id IS NULL
        AND e.action = 'batch' ORDER BY e.sequence DESC LIMIT 1) told ON true
WHERE b.id > $1 ORDER BY b.id LIMIT $2
"""
_LOST_BATCHES = """
SELECT DISTINCT e.batch_id FROM card_events e WHERE e.card_id IS NULL
AND NOT EXISTS (SELECT 1 FROM card_batches b WHERE b.id = e.batch_id) LIMIT 100
"""
_CARDS = """
SELECT c.id, c.variant_id, c.batch_id, c.unit_cost, c.created_at, c.expires_on, c.masked,
    c.fingerprint, c.state, c.order_line_id, c.unit_number, c.first_revealed_at,
    s.sealed, s.generation
FROM cards c LEFT JOIN LATERAL (
    SELECT sealed, generation FROM card_secrets WHERE card_id = c.id LIMIT 1) s ON true
WHERE c.id > $1 ORDER BY c.id LIMIT $2
"""
_MARKED = """
SELECT id, at, action, sequence, old_state, new_state, reason, first_card FROM card_events
WHERE marks IS NOT NULL ORDER BY first_card
"""
_MARKS = "SELECT marks FROM card_events WHERE id = $1"
_STEPS = """
SELECT card_id, at, sequence, action, old_state, new_state, order_line_id, unit_number
FROM card_events WHERE card_id = ANY($1::uuid[]) ORDER BY card_id, sequence
"""
_TOTAL = "SELECT (SELECT count(*) FROM card_seals) + (SELECT count(*) FROM cards)"

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class TraceReport:
    """What `verify_cards` found. `faults` names each broken place; empty means that all holds."""

    links: int = 0
    cards: int = 0
    batches: int = 0
    checkpoints: int = 0
    found: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, faults: Iterable[str]) -> None:
        """Note faults; of very many only the first are told singly."""
        for fault in faults:
            self.found += 1
            if len(self.faults) < MAX_FAULTS_TOLD:
                self.faults.append(fault)


@dataclass(slots=True)
class Expected:
    """What the events of a batch say of a card: the newest mark of each kind, what it was born as,
    and the moves that it took together with many others."""

    marks: dict[str, bytes] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    born: str | None = None
    moves: list[dict[str, Any]] = field(default_factory=list)
    adopted: bool = False

    def hear(self, event: Any, marks: dict[str, bytes]) -> None:
        """Take in what one event says of the card."""
        for kind, mark in marks.items():
            if event["sequence"] > self.since.get(kind, 0):
                self.marks[kind], self.since[kind] = mark, event["sequence"]
        if event["action"] == "stored":
            self.born, self.adopted = event["new_state"], event["reason"] == "adopted"
        elif event["action"] == "moved":
            states = {name: event[name] for name in ("at", "old_state", "new_state")}
            self.moves.append({**states, "sequence": 0, "action": "moved", "order_line_id": None})


async def verify_cards(
    progress: Progress | None = None, against: Iterable[Signed] = ()
) -> TraceReport:
    """Recompute the chain over card events, all marks of cards and batches, and the checkpoints.

    `against` are checkpoints kept elsewhere. Names each altered, missing, moved or put-in row.
    Reads only; as long as it takes, in one snapshot.
    """
    report = TraceReport()
    await refresh_keys()
    async with _one_snapshot() as conn:
        total = await conn.fetchval(_TOTAL)

        def note() -> None:
            if progress is not None:
                progress(report.links + report.cards, total)

        await _verify_chain(conn, report, note)
        await _verify_batches(conn, report)
        await _verify_store(conn, report, note)
        checked = await checkpoint_faults(conn, against)
    report.checkpoints = checked.number
    report.add(checked.faults)
    return report


@asynccontextmanager
async def _one_snapshot() -> AsyncIterator[Connection]:
    async with unhurried() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        yield conn


async def _verify_chain(conn: Connection, report: TraceReport, note: Callable[[], None]) -> None:
    digest, link = FIRST_DIGEST, 0
    while rows := await conn.fetch(_CHAIN, link, SLICE):
        for row in rows:
            report.add(_link_faults(row, link + 1, digest))
            link, digest = row["link"], row["seal"]
        report.links += len(rows)
        note()
    now = await conn.fetchval("SELECT clock_timestamp()")  # ids of events are of the same clock
    settled = floor_of(now - timedelta(seconds=WINDOW_SECONDS))
    for row in await conn.fetch(_FORGOTTEN, settled):
        report.add([f"{_event(row)} was never sealed"])


def _link_faults(row: Any, expected: int, previous: bytes) -> Iterable[str]:
    if row["link"] != expected:
        yield f"link {expected} is missing before link {row['link']}"
    elif row["id"] is None:
        yield f"link {row['link']}: its event is gone"
    elif event_digest(previous, row) != row["seal"]:
        yield f"link {row['link']}: {_event(row)}, or the order that it names, was altered"
    if row["orphaned"]:
        yield f"link {row['link']}: {_event(row)} is of a card that is gone"


async def _verify_batches(conn: Connection, report: TraceReport) -> None:
    last = UUID(int=0)
    while rows := await conn.fetch(_BATCHES, last, SLICE):
        for row in rows:
            report.add(batch_faults(row))
        report.batches += len(rows)
        last = rows[-1]["id"]
    for row in await conn.fetch(_LOST_BATCHES):
        report.add([f"batch {encode_id(Prefix.CARD_BATCH, row['batch_id'])} is gone"])


def batch_faults(row: Any) -> Iterable[str]:
    """What of a batch is not as it was told last; `facts` and `told` are JSON."""
    name = f"batch {encode_id(Prefix.CARD_BATCH, row['id'])}"
    if row["told"] is None:
        yield f"{name}: nobody told of it"
        return
    facts = json.loads(row["facts"])
    for column, told in json.loads(row["told"]).items():
        if column in facts and facts[column] != told:
            yield f"{name}: {column} was altered, it was {told!r}"


async def _verify_store(conn: Connection, report: TraceReport, note: Callable[[], None]) -> None:
    expected: dict[UUID, Expected] = {}
    marked = conn.cursor(_MARKED).__aiter__()
    event = await anext(marked, None)
    last = UUID(int=0)
    while True:
        cards = await conn.fetch(_CARDS, last, SLICE)
        last = cards[-1]["id"] if len(cards) == SLICE else UUID(int=2**128 - 1)
        while event is not None and event["first_card"] <= last:
            await _hear(conn, expected, event)
            event = await anext(marked, None)
        steps = await _steps(conn, [card["id"] for card in cards])
        for card in cards:
            told = expected.pop(card["id"], None)
            report.add(card_faults(card, told, steps.get(card["id"], [])))
        for card_id in [each for each in expected if each <= last]:
            del expected[card_id]
            report.add([f"{_card(card_id)} is gone"])
        report.cards += len(cards)
        note()
        if len(cards) < SLICE:
            return


async def _hear(conn: Connection, expected: dict[UUID, Expected], event: Any) -> None:
    marks = await conn.fetchval(_MARKS, event["id"])
    for card_id, told in marks_in(event["action"], marks):
        expected.setdefault(card_id, Expected()).hear(event, told)


async def _steps(conn: Connection, card_ids: list[UUID]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = {}
    for row in await conn.fetch(_STEPS, card_ids):
        found.setdefault(row["card_id"], []).append(row)
    return found


def card_faults(card: Any, told: Expected | None, steps: list[Any]) -> list[str]:
    """What of a card is not as its events say: its marks, its path, its owner, its first reveal."""
    if told is None:
        return [f"{_card(card['id'])} was put in past the store: no event tells of it"]
    faults = altered_parts(card, told.marks)
    path = sorted([*steps, *told.moves], key=_time) if steps or told.moves else ()
    faults += path_faults(told.born, card["state"], path)
    if card["order_line_id"] is not None:
        owners = [step for step in steps if step["order_line_id"] is not None]
        owner = (card["order_line_id"], card["unit_number"])
        if not owners or (owners[-1]["order_line_id"], owners[-1]["unit_number"]) != owner:
            faults.append("its events tell of another order line than the one it is sold to")
    revealed = any(step["action"] == "revealed" for step in steps)
    if revealed != (card["first_revealed_at"] is not None) and not told.adopted:
        faults.append("its first reveal is not the one that was told")
    return [f"{_card(card['id'])}: {fault}" for fault in faults]


def _time(step: Any) -> datetime:
    moment: datetime = step["at"]
    return moment


def altered_parts(card: Any, told: dict[str, bytes]) -> list[str]:
    """What of a card is not as its events say, in words; `told` are the newest marks."""
    is_now = marks_of(card)
    faults = []
    if is_now[ROW] != told.get(ROW):
        faults.append("its row was altered")
    if is_now[PRINT] != told.get(PRINT):
        faults.append("its fingerprint was altered")
    if is_now[SECRET] != told.get(SECRET):
        gone = is_now[SECRET] == NO_SECRET
        faults.append(f"its sealed code {'is gone' if gone else 'was altered, cut or swapped'}")
    return faults


def _card(card_id: UUID) -> str:
    return f"card {encode_id(Prefix.CARD, card_id)}"


def _event(row: Any) -> str:
    if row["card_id"] is not None:
        return f"event {row['sequence']} of {_card(row['card_id'])}"
    return f"the event {row['action']!r} of batch {encode_id(Prefix.CARD_BATCH, row['batch_id'])}"
