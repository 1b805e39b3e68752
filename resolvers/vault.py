"""How looks of the staff at codes, and exports, are answered (back office)."""

from uuid import UUID

import strawberry
from strawberry import Parent

from domain import vault
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request
from resolvers.context import Info


async def card_reveal_by_staff(
    info: Info,
    card_ids: list[strawberry.ID],
    reason: str,
    idempotency_key: str,
    case_id: str = "",
) -> vault.StaffRevealed:
    """The codes of some cards, or a request that a second person decides on."""
    ids = tuple(decode_id(Prefix.CARD, each, field=("cardIds",)) for each in card_ids)
    wish = vault.StaffWish(ids, reason, case_id, idempotency_key)
    return await vault.reveal(info.context.actor, wish)


async def card_reveal_open(info: Info, id: strawberry.ID) -> vault.StaffRevealed:
    """The codes of the caller's own approved request."""
    return await vault.open_request(info.context.actor, decode_id(Prefix.STAFF_REVEAL, id))


async def card_reveal_approve(info: Info, id: strawberry.ID) -> vault.StaffReveal:
    """Let another operator see them."""
    request = decode_id(Prefix.STAFF_REVEAL, id)
    return await vault.decide_reveal(info.context.actor, request, True)


async def card_reveal_reject(info: Info, id: strawberry.ID, reason: str) -> vault.StaffReveal:
    """Do not let another operator see them."""
    request = decode_id(Prefix.STAFF_REVEAL, id)
    return await vault.decide_reveal(info.context.actor, request, False, reason)


async def staff_reveals(
    info: Info,
    status: vault.RevealStatus | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[vault.StaffReveal]:
    """Requests to see cards."""
    page = page_request("staffReveals", first, after)
    return await vault.list_reveals(info.context.actor, page, status)


async def card_looks(info: Info, card_id: strawberry.ID) -> vault.StaffLooks:
    """How often the staff has seen a card."""
    card = decode_id(Prefix.CARD, card_id, field=("cardId",))
    return (await vault.looks_of([card]))[card]


def reveal_cards(reveal: Parent[vault.StaffReveal]) -> list[strawberry.ID]:
    """Which cards."""
    return [strawberry.ID(encode_id(Prefix.CARD, each)) for each in reveal.card_ids]


def reveal_approver(reveal: Parent[vault.StaffReveal]) -> strawberry.ID | None:
    """Who decided."""
    return _user(reveal.approver_id)


async def cards_export(
    info: Info,
    recipient_public_key: str,
    reason: str,
    idempotency_key: str,
    variant_id: strawberry.ID | None = None,
    batch_id: strawberry.ID | None = None,
) -> vault.CardExport:
    """Ask for an export."""
    wish = vault.ExportWish(
        recipient_public_key,
        reason,
        idempotency_key,
        decode_id(Prefix.VARIANT, variant_id, field=("variantId",)) if variant_id else None,
        decode_id(Prefix.CARD_BATCH, batch_id, field=("batchId",)) if batch_id else None,
    )
    return await vault.request_export(info.context.actor, wish)


async def card_export_approve(info: Info, id: strawberry.ID) -> vault.CardExport:
    """Let another operator take them out."""
    export = decode_id(Prefix.CARD_EXPORT, id)
    return await vault.decide_export(info.context.actor, export, True)


async def card_export_reject(info: Info, id: strawberry.ID, reason: str) -> vault.CardExport:
    """Do not let another operator take them out."""
    export = decode_id(Prefix.CARD_EXPORT, id)
    return await vault.decide_export(info.context.actor, export, False, reason)


async def card_exports(
    info: Info,
    status: vault.ExportStatus | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[vault.CardExport]:
    """Exports."""
    page = page_request("cardExports", first, after)
    return await vault.list_exports(info.context.actor, page, status)


def export_batch(export: Parent[vault.CardExport]) -> strawberry.ID | None:
    """The batch, when it is of one."""
    if export.batch_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.CARD_BATCH, export.batch_id))


def export_recipient(export: Parent[vault.CardExport]) -> str:
    """For whom it is sealed."""
    return export.recipient


def export_approver(export: Parent[vault.CardExport]) -> strawberry.ID | None:
    """Who decided."""
    return _user(export.approver_id)


def export_path(export: Parent[vault.CardExport]) -> str | None:
    """Where its requester fetches it, by POST, once."""
    if export.status is not vault.ExportStatus.READY:
        return None
    return f"/admin/card-exports/{encode_id(Prefix.CARD_EXPORT, export.id)}"


def _user(user_id: UUID | None) -> strawberry.ID | None:
    return None if user_id is None else strawberry.ID(encode_id(Prefix.USER, user_id))
