"""Service providers: contracts, terms, services and statements (back office)."""

from datetime import date, datetime
from decimal import Decimal

import strawberry

from domain import providers
from domain.kernel import Prefix
from domain.providers import (
    ContractBasis,
    ContractModel,
    Decided,
    PartKind,
    PaymentState,
    ProviderKind,
)
from resolvers import providers as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field

READ, WRITE, APPROVE = ([Scope(f"providers:{name}")] for name in ("read", "write", "approve"))


@strawberry.type(description="From `at` on, more is paid.")
@presents(resolvers.ShownStep)
class ProviderStep:
    at: Decimal = field(description="Of the currency, or orders, as `basis` says.")
    amount: Money = field(description="Once, when it is reached.")
    rate_percent: Decimal | None = field(description="Of what lies above it, up to the next step.")


@strawberry.type(description="A service and what one of it costs.")
@presents(providers.Service)
class ProviderService:
    code: str
    name: str
    price: Money = field(resolvers.service_price)


@strawberry.type(
    description="One version of a contract's terms, by months of the business. Of those that were"
    " approved the one that began last counts; an order is counted by those of when it was placed."
)
@presents(providers.ProviderTerms)
class ProviderTerms:
    id: strawberry.ID = id_field(Prefix.PROVIDER_TERMS)
    number: int
    model: ContractModel
    fee: Money | None = field(resolvers.fee, description="By the month.")
    basis: ContractBasis | None = field(description="What results are counted in.")
    rate_percent: Decimal | None = field(resolvers.rate_of_terms)
    per_order: Money | None = field(resolvers.per_order)
    site_id: strawberry.ID | None = field(resolvers.site_of)
    product_ids: list[strawberry.ID] = field(
        resolvers.products_of, size=5, description="Empty: all."
    )
    steps: list[ProviderStep] = field(resolvers.steps, size=3)
    services: list[ProviderService] = field(resolvers.services, size=5)
    valid_from: datetime
    valid_until: datetime | None
    note: str
    state: Decided
    proposed_by: strawberry.ID = id_field(Prefix.USER, "proposed_by")
    proposed_at: datetime
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    decided_at: datetime | None
    decision: str


@strawberry.type(description="A service that was done, at the price of the terms of its day.")
@presents(providers.ProviderItem)
class ProviderItem:
    id: strawberry.ID = id_field(Prefix.PROVIDER_ITEM)
    code: str
    quantity: int
    price: Money = field(resolvers.item_price, description="Of one.")
    done_on: date
    evidence: str
    state: Decided
    proposed_by: strawberry.ID = id_field(Prefix.USER, "proposed_by")
    proposed_at: datetime
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    decided_at: datetime | None
    decision: str
    statement_id: strawberry.ID | None = field(
        resolvers.statement_of, description="The one that it stands in."
    )


@strawberry.type(description="What a statement counted, of all versions of the terms together.")
@presents(providers.Facts)
class ProviderFacts:
    sold: Money = field(resolvers.sold, description="Delivered, at what buyers paid.")
    sold_cost: Money = field(resolvers.sold_cost)
    returned: Money = field(resolvers.returned, description="By refunds, of whatever month.")
    returned_cost: Money = field(resolvers.returned_cost)
    orders: int = field(description="That came to count.")
    orders_lost: int = field(description="Of which all was paid back.")


@strawberry.type(description="One line: `basis` at a rate, or at `each`.")
@presents(providers.Part)
class ProviderStatementLine:
    kind: PartKind
    terms_id: strawberry.ID = id_field(Prefix.PROVIDER_TERMS, "terms_id")
    basis: Decimal = field(
        resolvers.part_counted, description="Money of a share; else orders, pieces, or once."
    )
    rate_percent: Decimal | None = field(resolvers.part_rate)
    each: Money | None = field(resolvers.part_each)
    code: str = field(description="Of a service.")
    item_id: strawberry.ID | None = field(resolvers.part_item)
    exact: Decimal = field(resolvers.part_exact, description="Before it was rounded.")
    amount: Money = field(resolvers.part_amount, description="Its share of `total`.")


@strawberry.type(description="What a month comes to by now; nothing is written.")
@presents(providers.Draft)
class ProviderStatementDraft:
    period: str
    starts_at: datetime
    ends_at: datetime
    facts: ProviderFacts = field(resolvers.facts)
    lines: list[ProviderStatementLine] = field(resolvers.lines, size=5)
    total: Money = field(resolvers.total)
    carried_in: Money = field(resolvers.carried_in)
    payable: Money = field(resolvers.payable)
    carried_out: Money = field(resolvers.carried_out)


@strawberry.type(description="A statement on its way to its provider's account, in a file.")
@presents(providers.ProviderPayment)
class ProviderPayment:
    id: strawberry.ID = id_field(Prefix.PROVIDER_PAYMENT)
    file_id: strawberry.ID = id_field(Prefix.PROVIDER_FILE, "file_id")
    account_id: strawberry.ID = id_field(Prefix.PROVIDER_ACCOUNT, "account_id")
    reference: str
    amount: Money = field(resolvers.payment_amount)
    state: PaymentState
    told_at: datetime | None = field(description="When the bank's word was brought.")


@strawberry.type(
    description="What a contract comes to in a month. Approved it is owed, and never changes. As a"
    " file: GET /admin/provider-statements/{id}?format=csv|pdf."
)
@presents(providers.ProviderStatement)
class ProviderStatement:
    id: strawberry.ID = id_field(Prefix.PROVIDER_STATEMENT)
    contract_id: strawberry.ID = id_field(Prefix.PROVIDER_CONTRACT, "contract_id")
    period: str
    starts_at: datetime
    ends_at: datetime
    facts: ProviderFacts = field(resolvers.facts)
    lines: list[ProviderStatementLine] = field(resolvers.lines, size=5)
    total: Money = field(resolvers.total)
    carried_in: Money = field(
        resolvers.carried_in, description="Below zero: more went back than was earned before."
    )
    payable: Money = field(resolvers.payable)
    carried_out: Money = field(resolvers.carried_out, description="To the next one.")
    payments: list[ProviderPayment] = field(
        resolvers.payments, size=1, description="Oldest first; FAILED and RETURNED: owed again."
    )
    note: str
    state: Decided
    proposed_by: strawberry.ID = id_field(Prefix.USER, "proposed_by")
    proposed_at: datetime
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    decided_at: datetime | None
    decision: str


@strawberry.type(description="A bank account of a provider. One is in use.")
@presents(providers.ProviderAccount)
class ProviderAccount:
    id: strawberry.ID = id_field(Prefix.PROVIDER_ACCOUNT)
    masked: str
    state: Decided
    proposed_by: strawberry.ID = id_field(Prefix.USER, "proposed_by")
    proposed_at: datetime
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    decided_at: datetime | None
    decision: str
    usable_from: datetime | None
    retired_at: datetime | None = field(description="When another one took its place.")


@strawberry.type(description="How the payments of a file stand.")
@presents(providers.ProviderFileProgress)
class ProviderFileProgress:
    sent: int = field(description="Not ended.")
    paid: int
    not_paid: int = field(description="Failed, or came back: owed again.")


@strawberry.type(
    description="A file for a bank that pays statements. Its bytes: GET /admin/provider-files/{id};"
    " the bank's results: POST /admin/provider-files/{id}/results, by another person."
)
@presents(providers.ProviderFile)
class ProviderFile:
    id: strawberry.ID = id_field(Prefix.PROVIDER_FILE)
    channel_id: strawberry.ID = id_field(Prefix.PAYOUT_CHANNEL, "channel_id")
    number: str
    count: int
    total: Money = field(resolvers.file_total)
    digest: str = field(resolvers.file_digest, description="SHA-256 of its bytes.")
    made_by: strawberry.ID = id_field(Prefix.USER, "made_by")
    made_at: datetime
    progress: ProviderFileProgress = field(resolvers.progress)


@strawberry.type(description="Whoever works for the house by contract. It is no agent.")
@presents(providers.Provider)
class Provider:
    id: strawberry.ID = id_field(Prefix.PROVIDER)
    code: str
    name: str
    kind: ProviderKind
    note: str
    created_at: datetime
    contracts: "list[ProviderContract]" = field(
        resolvers.contracts, size=2, description="Oldest first."
    )
    accounts: list[ProviderAccount] = field(resolvers.accounts, size=2, description="Newest first.")


@strawberry.type(description="A contract; what it pays is said by its terms.")
@presents(providers.ProviderContract)
class ProviderContract:
    id: strawberry.ID = id_field(Prefix.PROVIDER_CONTRACT)
    title: str
    opened_at: datetime
    provider: Provider = field(resolvers.provider_of)
    terms: list[ProviderTerms] = field(
        resolvers.terms, size=3, description="All versions, newest first."
    )
    items: Connection[ProviderItem] = field(resolvers.items, description="Newest first.")
    statements: Connection[ProviderStatement] = field(
        resolvers.statements, description="Newest first."
    )


@strawberry.type
class ProviderPayload:
    provider: Provider | None
    user_errors: list[UserError]


@strawberry.type
class ProviderAccountPayload:
    account: ProviderAccount | None
    user_errors: list[UserError]


@strawberry.type
class ProviderFilePayload:
    file: ProviderFile | None = None
    replayed: bool = False
    user_errors: list[UserError]


@strawberry.type
class ProviderContractPayload:
    contract: ProviderContract | None
    user_errors: list[UserError]


@strawberry.type
class ProviderTermsPayload:
    terms: ProviderTerms | None
    user_errors: list[UserError]


@strawberry.type
class ProviderItemPayload:
    item: ProviderItem | None
    user_errors: list[UserError]


@strawberry.type
class ProviderItemRecordPayload:
    item: ProviderItem | None = None
    replayed: bool = False
    user_errors: list[UserError]


@strawberry.type
class ProviderStatementPayload:
    statement: ProviderStatement | None
    user_errors: list[UserError]


@strawberry.type
class ProviderStatementProposePayload:
    statement: ProviderStatement | None = None
    replayed: bool = False
    user_errors: list[UserError]


@strawberry.type(description="Each statement begins where the last one ended.")
@presents(providers.ProviderOutOfOrder)
class ProviderOutOfOrderError(UserError):
    next_period: str


ERRORS = (ProviderOutOfOrderError,)


@strawberry.type
class ProvidersAdminQuery:
    providers: Connection[Provider] = field(
        resolvers.provider_list, permissions=READ, description="Newest first."
    )
    provider_files: Connection[ProviderFile] = field(
        resolvers.provider_files, permissions=READ, description="Newest first."
    )
    provider_contract: ProviderContract = field(resolvers.provider_contract, permissions=READ)
    provider_statement: ProviderStatement = field(resolvers.provider_statement, permissions=READ)
    provider_statement_preview: ProviderStatementDraft = field(
        resolvers.provider_statement_preview,
        permissions=READ,
        cost=50,
        description="What the next statement of a contract comes to, or would by now; it reads the"
        " ledger and writes nothing.",
    )


@strawberry.type
class ProvidersAdminMutation:
    provider_save: ProviderPayload = mutation(
        resolvers.provider_save,
        payload=ProviderPayload,
        entity="provider",
        permissions=WRITE,
        description="Write a provider down, or change how it is called; found by its code.",
    )
    provider_contract_open: ProviderContractPayload = mutation(
        resolvers.provider_contract_open,
        payload=ProviderContractPayload,
        entity="contract",
        permissions=WRITE,
        description="The same title again is the same contract.",
    )
    provider_terms_propose: ProviderTermsPayload = mutation(
        resolvers.provider_terms_propose,
        payload=ProviderTermsPayload,
        entity="terms",
        permissions=WRITE,
        description="Propose terms from a month on (2026-11), to the end of `untilMonth` or"
        " without an end. RESULT: `basis` with `ratePercent`, or ORDERS with `perOrder`."
        " FIXED_BONUS: `fee`, `basis` and `steps`. BASE_EXTRAS: `fee` and `services`. Results are"
        " counted on `siteId`,"
        " in `productIds`, or both. Audited.",
    )
    provider_terms_decide: ProviderTermsPayload = mutation(
        resolvers.provider_terms_decide,
        payload=ProviderTermsPayload,
        entity="terms",
        permissions=APPROVE,
        description="Approve or reject them, as another person, with a fresh step-up. Audited.",
    )
    provider_item_record: ProviderItemRecordPayload = mutation(
        resolvers.provider_item_record,
        payload=ProviderItemRecordPayload,
        permissions=WRITE,
        description="Record a service that was done, at the price of that day's terms. Audited.",
    )
    provider_item_decide: ProviderItemPayload = mutation(
        resolvers.provider_item_decide,
        payload=ProviderItemPayload,
        entity="item",
        permissions=APPROVE,
        description="Agree, as another person, that it was done; the next statement takes it.",
    )
    provider_statement_propose: ProviderStatementProposePayload = mutation(
        resolvers.provider_statement_propose,
        payload=ProviderStatementProposePayload,
        permissions=WRITE,
        description="Write the statement of a month that is over. The same month again is the same"
        " statement. Audited.",
    )
    provider_statement_decide: ProviderStatementPayload = mutation(
        resolvers.provider_statement_decide,
        payload=ProviderStatementPayload,
        entity="statement",
        permissions=APPROVE,
        description="Approve it, as another person, with a fresh step-up: it is frozen and owed; or"
        " reject it, and its month may be proposed again. Audited.",
    )
    provider_account_propose: ProviderAccountPayload = mutation(
        resolvers.provider_account_propose,
        payload=ProviderAccountPayload,
        entity="account",
        permissions=WRITE,
        sensitive=True,
        description="Tell a provider's bank account, with a fresh step-up. Audited.",
    )
    provider_account_decide: ProviderAccountPayload = mutation(
        resolvers.provider_account_decide,
        payload=ProviderAccountPayload,
        entity="account",
        permissions=APPROVE,
        description="Agree to it, as another person, with a fresh step-up. The first one is usable"
        " at once, a later one after a pause. Audited.",
    )
    provider_file_make: ProviderFilePayload = mutation(
        resolvers.provider_file_make,
        payload=ProviderFilePayload,
        permissions=[Scope("providers:pay")],
        description="Make one file of all approved statements that a bank's channel can pay now,"
        " with a fresh step-up; not by who approved one of them. Audited.",
    )
