"""Cards: masked to everybody, opened to their buyer, imported by the back office."""

from datetime import date, datetime

import strawberry
from strawberry import Parent

from domain import cards, checkout
from domain.kernel import Prefix
from resolvers import cards as resolvers
from resolvers import stock
from resolvers.context import Info
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.locale import reason_text
from schema.paging import Connection
from schema.quality import CardCheck, CardQuality, CardWriteOff
from schema.scalars import Money, id_field


@strawberry.type(description="A card that was delivered; its code is shown by orderCardsReveal.")
@presents(cards.Card, checkout.ClaimedCard)
class DeliveredCard:
    id: strawberry.ID = id_field(Prefix.CARD)
    masked: str = field(description="The end of its number or code.")
    expires_on: date | None
    first_revealed_at: datetime | None
    reveal_count: int


@strawberry.type(description="The code of a card.")
@presents(cards.OpenedCard)
class CardSecret:
    card_id: strawberry.ID = id_field(Prefix.CARD, "card_id")
    number: str | None
    secret: str
    expires_on: date | None


@strawberry.type(description="Cards of one variant that came in together.")
@presents(cards.CardBatch)
class CardBatch:
    id: strawberry.ID = id_field(Prefix.CARD_BATCH)
    variant_id: strawberry.ID = id_field(Prefix.VARIANT, "variant_id")
    source: str
    unit_cost: Money = field(resolvers.unit_cost)
    accepted: int
    duplicates: int
    rejected: int
    expires_on: date | None
    imported_at: datetime
    undone_at: datetime | None
    supplier_id: strawberry.ID | None = field(stock.supplier_id)
    reference: str = field(description="Number of the receipt.")
    note: str
    quarantined_at: datetime | None = field(description="It came in with nothing for sale yet.")
    released_at: datetime | None
    frozen_at: datetime | None = field(description="None of its unsold cards is for sale.")
    frozen_reason: str
    quality: CardQuality = field(stock.quality_of_batch)
    checks: list[CardCheck] = field(stock.checks_of_batch, size=20, description="Newest first.")
    write_offs: list[CardWriteOff] = field(
        stock.write_offs_of_batch, size=5, description="Newest first."
    )
    stage: cards.BatchStage = field(description="How far its import, or its undoing, has come.")


def _message(problem: Parent[cards.RowProblem], info: Info) -> str:
    return reason_text(problem.reason, info.context.language)


@strawberry.type(description="A row that was left out, and why.")
@presents(cards.RowProblem)
class CardRowProblem:
    line: int
    reason: str = field(description="Stable key, such as card_twice_in_store.")
    message: str = field(_message, description="The reason in words, and what to do.")


@strawberry.type(description="What an import did.")
@presents(cards.CardImportReport)
class CardImportReport:
    batch_id: strawberry.ID | None = field(
        resolvers.imported_batch_id,
        description="Null when nothing was stored: of a dry run, or of a file that was refused.",
    )
    accepted: int
    duplicates: int
    rejected: int
    problems: list[CardRowProblem]
    replayed: bool = field(description="The same file was imported before; nothing was stored.")
    resumed: bool = field(description="An import of this file had been cut off; this one went on.")
    stored: bool = field(
        description="False of a dry run, and of allOrNothing when a row cannot be stored."
    )
    from_numbers: int = field(
        description="Codes that were numbers in a workbook: check that no leading zeros are lost."
    )


@strawberry.type(description="What an undo did.")
@presents(cards.UndoReport)
class CardUndoReport:
    batch_id: strawberry.ID = id_field(Prefix.CARD_BATCH, "batch_id")
    voided: int = field(description="Cards that were taken back.")
    kept: int = field(description="Cards that are sold and stay so.")


@strawberry.type
class CardImportPayload:
    report: CardImportReport | None
    user_errors: list[UserError]


@strawberry.type
class CardBatchUndoPayload:
    report: CardUndoReport | None
    user_errors: list[UserError]


@strawberry.type(description="Cards that were planted: never sold, their codes shown to nobody.")
@presents(cards.Planted)
class PlantedCanaries:
    batch_id: strawberry.ID = id_field(Prefix.CARD_BATCH, "batch_id")
    count: int
    replayed: bool = field(description="The key came before: nothing was planted now.")


@strawberry.type
class CardCanaryPlantPayload:
    planted: PlantedCanaries | None
    user_errors: list[UserError]


@strawberry.type(description="A card on the shelf that a buyer may choose by hand.")
@presents(cards.ChoosableCard)
class ChoosableCard:
    id: strawberry.ID = id_field(Prefix.CARD)
    masked: str = field(description="The end of its number.")
    expires_on: date | None


@strawberry.type
class CardsQuery:
    choosable_cards: Connection[ChoosableCard] = field(
        resolvers.choosable_cards,
        description="Cards of a variant that may be bought by `cardId`; none where its cards are"
        " not chosen by hand.",
    )


@strawberry.type
class CardsAdminQuery:
    card_batches: Connection[CardBatch] = field(
        resolvers.card_batches, permissions=[Scope("cards:read")], description="Newest first."
    )


@strawberry.type
class CardsAdminMutation:
    card_import: CardImportPayload = mutation(
        resolvers.card_import,
        payload=CardImportPayload,
        entity="report",
        permissions=[Scope("cards:write")],
        description="Store the cards of a small file; large ones are sent to /admin/card-imports."
        " The same file again changes nothing; one that was cut off goes on. dryRun tells what"
        " would happen; allOrNothing stores nothing unless every row can be stored.",
    )
    card_batch_undo: CardBatchUndoPayload = mutation(
        resolvers.card_batch_undo,
        payload=CardBatchUndoPayload,
        entity="report",
        permissions=[Scope("cards:write")],
        description="Take back the unsold cards of an import.",
    )
    card_canary_plant: CardCanaryPlantPayload = mutation(
        resolvers.card_canary_plant,
        payload=CardCanaryPlantPayload,
        entity="planted",
        permissions=[Scope("cards:canary")],
        description="Plant cards that are never sold: whoever turns up with the code of one has had"
        " our store. `#` is a digit of the forms, `?` a letter.",
    )
