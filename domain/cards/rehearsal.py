"""What an import would do, without doing it: the same reading, the same fingerprints, no write."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from domain.cards.canaries import any_canaries, note_prints, prints_of
from domain.cards.chunks import (
    CHUNK_LINES,
    TWICE_IN_FILE,
    TWICE_IN_STORE,
    Counts,
    Progress,
    is_twin,
    owners_of,
    tell,
)
from domain.cards.reading import CardReader, CardRow, Row, RowProblem
from domain.cards.refusals import CardFileInvalid
from domain.cards.rules import canonical
from domain.cards.state import IndexState, read_state
from domain.kernel import Actor, Refused, connection, transaction

# The codes seen so far are known by 64 bits of their fingerprints: 100 bytes for each in memory.
MAX_ROWS = 1_500_000
KNOWN_BYTES = 8
MAX_PROBLEMS = 100_000


@dataclass(slots=True)
class Rehearsal:
    """What was found; of very many problems the first are kept, and all are counted."""

    counts: Counts = field(default_factory=Counts)
    problems: list[RowProblem] = field(default_factory=list)

    def leave_out(self, problem: RowProblem) -> None:
        """Count a row that would not be stored."""
        if is_twin(problem):
            self.counts.duplicates += 1
        else:
            self.counts.rejected += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


async def rehearse(
    actor: Actor, variant_id: UUID, reader: CardReader, progress: Progress | None
) -> Rehearsal:
    """Read a file to its end and say what of it would be stored.

    Refuses a file of more than 1,500,000 cards, which could not be remembered; an import has no
    such limit. A canary among the codes raises the alarm: who asks which codes we have is heard.
    """
    async with connection() as conn:
        index, canaries = await read_state(conn), await any_canaries(conn)
    found, seen = Rehearsal(), set[int]()
    while not reader.ended:
        rows = await asyncio.to_thread(reader.take, CHUNK_LINES)
        lines, problems = await asyncio.to_thread(_prints, index, variant_id, rows, seen)
        async with connection() as conn:
            owners = await owners_of(conn, index, variant_id, list(lines))
        problems += [RowProblem(lines[each], TWICE_IN_STORE) for each in owners]
        if canaries:
            prints = await asyncio.to_thread(_of_canaries, rows)
            async with transaction() as conn:
                await note_prints(conn, actor, prints, "rehearsal", variant_id)
        for problem in sorted(problems, key=lambda problem: problem.line):
            found.leave_out(problem)
        found.counts.accepted += len(lines) - len(owners)
        if len(seen) > MAX_ROWS:
            line = reader.position.line
            raise Refused(CardFileInvalid(line=line, reason="dry_run_too_large"))
        await tell(progress, reader.position)
    return found


def _of_canaries(rows: list[Row]) -> list[bytes]:
    """The prints of all codes of some rows."""
    codes = [row for row in rows if isinstance(row, CardRow)]
    return [each for row in codes for each in prints_of(row.number, row.secret)]


def _prints(
    index: IndexState, variant_id: UUID, rows: list[Row], seen: set[int]
) -> tuple[dict[bytes, int], list[RowProblem]]:
    """The lines of codes that were not seen yet by fingerprint, and a problem for each other."""
    lines: dict[bytes, int] = {}
    problems: list[RowProblem] = []
    for row in rows:
        if not isinstance(row, CardRow):
            problems.append(row)
            continue
        fingerprint = index.fingerprint(variant_id, canonical(row.number, row.secret))
        known = int.from_bytes(fingerprint[:KNOWN_BYTES])
        if known in seen:
            problems.append(RowProblem(row.line, TWICE_IN_FILE))
            continue
        seen.add(known)
        lines[fingerprint] = row.line
    return lines, problems
