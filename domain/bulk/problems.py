"""The rows that an import left out: every one, in little room, without a code.

Neighbouring lines with the same reason are one row of the table: the same file of a million codes
again, whose every line is a duplicate, is told by one row.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from uuid import UUID

from domain.kernel import Connection, clock, connection

MAX_RANGES = 100_000  # of one subject; the counts stay right beyond it
SLICE = 1_000

# Whether there is room is asked once for each statement: a chunk may end a little above the limit.
_RECORD = """
INSERT INTO bulk_left_out (subject, file, line, until_line, reason, text, at)
SELECT $1, r.file, r.line, r.until_line, r.reason, r.text, $2
FROM unnest($3::text[], $4::int[], $5::int[], $6::text[], $7::text[])
    AS r (file, line, until_line, reason, text)
WHERE NOT EXISTS (SELECT 1 FROM bulk_left_out WHERE subject = $1 OFFSET $8)
"""
_READ = """
SELECT id, file, line, until_line, reason, text FROM bulk_left_out
WHERE subject = ANY($1) AND id > $2 ORDER BY id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one row was left out: `reason` is a key of the texts, never the code."""

    line: int
    reason: str
    file: str = ""
    text: str = ""


async def record_problems(conn: Connection, subject: UUID, problems: Iterable[Problem]) -> None:
    """Keep problems of `subject`, in the caller's transaction; they come in the order of lines."""
    ranges = as_ranges(problems)
    if ranges:
        columns = [list(column) for column in zip(*ranges, strict=True)]
        await conn.execute(_RECORD, subject, clock.now(), *columns, MAX_RANGES - 1)


def as_ranges(problems: Iterable[Problem]) -> list[tuple[str, int, int, str, str]]:
    """File, first line, last line, reason and text of neighbours that share all but the line."""
    ranges: list[tuple[str, int, int, str, str]] = []
    for each in problems:
        if ranges:
            file, first, last, reason, text = ranges[-1]
            if (file, reason, text) == (each.file, each.reason, each.text) and (
                each.line == last + 1
            ):
                ranges[-1] = (file, first, each.line, reason, text)
                continue
        ranges.append((each.file, each.line, each.line, each.reason, each.text))
    return ranges


async def read_problems(*subjects: UUID) -> AsyncIterator[Problem]:
    """All problems that were kept of some subjects, one for each line, in the order they came."""
    last = 0
    while True:
        async with connection() as conn:
            rows = await conn.fetch(_READ, list(subjects), last, SLICE)
        if not rows:
            return
        last = rows[-1]["id"]
        for row in rows:
            for line in range(row["line"], row["until_line"] + 1):
                yield Problem(line, row["reason"], row["file"], row["text"])


async def first_problems(limit: int, *subjects: UUID) -> list[Problem]:
    """The first problems, to be shown in an answer."""
    found: list[Problem] = []
    async for problem in read_problems(*subjects):
        if len(found) == limit:
            break
        found.append(problem)
    return found
