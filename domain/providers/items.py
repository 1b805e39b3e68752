"""Services done for contracts of base and extras: recorded by one, agreed to by another."""

from datetime import date, datetime, timedelta, timezone
from uuid import UUID

from domain import audit, commissions
from domain.kernel import (
    Actor,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    claim_key,
    clock,
    encode_id,
    input_hash,
    new_id,
    refuse_unless,
    transaction,
)
from domain.providers.contracts import (
    APPROVE_SCOPE,
    WRITE_SCOPE,
    check_note,
    lock_contract,
    refuse_decided,
    take_decision,
)
from domain.providers.models import Decided, ProviderItem, ProviderTerms
from domain.providers.refusals import ProviderNotPossible
from domain.vault import FourEyes

OPERATION = "providerItemRecord"
MOST_PIECES = 1_000_000


async def record_item(
    actor: Actor,
    contract_id: UUID,
    code: str,
    quantity: int,
    done_on: date,
    evidence: str,
    idempotency_key: str,
) -> tuple[ProviderItem, bool]:
    """Record a service that was done on a day, at the price of the terms of then; and whether an
    earlier call with the key had. `evidence`: what shows that it was done, in words.

    Needs `providers:write`; audited. Refuses a service without a price on that day
    (PROVIDER_NOT_POSSIBLE), a day that is not over, no evidence and no pieces (INVALID).
    """
    actor.require_scope(WRITE_SCOPE)
    by = actor.require_user()
    _check(quantity, done_on, evidence)
    hashed = input_hash([contract_id, code, quantity, done_on, evidence])
    item_id = new_id()
    async with transaction() as conn:
        earlier = await claim_key(conn, by, OPERATION, idempotency_key, hashed, item_id)
        if earlier is not None:
            return await ProviderItem.get(id=earlier), True
        contract = await lock_contract(contract_id)
        terms = await terms_at(contract.id, _noon(done_on))
        prices = {each["code"]: each["price"] for each in terms.services} if terms else {}
        refuse_unless(code in prices, ProviderNotPossible(reason="provider_service_unknown"))
        assert terms is not None
        row = await ProviderItem.create(
            id=item_id,
            contract_id=contract.id,
            terms_id=terms.id,
            code=code,
            quantity=quantity,
            price=prices[code],
            done_on=done_on,
            evidence=evidence.strip(),
            state=Decided.PROPOSED,
            proposed_by=by,
            proposed_at=clock.now(),
        )
        details = {
            "item": encode_id(Prefix.PROVIDER_ITEM, row.id),
            "code": code,
            "quantity": quantity,
        }
        await audit.record(conn, actor, "provider.record_item", contract.id, details)
    return row, False


async def decide_item(
    actor: Actor, item_id: UUID, *, approved: bool, note: str = ""
) -> ProviderItem:
    """Agree that a service was done, or not; another person than who recorded it (FOUR_EYES). The
    next statement takes it. Needs `providers:approve`; audited."""
    actor.require_scope(APPROVE_SCOPE)
    check_note(note, needed=not approved)
    async with transaction() as conn:
        row = await ProviderItem.filter(id=item_id).select_for_update().first()
        if row is None:
            raise Refused(NotFound(what="provider item", field=("id",)))
        refuse_decided(row)
        refuse_unless(row.proposed_by != actor.user_id, FourEyes())
        take_decision(row, actor, approved=approved, note=note)
        await row.save(update_fields=["state", "decided_by", "decided_at", "decision"])
        details = {"item": encode_id(Prefix.PROVIDER_ITEM, row.id), "state": row.state.value}
        await audit.record(conn, actor, "provider.decide_item", row.contract_id, details)
    return row


async def terms_at(contract_id: UUID, moment: datetime) -> ProviderTerms | None:
    """The version that is in force at a moment: of those that were approved, the one that began
    last, unless it has ended."""
    begun = ProviderTerms.filter(
        contract_id=contract_id, state=Decided.APPROVED, valid_from__lte=moment
    )
    found = await begun.order_by("-valid_from", "-number").first()
    ended = found is not None and found.valid_until is not None and found.valid_until <= moment
    return None if ended else found


def _check(quantity: int, done_on: date, evidence: str) -> None:
    counted = 0 < quantity <= MOST_PIECES
    refuse_unless(counted, Invalid(reason="provider_quantity", field=("quantity",)))
    today = clock.now().astimezone(timezone(commissions.calendar.utc_offset)).date()
    over = today - timedelta(days=366) < done_on <= today
    refuse_unless(over, Invalid(reason="provider_done_on", field=("doneOn",)))
    told = 0 < len(evidence.strip()) <= 500
    refuse_unless(told, Invalid(reason="provider_evidence", field=("evidence",)))


def _noon(day: date) -> datetime:
    zone = timezone(commissions.calendar.utc_offset)
    return datetime(day.year, day.month, day.day, 12, tzinfo=zone)
