"""Reads of providers, for the back office."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.kernel import Actor, NotFound, Page, PageRequest, Refused, page_of
from domain.providers.contracts import READ_SCOPE
from domain.providers.models import (
    Decided,
    Provider,
    ProviderContract,
    ProviderItem,
    ProviderStatement,
    ProviderTerms,
)


@dataclass(frozen=True, slots=True)
class Agreed:
    """Terms that were approved, and whose they are."""

    terms: ProviderTerms
    provider: Provider


async def list_providers(actor: Actor, page: PageRequest) -> Page[Provider]:
    """Providers, newest first. Needs `providers:read`."""
    actor.require_scope(READ_SCOPE)
    rows = Provider.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda row: (row.id,))


async def get_contract(actor: Actor, contract_id: UUID) -> ProviderContract:
    """One contract. Needs `providers:read`."""
    actor.require_scope(READ_SCOPE)
    row = await ProviderContract.filter(id=contract_id).first()
    if row is None:
        raise Refused(NotFound(what="provider contract"))
    return row


async def get_statement(actor: Actor, statement_id: UUID) -> ProviderStatement:
    """One statement, in whatever state. Needs `providers:read`."""
    actor.require_scope(READ_SCOPE)
    row = await ProviderStatement.filter(id=statement_id).first()
    if row is None:
        raise Refused(NotFound(what="provider statement"))
    return row


async def list_items(actor: Actor, contract_id: UUID, page: PageRequest) -> Page[ProviderItem]:
    """Services of a contract, newest first. Needs `providers:read`."""
    actor.require_scope(READ_SCOPE)
    rows = ProviderItem.filter(contract_id=contract_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda row: (row.id,))


async def list_statements(
    actor: Actor, contract_id: UUID, page: PageRequest
) -> Page[ProviderStatement]:
    """Statements of a contract, newest first. Needs `providers:read`."""
    actor.require_scope(READ_SCOPE)
    rows = ProviderStatement.filter(contract_id=contract_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda row: (row.id,))


async def agreed_terms(moment: datetime) -> list[Agreed]:
    """The terms of each contract that are in force at a moment or come later, newest first; the
    caller has checked who asks."""
    rows = await ProviderTerms.filter(state=Decided.APPROVED).order_by("-valid_from", "-number")
    begun: set[UUID] = set()
    standing = []
    for row in rows:
        if row.contract_id in begun:
            continue
        if row.valid_from <= moment:
            begun.add(row.contract_id)  # what began before it counts no more
        if row.valid_until is None or row.valid_until > moment:
            standing.append(row)
    contracts = ProviderContract.filter(id__in={row.contract_id for row in standing})
    owners = {row.id: row.provider_id for row in await contracts}
    found = await providers_by_id(list(owners.values()))
    return [Agreed(row, found[owners[row.contract_id]]) for row in standing]


async def providers_by_id(ids: Sequence[UUID]) -> dict[UUID, Provider]:
    """Providers by id; one statement for all."""
    return {row.id: row for row in await Provider.filter(id__in=list(ids))}


async def contracts_of(provider_ids: Sequence[UUID]) -> dict[UUID, list[ProviderContract]]:
    """The contracts of each provider, oldest first; one statement for all."""
    found: dict[UUID, list[ProviderContract]] = {each: [] for each in provider_ids}
    rows = ProviderContract.filter(provider_id__in=list(provider_ids))
    for row in await rows.order_by("id"):
        found[row.provider_id].append(row)
    return found


async def terms_of(contract_ids: Sequence[UUID]) -> dict[UUID, list[ProviderTerms]]:
    """The versions of each contract's terms, newest first; one statement for all."""
    found: dict[UUID, list[ProviderTerms]] = {each: [] for each in contract_ids}
    rows = ProviderTerms.filter(contract_id__in=list(contract_ids))
    for row in await rows.order_by("-number"):
        found[row.contract_id].append(row)
    return found
