"""The face of the card store."""

from domain.cards.batches import (
    BatchOrigin,
    freeze_batch,
    release_batch,
    settle_batches,
    unfreeze_batch,
)
from domain.cards.canaries import CANARY_TOUCHED, note_canaries
from domain.cards.checkpoints import (
    Signed,
    checkpoint_faults,
    list_checkpoints,
    read_export,
    take_checkpoint,
)
from domain.cards.checks import (
    CardQuality,
    checks_of,
    dispute_card,
    judge_card,
    quality_of_batches,
    quality_of_suppliers,
    sample_batch,
)
from domain.cards.importing import (
    CardImportReport,
    ImportWish,
    import_cards,
)
from domain.cards.index import IndexRotated, rotate_index
from domain.cards.issuing import (
    ISSUED,
    close_issue,
    issue_cards,
    mark_redeemed,
    open_issue,
    withdraw,
)
from domain.cards.keys import (
    FreshKey,
    KeyStatus,
    Rewrapped,
    fresh_key,
    key_status,
    rotate_keys,
)
from domain.cards.levels import CardPool, check_levels, count_sales, list_pools, tell_expiring
from domain.cards.models import (
    BatchStage,
    Card,
    CardBatch,
    CardCheck,
    CardState,
    CardWriteOff,
    CheckOrigin,
    StockPolicy,
    Verdict,
    WriteOffKind,
)
from domain.cards.moves import DELIVERED, FREE, IN_STOCK, MOVES, OWNED, may_move
from domain.cards.opening import (
    OpenedCard,
    SealedCard,
    find_sealed,
    mark_revealed,
    open_codes,
)
from domain.cards.planting import (
    DEFAULT_FORM,
    CanaryWish,
    Planted,
    look_alikes,
    plant,
    plant_canaries,
)
from domain.cards.policies import PolicyChange, policies_by_sku, save_policy
from domain.cards.queries import card_file, cards_of_lines, list_batches, stock_of
from domain.cards.reading import RowProblem
from domain.cards.refusals import CardFileInvalid, CardSealBroken
from domain.cards.rotation import Resealed, rotate_batch
from domain.cards.store import StoredPurchase, sell, store_purchased
from domain.cards.trace import (
    CardTrace,
    ChainState,
    FoundPrint,
    TracedEvent,
    fingerprints_of,
    trace_card,
)
from domain.cards.tracing import seal_card_events
from domain.cards.undoing import UndoReport, undo_batch
from domain.cards.verifying import TraceReport, verify_cards
from domain.cards.writing_off import (
    WriteOffReport,
    WriteOffWish,
    expire_cards,
    write_off_cards,
    write_offs_of,
)

__all__ = [
    "CANARY_TOUCHED",
    "DEFAULT_FORM",
    "DELIVERED",
    "FREE",
    "IN_STOCK",
    "ISSUED",
    "MOVES",
    "OWNED",
    "BatchOrigin",
    "BatchStage",
    "CanaryWish",
    "Card",
    "CardBatch",
    "CardCheck",
    "CardFileInvalid",
    "CardImportReport",
    "CardPool",
    "CardQuality",
    "CardSealBroken",
    "CardState",
    "CardTrace",
    "CardWriteOff",
    "ChainState",
    "CheckOrigin",
    "FoundPrint",
    "FreshKey",
    "ImportWish",
    "IndexRotated",
    "KeyStatus",
    "OpenedCard",
    "Planted",
    "PolicyChange",
    "Resealed",
    "Rewrapped",
    "RowProblem",
    "SealedCard",
    "Signed",
    "StockPolicy",
    "StoredPurchase",
    "TraceReport",
    "TracedEvent",
    "UndoReport",
    "Verdict",
    "WriteOffKind",
    "WriteOffReport",
    "WriteOffWish",
    "card_file",
    "cards_of_lines",
    "check_levels",
    "checkpoint_faults",
    "checks_of",
    "close_issue",
    "count_sales",
    "dispute_card",
    "expire_cards",
    "find_sealed",
    "fingerprints_of",
    "freeze_batch",
    "fresh_key",
    "import_cards",
    "issue_cards",
    "judge_card",
    "key_status",
    "list_batches",
    "list_checkpoints",
    "list_pools",
    "look_alikes",
    "mark_redeemed",
    "mark_revealed",
    "may_move",
    "note_canaries",
    "open_codes",
    "open_issue",
    "plant",
    "plant_canaries",
    "policies_by_sku",
    "quality_of_batches",
    "quality_of_suppliers",
    "read_export",
    "release_batch",
    "rotate_batch",
    "rotate_index",
    "rotate_keys",
    "sample_batch",
    "save_policy",
    "seal_card_events",
    "sell",
    "settle_batches",
    "stock_of",
    "store_purchased",
    "take_checkpoint",
    "tell_expiring",
    "trace_card",
    "undo_batch",
    "unfreeze_batch",
    "verify_cards",
    "withdraw",
    "write_off_cards",
    "write_offs_of",
]
