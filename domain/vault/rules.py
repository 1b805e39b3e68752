"""Pure rules of vault: limits, and how an archive is laid out."""

import io
import tarfile
from collections.abc import Sequence
from csv import writer
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from uuid import UUID

MAX_CARDS_A_LOOK = 20
MAX_REASON_LETTERS = 500
MAX_CASE_LETTERS = 64
DAY = timedelta(days=1)
GRANTED_FOR = timedelta(minutes=15)  # a lost answer may be asked for again
APPROVED_FOR = timedelta(hours=1)
WAITS_FOR = timedelta(days=1)  # a request that nobody decides lapses
MAX_EXPORTED = 50_000
PART_CARDS = 1_000
LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 5
KEPT_AFTER_TAKEN = timedelta(hours=1)
COLUMNS = ("number", "secret", "expires_on")
TAR_BLOCK = 512
MANIFEST = "manifest.json.age"


@dataclass(frozen=True, slots=True)
class ExportedCard:
    """A row of an export. A repr shows no code."""

    id: UUID
    number: str = field(repr=False)
    secret: str = field(repr=False)
    expires_on: date | None


def part_name(number: int) -> str:
    """The name of a part within the archive; the manifest is number 0."""
    return f"cards-{number:04}.csv.age" if number else MANIFEST


def watermarked(cards: Sequence[ExportedCard], watermark: UUID) -> list[ExportedCard]:
    """The rows in the order that only this watermark gives them, so that a copy tells its origin.

    Canaries stand anywhere among them, too.
    """
    return sorted(cards, key=lambda card: sha256(watermark.bytes + card.id.bytes).digest())


def part_of_canary(card_id: UUID, watermark: UUID, parts: int) -> int:
    """In which part a canary goes out: spread over all, the same however often it is asked."""
    chance = int.from_bytes(sha256(b"part" + watermark.bytes + card_id.bytes).digest()[:8], "big")
    return 1 + chance % max(parts, 1)


def csv_of(cards: Sequence[ExportedCard]) -> bytes:
    """The rows as our own import reads them."""
    text = io.StringIO()
    out = writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    out.writerows((card.number, card.secret, card.expires_on or "") for card in cards)
    return text.getvalue().encode()


def tar_header(name: str, size: int, moment: datetime) -> bytes:
    """What stands before a member of a tar file."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, int(moment.timestamp()), 0o600
    return info.tobuf(tarfile.USTAR_FORMAT)


def tar_padding(size: int) -> bytes:
    """What fills up the last block of a member."""
    return b"\0" * (-size % TAR_BLOCK)


TAR_END = b"\0" * (2 * TAR_BLOCK)
