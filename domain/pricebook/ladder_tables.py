"""Ladders from a table, and as one: a row is a step, and out and in again changes nothing (E1)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from io import BytesIO
from typing import BinaryIO
from uuid import UUID

from domain import audit, bulk, catalog, priceguard
from domain.agents import Tier
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Refusal,
    Refused,
    connection,
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.pricebook.importing import SLICE, rate_of
from domain.pricebook.ladders import LadderWish, keep_ladder
from domain.pricebook.refusals import TooLow
from domain.pricebook.rules import Step, VolumeStep
from domain.pricebook.statements import LADDER_ROWS
from domain.pricebook.volumes import keep_volume_ladder, list_volume_ladders
from domain.priceguard import InversionCause
from domain.pricing import LIST_COLUMN, TIERS, PriceList

WRITE_SCOPE, READ_SCOPE = "prices:write", "products:read"
KIND = "ladder_import"
MOST_ROWS = 20_000
_SHOWN = {"fromQuantity": "from_quantity", "fromVolume": "from_volume", "offRate": "off_percent"}
_SHOWN |= {"variantId": "sku", "listCode": LIST_COLUMN}


class LadderTable(StrEnum):
    """What a table holds: steps by the quantity of an order, or by the volume of a month."""

    PRICES = "price-ladders"
    VOLUMES = "volume-ladders"


_STEP = {
    LadderTable.PRICES: ("from_quantity", "price"),
    LadderTable.VOLUMES: ("from_volume", "off_percent"),
}
COLUMNS = {
    LadderTable.PRICES: ("sku", "tier", "currency", *_STEP[LadderTable.PRICES]),
    LadderTable.VOLUMES: ("tier", *_STEP[LadderTable.VOLUMES]),
}
OPTIONAL = {LadderTable.PRICES: (LIST_COLUMN,), LadderTable.VOLUMES: ()}


@dataclass(frozen=True, slots=True)
class LadderTableWish:
    """What a file is, and how it is imported."""

    table: str
    dry_run: bool = False
    all_or_nothing: bool = False


@dataclass(frozen=True, slots=True)
class _Ladder:
    """A ladder and its rows, both from the least step on; without a variant one by volume."""

    rows: Sequence[catalog.CsvRow]
    tier: Tier
    steps: Sequence[tuple[int, int]]
    variant_id: UUID | None = None
    list_code: str = ""

    async def keep(self, conn: Connection, actor: Actor) -> bool:
        """Set it; whether it was written, or stood there already."""
        if self.variant_id is None:
            steps = [VolumeStep(*step) for step in self.steps]
            return await keep_volume_ladder(conn, actor, self.tier, steps)
        by_quantity = tuple(Step(*step) for step in self.steps)
        wish = LadderWish(self.variant_id, self.tier, by_quantity, self.list_code)
        _, fresh = await keep_ladder(conn, actor, wish)
        return fresh


@dataclass(slots=True)
class _Run:
    """One import: its report, and what was refused for being below its floor, by site."""

    actor: Actor
    report: catalog.ImportReport = field(default_factory=catalog.ImportReport)
    low: dict[UUID | None, list[priceguard.Below]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def leave_out(self, rows: Sequence[catalog.CsvRow], refused: Refused) -> None:
        """Report every row of a ladder: the one at fault with its reason, and that the others were
        left out with it; all with the reason when it is not of one step."""
        told = refused.refusals[0]
        at, named = None, told.field
        if named[:1] == ("steps",):
            at, named = int(named[1]), named[2:]
        told = replace(told, field=tuple(_SHOWN.get(name, name) for name in named))
        rest: Refusal = Invalid(reason="ladder_row_beside")
        for place, row in enumerate(rows):
            self.report.errors.append(row.error(told if at in (None, place) else rest))


async def begin_ladders(actor: Actor, wish: LadderTableWish) -> bulk.Upload:
    """A job that will import the file that is about to come. Needs `prices:write`."""
    actor.require_scope(WRITE_SCOPE)
    return await bulk.begin_upload(actor, KIND, asdict(wish))


async def work_off_ladders(work: bulk.Work) -> bulk.Outcome:
    """Import the ladders of a job's input."""
    wish = LadderTableWish(**work.wish)
    file = BytesIO(await asyncio.to_thread(work.input.read))
    report = await import_ladders(work.actor, file, wish)
    kept = wish.all_or_nothing and bool(report.errors)
    return report.outcome(stored=not (wish.dry_run or kept))


async def import_ladders(
    actor: Actor, file: BinaryIO, wish: LadderTableWish
) -> catalog.ImportReport:
    """Set the ladders of a file, CSV in UTF-8 or a workbook. Needs `prices:write`; each is audited
    and told as one that was set by hand, in a transaction of its own.

    All rows of a SKU, tier and list are one ladder, in any order, and replace the one that stands;
    a single row without a step ends it. A ladder is left out with all of its rows for what
    `set_ladder` and `set_volume_ladder` refuse. `dry_run` writes nothing; `all_or_nothing` writes
    nothing when a row is left out. Refuses a file as a whole (IMPORT_FILE_INVALID) when one of its
    rows cannot be read: nobody could say which ladder would lack a step.
    """
    actor.require_scope(WRITE_SCOPE)
    table = LadderTable(wish.table)
    run = _Run(actor)
    ladders = await _ladders_in(table, await asyncio.to_thread(_read, file, table), run)
    groups = [ladders] if wish.all_or_nothing else [[each] for each in ladders]
    for group in groups:
        with suppress(catalog.TakenBack):
            async with transaction() as conn:
                await conn.execute(catalog.LOCK_IMPORT)
                for ladder in group:
                    await _one(conn, run, ladder)
                kept = wish.all_or_nothing and bool(run.report.errors)
                catalog.take_back_if(wish.dry_run or kept)
    run.report.errors.sort(key=lambda error: error.line)
    if not wish.dry_run:
        for site_id, low in run.low.items():
            await priceguard.note_refused(site_id, InversionCause.SAVE, low)
        counts = {"created": run.report.created, "rejected": len(run.report.errors)}
        await _audited(actor, table, "import", counts)
    wake_relay()
    return run.report


async def export_price_ladders(actor: Actor) -> bulk.Table:
    """The ladders by quantity that are in force, a row a step. Needs `products:read`; audited."""
    actor.require_scope(READ_SCOPE)
    table = LadderTable.PRICES
    await _audited(actor, table, "export", {})
    return bulk.Table(table.value, (*COLUMNS[table], *OPTIONAL[table]), _price_rows())


async def export_volume_ladders(actor: Actor) -> bulk.Table:
    """The newest ladder of each tier by volume, a row a step. Needs `agents:read`; audited."""
    found = await list_volume_ladders(actor)
    table = LadderTable.VOLUMES
    await _audited(actor, table, "export", {})

    async def rows() -> AsyncIterator[bulk.OutRow]:
        for each in found:
            for volume, rate in zip(each.from_volumes, each.off_rates, strict=True):
                yield [each.tier, plain(volume), plain(rate * 100)]

    return bulk.Table(table.value, COLUMNS[table], rows())


def _read(file: BinaryIO, table: LadderTable) -> list[catalog.CsvRow]:
    name = f"{table.value}.csv"
    rows, errors = catalog.read_csv(file, name, COLUMNS[table], OPTIONAL[table])
    if errors:
        line, reason = errors[0].line, errors[0].reason
        raise Refused(catalog.ImportFileInvalid(file=name, line=line, reason=reason))
    if len(rows) > MOST_ROWS:
        line = rows[MOST_ROWS].line
        raise Refused(catalog.ImportFileInvalid(file=name, line=line, reason="ladder_rows_many"))
    return rows


async def _ladders_in(
    table: LadderTable, rows: Sequence[catalog.CsvRow], run: _Run
) -> list[_Ladder]:
    """The ladders of a file in the order in which variants are locked; what is none is reported."""
    parts = {*COLUMNS[table], *OPTIONAL[table]} - {*_STEP[table]}
    by_key: dict[tuple[str, ...], list[catalog.CsvRow]] = defaultdict(list)
    for row in rows:
        by_key[tuple(row.values.get(part, "") for part in sorted(parts))].append(row)
    skus = {row["sku"] for row in rows} if table is LadderTable.PRICES else set()
    goods = {sku: each.id for sku, each in (await catalog.variants_by_sku(list(skus))).items()}
    lists = {each.code: each.currency for each in await PriceList.all()}
    found: dict[tuple[UUID | None, str, Tier], _Ladder] = {}
    for of_one in by_key.values():
        try:
            ladder = _ladder(of_one, _STEP[table])
            if table is LadderTable.PRICES:
                ladder = _placed(ladder, of_one[0], goods, lists)
            key = (ladder.variant_id, ladder.list_code, ladder.tier)
            refuse_unless(key not in found, Invalid(reason="twice_in_file", field=("tier",)))
            found[key] = ladder
        except Refused as refused:
            run.leave_out(of_one, refused)
    return sorted(found.values(), key=lambda ladder: ladder.variant_id or UUID(int=0))


def _ladder(rows: Sequence[catalog.CsvRow], columns: tuple[str, str]) -> _Ladder:
    """The ladder of its rows, in any order; a single row without a step is one that has none."""
    tier = rows[0]["tier"]
    refuse_unless(tier in TIERS, Invalid(reason="tier", field=("tier",)))
    if len(rows) == 1 and not any(rows[0][column] for column in columns):
        return _Ladder(rows, Tier(tier), [])
    steps = []
    for place, row in enumerate(rows):
        try:
            steps.append((_step(row), row))
        except Refused as refused:
            told = refused.refusals[0]
            raise Refused(replace(told, field=("steps", str(place), *told.field))) from None
    steps.sort(key=lambda step: step[0])
    return _Ladder([row for _, row in steps], Tier(tier), [step for step, _ in steps])


def _step(row: catalog.CsvRow) -> tuple[int, int]:
    """What is empty is zero, which no step is from or at."""
    if "off_percent" in row.values:
        return row.units("from_volume") or 0, rate_of(row["off_percent"]) or 0
    return row.number("from_quantity", 0), row.units("price") or 0


def _placed(
    ladder: _Ladder, row: catalog.CsvRow, goods: dict[str, UUID], lists: dict[str, str]
) -> _Ladder:
    """The same for a variant on a list."""
    code, currency = row.values.get(LIST_COLUMN, ""), row["currency"]
    base = f"base-{currency.lower()}"
    on = code or base
    unlisted = Invalid(reason="price_list_unknown", field=(LIST_COLUMN,))
    unpriced = Invalid(reason="ladder_without_price", field=("currency",))
    refuse_unless(row["sku"] in goods, Invalid(reason="sku_unknown", field=("sku",)))
    refuse_unless(on in lists, unlisted if code else unpriced)
    refuse_unless(lists[on] == currency, Invalid(reason="currency", field=("currency",)))
    return replace(ladder, variant_id=goods[row["sku"]], list_code=on)


async def _one(conn: Connection, run: _Run, ladder: _Ladder) -> None:
    """Set one, or leave it out with whatever it had written."""
    try:
        async with conn.transaction():
            fresh = await ladder.keep(conn, run.actor)
    except Refused as refused:
        if isinstance(refused, TooLow):
            run.low[refused.site_id] += refused.below
        run.leave_out(ladder.rows, refused)
        return
    if fresh:
        run.report.created += len(ladder.rows)
    else:
        run.report.unchanged += len(ladder.rows)


async def _audited(actor: Actor, table: LadderTable, what: str, details: dict[str, int]) -> None:
    thing = "price_ladder" if table is LadderTable.PRICES else "volume_ladder"
    async with transaction() as conn:
        await audit.record(conn, actor, f"{thing}.{what}", None, details)


async def _price_rows() -> AsyncIterator[bulk.OutRow]:
    last = ("", "", "")
    while True:
        async with connection() as conn:
            ladders = await conn.fetch(LADDER_ROWS, *last, SLICE)
        for sku, tier, code, currency, shown, quantities, amounts in ladders:
            for quantity, units in zip(quantities, amounts, strict=True):
                yield [sku, tier, currency, quantity, plain(units), shown]
            last = (sku, tier, code)
        if len(ladders) < SLICE:
            return
