"""Service providers, who bring buyers or run a site or its support, and what they are paid (H7).

A provider is no agent: it has no account here, stands in no tree and earns on no order that an
agent brought (money.md part 7). Amounts in units of 1/10000.
"""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id
from domain.providers.rules import ContractBasis, ContractModel

_FOUR_EYES = (
    "(state = 'PROPOSED') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)"
    " AND (decided_by IS NULL OR decided_by <> proposed_by)"
)
_STATES = "state IN ('PROPOSED', 'APPROVED', 'REJECTED')"


class ProviderKind(StrEnum):
    """Who a provider is."""

    COMPANY = "COMPANY"
    PERSON = "PERSON"


class Decided(StrEnum):
    """What one person proposes and another one decides."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Provider(Model):
    """A company or a person that works for the house and is paid by contract."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    code = fields.CharField(max_length=32, unique=True)
    name = fields.CharField(max_length=96)
    kind = fields.CharEnumField(ProviderKind, max_length=8)
    note = fields.CharField(max_length=500, default="")
    created_by = fields.UUIDField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "providers"
        constraints = (
            CheckConstraint(check="kind IN ('COMPANY', 'PERSON')", name="provider_kind_known"),
            CheckConstraint(check="code ~ '^[A-Z0-9][A-Z0-9-]{1,31}$'", name="provider_code_form"),
        )


class ProviderContract(Model):
    """One contract of a provider; what it pays is said by the versions of its terms.

    Whoever decides about its terms, or writes a statement of it, locks its row.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    provider_id = fields.UUIDField()
    title = fields.CharField(max_length=96)
    version = fields.IntField(default=0)  # moved by what changes how it counts
    opened_by = fields.UUIDField()
    opened_at = fields.DatetimeField()

    class Meta:
        table = "provider_contracts"
        constraints = (
            UniqueConstraint(fields=("provider_id", "title"), name="provider_contract_once"),
        )


class ProviderTerms(Model):
    """One version of a contract's terms, by the month of the business. Never changed but by the
    decision; the approved one that began last counts.

    Results are counted on one site, in some products, or both. `rate` in millionths.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    contract_id = fields.UUIDField()
    number = fields.IntField()
    model = fields.CharEnumField(ContractModel, max_length=16)
    currency = fields.CharField(max_length=3)
    fee = fields.BigIntField(default=0)
    basis: ContractBasis | None = fields.CharEnumField(  # type: ignore[assignment]
        ContractBasis, max_length=16, null=True
    )
    rate = fields.BigIntField(null=True)
    per_order = fields.BigIntField(null=True)
    site_id = fields.UUIDField(null=True)
    product_ids = ArrayField(element_type="uuid", default=list)
    steps = fields.JSONField[list[dict[str, int]]]()  # at, amount, rate
    services = fields.JSONField[list[dict[str, Any]]]()  # code, name, price
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField(null=True)
    note = fields.CharField(max_length=500, default="")
    state = fields.CharEnumField(Decided, max_length=8)
    proposed_by = fields.UUIDField()
    proposed_at = fields.DatetimeField()
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    decision = fields.CharField(max_length=500, default="")

    class Meta:
        table = "provider_terms"
        constraints = (
            CheckConstraint(check=_STATES, name="provider_terms_state_known"),
            CheckConstraint(check=_FOUR_EYES, name="provider_terms_of_four_eyes"),
            CheckConstraint(
                check="valid_until IS NULL OR valid_until > valid_from",
                name="provider_terms_end_later",
            ),
            CheckConstraint(
                check="fee >= 0 AND coalesce(per_order, 1) > 0"
                " AND coalesce(rate, 1) BETWEEN 1 AND 1000000",
                name="provider_terms_amounts",
            ),
            CheckConstraint(
                check="(basis IS NULL) = (site_id IS NULL AND cardinality(product_ids) = 0)",
                name="provider_results_have_a_scope",
            ),
            CheckConstraint(
                check="CASE model"
                " WHEN 'RESULT' THEN fee = 0 AND basis IS NOT NULL"
                " AND (rate IS NULL) = (basis = 'ORDERS') AND (per_order IS NULL) = (basis <>"
                " 'ORDERS') AND steps = '[]' AND services = '[]'"
                " WHEN 'FIXED_BONUS' THEN fee > 0 AND basis IS NOT NULL AND rate IS NULL"
                " AND per_order IS NULL AND steps <> '[]' AND services = '[]'"
                " WHEN 'BASE_EXTRAS' THEN fee > 0 AND basis IS NULL AND rate IS NULL"
                " AND per_order IS NULL AND steps = '[]' AND services <> '[]'"
                " ELSE false END",
                name="provider_terms_of_their_model",
            ),
            UniqueConstraint(fields=("contract_id", "number"), name="provider_terms_numbered"),
            UniqueConstraint(
                fields=("contract_id",),
                name="provider_terms_proposed_once",
                condition="state = 'PROPOSED'",
            ),
        )


class ProviderItem(Model):
    """A service that was done for a contract of base and extras, at the price of its terms."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    contract_id = fields.UUIDField()
    terms_id = fields.UUIDField()
    code = fields.CharField(max_length=32)
    quantity = fields.IntField()
    price = fields.BigIntField()
    done_on = fields.DateField()
    evidence = fields.CharField(max_length=500)  # what shows that it was done
    state = fields.CharEnumField(Decided, max_length=8)
    proposed_by = fields.UUIDField()
    proposed_at = fields.DatetimeField()
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    decision = fields.CharField(max_length=500, default="")
    statement_id = fields.UUIDField(null=True)  # the one that it stands in

    class Meta:
        table = "provider_items"
        indexes = (("contract_id", "id"), ("statement_id",))
        constraints = (
            CheckConstraint(check=_STATES, name="provider_item_state_known"),
            CheckConstraint(check=_FOUR_EYES, name="provider_item_of_four_eyes"),
            CheckConstraint(
                check="quantity BETWEEN 1 AND 1000000 AND price > 0",
                name="provider_item_of_something",
            ),
            CheckConstraint(check="evidence <> ''", name="provider_item_has_evidence"),
            CheckConstraint(
                check="statement_id IS NULL OR state = 'APPROVED'",
                name="provider_item_agreed_before_it_counts",
            ),
        )


class ProviderStatement(Model):
    """What a contract comes to in one month, from one entry of the ledger to another.

    Its lines sum to `total`; with what was carried in it is payable, or carried on. Once it is
    approved it is a debt of the house, and never changes.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    contract_id = fields.UUIDField()
    period = fields.CharField(max_length=7)  # 2026-11
    currency = fields.CharField(max_length=3)
    starts_at = fields.DatetimeField()
    ends_at = fields.DatetimeField()
    follows = fields.UUIDField(null=True)
    from_entry = fields.BigIntField()
    up_to_entry = fields.BigIntField()
    facts = fields.JSONField[dict[str, int]]()  # of all versions together, see rules.Facts
    lines = fields.JSONField[list[dict[str, Any]]]()  # see rules.Part
    total = fields.BigIntField()
    carried_in = fields.BigIntField()
    payable = fields.BigIntField()
    carried_out = fields.BigIntField()
    note = fields.CharField(max_length=500, default="")
    state = fields.CharEnumField(Decided, max_length=8)
    proposed_by = fields.UUIDField()
    proposed_at = fields.DatetimeField()
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    decision = fields.CharField(max_length=500, default="")

    class Meta:
        table = "provider_statements"
        indexes = (("contract_id", "id"),)
        constraints = (
            CheckConstraint(check=_STATES, name="provider_statement_state_known"),
            CheckConstraint(check=_FOUR_EYES, name="provider_statement_of_four_eyes"),
            CheckConstraint(
                check="starts_at < ends_at AND from_entry BETWEEN 0 AND up_to_entry",
                name="provider_statement_goes_on",
            ),
            CheckConstraint(
                check="payable + carried_out = total + carried_in AND payable >= 0"
                " AND carried_out <= 0 AND carried_in <= 0 AND (payable = 0 OR carried_out = 0)",
                name="provider_statement_adds_up",
            ),
            UniqueConstraint(
                fields=("contract_id", "period"),
                name="provider_statement_once_a_period",
                condition="state <> 'REJECTED'",
            ),
        )


class ProviderAccount(Model):
    """A bank account of a provider, sealed: told by one, agreed to by another. One is in use."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    provider_id = fields.UUIDField()
    masked = fields.CharField(max_length=64)
    sealed = fields.BinaryField()
    state = fields.CharEnumField(Decided, max_length=8)
    proposed_by = fields.UUIDField()
    proposed_at = fields.DatetimeField()
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    decision = fields.CharField(max_length=500, default="")
    usable_from = fields.DatetimeField(null=True)
    retired_at = fields.DatetimeField(null=True)

    class Meta:
        table = "provider_accounts"
        constraints = (
            CheckConstraint(check=_STATES, name="provider_account_state_known"),
            CheckConstraint(check=_FOUR_EYES, name="provider_account_of_four_eyes"),
            CheckConstraint(
                check="(state = 'APPROVED') = (usable_from IS NOT NULL)"
                " AND (retired_at IS NULL OR state = 'APPROVED')",
                name="provider_account_usable_once_agreed",
            ),
            UniqueConstraint(
                fields=("provider_id",),
                name="provider_account_in_use_once",
                condition="state = 'APPROVED' AND retired_at IS NULL",
            ),
            UniqueConstraint(
                fields=("provider_id",),
                name="provider_account_proposed_once",
                condition="state = 'PROPOSED'",
            ),
        )


class ProviderFile(Model):
    """A file for a bank that pays statements: its control totals, its sealed content."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    channel_id = fields.UUIDField()
    number = fields.CharField(max_length=32, unique=True)
    count = fields.IntField()
    total = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    digest = fields.BinaryField()  # SHA-256 of the content
    sealed = fields.BinaryField()
    made_by = fields.UUIDField()
    made_at = fields.DatetimeField()

    class Meta:
        table = "provider_files"
        constraints = (
            CheckConstraint(check="count > 0 AND total > 0", name="provider_file_of_something"),
        )


class PaymentState(StrEnum):
    """Where a payment to a provider stands."""

    SENT = "SENT"  # in a file; the bank's word is awaited
    PAID = "PAID"
    FAILED = "FAILED"  # surely not paid: it is owed again
    RETURNED = "RETURNED"  # paid, and it came back: it is owed again


class ProviderPayment(Model):
    """One approved statement on its way to its provider's account, in one file."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    statement_id = fields.UUIDField()
    account_id = fields.UUIDField()
    file_id = fields.UUIDField()
    reference = fields.CharField(max_length=32, unique=True)
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    state = fields.CharEnumField(PaymentState, max_length=8)
    told_by = fields.UUIDField(null=True)  # who brought the bank's word
    told_at = fields.DatetimeField(null=True)

    class Meta:
        table = "provider_payments"
        indexes = (("file_id", "id"),)
        constraints = (
            CheckConstraint(check="amount > 0", name="provider_payment_of_something"),
            CheckConstraint(
                check="state IN ('SENT', 'PAID', 'FAILED', 'RETURNED')",
                name="provider_payment_state_known",
            ),
            CheckConstraint(
                check="(state = 'SENT') = (told_at IS NULL) AND (told_at IS NULL) = (told_by"
                " IS NULL)",
                name="provider_payment_told_by_somebody",
            ),
            UniqueConstraint(
                fields=("statement_id",),
                name="provider_statement_paid_once",
                condition="state IN ('SENT', 'PAID')",
            ),
        )
