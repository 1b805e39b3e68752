"""The face of pricing."""

from domain.pricing.exporting import export_prices
from domain.pricing.importing import import_folder, import_prices
from domain.pricing.models import Price
from domain.pricing.queries import UnitPrice, least_prices, prices_of, tier_prices_of
from domain.pricing.rules import RETAIL, SHOP_CURRENCY, TIERS, TierPrice
from domain.pricing.service import set_prices
from domain.pricing.uploaded import (
    TableWish,
    begin_table_import,
    work_off_price_import,
    work_off_product_import,
)

__all__ = [
    "RETAIL",
    "SHOP_CURRENCY",
    "TIERS",
    "Price",
    "TableWish",
    "TierPrice",
    "UnitPrice",
    "begin_table_import",
    "export_prices",
    "import_folder",
    "import_prices",
    "least_prices",
    "prices_of",
    "set_prices",
    "tier_prices_of",
    "work_off_price_import",
    "work_off_product_import",
]
