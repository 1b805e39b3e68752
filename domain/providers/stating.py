"""Statements of contracts: looked at first, proposed by one person, approved by another.

A statement covers the entries of the ledger after the last one of the statement before, up to the
last one of its month (decision 0082 says why not times): so each sale and each refund is in one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from domain import audit, commissions, identity, ledger, settlement
from domain.kernel import (
    Actor,
    Busy,
    Connection,
    Event,
    NotFound,
    Prefix,
    Refused,
    clock,
    connection,
    crash_point,
    encode_id,
    minor_step,
    new_id,
    plain,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.providers.contracts import (
    APPROVE_SCOPE,
    READ_SCOPE,
    WRITE_SCOPE,
    check_note,
    lock_contract,
    month_of,
    refuse_decided,
    take_decision,
)
from domain.providers.counting import count_facts
from domain.providers.items import terms_at
from domain.providers.models import (
    Decided,
    ProviderContract,
    ProviderItem,
    ProviderStatement,
    ProviderTerms,
)
from domain.providers.refusals import ProviderNotPossible, ProviderOutOfOrder
from domain.providers.rules import (
    CURRENCY,
    Extra,
    Facts,
    Part,
    PartKind,
    Step,
    Sums,
    Terms,
    parts_of,
    summed,
)
from domain.settlement import Period
from domain.vault import FourEyes

DECIDED = "provider.statement_decided"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a statement of a month comes to: the same words as of one that was written."""

    contract_id: UUID
    period: str
    currency: str
    starts_at: datetime
    ends_at: datetime
    facts: Facts
    sums: Sums


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a statement begins, and up to which entry it goes."""

    contract: ProviderContract
    month: Period
    follows: ProviderStatement | None
    from_entry: int
    up_to_entry: int


async def preview_statement(actor: Actor, contract_id: UUID, period: str) -> Draft:
    """What the next statement of a contract comes to, or would by now when its month is not over;
    writes nothing. Needs `providers:read`."""
    actor.require_scope(READ_SCOPE)
    contract = await ProviderContract.filter(id=contract_id).first()
    if contract is None:
        raise Refused(NotFound(what="provider contract", field=("contractId",)))
    span = await _span_of(contract, month_of(period))
    sums, facts, _ = await _count(span)
    month = span.month
    return Draft(contract.id, period, CURRENCY, month.starts_at, month.ends_at, facts, sums)


async def propose_statement(
    actor: Actor, contract_id: UUID, period: str, note: str = ""
) -> tuple[ProviderStatement, bool]:
    """Write the statement of a month that is over, for another person to approve; and whether an
    earlier call had. Needs `providers:write`; audited.

    Refuses a month that is not over (SETTLEMENT_TOO_EARLY), one that does not follow the last
    statement (PROVIDER_OUT_OF_ORDER), and while another one waits (PROVIDER_NOT_POSSIBLE).
    """
    actor.require_scope(WRITE_SCOPE)
    by = actor.require_user()
    check_note(note, needed=False)
    month = month_of(period)
    ready_at = month.ends_at + settlement.SETTLE
    refuse_unless(clock.now() >= ready_at, settlement.SettlementTooEarly(ready_at=ready_at))
    contract = await ProviderContract.filter(id=contract_id).first()
    if contract is None:
        raise Refused(NotFound(what="provider contract", field=("contractId",)))
    written = ProviderStatement.filter(contract_id=contract_id, period=period)
    earlier = await written.exclude(state=Decided.REJECTED).first()
    if earlier is not None:
        return earlier, True
    span = await _span_of(contract, month)
    sums, facts, items = await _count(span)
    async with transaction() as conn:
        locked = await lock_contract(contract_id)
        refuse_unless(locked.version == contract.version, Busy())  # counted by other terms
        row = await _write(span, sums, facts, note, by)
        await _take_items(conn, row.id, items)
        locked.version += 1
        await locked.save(update_fields=["version"])
        await _audit(conn, actor, "provider.propose_statement", row)
        crash_point("providers.statement_written")
    return row, False


async def decide_statement(
    actor: Actor, statement_id: UUID, *, approved: bool, note: str = ""
) -> ProviderStatement:
    """Approve a statement that another person proposed: it is frozen, and what is payable of it is
    a debt of the house; or reject it, and its month may be proposed again.

    Needs `providers:approve` and a fresh step-up; audited. Refuses the proposer (FOUR_EYES; the
    database does, too) and what is decided (PROVIDER_NOT_POSSIBLE).
    """
    actor.require_scope(APPROVE_SCOPE)
    check_note(note, needed=not approved)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        found = await ProviderStatement.filter(id=statement_id).first()
        if found is None:
            raise Refused(NotFound(what="provider statement", field=("id",)))
        contract = await lock_contract(found.contract_id)
        row = await ProviderStatement.filter(id=statement_id).select_for_update().get()
        refuse_decided(row)
        refuse_unless(row.proposed_by != actor.user_id, FourEyes())
        take_decision(row, actor, approved=approved, note=note)
        await row.save(update_fields=["state", "decided_by", "decided_at", "decision"])
        if approved:
            await _book(conn, row, contract.provider_id)
        else:
            await ProviderItem.filter(statement_id=row.id).update(statement_id=None)
            contract.version += 1
            await contract.save(update_fields=["version"])
        await _audit(conn, actor, "provider.decide_statement", row)
        payload = {
            "statementId": encode_id(Prefix.PROVIDER_STATEMENT, row.id),
            "contractId": encode_id(Prefix.PROVIDER_CONTRACT, row.contract_id),
            "period": row.period,
            "state": row.state.value,
            "payable": plain(row.payable),
            "currency": row.currency,
        }
        await record_events(conn, [Event(DECIDED, row.id, 1, payload)])
        crash_point("providers.statement_decided")
    wake_relay()
    return row


def facts_of(statement: ProviderStatement) -> Facts:
    """What was counted, of all versions together."""
    return Facts(**statement.facts)


def sums_of(statement: ProviderStatement) -> Sums:
    """Its lines and what they come to."""
    parts = tuple(
        Part(
            kind=PartKind(line["kind"]),
            terms_id=UUID(line["terms"]),
            exact=int(line["exact"]),
            basis=line["basis"],
            rate=line["rate"],
            each=line["each"],
            item_id=UUID(line["item"]) if line["item"] else None,
            code=line["code"],
            amount=line["amount"],
        )
        for line in statement.lines
    )
    return Sums(
        parts, statement.total, statement.carried_in, statement.payable, statement.carried_out
    )


def counted_terms(row: ProviderTerms) -> Terms:
    """A version of terms, as far as it counts."""
    steps = tuple(Step(each["at"], each["amount"], each["rate"]) for each in row.steps)
    return Terms(row.id, row.model, row.fee, row.basis, row.rate, row.per_order, steps)


async def _span_of(contract: ProviderContract, month: Period) -> _Span:
    """Where the month's statement begins; refuses (PROVIDER_OUT_OF_ORDER) any month but the next,
    and (PROVIDER_NOT_POSSIBLE) a contract without terms, or of which a statement waits."""
    written = ProviderStatement.filter(contract_id=contract.id)
    waits = await written.filter(state=Decided.PROPOSED).exists()
    refuse_unless(not waits, ProviderNotPossible(reason="provider_statement_waits"))
    last = await written.filter(state=Decided.APPROVED).order_by("-starts_at").first()
    agreed = ProviderTerms.filter(contract_id=contract.id, state=Decided.APPROVED)
    first = await agreed.order_by("valid_from").first()
    if first is None:
        raise Refused(ProviderNotPossible(reason="provider_no_terms"))
    begins = last.ends_at if last else first.valid_from
    if month.starts_at != begins:
        raise Refused(ProviderOutOfOrder(next_period=_name_of(begins), field=("period",)))
    until = min(month.ends_at, clock.now() - settlement.SETTLE)
    async with connection() as conn:
        start = last.up_to_entry if last else await settlement.border_at(conn, month.starts_at)
        end = max(start, await settlement.border_at(conn, until))
    return _Span(contract, month, last, start, end)


async def _count(span: _Span) -> tuple[Sums, Facts, list[UUID]]:
    """The lines of a span, all its facts together, and the services that it takes along."""
    contract_id = span.contract.id
    counted = await count_facts(contract_id, span.from_entry, span.up_to_entry)
    versions = ProviderTerms.filter(contract_id=contract_id, state=Decided.APPROVED)
    terms = {row.id: counted_terms(row) for row in await versions.order_by("number")}
    current = await terms_at(contract_id, span.month.starts_at)
    extras = await _extras(span, terms)
    parts = parts_of(
        terms[current.id] if current else None,
        [(terms[each], counted[each]) for each in terms if each in counted],
        extras,
    )
    carried_in = span.follows.carried_out if span.follows else 0
    sums = summed(parts, carried_in, minor_step(CURRENCY))
    return sums, sum(counted.values(), Facts()), [extra.id for _, extra in extras]


async def _extras(span: _Span, terms: Mapping[UUID, Terms]) -> list[tuple[Terms, Extra]]:
    """Services that were agreed to, were done before the month's end, and stand in no statement."""
    ends_on = span.month.ends_at.astimezone(_zone()).date()
    agreed = ProviderItem.filter(
        contract_id=span.contract.id,
        state=Decided.APPROVED,
        statement_id__isnull=True,
        done_on__lt=ends_on,
    )
    return [
        (terms[row.terms_id], Extra(row.id, row.code, row.quantity, row.price))
        for row in await agreed.order_by("done_on", "id")
    ]


async def _write(span: _Span, sums: Sums, facts: Facts, note: str, by: UUID) -> ProviderStatement:
    return await ProviderStatement.create(
        id=new_id(),
        contract_id=span.contract.id,
        period=span.month.name,
        currency=CURRENCY,
        starts_at=span.month.starts_at,
        ends_at=span.month.ends_at,
        follows=span.follows.id if span.follows else None,
        from_entry=span.from_entry,
        up_to_entry=span.up_to_entry,
        facts={name: getattr(facts, name) for name in Facts.__slots__},
        lines=[_told(part) for part in sums.parts],
        total=sums.total,
        carried_in=sums.carried_in,
        payable=sums.payable,
        carried_out=sums.carried_out,
        note=note.strip(),
        state=Decided.PROPOSED,
        proposed_by=by,
        proposed_at=clock.now(),
    )


def _told(part: Part) -> dict[str, Any]:
    """A line as it is kept; the exact amount as text, because it may be beyond what JSON's readers
    hold."""
    return {
        "kind": part.kind.value,
        "terms": str(part.terms_id),
        "exact": str(part.exact),
        "basis": part.basis,
        "rate": part.rate,
        "each": part.each,
        "item": str(part.item_id) if part.item_id else None,
        "code": part.code,
        "amount": part.amount,
    }


async def _take_items(conn: Connection, statement_id: UUID, items: Sequence[UUID]) -> None:
    """Services are counted once: who took one meanwhile makes us begin again."""
    taken = await conn.execute(
        "UPDATE provider_items SET statement_id = $1"
        " WHERE id = ANY($2::uuid[]) AND statement_id IS NULL",
        statement_id,
        list(items),
    )
    refuse_unless(taken == f"UPDATE {len(items)}", Busy())


async def _book(conn: Connection, row: ProviderStatement, provider_id: UUID) -> None:
    if not row.payable:
        return
    owed = (AccountKind.PROVIDER, provider_id, row.currency)
    await ledger.open_accounts(conn, [owed])
    expense = account_id(AccountKind.PROVIDER_EXPENSE, None, row.currency)
    legs = [(expense, -row.payable), (account_id(*owed), row.payable)]
    await ledger.post(conn, [Posting(TransferKind.PROVIDER_STATEMENT, row.id, row.currency, legs)])


async def _audit(conn: Connection, actor: Actor, action: str, row: ProviderStatement) -> None:
    details = {
        "statement": encode_id(Prefix.PROVIDER_STATEMENT, row.id),
        "period": row.period,
        "payable": plain(row.payable),
        "state": row.state.value,
    }
    await audit.record(conn, actor, action, row.contract_id, details)


def _name_of(starts_at: datetime) -> str:
    """A month's name, from its first moment."""
    return f"{starts_at.astimezone(_zone()):%Y-%m}"


def _zone() -> timezone:
    return timezone(commissions.calendar.utc_offset)
