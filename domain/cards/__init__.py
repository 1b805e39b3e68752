"""The face of the card store."""

from domain.cards.importing import (
    CardImportReport,
    ImportWish,
    UndoReport,
    import_cards,
    undo_batch,
)
from domain.cards.models import Card, CardBatch, CardState
from domain.cards.queries import card_file, cards_of_lines, list_batches, stock_of
from domain.cards.reading import RowProblem
from domain.cards.refusals import CardFileInvalid
from domain.cards.store import (
    OpenedCard,
    StoredPurchase,
    mark_revealed,
    open_codes,
    sell,
    store_purchased,
)

__all__ = [
    "Card",
    "CardBatch",
    "CardFileInvalid",
    "CardImportReport",
    "CardState",
    "ImportWish",
    "OpenedCard",
    "RowProblem",
    "StoredPurchase",
    "UndoReport",
    "card_file",
    "cards_of_lines",
    "import_cards",
    "list_batches",
    "mark_revealed",
    "open_codes",
    "sell",
    "stock_of",
    "store_purchased",
    "undo_batch",
]
