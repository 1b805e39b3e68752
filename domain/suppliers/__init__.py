"""The face of suppliers."""

from domain.suppliers.importing import import_offers, import_suppliers
from domain.suppliers.models import Supplier, SupplierOffer, SupplierState
from domain.suppliers.ports import (
    Accepted,
    Capabilities,
    Category,
    Completed,
    Connection,
    NotFound,
    OwnReference,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    SuppliedCode,
    SupplierPort,
    Uncertain,
)
from domain.suppliers.queries import (
    Candidate,
    account_for,
    candidates_of,
    list_suppliers,
    offers_of_suppliers,
    variants_with_offers,
)
from domain.suppliers.refusals import AdapterUnknown
from domain.suppliers.registry import adapter_names, port_of, register
from domain.suppliers.service import (
    OfferWish,
    SupplierWish,
    connection_of,
    save_offer,
    save_supplier,
    times,
)

__all__ = [
    "Accepted",
    "AdapterUnknown",
    "Candidate",
    "Capabilities",
    "Category",
    "Completed",
    "Connection",
    "NotFound",
    "OfferWish",
    "OwnReference",
    "QueryResult",
    "Rejected",
    "Submission",
    "SubmitResult",
    "SuppliedCode",
    "Supplier",
    "SupplierOffer",
    "SupplierPort",
    "SupplierState",
    "SupplierWish",
    "Uncertain",
    "account_for",
    "adapter_names",
    "candidates_of",
    "connection_of",
    "import_offers",
    "import_suppliers",
    "list_suppliers",
    "offers_of_suppliers",
    "port_of",
    "register",
    "save_offer",
    "save_supplier",
    "times",
    "variants_with_offers",
]
