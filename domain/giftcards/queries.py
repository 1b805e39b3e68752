"""Reads of gift cards. None of them takes a code: nobody asks here whether one is good."""

from collections.abc import Sequence
from uuid import UUID

from domain.giftcards.models import GiftCard, GiftCardMove, GiftCardProgram, GiftCardStatus
from domain.kernel import Actor, Page, PageRequest, page_of

READ_SCOPE = "giftcards:read"


async def list_programs(actor: Actor, page: PageRequest) -> Page[GiftCardProgram]:
    """All programs, newest first; needs `giftcards:read`."""
    actor.require_scope(READ_SCOPE)
    rows = GiftCardProgram.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda program: (program.id,))


async def list_cards(
    actor: Actor,
    page: PageRequest,
    *,
    program_id: UUID | None = None,
    batch_id: UUID | None = None,
    status: GiftCardStatus | None = None,
    number: str | None = None,
) -> Page[GiftCard]:
    """Issued cards, newest first; needs `giftcards:read`. `number` is the whole number of one."""
    actor.require_scope(READ_SCOPE)
    given = {
        "program_id": program_id,
        "batch_id": batch_id,
        "status": status,
        "number": number and number.replace(" ", "").replace("-", "").upper(),
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    rows = GiftCard.filter(**wanted).order_by("-card_id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(card_id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda card: (card.card_id,))


async def cards_of_holder(actor: Actor, page: PageRequest) -> Page[GiftCard]:
    """The cards that the caller bought, newest first, with what is left on them."""
    holder = actor.require_user()
    rows = GiftCard.filter(holder_id=holder).order_by("-card_id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(card_id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda card: (card.card_id,))


async def programs_by_id(program_ids: Sequence[UUID]) -> dict[UUID, GiftCardProgram]:
    """Programs, in one statement for all."""
    found = await GiftCardProgram.filter(id__in=list(program_ids))
    return {program.id: program for program in found}


async def moves_of(card_ids: Sequence[UUID]) -> dict[UUID, list[GiftCardMove]]:
    """Every move of each card, newest first; one statement for all."""
    found: dict[UUID, list[GiftCardMove]] = {card_id: [] for card_id in card_ids}
    for move in await GiftCardMove.filter(card_id__in=list(card_ids)).order_by("-version"):
        found[move.card_id].append(move)
    return found
