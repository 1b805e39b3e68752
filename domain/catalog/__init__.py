"""The face of the catalogue."""

from domain.catalog.csvfile import CsvRow, ImportReport, RowError, read_csv
from domain.catalog.importing import LOCK_IMPORT, as_json, batches, counts_of, import_catalog
from domain.catalog.models import Category, DeliveryKind, ListingStatus, Product, Variant
from domain.catalog.queries import (
    ShownCategory,
    ShownProduct,
    ShownVariant,
    category_tree,
    find_product,
    flatten,
    list_product_files,
    list_products,
    list_variants,
    products_by_id,
    variant_files_of,
    variants_by_id,
    variants_by_sku,
    variants_of,
)
from domain.catalog.refusals import ImportFileInvalid
from domain.catalog.rules import (
    LOW_STOCK_CARDS,
    ProductDraft,
    StockLevel,
    VariantDraft,
    stock_level,
)
from domain.catalog.service import save_product, save_variant, touch_variants

__all__ = [
    "LOCK_IMPORT",
    "LOW_STOCK_CARDS",
    "Category",
    "CsvRow",
    "DeliveryKind",
    "ImportFileInvalid",
    "ImportReport",
    "ListingStatus",
    "Product",
    "ProductDraft",
    "RowError",
    "ShownCategory",
    "ShownProduct",
    "ShownVariant",
    "StockLevel",
    "Variant",
    "VariantDraft",
    "as_json",
    "batches",
    "category_tree",
    "counts_of",
    "find_product",
    "flatten",
    "import_catalog",
    "list_product_files",
    "list_products",
    "list_variants",
    "products_by_id",
    "read_csv",
    "save_product",
    "save_variant",
    "stock_level",
    "touch_variants",
    "variant_files_of",
    "variants_by_id",
    "variants_by_sku",
    "variants_of",
]
