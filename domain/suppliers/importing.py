"""Suppliers and offers from CSV files (UTF-8, opened in binary). A second run changes nothing."""

from collections.abc import Awaitable, Callable, Mapping
from typing import BinaryIO

from domain import catalog
from domain.catalog import CsvRow, ImportReport
from domain.kernel import Actor, Invalid, Refused
from domain.suppliers.models import Supplier
from domain.suppliers.service import OfferWish, SupplierWish, put_offer, save_supplier

SUPPLIER_COLUMNS = ("code", "name", "adapter", "base_url_setting", "priority")
OFFER_COLUMNS = (
    "sku",
    "supplier_code",
    "supplier_item",
    "cost",
    "currency",
    "priority",
    "enabled",
)


async def import_suppliers(
    actor: Actor,
    file: BinaryIO,
    addresses: Mapping[str, str],
    secret_of: Callable[[str], str],
) -> ImportReport:
    """Create or change the suppliers of a file; each answers below its address by its code.

    `addresses` holds the address behind each name of the column `base_url_setting`; secrets are
    never in a file, so `secret_of` is asked for that of each code.
    """

    async def save(row: CsvRow) -> bool:
        address = addresses.get(row["base_url_setting"])
        if address is None:
            raise Refused(Invalid(reason="supplier_url", field=("base_url_setting",)))
        url = f"{address.rstrip('/')}/{row['code']}"
        priority = row.number("priority", 100)
        settings = _pairs_in(row, "settings") if "settings" in row.values else None
        standing = await Supplier.filter(code=row["code"], base_url=url, priority=priority).first()
        stands = (row["name"], row["adapter"])
        kept = settings is None or (standing is not None and standing.settings == settings)
        if standing and kept and (standing.name, standing.adapter) == stands:
            return False
        secret = secret_of(row["code"])
        wish = SupplierWish(
            row["code"],
            row["name"],
            row["adapter"],
            url,
            secret,
            priority=priority,
            settings=settings,
            same_party=True,  # its address is a setting of the house
        )
        await save_supplier(actor, wish)
        return True

    return await _each_row(file, "suppliers.csv", SUPPLIER_COLUMNS, save, ("settings",))


async def import_offers(actor: Actor, file: BinaryIO) -> ImportReport:
    """Create or change the offers of a file."""

    async def save(row: CsvRow) -> bool:
        wish = OfferWish(
            sku=row["sku"],
            supplier_code=row["supplier_code"],
            item=row["supplier_item"],
            cost=row.units("cost") or 0,
            currency=row["currency"],
            priority=row.number("priority", 100),
            enabled=row["enabled"] != "false",
            field_mapping=_pairs_in(row, "field_mapping"),
        )
        _, changed = await put_offer(actor, wish)
        return changed

    return await _each_row(file, "offers.csv", OFFER_COLUMNS, save, ("field_mapping",))


def _pairs_in(row: CsvRow, column: str) -> dict[str, str]:
    """`mobile=phone|area=region`: of a mapping the supplier's names and the keys of our fields."""
    pairs = [pair for pair in row.values.get(column, "").split("|") if pair.strip()]
    parted = [pair.partition("=") for pair in pairs]
    if not all(between for _, between, _ in parted):
        reason = "field_mapping" if column == "field_mapping" else "supplier_settings"
        raise Refused(Invalid(reason=reason, field=(column,)))
    return {theirs.strip(): ours.strip() for theirs, _, ours in parted}


async def _each_row(
    file: BinaryIO,
    name: str,
    columns: tuple[str, ...],
    save: Callable[[CsvRow], Awaitable[bool]],
    optional: tuple[str, ...] = (),
) -> ImportReport:
    rows, errors = catalog.read_csv(file, name, columns, optional)
    report = ImportReport(errors=errors)
    for row in rows:
        try:
            changed = await save(row)
        except Refused as refused:
            report.errors.append(row.error(refused.refusals[0]))
        else:
            report.updated += changed
            report.unchanged += not changed
    return report
