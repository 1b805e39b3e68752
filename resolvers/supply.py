"""How incidents of supply and uncertain purchases are answered (back office)."""

import strawberry
from strawberry import Parent

from domain import fulfilment
from domain.fulfilment import Resolution
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from resolvers.batches import there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def supply_incidents(
    info: Info,
    resolved: bool = False,
    supplier_id: strawberry.ID | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[fulfilment.SupplyIncident]:
    """Incidents, open or ended."""
    page = page_request("supplyIncidents", first, after)
    supplier = None
    if supplier_id is not None:
        supplier = decode_id(Prefix.SUPPLIER, supplier_id, field=("supplierId",))
    actor = info.context.actor
    return await fulfilment.list_incidents(actor, page, resolved=resolved, supplier_id=supplier)


async def uncertain_attempts(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[fulfilment.UncertainAttempt]:
    """Purchases that wait for a person."""
    page = page_request("uncertainAttempts", first, after)
    return await fulfilment.uncertain_attempts(info.context.actor, page)


async def attempt_of(
    incident: Parent[fulfilment.SupplyIncident], info: Info
) -> fulfilment.FulfilmentAttempt:
    """The attempt that an incident is about."""
    return there(await info.context.loaders.attempts.load(incident.attempt_id))


async def steps_of(
    incident: Parent[fulfilment.SupplyIncident], info: Info
) -> list[fulfilment.SupplyStep]:
    """What happened, in order."""
    return await info.context.loaders.supply_steps.load(incident.id)


async def ends_of(
    incident: Parent[fulfilment.SupplyIncident], info: Info
) -> list[fulfilment.Resolution]:
    """How it may be ended now."""
    return await info.context.loaders.supply_ends.load(incident.id)


async def order_id_of(incident: Parent[fulfilment.SupplyIncident], info: Info) -> strawberry.ID:
    """The order that an incident is about."""
    owner = there(await info.context.loaders.line_owners.load(incident.line_id))
    return strawberry.ID(encode_id(Prefix.ORDER, owner.order_id))


async def order_number_of(incident: Parent[fulfilment.SupplyIncident], info: Info) -> str:
    """The number of that order."""
    return there(await info.context.loaders.line_owners.load(incident.line_id)).number


def amount_of(incident: Parent[fulfilment.SupplyIncident]) -> Money:
    """What the supplier gave back."""
    return Money(incident.amount, incident.currency)


def resolved_by(incident: Parent[fulfilment.SupplyIncident]) -> strawberry.ID | None:
    """The operator who ended it."""
    if incident.resolved_by is None:
        return None
    return strawberry.ID(encode_id(Prefix.USER, incident.resolved_by))


async def supply_incident_resolve(
    info: Info,
    id: strawberry.ID,
    resolution: Resolution,
    note: str = "",
    amount: MoneyInput | None = None,
) -> fulfilment.SupplyIncident:
    """End an incident."""
    units = money_of(amount, "amount").units if amount else None
    incident = decode_id(Prefix.SUPPLY_INCIDENT, id)
    wish = fulfilment.ResolveWish(incident, resolution, note, units)
    return await fulfilment.resolve_incident(info.context.actor, wish)


async def attempt_give_up(
    info: Info, attempt_id: strawberry.ID, reason: str
) -> fulfilment.AttemptVerdict:
    """Say that nothing was sold."""
    attempt = decode_id(Prefix.ATTEMPT, attempt_id, field=("attemptId",))
    return await fulfilment.give_up(info.context.actor, attempt, reason)


async def attempt_give_up_decide(
    info: Info, id: strawberry.ID, agree: bool
) -> fulfilment.AttemptVerdict:
    """Agree that nothing was sold, or not."""
    verdict = decode_id(Prefix.ATTEMPT_VERDICT, id)
    return await fulfilment.decide_give_up(info.context.actor, verdict, agree=agree)


@strawberry.input(description="One code as the supplier told it.")
class FoundCodeInput:
    secret: str
    number: str = ""


async def attempt_deliver(
    info: Info,
    attempt_id: strawberry.ID,
    cost: MoneyInput,
    codes: list[FoundCodeInput] | None = None,
    receipt: str = "",
    upstream_id: str = "",
    note: str = "",
) -> fulfilment.FulfilmentAttempt:
    """Hand in the goods of an uncertain purchase."""
    found = fulfilment.FoundGoods(
        decode_id(Prefix.ATTEMPT, attempt_id, field=("attemptId",)),
        money_of(cost, "cost").units,
        [(each.number, each.secret) for each in codes or ()],
        receipt,
        upstream_id,
        note,
    )
    return await fulfilment.deliver_found(info.context.actor, found)
