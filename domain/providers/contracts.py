"""Providers, their contracts and versions of terms: one person proposes, another one decides."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain import audit, catalog, commissions, identity, settlement, sites
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    Money,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    is_payable,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.providers.models import (
    Decided,
    Provider,
    ProviderContract,
    ProviderKind,
    ProviderStatement,
    ProviderTerms,
)
from domain.providers.refusals import ProviderNotPossible
from domain.providers.rules import (
    CURRENCY,
    EXACT,
    MAX_UNITS,
    ContractBasis,
    ContractModel,
    Service,
    Step,
)
from domain.vault import FourEyes

READ_SCOPE, WRITE_SCOPE, APPROVE_SCOPE = "providers:read", "providers:write", "providers:approve"
TERMS_DECIDED = "provider.terms_decided"
MOST_PRODUCTS, MOST_STEPS, MOST_SERVICES = 200, 10, 50
MAX_NOTE = 500
_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,31}")
_SERVICE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class TermsDraft:
    """Terms as somebody proposes them, from the first month to the last one (2026-11), or without
    an end. `rate` in millionths; `steps` and `services` in units."""

    model: ContractModel
    from_month: str
    until_month: str | None = None
    fee: Money | None = None
    basis: ContractBasis | None = None
    rate: int | None = None
    per_order: Money | None = None
    site_id: UUID | None = None
    product_ids: Sequence[UUID] = ()
    steps: Sequence[Step] = ()
    services: Sequence[Service] = ()
    note: str = field(default="")


async def save_provider(
    actor: Actor, code: str, name: str, kind: ProviderKind, note: str = ""
) -> Provider:
    """Write a provider down, or change how it is called; found again by its code. Needs
    `providers:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    by = actor.require_user()
    refuse_unless(bool(_CODE.fullmatch(code)), Invalid(reason="provider_code", field=("code",)))
    _check_text(name, 96, "provider_name", "name")
    check_note(note, needed=False)
    async with transaction() as conn:
        row, _ = await Provider.get_or_create(
            code=code,
            defaults={
                "id": new_id(),
                "name": name.strip(),
                "kind": kind,
                "created_by": by,
                "created_at": clock.now(),
            },
        )
        row.name, row.kind, row.note = name.strip(), kind, note.strip()
        await row.save(update_fields=["name", "kind", "note"])
        await audit.record(conn, actor, "provider.save", row.id, {"code": code, "kind": kind.value})
    return row


async def open_contract(actor: Actor, provider_id: UUID, title: str) -> ProviderContract:
    """A contract of a provider; the same title again is the same contract. It pays nothing before
    terms of it are approved. Needs `providers:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    by = actor.require_user()
    _check_text(title, 96, "provider_title", "title")
    async with transaction() as conn:
        if not await Provider.filter(id=provider_id).exists():
            raise Refused(NotFound(what="provider", field=("providerId",)))
        row, made = await ProviderContract.get_or_create(
            provider_id=provider_id,
            title=title.strip(),
            defaults={"id": new_id(), "opened_by": by, "opened_at": clock.now()},
        )
        if made:
            details = {"provider": encode_id(Prefix.PROVIDER, provider_id), "title": row.title}
            await audit.record(conn, actor, "provider.open_contract", row.id, details)
    return row


async def propose_terms(actor: Actor, contract_id: UUID, draft: TermsDraft) -> ProviderTerms:
    """Propose terms for a contract, from a month on. Needs `providers:write`; audited.

    Refuses what does not fit its model, a site or product that is not there (INVALID, NOT_FOUND),
    and a second proposal while one waits (PROVIDER_NOT_POSSIBLE). Nothing counts before another
    person has approved it.
    """
    actor.require_scope(WRITE_SCOPE)
    by = actor.require_user()
    starts, until = _span(draft)
    _check_terms(draft)
    await _check_scope(draft)
    async with transaction() as conn:
        contract = await lock_contract(contract_id)
        await _refuse_settled(contract.id, starts)
        versions = ProviderTerms.filter(contract_id=contract.id)
        waits = await versions.filter(state=Decided.PROPOSED).exists()
        refuse_unless(not waits, ProviderNotPossible(reason="provider_terms_wait"))
        row = await ProviderTerms.create(
            id=new_id(),
            contract_id=contract.id,
            number=await versions.count() + 1,
            model=draft.model,
            currency=CURRENCY,
            fee=draft.fee.units if draft.fee else 0,
            basis=draft.basis,
            rate=draft.rate,
            per_order=draft.per_order.units if draft.per_order else None,
            site_id=draft.site_id,
            product_ids=sorted(set(draft.product_ids)),
            steps=[{"at": s.at, "amount": s.amount, "rate": s.rate} for s in draft.steps],
            services=[{"code": s.code, "name": s.name, "price": s.price} for s in draft.services],
            valid_from=starts,
            valid_until=until,
            note=draft.note.strip(),
            state=Decided.PROPOSED,
            proposed_by=by,
            proposed_at=clock.now(),
        )
        details = {"terms": encode_id(Prefix.PROVIDER_TERMS, row.id), "model": row.model.value}
        await audit.record(conn, actor, "provider.propose_terms", contract.id, details)
    return row


async def decide_terms(
    actor: Actor, terms_id: UUID, *, approved: bool, note: str = ""
) -> ProviderTerms:
    """Approve terms that another person proposed, or reject them. Needs `providers:approve` and a
    fresh step-up; audited. Refuses the proposer (FOUR_EYES; the database does, too), what is
    decided, and a month that a statement was written for meanwhile (PROVIDER_NOT_POSSIBLE)."""
    actor.require_scope(APPROVE_SCOPE)
    check_note(note, needed=not approved)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        found = await ProviderTerms.filter(id=terms_id).first()
        if found is None:
            raise Refused(NotFound(what="provider terms", field=("id",)))
        contract = await lock_contract(found.contract_id)
        row = await ProviderTerms.filter(id=terms_id).select_for_update().get()
        refuse_decided(row)
        refuse_unless(row.proposed_by != actor.user_id, FourEyes())
        if approved:
            await _refuse_settled(contract.id, row.valid_from)
            contract.version += 1
            await contract.save(update_fields=["version"])
        take_decision(row, actor, approved=approved, note=note)
        await row.save(update_fields=["state", "decided_by", "decided_at", "decision"])
        await _tell(conn, actor, row)
    wake_relay()
    return row


async def lock_contract(contract_id: UUID) -> ProviderContract:
    """A contract, locked until the end of the caller's transaction."""
    row = await ProviderContract.filter(id=contract_id).select_for_update().first()
    if row is None:
        raise Refused(NotFound(what="provider contract", field=("contractId",)))
    return row


def refuse_decided(row: "ProviderTerms | ProviderStatement | object") -> None:
    """Refuse (PROVIDER_NOT_POSSIBLE) what somebody has decided already."""
    waits = getattr(row, "state", None) is Decided.PROPOSED
    refuse_unless(waits, ProviderNotPossible(reason="provider_decided"))


def take_decision(row: object, actor: Actor, *, approved: bool, note: str) -> None:
    """Write the decision into a locked row, which the caller saves."""
    values = {
        "state": Decided.APPROVED if approved else Decided.REJECTED,
        "decided_by": actor.require_user(),
        "decided_at": clock.now(),
        "decision": note.strip(),
    }
    for name, value in values.items():
        setattr(row, name, value)


def check_note(note: str, *, needed: bool) -> None:
    """Refuse (INVALID) a note that is too long, or missing where one is needed."""
    fits = len(note) <= MAX_NOTE and (bool(note.strip()) or not needed)
    refuse_unless(fits, Invalid(reason="review_reason", field=("note",)))


def month_of(text: str, *place: str) -> settlement.Period:
    """A month where the business is; refuses (INVALID) any other period."""
    wrong = Invalid(reason="provider_month", field=place or ("period",))
    refuse_unless(len(text) == len("2026-11"), wrong)
    try:
        return settlement.period_of(text, commissions.calendar.utc_offset)
    except Refused:
        raise Refused(wrong) from None


async def _tell(conn: Connection, actor: Actor, row: ProviderTerms) -> None:
    told = {
        "termsId": encode_id(Prefix.PROVIDER_TERMS, row.id),
        "contractId": encode_id(Prefix.PROVIDER_CONTRACT, row.contract_id),
        "state": row.state.value,
    }
    await audit.record(conn, actor, "provider.decide_terms", row.contract_id, told)
    await record_events(conn, [Event(TERMS_DECIDED, row.id, 1, told)])


async def _refuse_settled(contract_id: UUID, starts: datetime) -> None:
    """What a statement counted by stays what it was."""
    written = ProviderStatement.filter(contract_id=contract_id, ends_at__gt=starts)
    settled = await written.exclude(state=Decided.REJECTED).exists()
    refuse_unless(not settled, ProviderNotPossible(reason="provider_month_settled"))


def _span(draft: TermsDraft) -> tuple[datetime, datetime | None]:
    first = month_of(draft.from_month, "fromMonth")
    if draft.until_month is None:
        return first.starts_at, None
    last = month_of(draft.until_month, "untilMonth")
    in_order = last.ends_at > first.starts_at
    refuse_unless(in_order, Invalid(reason="provider_month", field=("untilMonth",)))
    return first.starts_at, last.ends_at


def _check_terms(draft: TermsDraft) -> None:
    """Refuse what does not fit the model; the database does, too."""
    check_note(draft.note, needed=False)
    by_result = draft.model is ContractModel.RESULT
    by_order = draft.basis is ContractBasis.ORDERS
    stepped = draft.model is ContractModel.FIXED_BONUS
    priced = draft.model is ContractModel.BASE_EXTRAS
    _agree(_is_sum(draft.fee) if not by_result else draft.fee is None, "provider_fee", "fee")
    _agree((draft.basis is None) == priced, "provider_basis", "basis")
    rated = draft.rate is not None and 0 < draft.rate <= EXACT
    _agree(rated if by_result and not by_order else draft.rate is None, "provider_rate", "rate")
    each = _is_sum(draft.per_order) if by_result and by_order else draft.per_order is None
    _agree(each, "provider_per_order", "perOrder")
    _agree(_are_steps(draft.steps) if stepped else not draft.steps, "provider_steps", "steps")
    if by_order:
        _agree(all(not step.rate for step in draft.steps), "provider_steps", "steps")
    services = _are_services(draft.services) if priced else not draft.services
    _agree(services, "provider_services", "services")
    scoped = draft.site_id is not None or bool(draft.product_ids)
    fits = scoped != priced and len(draft.product_ids) <= MOST_PRODUCTS
    _agree(fits, "provider_scope", "siteId")


def _is_sum(money: Money | None) -> bool:
    return (
        money is not None
        and money.currency == CURRENCY
        and 0 < money.units <= MAX_UNITS
        and is_payable(money.units, CURRENCY)
    )


def _are_steps(steps: Sequence[Step]) -> bool:
    places = [step.at for step in steps]
    rising = 0 < len(steps) <= MOST_STEPS and places == sorted(set(places)) and places[0] > 0
    return rising and all(
        0 <= step.amount <= MAX_UNITS
        and is_payable(step.amount, CURRENCY)
        and 0 <= step.rate <= EXACT
        and step.amount + step.rate > 0
        and step.at <= MAX_UNITS
        for step in steps
    )


def _are_services(services: Sequence[Service]) -> bool:
    codes = {each.code for each in services}
    return (
        0 < len(services) <= MOST_SERVICES
        and len(codes) == len(services)
        and all(
            bool(_SERVICE.fullmatch(each.code))
            and 0 < len(each.name.strip()) <= 96
            and 0 < each.price <= MAX_UNITS
            for each in services
        )
    )


async def _check_scope(draft: TermsDraft) -> None:
    if draft.site_id is not None:
        await sites.get_site(draft.site_id)
    wanted = list(draft.product_ids)
    found = await catalog.products_by_id(wanted) if wanted else {}
    missing = NotFound(what="product", field=("productIds",))
    refuse_unless(set(found) == set(wanted), missing)


def _check_text(text: str, most: int, reason: str, place: str) -> None:
    fits = 0 < len(text.strip()) <= most and text.isprintable()
    refuse_unless(fits, Invalid(reason=reason, field=(place,)))


def _agree(fits: bool, reason: str, place: str) -> None:
    refuse_unless(fits, Invalid(reason=reason, field=(place,)))
