"""Prices from a CSV file, and the whole catalogue folder that ends with it."""

from collections import defaultdict
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from domain import audit, catalog, priceguard
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Refusal,
    Refused,
    new_id,
    record_events,
    transaction,
    wake_relay,
)
from domain.priceguard import Below, InversionCause, Judge
from domain.pricing.models import PriceList
from domain.pricing.queries import standing_prices
from domain.pricing.rules import CURRENCIES, TIERS, TierPrice, price_faults
from domain.pricing.service import WRITE_SCOPE, offered_in, price_changed, save_prices

FILE = "prices.csv"
FOLDER_FILES = ("categories.csv", "products.csv", "variants.csv", FILE)
COLUMNS = ("sku", "tier", "currency", "amount", "compare_at")
LIST_COLUMN = "list"  # the code of a price list; without one, or left empty, the base list

Listed = dict[UUID, dict[str, tuple[TierPrice, catalog.CsvRow]]]
Place = tuple[str, str]  # list and currency


async def import_folder(
    actor: Actor, folder: Path, *, approve: bool = False, dry_run: bool = False
) -> dict[str, catalog.ImportReport]:
    """Import categories.csv, products.csv, variants.csv and prices.csv of a folder, in this order.

    With `approve` the submitted products are approved at once, see `catalog.import_catalog`.
    A report for each file. Refuses with IMPORT_FILE_INVALID when one is missing or cannot be read;
    all four are looked at before anything is written. `dry_run` writes nothing.
    """
    for name in FOLDER_FILES:
        if not (folder / name).is_file():
            missing = catalog.ImportFileInvalid(file=name, line=0, reason="file_missing")
            raise Refused(missing)
    with ExitStack() as opened:
        files = [opened.enter_context((folder / name).open("rb")) for name in FOLDER_FILES]
        catalog.read_csv(files[3], FILE, COLUMNS, (LIST_COLUMN,))
        files[3].seek(0)
        reports = await catalog.import_catalog(actor, *files[:3], approve=approve, dry_run=dry_run)
        coming = _coming_skus(files[2], reports["variants.csv"]) if dry_run else frozenset()
        reports[FILE] = await import_prices(actor, files[3], dry_run=dry_run, coming=coming)
    return reports


def _coming_skus(variants: BinaryIO, report: catalog.ImportReport) -> frozenset[str]:
    """The SKUs of a file that a dry run has found sound: prices may be meant for them."""
    variants.seek(0)
    rows, _ = catalog.read_csv(variants, "variants.csv", catalog.VARIANT_COLUMNS, ("type_code",))
    wrong = {error.line for error in report.errors}
    return frozenset(row["sku"] for row in rows if row.line not in wrong)


async def import_prices(
    actor: Actor,
    file: BinaryIO,
    *,
    dry_run: bool = False,
    all_or_nothing: bool = False,
    coming: frozenset[str] = frozenset(),
) -> catalog.ImportReport:
    """Create or update the prices of a file (CSV in UTF-8, or a workbook), in one transaction.

    Needs `prices:write`. A row is left out and reported when it is wrong by itself, when the
    variant's price list would be (row E2), or when it does not cover its cost (row D7). Prices of
    other lists than the base list name theirs in the column `list`. Running the file again changes
    nothing. Audited once.
    `dry_run` writes nothing, and knows the SKUs in `coming` as if they were there; `all_or_nothing`
    stores nothing when a row is left out.
    """
    actor.require_scope(WRITE_SCOPE)
    rows, errors = catalog.read_csv(file, FILE, COLUMNS, (LIST_COLUMN,))
    report = catalog.ImportReport(errors=errors)
    skus = await catalog.variants_by_sku(list({row["sku"] for row in rows}))
    ids = {sku: new_id() for sku in coming} | {sku: each.id for sku, each in skus.items()}
    lists = {each.code: each for each in await PriceList.all()}
    by_place: dict[Place, Listed] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        try:
            _sort_in(row, ids, lists, by_place)
        except Refused as refused:
            report.errors.append(row.error(refused.refusals[0]))
    below: dict[UUID | None, list[Below]] = defaultdict(list)
    with suppress(catalog.TakenBack):
        async with transaction() as conn:
            await conn.execute(catalog.LOCK_IMPORT)
            for (code, currency), listed in sorted(by_place.items()):
                list_id, site_id = (lists[code].id, lists[code].site_id) if code else (None, None)
                judge = await priceguard.judge_of(conn, list(listed), currency, site_id)
                place = (currency, list_id)
                changed, low = await _changed(conn, place, listed, judge, report)
                below[site_id] += low
                if not dry_run:
                    await _save(conn, actor, changed, currency, list_id)
            counts = catalog.counts_of({FILE: report})
            await audit.record(conn, actor, "price.import", None, counts)
            catalog.take_back_if(dry_run or (all_or_nothing and bool(report.errors)))
    report.errors.sort(key=lambda error: error.line)
    for site_id, low in below.items() if not dry_run else ():
        await priceguard.note_refused(site_id, InversionCause.SAVE, low)
    wake_relay()
    return report


def _sort_in(
    row: catalog.CsvRow,
    ids: dict[str, UUID],
    lists: dict[str, PriceList],
    by_place: dict[Place, Listed],
) -> None:
    variant_id = ids.get(row["sku"])
    if variant_id is None:
        raise Refused(Invalid(reason="sku_unknown", field=("sku",)))
    code = row.values.get(LIST_COLUMN, "")
    if code and code not in lists:
        raise Refused(Invalid(reason="price_list_unknown", field=(LIST_COLUMN,)))
    if code and lists[code].currency != row["currency"]:
        raise Refused(Invalid(reason="currency", field=("currency",)))
    if row["tier"] not in TIERS:
        raise Refused(Invalid(reason="tier", field=("tier",)))
    if row["currency"] not in CURRENCIES:
        raise Refused(Invalid(reason="currency", field=("currency",)))
    units = row.units("amount")
    if units is None:
        raise Refused(Invalid(reason="price_not_above_zero", field=("amount",)))
    prices = by_place[code, row["currency"]][variant_id]
    if row["tier"] in prices:
        raise Refused(Invalid(reason="twice_in_file", field=("sku",)))
    prices[row["tier"]] = (
        TierPrice(row["tier"], units, row.units("compare_at"), row["currency"]),
        row,
    )


async def _changed(
    conn: Connection,
    place: tuple[str, UUID | None],
    listed: Listed,
    judge: Judge,
    report: catalog.ImportReport,
) -> tuple[list[tuple[UUID, TierPrice]], list[Below]]:
    """The prices that are new or other than those that stand, all of them counted; and those that
    were left out because they are below their floor."""
    currency, list_id = place
    standing = await standing_prices(conn, list(listed), currency, list_id)
    changed: list[tuple[UUID, TierPrice]] = []
    low: list[Below] = []
    for variant_id, given in sorted(listed.items()):
        before = standing.get(variant_id, {})
        fresh = [price for tier, (price, _) in given.items() if before.get(tier) != price]
        refusals, below = judge.refusals(variant_id, offered_in(fresh))
        low += below
        kept = dict(given)
        for tier, refusal in refusals.items():
            report.errors.append(_error(kept.pop(tier)[1], refusal))
        for tier, price in _sound(kept, before, currency, report).items():
            if tier not in before:
                report.created += 1
            elif before[tier] == price:
                report.unchanged += 1
                continue
            else:
                report.updated += 1
            changed.append((variant_id, price))
    return changed, low


async def _save(
    conn: Connection,
    actor: Actor,
    changed: list[tuple[UUID, TierPrice]],
    currency: str,
    list_id: UUID | None,
) -> None:
    await save_prices(conn, actor, changed, currency, list_id)
    touched = sorted({variant_id for variant_id, _ in changed})
    for start in range(0, len(touched), 1_000):
        versions = await catalog.touch_variants(conn, touched[start : start + 1_000])
        await record_events(conn, [price_changed(*item, currency) for item in versions.items()])


def _sound(
    given: dict[str, tuple[TierPrice, catalog.CsvRow]],
    before: dict[str, TierPrice],
    currency: str,
    report: catalog.ImportReport,
) -> dict[str, TierPrice]:
    """The given prices that may stand. Each round leaves out those at fault, and judges anew."""
    kept = dict(given)
    while kept:
        prices = {**before, **{tier: price for tier, (price, _) in kept.items()}}
        faults = price_faults(prices, currency)
        # A fault of a price that stands already is caused by a new one: then none of these may.
        wrong = {t: faults[t] for t in faults if t in kept} or (
            dict.fromkeys(kept) if faults else {}
        )
        if not wrong:
            break
        for tier, fault in wrong.items():
            _, row = kept.pop(tier)
            reason = fault or Invalid(reason="price_tiers_rise", field=("amount",))
            report.errors.append(_error(row, reason))
    return {tier: price for tier, (price, _) in kept.items()}


def _error(row: catalog.CsvRow, refusal: Refusal) -> catalog.RowError:
    """The refusal of a price in the report, at the file's own name of the column."""
    columns = {"compareAt": "compare_at"}
    return row.error(replace(refusal, field=tuple(columns.get(n, n) for n in refusal.field)))
