"""Programs: the terms of our own gift cards (mission row K1)."""

from dataclasses import asdict
from uuid import UUID

from domain import audit, catalog
from domain.giftcards.models import GiftCard, GiftCardProgram
from domain.giftcards.refusals import ProgramTermsFixed
from domain.giftcards.rules import ProgramDraft, program_faults
from domain.kernel import (
    Actor,
    Conflict,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "giftcards:write"
NAMES = ("name_zh", "name_en")


async def save_program(
    actor: Actor,
    draft: ProgramDraft,
    *,
    sku: str | None = None,
    program_id: UUID | None = None,
    expected_version: int | None = None,
) -> GiftCardProgram:
    """Make the program of the variant `sku`, or change the one of this id. Audited, with its event.

    Needs `giftcards:write`. Refuses each wrong field (INVALID), a face value above the cap or a
    validity below the least of the settings, a variant that is no own gift card, one that has a
    program already or another version than expected (CONFLICT), and other terms once cards were
    issued (GIFT_CARD_TERMS_FIXED).
    """
    actor.require_scope(WRITE_SCOPE)
    faults = program_faults(draft)
    if faults:
        raise Refused(*faults)
    variant_id = await _variant_of(sku) if program_id is None else None
    try:
        async with transaction() as conn:
            program = await _program_to_save(program_id, variant_id, expected_version)
            values = asdict(draft)
            if program_id is not None and await GiftCard.filter(program_id=program_id).exists():
                terms = [name for name in values if name not in NAMES]
                same = all(getattr(program, name) == values[name] for name in terms)
                refuse_unless(same, ProgramTermsFixed(field=("id",)))
            program.update_from_dict(values)
            program.updated_at = clock.now()
            await program.save(force_create=program_id is None, force_update=program_id is not None)
            await audit.record(conn, actor, "gift_card_program.save", program.id, values)
            await record_events(conn, [_saved(program)])
    except IntegrityError as error:
        raise Refused(Conflict(what="gift card program", field=("sku",))) from error
    wake_relay()
    return program


async def _variant_of(sku: str | None) -> UUID:
    variant = (await catalog.variants_by_sku([sku or ""])).get(sku or "")
    if variant is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    own = variant.delivery_kind == catalog.DeliveryKind.GIFT_CARD
    refuse_unless(own, Invalid(reason="gift_variant", field=("sku",)))
    return variant.id


async def _program_to_save(
    program_id: UUID | None, variant_id: UUID | None, expected_version: int | None
) -> GiftCardProgram:
    if program_id is None:
        return GiftCardProgram(
            id=new_id(), variant_id=variant_id, version=1, created_at=clock.now()
        )
    program = await GiftCardProgram.filter(id=program_id).select_for_update().first()
    if program is None:
        raise Refused(NotFound(what="gift card program", field=("id",)))
    if expected_version not in (None, program.version):
        raise Refused(Conflict(what="gift card program", field=("expectedVersion",)))
    program.version += 1
    return program


def _saved(program: GiftCardProgram) -> Event:
    """The event `gift_card_program.saved`; its sequence is the program's version."""
    payload = {
        "programId": encode_id(Prefix.GIFT_CARD_PROGRAM, program.id),
        "variantId": encode_id(Prefix.VARIANT, program.variant_id),
        "version": program.version,
    }
    return Event("gift_card_program.saved", program.id, program.version, payload)
