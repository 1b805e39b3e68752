"""The face of pricing."""

from domain.pricing.exporting import export_prices
from domain.pricing.importing import import_folder, import_prices
from domain.pricing.lists import PriceListDraft, save_price_list
from domain.pricing.models import Price, PriceChange, PriceList
from domain.pricing.queries import (
    ListedPrice,
    UnitPrice,
    least_prices,
    list_price_lists,
    listed_prices_of,
    price_history,
    price_lists_by_id,
    prices_of,
    tier_prices_of,
)
from domain.pricing.rules import RETAIL, SHOP_CURRENCY, TIERS, TierPrice
from domain.pricing.service import set_prices
from domain.pricing.statements import CHOSEN_LIST
from domain.pricing.uploaded import (
    TableWish,
    begin_table_import,
    import_table,
    work_off_table_import,
)

__all__ = [
    "CHOSEN_LIST",
    "RETAIL",
    "SHOP_CURRENCY",
    "TIERS",
    "ListedPrice",
    "Price",
    "PriceChange",
    "PriceList",
    "PriceListDraft",
    "TableWish",
    "TierPrice",
    "UnitPrice",
    "begin_table_import",
    "export_prices",
    "import_folder",
    "import_prices",
    "import_table",
    "least_prices",
    "list_price_lists",
    "listed_prices_of",
    "price_history",
    "price_lists_by_id",
    "prices_of",
    "save_price_list",
    "set_prices",
    "tier_prices_of",
    "work_off_table_import",
]
