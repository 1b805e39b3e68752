"""Where providers' money goes: a bank account that one person tells and another one agrees to.

Kept sealed; the first one is usable at once, a later one after the pause that accounts of agents
have (KAMENG_PAYOUT_COOLING_HOURS).
"""

from dataclasses import dataclass, field
from uuid import UUID

import orjson

from domain import audit, identity, payouts
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    SealedColumn,
    clock,
    encode_id,
    new_id,
    open_sealed,
    recent_keys,
    record_events,
    refuse_unless,
    reseal_column,
    seal_current,
    transaction,
    wake_relay,
)
from domain.payouts import DestinationKind
from domain.payouts.ports import Receiver
from domain.providers.contracts import (
    APPROVE_SCOPE,
    WRITE_SCOPE,
    check_note,
    refuse_decided,
    take_decision,
)
from domain.providers.models import Decided, Provider, ProviderAccount
from domain.providers.refusals import ProviderNotPossible
from domain.vault import FourEyes

PURPOSE, FILE_PURPOSE = "provider-account", "provider-file"
CHANGED = "provider.account_decided"
KEYS_SCOPE = "keys:write"
MAX_LETTERS = 64


@dataclass(frozen=True, slots=True)
class AccountWish:
    """An account as its provider told it."""

    account: str = field(repr=False)
    name: str = field(repr=False)
    bank: str
    branch: str = field(default="", repr=False)


async def propose_account(actor: Actor, provider_id: UUID, wish: AccountWish) -> ProviderAccount:
    """Tell a provider's account. Needs `providers:write` and a fresh step-up; audited.

    Refuses what is no account (INVALID), and a second one while one waits (PROVIDER_NOT_POSSIBLE).
    """
    actor.require_scope(WRITE_SCOPE)
    by = actor.require_user()
    _check(wish)
    await recent_keys()
    async with transaction() as conn:
        await identity.require_step_up(actor)
        await _lock_provider(provider_id)
        waits = ProviderAccount.filter(provider_id=provider_id, state=Decided.PROPOSED)
        free = not await waits.exists()
        refuse_unless(free, ProviderNotPossible(reason="provider_account_waits"))
        account_id = new_id()
        row = await ProviderAccount.create(
            id=account_id,
            provider_id=provider_id,
            masked=payouts.masked(wish.account),
            sealed=_sealed(account_id, wish),
            state=Decided.PROPOSED,
            proposed_by=by,
            proposed_at=clock.now(),
        )
        details = {"masked": row.masked}
        await audit.record(conn, actor, "provider.propose_account", provider_id, details)
    return row


async def decide_account(
    actor: Actor, account_id: UUID, *, approved: bool, note: str = ""
) -> ProviderAccount:
    """Agree to an account that another person told, which ends the one before; or do not. Needs
    `providers:approve` and a fresh step-up; audited. Refuses who told it (FOUR_EYES)."""
    actor.require_scope(APPROVE_SCOPE)
    check_note(note, needed=not approved)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        found = await ProviderAccount.filter(id=account_id).first()
        if found is None:
            raise Refused(NotFound(what="provider account", field=("id",)))
        await _lock_provider(found.provider_id)
        row = await ProviderAccount.filter(id=account_id).select_for_update().get()
        refuse_decided(row)
        refuse_unless(row.proposed_by != actor.user_id, FourEyes())
        take_decision(row, actor, approved=approved, note=note)
        if approved:
            moment = clock.now()
            own = ProviderAccount.filter(provider_id=row.provider_id, state=Decided.APPROVED)
            earlier = await own.exists()
            await own.filter(retired_at__isnull=True).update(retired_at=moment)
            row.usable_from = moment + payouts.limits.cooling_off if earlier else moment
        await row.save()
        told = {
            "providerId": encode_id(Prefix.PROVIDER, row.provider_id),
            "masked": row.masked,
            "state": row.state.value,
        }
        await audit.record(conn, actor, "provider.decide_account", row.provider_id, told)
        await record_events(conn, [Event(CHANGED, row.id, 1, told)])
    wake_relay()
    return row


def receiver_of(row: ProviderAccount) -> Receiver:
    """The opened account, for the moment of writing a file."""
    kept = orjson.loads(open_sealed(PURPOSE, row.sealed, row.id.bytes))
    names = (kept["account"], kept["name"], kept["bank"], kept["branch"])
    return Receiver(DestinationKind.BANK, *names)


async def reseal_providers(actor: Actor) -> int:
    """Seal accounts, and files that hold accounts, by the newest root key; how many. Needs
    `keys:write`. What does not open keeps its seal, and is audited."""
    actor.require_scope(KEYS_SCOPE)

    async def broken(conn: Connection, row_id: UUID) -> None:
        await audit.record(conn, actor, "provider.seal_broken", row_id, {"reason": "reseal"})

    places = (
        SealedColumn("provider_accounts", "sealed", PURPOSE, lambda row_id: row_id.bytes),
        SealedColumn("provider_files", "sealed", FILE_PURPOSE, lambda row_id: row_id.bytes),
    )
    return sum([await reseal_column(actor, place, broken) for place in places])


async def _lock_provider(provider_id: UUID) -> None:
    row = await Provider.filter(id=provider_id).select_for_update().first()
    if row is None:
        raise Refused(NotFound(what="provider", field=("providerId",)))


def _sealed(account_id: UUID, wish: AccountWish) -> bytes:
    kept = {
        "account": wish.account.strip(),
        "name": wish.name.strip(),
        "bank": wish.bank.strip(),
        "branch": wish.branch.strip(),
    }
    return seal_current(PURPOSE, orjson.dumps(kept), account_id.bytes)


def _check(wish: AccountWish) -> None:
    account = wish.account.replace(" ", "")
    digits = account.isascii() and account.isdecimal() and 4 <= len(account) <= MAX_LETTERS
    refuse_unless(digits, Invalid(reason="payout_account", field=("account",)))
    for text, reason, place in (
        (wish.name, "payout_name", "name"),
        (wish.bank, "payout_bank", "bank"),
    ):
        fits = 0 < len(text.strip()) <= MAX_LETTERS and text.isprintable()
        refuse_unless(fits, Invalid(reason=reason, field=(place,)))
    fits = len(wish.branch) <= 2 * MAX_LETTERS and wish.branch.isprintable()
    refuse_unless(fits, Invalid(reason="payout_bank", field=("branch",)))
