"""The face of pricing."""

from domain.pricing.exporting import export_prices
from domain.pricing.importing import LIST_COLUMN, import_folder, import_prices
from domain.pricing.lists import PriceListDraft, save_price_list
from domain.pricing.models import ExchangeRate, Price, PriceChange, PriceList
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
from domain.pricing.rates import RATE_NOW, RateWish, list_rates, set_rate
from domain.pricing.rules import (
    CURRENCIES,
    RATE_SCALE,
    RETAIL,
    SHOP_CURRENCY,
    TIERS,
    TierPrice,
    in_house,
)
from domain.pricing.service import set_prices
from domain.pricing.statements import CHOSEN_LIST, TIER_OR_DEARER
from domain.pricing.uploaded import (
    TableWish,
    begin_table_import,
    import_table,
    work_off_table_import,
)
from domain.pricing.watching import watch_prices

__all__ = [
    "CHOSEN_LIST",
    "CURRENCIES",
    "LIST_COLUMN",
    "RATE_NOW",
    "RATE_SCALE",
    "RETAIL",
    "SHOP_CURRENCY",
    "TIERS",
    "TIER_OR_DEARER",
    "ExchangeRate",
    "ListedPrice",
    "Price",
    "PriceChange",
    "PriceList",
    "PriceListDraft",
    "RateWish",
    "TableWish",
    "TierPrice",
    "UnitPrice",
    "begin_table_import",
    "export_prices",
    "import_folder",
    "import_prices",
    "import_table",
    "in_house",
    "least_prices",
    "list_price_lists",
    "list_rates",
    "listed_prices_of",
    "price_history",
    "price_lists_by_id",
    "prices_of",
    "save_price_list",
    "set_prices",
    "set_rate",
    "tier_prices_of",
    "watch_prices",
    "work_off_table_import",
]
