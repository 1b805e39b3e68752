"""How the fields of service providers are answered."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import providers
from domain.kernel import (
    Invalid,
    Money,
    Page,
    Prefix,
    Refused,
    decode_id,
    encode_id,
    page_request,
    parse_units,
)
from domain.providers import (
    CURRENCY,
    AccountWish,
    ContractBasis,
    ContractModel,
    Draft,
    Facts,
    Part,
    Provider,
    ProviderAccount,
    ProviderContract,
    ProviderFile,
    ProviderItem,
    ProviderKind,
    ProviderPayment,
    ProviderStatement,
    ProviderTerms,
    Service,
    Step,
    Sums,
    TermsDraft,
)
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of

PERCENT = 10_000
EXACT_DIGITS = Decimal(1_000_000 * PERCENT)


@strawberry.input(
    description="From `at` on (of the currency, or orders) `amount` is paid, and `ratePercent` of"
    " what lies above it, up to the next step."
)
class ProviderStepInput:
    at: Decimal
    amount: MoneyInput | None = None
    rate_percent: Decimal | None = None


@strawberry.input(description="A service and what one of it costs.")
class ProviderServiceInput:
    code: str
    name: str
    price: MoneyInput


@dataclass(frozen=True)
class ShownStep:
    """A step of a bonus as people read it."""

    at: Decimal
    amount: Money
    rate_percent: Decimal | None


async def provider_list(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[Provider]:
    """Newest first."""
    page = page_request("providers", first, after)
    return await providers.list_providers(info.context.actor, page)


async def provider_contract(info: Info, id: strawberry.ID) -> ProviderContract:
    """One contract."""
    return await providers.get_contract(info.context.actor, decode_id(Prefix.PROVIDER_CONTRACT, id))


async def provider_statement(info: Info, id: strawberry.ID) -> ProviderStatement:
    """One statement."""
    statement = decode_id(Prefix.PROVIDER_STATEMENT, id)
    return await providers.get_statement(info.context.actor, statement)


async def provider_statement_preview(info: Info, contract_id: strawberry.ID, period: str) -> Draft:
    """What a month comes to; writes nothing."""
    return await providers.preview_statement(info.context.actor, _contract(contract_id), period)


async def provider_save(
    info: Info, code: str, name: str, kind: ProviderKind, note: str = ""
) -> Provider:
    """Write a provider down, or change how it is called."""
    return await providers.save_provider(info.context.actor, code, name, kind, note)


async def provider_contract_open(
    info: Info, provider_id: strawberry.ID, title: str
) -> ProviderContract:
    """A contract of a provider."""
    provider = decode_id(Prefix.PROVIDER, provider_id, field=("providerId",))
    return await providers.open_contract(info.context.actor, provider, title)


async def provider_terms_propose(
    info: Info,
    contract_id: strawberry.ID,
    model: ContractModel,
    from_month: str,
    until_month: str | None = None,
    fee: MoneyInput | None = None,
    basis: ContractBasis | None = None,
    rate_percent: Decimal | None = None,
    per_order: MoneyInput | None = None,
    site_id: strawberry.ID | None = None,
    product_ids: list[strawberry.ID] | None = None,
    steps: list[ProviderStepInput] | None = None,
    services: list[ProviderServiceInput] | None = None,
    note: str = "",
) -> ProviderTerms:
    """Terms for another person to decide about."""
    by_order = basis is ContractBasis.ORDERS
    draft = TermsDraft(
        model=model,
        from_month=from_month,
        until_month=until_month,
        fee=money_of(fee, "fee") if fee else None,
        basis=basis,
        rate=None if rate_percent is None else parse_units(rate_percent, field=("ratePercent",)),
        per_order=money_of(per_order, "perOrder") if per_order else None,
        site_id=decode_id(Prefix.SITE, site_id, field=("siteId",)) if site_id else None,
        product_ids=[
            decode_id(Prefix.PRODUCT, each, field=("productIds",)) for each in product_ids or []
        ],
        steps=[_step(each, by_order) for each in steps or []],
        services=[_service(each) for each in services or []],
        note=note,
    )
    return await providers.propose_terms(info.context.actor, _contract(contract_id), draft)


async def provider_terms_decide(
    info: Info, id: strawberry.ID, approve: bool, note: str = ""
) -> ProviderTerms:
    """As another person."""
    terms = decode_id(Prefix.PROVIDER_TERMS, id)
    return await providers.decide_terms(info.context.actor, terms, approved=approve, note=note)


async def provider_item_record(
    info: Info,
    contract_id: strawberry.ID,
    code: str,
    quantity: int,
    done_on: date,
    evidence: str,
    idempotency_key: str,
) -> dict[str, object]:
    """A service that was done."""
    item, replayed = await providers.record_item(
        info.context.actor,
        _contract(contract_id),
        code,
        quantity,
        done_on,
        evidence,
        idempotency_key,
    )
    return {"item": item, "replayed": replayed}


async def provider_item_decide(
    info: Info, id: strawberry.ID, approve: bool, note: str = ""
) -> ProviderItem:
    """As another person."""
    item = decode_id(Prefix.PROVIDER_ITEM, id)
    return await providers.decide_item(info.context.actor, item, approved=approve, note=note)


async def provider_statement_propose(
    info: Info, contract_id: strawberry.ID, period: str, note: str = ""
) -> dict[str, object]:
    """Write a month's statement, for another person to approve."""
    actor, contract = info.context.actor, _contract(contract_id)
    statement, replayed = await providers.propose_statement(actor, contract, period, note)
    return {"statement": statement, "replayed": replayed}


async def provider_statement_decide(
    info: Info, id: strawberry.ID, approve: bool, note: str = ""
) -> ProviderStatement:
    """As another person."""
    statement = decode_id(Prefix.PROVIDER_STATEMENT, id)
    actor = info.context.actor
    return await providers.decide_statement(actor, statement, approved=approve, note=note)


async def provider_files(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[ProviderFile]:
    """Newest first."""
    page = page_request("providerFiles", first, after)
    return await providers.list_provider_files(info.context.actor, page)


async def provider_account_propose(
    info: Info, provider_id: strawberry.ID, account: str, name: str, bank: str, branch: str = ""
) -> ProviderAccount:
    """Where its money goes, for another person to agree to."""
    provider = decode_id(Prefix.PROVIDER, provider_id, field=("providerId",))
    wish = AccountWish(account, name, bank, branch)
    return await providers.propose_account(info.context.actor, provider, wish)


async def provider_account_decide(
    info: Info, id: strawberry.ID, approve: bool, note: str = ""
) -> ProviderAccount:
    """As another person."""
    account = decode_id(Prefix.PROVIDER_ACCOUNT, id)
    actor = info.context.actor
    return await providers.decide_account(actor, account, approved=approve, note=note)


async def provider_file_make(
    info: Info, channel_id: strawberry.ID, idempotency_key: str
) -> dict[str, object]:
    """One file of all that can be paid."""
    channel = decode_id(Prefix.PAYOUT_CHANNEL, channel_id, field=("channelId",))
    actor = info.context.actor
    made, replayed = await providers.make_provider_file(actor, channel, idempotency_key)
    return {"file": made, "replayed": replayed}


def accounts(provider: Parent[Provider], info: Info) -> AtOnceOrLater[list[ProviderAccount]]:
    """Newest first, masked."""
    return info.context.loaders.provider_accounts.get(provider.id)


def payments(
    statement: Parent[ProviderStatement], info: Info
) -> AtOnceOrLater[list[ProviderPayment]]:
    """Oldest first."""
    return info.context.loaders.provider_payments.get(statement.id)


def progress(
    made: Parent[ProviderFile], info: Info
) -> AtOnceOrLater[providers.ProviderFileProgress]:
    """How its payments stand."""
    return info.context.loaders.provider_file_progress.get(made.id)


def file_total(made: Parent[ProviderFile]) -> Money:
    """As money."""
    return Money(made.total, made.currency)


def file_digest(made: Parent[ProviderFile]) -> str:
    """SHA-256 of its bytes."""
    digest: str = made.digest.hex()
    return digest


def payment_amount(payment: Parent[ProviderPayment]) -> Money:
    """As money."""
    return Money(payment.amount, payment.currency)


def contracts(provider: Parent[Provider], info: Info) -> AtOnceOrLater[list[ProviderContract]]:
    """Oldest first."""
    return info.context.loaders.provider_contracts.get(provider.id)


def provider_of(contract: Parent[ProviderContract], info: Info) -> AtOnceOrLater[Provider]:
    """Whose it is."""
    return info.context.loaders.service_providers.get(contract.provider_id)


def terms(contract: Parent[ProviderContract], info: Info) -> AtOnceOrLater[list[ProviderTerms]]:
    """All versions."""
    return info.context.loaders.provider_terms.get(contract.id)


async def items(
    contract: Parent[ProviderContract],
    info: Info,
    first: int | None = None,
    after: str | None = None,
) -> Page[ProviderItem]:
    """Services."""
    page = page_request("providerItems", first, after)
    return await providers.list_items(info.context.actor, contract.id, page)


async def statements(
    contract: Parent[ProviderContract],
    info: Info,
    first: int | None = None,
    after: str | None = None,
) -> Page[ProviderStatement]:
    """Of all states."""
    page = page_request("providerStatements", first, after)
    return await providers.list_statements(info.context.actor, contract.id, page)


def fee(terms: Parent[ProviderTerms]) -> Money | None:
    """By the month."""
    return Money(terms.fee, terms.currency) if terms.fee else None


def per_order(terms: Parent[ProviderTerms]) -> Money | None:
    """As money."""
    return None if terms.per_order is None else Money(terms.per_order, terms.currency)


def rate_of_terms(terms: Parent[ProviderTerms]) -> Decimal | None:
    """As a percentage."""
    return _percent(terms.rate)


def site_of(terms: Parent[ProviderTerms]) -> strawberry.ID | None:
    """On which it counts."""
    return strawberry.ID(encode_id(Prefix.SITE, terms.site_id)) if terms.site_id else None


def products_of(terms: Parent[ProviderTerms]) -> list[strawberry.ID]:
    """In which it counts."""
    return [strawberry.ID(encode_id(Prefix.PRODUCT, each)) for each in terms.product_ids]


def steps(terms: Parent[ProviderTerms]) -> list[ShownStep]:
    """Of the bonus."""
    in_orders = terms.basis is ContractBasis.ORDERS
    return [
        ShownStep(
            Decimal(each["at"]) if in_orders else Decimal(each["at"]) / PERCENT,
            Money(each["amount"], terms.currency),
            _percent(each["rate"] or None),
        )
        for each in terms.steps
    ]


def services(terms: Parent[ProviderTerms]) -> list[Service]:
    """With their prices."""
    return [Service(each["code"], each["name"], each["price"]) for each in terms.services]


def service_price(service: Parent[Service]) -> Money:
    """As money."""
    return Money(service.price, CURRENCY)


def item_price(item: Parent[ProviderItem]) -> Money:
    """Of one."""
    return Money(item.price, CURRENCY)


def decided_by(
    row: Parent[ProviderTerms | ProviderItem | ProviderStatement | ProviderAccount],
) -> strawberry.ID | None:
    """Who decided."""
    return strawberry.ID(encode_id(Prefix.USER, row.decided_by)) if row.decided_by else None


def statement_of(item: Parent[ProviderItem]) -> strawberry.ID | None:
    """In which it stands."""
    if item.statement_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.PROVIDER_STATEMENT, item.statement_id))


def facts(row: Parent[Draft | ProviderStatement]) -> Facts:
    """What was counted."""
    return row.facts if isinstance(row, Draft) else providers.facts_of(row)


def lines(row: Parent[Draft | ProviderStatement]) -> list[Part]:
    """As they sum to the total."""
    return list(_sums(row).parts)


def total(row: Parent[Draft | ProviderStatement]) -> Money:
    """Of the month."""
    return Money(_sums(row).total, CURRENCY)


def carried_in(row: Parent[Draft | ProviderStatement]) -> Money:
    """From the last one."""
    return Money(_sums(row).carried_in, CURRENCY)


def payable(row: Parent[Draft | ProviderStatement]) -> Money:
    """What is owed by it."""
    return Money(_sums(row).payable, CURRENCY)


def carried_out(row: Parent[Draft | ProviderStatement]) -> Money:
    """To the next one."""
    return Money(_sums(row).carried_out, CURRENCY)


def sold(facts: Parent[Facts]) -> Money:
    """As money."""
    return Money(facts.sold, CURRENCY)


def sold_cost(facts: Parent[Facts]) -> Money:
    """As money."""
    return Money(facts.sold_cost, CURRENCY)


def returned(facts: Parent[Facts]) -> Money:
    """As money."""
    return Money(facts.returned, CURRENCY)


def returned_cost(facts: Parent[Facts]) -> Money:
    """As money."""
    return Money(facts.returned_cost, CURRENCY)


def part_counted(part: Parent[Part]) -> Decimal:
    """Money of a share, in the currency; else orders or pieces."""
    return Decimal(part.basis) if part.rate is None else Decimal(part.basis) / PERCENT


def part_rate(part: Parent[Part]) -> Decimal | None:
    """As a percentage."""
    return _percent(part.rate)


def part_each(part: Parent[Part]) -> Money | None:
    """As money."""
    return None if part.each is None else Money(part.each, CURRENCY)


def part_exact(part: Parent[Part]) -> Decimal:
    """Before it was rounded, in the currency."""
    return Decimal(part.exact) / EXACT_DIGITS


def part_amount(part: Parent[Part]) -> Money:
    """As money."""
    return Money(part.amount, CURRENCY)


def part_item(part: Parent[Part]) -> strawberry.ID | None:
    """The service that it is for."""
    return strawberry.ID(encode_id(Prefix.PROVIDER_ITEM, part.item_id)) if part.item_id else None


def _sums(row: Draft | ProviderStatement) -> Sums:
    return row.sums if isinstance(row, Draft) else providers.sums_of(row)


def _percent(rate: int | None) -> Decimal | None:
    return None if rate is None else Decimal(rate) / PERCENT


def _contract(contract_id: strawberry.ID) -> UUID:
    return decode_id(Prefix.PROVIDER_CONTRACT, contract_id, field=("contractId",))


def _step(given: ProviderStepInput, by_order: bool) -> Step:
    place = ("steps", "at")
    at = parse_units(given.at, field=place)
    if by_order:
        whole, rest = divmod(at, PERCENT)
        if rest:
            raise Refused(Invalid(reason="provider_steps", field=("steps",)))
        at = whole
    amount = (
        money_of(given.amount, "steps", "amount", currency=CURRENCY).units if given.amount else 0
    )
    percent = given.rate_percent
    rate = 0 if percent is None else parse_units(percent, field=("steps", "ratePercent"))
    return Step(at, amount, rate)


def _service(given: ProviderServiceInput) -> Service:
    price = money_of(given.price, "services", "price", currency=CURRENCY)
    return Service(given.code, given.name, price.units)
