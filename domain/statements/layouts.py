"""How a partner's own CSV reads: which column holds what, and in which words."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from domain import audit
from domain.bulk import ENCODINGS, plain_cell
from domain.kernel import (
    SCALE,
    Actor,
    Invalid,
    NotFound,
    Refused,
    clock,
    minor_step,
    new_id,
    parse_units,
    refuse_unless,
    transaction,
)
from domain.statements.models import LineKind, Party, StatementLayout
from domain.statements.rules import Line

WRITE_SCOPE, READ_SCOPE = "statements:write", "statements:read"
# What a column may hold. `refunded` is what a supplier gave back of `amount`.
COLUMNS = (
    *("reference", "amount", "at", "kind", "about", "provider_id"),
    *("fee", "refunded", "currency"),
)
NEEDED = ("reference", "amount", "at")
MINOR = "minor"  # amounts are whole cents
MAX_LETTERS = 96
# The kind of a line that does not say it.
USUAL = {
    Party.CHANNEL: LineKind.PAYMENT,
    Party.SUPPLIER: LineKind.PURCHASE,
    Party.PAYOUT: LineKind.PAYOUT,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns by what they hold, and how their texts read. The plain one has our own names."""

    columns: Mapping[str, str] = field(default_factory=lambda: {name: name for name in COLUMNS})
    # The partner's words for kinds; words that stand nowhere here are OTHER.
    kinds: Mapping[str, str] = field(default_factory=dict)
    amounts: str = "major"  # or `minor`
    time_format: str = ""  # of strptime; empty: ISO 8601
    encoding: str = "utf-8"
    delimiter: str = ","
    currency: str = "CNY"  # where no column tells it


PLAIN = Layout()


def shown(text: str) -> str:
    """A partner's text as it can be stored and shown."""
    return "".join(letter for letter in text if letter.isprintable())[:MAX_LETTERS]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read; `reason` is a key of the texts."""

    line: int
    reason: str


class Columns:
    """Reads rows of one file under one layout, once its header was found."""

    def __init__(self, layout: Layout, party: Party, offset: timedelta) -> None:
        self.layout, self.party = layout, party
        self.zone = timezone(offset)
        self.places: dict[str, int] = {}

    def is_header(self, row: list[str]) -> bool:
        """Whether this row names all that is needed; others may stand before it."""
        names = [cell.strip() for cell in row]
        places = {
            what: names.index(name) for what, name in self.layout.columns.items() if name in names
        }
        if not all(what in places for what in NEEDED):
            return False
        self.places = places
        return True

    def line_of(self, row: list[str], place: int = 0) -> Line | str:
        """The line in a row, which stands at `place` in its file, or why there is none."""
        cells = {
            what: plain_cell(row[place]).strip()
            for what, place in self.places.items()
            if place < len(row)
        }
        try:
            return self._line(cells, ",".join(row), place)
        except KeyError:
            return "statement_row_short"
        except Refused as refused:
            return str(getattr(refused.refusals[0], "reason", "amount_not_a_number"))
        except ValueError:
            return "statement_time"

    def _line(self, cells: dict[str, str], raw: str, place: int) -> Line:
        currency = (cells.get("currency") or self.layout.currency)[:3].upper()
        kind, amount = self._kind(cells), self._units(cells["amount"], currency)
        if kind is LineKind.PAYMENT and amount < 0:
            kind = LineKind.REFUND
        if kind is LineKind.PAYOUT and amount < 0:
            kind = LineKind.RETURN
        refund = LineKind.PURCHASE if amount < 0 else LineKind.REFUND
        if self.party is Party.SUPPLIER and kind is refund:
            kind = LineKind.SUPPLIER_REFUND
        if kind is LineKind.PURCHASE:
            amount -= abs(self._units(cells.get("refunded") or "0", currency))
        elif kind is not LineKind.OTHER:
            amount = abs(amount)
        return Line(
            kind=kind,
            reference=shown(cells["reference"]),
            provider_id=shown(cells.get("provider_id", "")),
            amount=amount,
            fee=self._units(cells.get("fee") or "0", currency),
            currency=currency,
            at=self._moment(cells["at"]),
            about=shown(cells.get("about", "")),
            raw=raw,
            place=place,
        )

    def _kind(self, cells: dict[str, str]) -> LineKind:
        told = cells.get("kind", "")
        if not told:
            return USUAL[self.party]
        word = self.layout.kinds.get(told, told if not self.layout.kinds else "")
        return LineKind(word.upper()) if word.upper() in LineKind.__members__ else LineKind.OTHER

    def _units(self, text: str, currency: str) -> int:
        units = parse_units(text.replace(",", "").replace("¥", "").strip())
        return units * minor_step(currency) // SCALE if self.layout.amounts == MINOR else units

    def _moment(self, text: str) -> datetime:
        form = self.layout.time_format
        at = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=self.zone)).astimezone(UTC)


def read_rows(rows: Iterator[tuple[int, list[str]]], columns: Columns) -> Iterator[Line | BadRow]:
    """The lines below the header; empty rows and remarks that begin with # are left out."""
    for number, row in rows:
        if not columns.places:
            columns.is_header(row)
            continue
        if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
            continue
        line = columns.line_of(row, number)
        yield BadRow(number, line) if isinstance(line, str) else line


def layout_from(told: Mapping[str, Any]) -> Layout:
    """A layout from plain values. Refuses columns that nobody knows, or without those needed."""
    try:
        layout = Layout(**told)
    except TypeError:
        raise Refused(Invalid(reason="statement_layout", field=("layout",))) from None
    columns = dict(layout.columns)
    known = set(columns) <= set(COLUMNS) and set(NEEDED) <= set(columns)
    refuse_unless(known, Invalid(reason="statement_columns", field=("layout", "columns")))
    kinds = all(word.upper() in LineKind.__members__ for word in layout.kinds.values())
    refuse_unless(kinds, Invalid(reason="statement_kinds", field=("layout", "kinds")))
    fits = (
        layout.amounts in ("major", MINOR)
        and layout.encoding in ENCODINGS
        and len(layout.delimiter) == 1
        and len(layout.currency) == 3
    )
    refuse_unless(fits, Invalid(reason="statement_layout", field=("layout",)))
    return layout


async def save_layout(actor: Actor, code: str, layout: Layout) -> StatementLayout:
    """Keep a layout under a code, or change it. Needs `statements:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    named = 0 < len(code) <= 32 and code.isascii() and code.isprintable()
    refuse_unless(named, Invalid(reason="statement_layout", field=("code",)))
    told = asdict(layout_from(asdict(layout)))
    async with transaction() as conn:
        saved = await StatementLayout.filter(code=code).select_for_update().first()
        fresh = saved is None
        saved = saved or StatementLayout(id=new_id(), code=code)
        saved.layout, saved.saved_at = told, clock.now()
        await saved.save(force_create=fresh)
        await audit.record(conn, actor, "statement_layout.save", saved.id, {"code": code})
    return saved


async def layout_of(code: str) -> Layout:
    """The layout of this code; the plain one without any. Refuses an unknown one."""
    if not code:
        return PLAIN
    saved = await StatementLayout.filter(code=code).first()
    if saved is None:
        raise Refused(NotFound(what="statement layout", field=("layout",)))
    return Layout(**saved.layout)  # type: ignore[arg-type]
