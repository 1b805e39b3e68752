"""Own prices of agents from a table, and as one: out and in again changes nothing (row E1)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from io import BytesIO
from itertools import chain
from typing import BinaryIO
from uuid import UUID

from domain import audit, bulk, catalog, priceguard
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Money,
    Refused,
    clock,
    connection,
    parse_units,
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.pricebook.models import AgentPrice
from domain.pricebook.refusals import TooLow
from domain.pricebook.service import WRITE_SCOPE, AgentPriceWish, keep_agent_price
from domain.pricebook.statements import AGENTS_BY_CODE, CATEGORIES_BY_SLUG, OWN_ROWS
from domain.priceguard import InversionCause

READ_SCOPE = "agents:read"
KIND, FILE = "agent_price_import", "agent-prices.csv"
COLUMNS = ("agent", "sku", "category", "currency", "price", "off_percent")
TIMES = ("valid_from", "valid_until", "note")  # may be left out
MOST_ROWS = 5_000
SLICE = 1_000
_SHOWN = {"agentId": "agent", "variantId": "sku", "offRate": "off_percent"}
_SHOWN |= {"validFrom": "valid_from", "validUntil": "valid_until", "categoryId": "category"}


@dataclass(frozen=True, slots=True)
class OwnPricesWish:
    """How a file is imported."""

    dry_run: bool = False
    all_or_nothing: bool = False


@dataclass(slots=True)
class _Run:
    """One import: its report, and what was refused for being below its floor."""

    actor: Actor
    moment: datetime
    report: catalog.ImportReport = field(default_factory=catalog.ImportReport)
    low: list[priceguard.Below] = field(default_factory=list)


async def begin_own_prices(actor: Actor, wish: OwnPricesWish) -> bulk.Upload:
    """A job that will import the file that is about to come. Needs `prices:write`."""
    actor.require_scope(WRITE_SCOPE)
    return await bulk.begin_upload(actor, KIND, asdict(wish))


async def work_off_own_prices(work: bulk.Work) -> bulk.Outcome:
    """Import the own prices of a job's input."""
    wish = OwnPricesWish(**work.wish)
    file = BytesIO(await asyncio.to_thread(work.input.read))
    report = await import_own_prices(work.actor, file, wish)
    kept = wish.all_or_nothing and bool(report.errors)
    return report.outcome(stored=not (wish.dry_run or kept))


async def import_own_prices(
    actor: Actor, file: BinaryIO, wish: OwnPricesWish
) -> catalog.ImportReport:
    """Set the own prices of a file, CSV in UTF-8 or a workbook. Needs `prices:write`; each is
    audited and told as one that was set by hand.

    A row is left out and reported for what `set_agent_price` refuses. Rows are judged in the order
    of the file, agents of one tree in one transaction: what stands further up counts for what
    stands below it. `dry_run` writes nothing; `all_or_nothing` writes nothing when a row is left
    out, and holds all agents of the file until its end.
    """
    actor.require_scope(WRITE_SCOPE)
    rows, errors = await asyncio.to_thread(catalog.read_csv, file, FILE, COLUMNS, TIMES)
    if len(rows) > MOST_ROWS:
        many = rows[MOST_ROWS].line
        raise Refused(catalog.ImportFileInvalid(file=FILE, line=many, reason="own_prices_too_many"))
    run = _Run(actor, clock.now(), catalog.ImportReport(errors=errors))
    trees = await _by_tree(rows, run.report)
    groups = [list(chain(*trees))] if wish.all_or_nothing else trees
    for group in groups:
        with suppress(catalog.TakenBack):
            async with transaction() as conn:
                for row, one in group:
                    await _one(conn, run, row, one)
                catalog.take_back_if(
                    wish.dry_run or (wish.all_or_nothing and bool(run.report.errors))
                )
    run.report.errors.sort(key=lambda error: error.line)
    if not wish.dry_run:
        await priceguard.note_refused(None, InversionCause.SAVE, run.low)
        await _audited(run)
    wake_relay()
    return run.report


async def export_own_prices(actor: Actor) -> bulk.Table:
    """The own prices that are in force or will be. Needs `agents:read`; audited."""
    actor.require_scope(READ_SCOPE)
    async with transaction() as conn:
        await audit.record(conn, actor, "agent_price.export", None, {})
    return bulk.Table("agent-prices", (*COLUMNS, *TIMES), _rows(clock.now()))


async def _one(conn: Connection, run: _Run, row: catalog.CsvRow, wish: AgentPriceWish) -> None:
    """Set one, or leave it out with whatever it had written."""
    try:
        async with conn.transaction():
            if wish.valid_from is not None and await _stands(wish):
                run.report.unchanged += 1
                return
            wish.check(run.moment)
            _, fresh = await keep_agent_price(conn, run.actor, wish, run.moment)
    except Refused as refused:
        if isinstance(refused, TooLow):
            run.low += refused.below
        told = refused.refusals[0]
        named = tuple(_SHOWN.get(name, name) for name in told.field)
        run.report.errors.append(row.error(replace(told, field=named)))
        return
    if fresh:
        run.report.created += 1
    else:
        run.report.unchanged += 1


async def _stands(wish: AgentPriceWish) -> bool:
    """Whether a row says the same from the same time on, as one that was exported does."""
    return await AgentPrice.exists(
        agent_id=wish.agent_id,
        variant_id=wish.variant_id,
        category_id=wish.category_id,
        currency=wish.price.currency if wish.price else None,
        amount=wish.price.units if wish.price else None,
        off_rate=wish.off_rate,
        valid_from=wish.valid_from,
        valid_until=wish.valid_until,
        note=wish.note,
    )


async def _by_tree(
    rows: Sequence[catalog.CsvRow], report: catalog.ImportReport
) -> list[list[tuple[catalog.CsvRow, AgentPriceWish]]]:
    """What the rows wish, the agents of each tree together, each in the order of the file."""
    skus = await catalog.variants_by_sku(list({row["sku"] for row in rows if row["sku"]}))
    async with connection() as conn:
        found = await conn.fetch(AGENTS_BY_CODE, list({row["agent"].upper() for row in rows}))
        shelves = await conn.fetch(CATEGORIES_BY_SLUG, list({row["category"] for row in rows}))
    known = {row["code"]: (row["id"], row["root"]) for row in found}
    variants = {sku: variant.id for sku, variant in skus.items()}
    categories = {row["slug"]: row["id"] for row in shelves}
    trees: dict[UUID, list[tuple[catalog.CsvRow, AgentPriceWish]]] = defaultdict(list)
    seen: set[tuple[object, ...]] = set()
    for row in rows:
        try:
            agent = known.get(row["agent"].upper())
            if agent is None:
                raise Refused(Invalid(reason="agent_code_unknown", field=("agent",)))
            wish = _wish(row, agent[0], variants, categories)
            key = (agent[0], wish.variant_id, wish.category_id, row["currency"], wish.valid_from)
            refuse_unless(key not in seen, Invalid(reason="twice_in_file", field=("agent",)))
            seen.add(key)
            trees[agent[1]].append((row, wish))
        except Refused as refused:
            report.errors.append(row.error(refused.refusals[0]))
    return list(trees.values())


def _wish(
    row: catalog.CsvRow, agent: UUID, variants: dict[str, UUID], categories: dict[str, UUID]
) -> AgentPriceWish:
    sku, category, units = row["sku"], row["category"], row.units("price")
    whole = bool(sku) == (units is not None) and bool(category) == bool(row["off_percent"])
    one = bool(sku) != bool(category) and bool(sku) == bool(row["currency"])
    refuse_unless(whole and one, Invalid(reason="agent_price_target", field=("sku",)))
    known = sku in variants if sku else category in categories
    missing = "sku_unknown" if sku else "category_unknown"
    refuse_unless(known, Invalid(reason=missing, field=("sku" if sku else "category",)))
    return AgentPriceWish(
        agent_id=agent,
        variant_id=variants.get(sku),
        category_id=categories.get(category),
        price=None if units is None else Money(units, row["currency"]),
        off_rate=rate_of(row["off_percent"]),
        valid_from=_time(row, "valid_from"),
        valid_until=_time(row, "valid_until"),
        note=row.values.get("note", ""),
    )


def rate_of(percent: str) -> int | None:
    """5.25 is 525 of 10000; None for an empty field."""
    if not percent:
        return None
    rate, rest = divmod(parse_units(percent, field=("off_percent",)), 100)
    refuse_unless(rest == 0, Invalid(reason="agent_price_rate", field=("off_percent",)))
    return rate


def _time(row: catalog.CsvRow, column: str) -> datetime | None:
    text = row.values.get(column, "")
    if not text:
        return None
    wrong = Invalid(reason="agent_price_time", field=(column,))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(wrong) from None
    refuse_unless(moment.tzinfo is not None, wrong)
    return moment


async def _audited(run: _Run) -> None:
    counts = {"created": run.report.created, "rejected": len(run.report.errors)}
    async with transaction() as conn:
        await audit.record(conn, run.actor, "agent_price.import", None, counts)


async def _rows(moment: datetime) -> AsyncIterator[bulk.OutRow]:
    last = UUID(int=0)
    while True:
        async with connection() as conn:
            rows = await conn.fetch(OWN_ROWS, last, moment, SLICE)
        for row in rows:
            price = None if row["amount"] is None else plain(row["amount"])
            off = None if row["off_rate"] is None else plain(row["off_rate"] * 100)
            until = row["valid_until"].isoformat() if row["valid_until"] else None
            thing = [row["code"], row["sku"], row["slug"], row["currency"], price, off]
            yield [*thing, row["valid_from"].isoformat(), until, row["note"]]
        if len(rows) < SLICE:
            return
        last = rows[-1]["id"]
