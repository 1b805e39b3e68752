"""Paying what statements made payable: a file for a bank, and what the bank says of it.

Making the file is the submission: its money is in transit before anybody sees a byte. Whoever
approved a statement does not make its file, and whoever made a file does not take in its results.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from domain import audit, identity, ledger, payouts
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Prefix,
    Refused,
    claim_key,
    clock,
    connection,
    crash_point,
    encode_id,
    input_hash,
    new_id,
    open_sealed,
    page_of,
    plain,
    refresh_keys,
    refuse_unless,
    seal_current,
    transaction,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.payouts import PayoutChannel, PayoutFileInvalid, ports
from domain.providers.accounts import FILE_PURPOSE, receiver_of
from domain.providers.contracts import READ_SCOPE
from domain.providers.models import (
    PaymentState,
    ProviderAccount,
    ProviderFile,
    ProviderPayment,
)
from domain.vault import FourEyes

PAY_SCOPE = "providers:pay"
OPERATION = "providerFileMake"
MOST_IN_FILE = 2_000
REFERENCE_LETTERS = 32
REMARK = "服务费"
# Approved, owed, not on its way, and to an account that is in use and has cooled off.
_OWED = """
SELECT s.id, s.payable, s.decided_by, a.id AS account_id, c.provider_id FROM provider_statements s
JOIN provider_contracts c ON c.id = s.contract_id
JOIN provider_accounts a ON a.provider_id = c.provider_id AND a.state = 'APPROVED'
    AND a.retired_at IS NULL AND a.usable_from <= $2
WHERE s.state = 'APPROVED' AND s.currency = $1 AND s.payable BETWEEN $3 AND $4
    AND NOT EXISTS (SELECT 1 FROM provider_payments p WHERE p.statement_id = s.id
        AND p.state IN ('SENT', 'PAID'))
ORDER BY s.id LIMIT $5 FOR UPDATE OF s
"""
_OF_FILES = """
SELECT file_id, count(*) FILTER (WHERE state = 'SENT')::int AS sent,
    count(*) FILTER (WHERE state = 'PAID')::int AS paid,
    count(*) FILTER (WHERE state IN ('FAILED', 'RETURNED'))::int AS not_paid
FROM provider_payments WHERE file_id = ANY($1::uuid[]) GROUP BY file_id
"""
_OWNERS = """
SELECT p.id, c.provider_id FROM provider_payments p
JOIN provider_statements s ON s.id = p.statement_id
JOIN provider_contracts c ON c.id = s.contract_id WHERE p.file_id = $1
"""
_STATES = {
    ports.Paid: PaymentState.PAID,
    ports.Rejected: PaymentState.FAILED,
    ports.Returned: PaymentState.RETURNED,
}
# What each move books. What came back before it was told to be paid had never left the books.
_MOVES = {
    (PaymentState.SENT, PaymentState.PAID): TransferKind.PROVIDER_PAID,
    (PaymentState.SENT, PaymentState.FAILED): TransferKind.PROVIDER_FAILED,
    (PaymentState.SENT, PaymentState.RETURNED): TransferKind.PROVIDER_FAILED,
    (PaymentState.PAID, PaymentState.RETURNED): TransferKind.PROVIDER_RETURNED,
}


@dataclass(frozen=True, slots=True)
class ProviderFileProgress:
    """How the payments of a file stand."""

    sent: int
    paid: int
    not_paid: int


@dataclass(frozen=True, slots=True)
class TakenProviderFile:
    """A file on its way to whoever carries it. It holds account numbers."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResultsTaken:
    """How many rows of a bank's results moved a payment, and how many told what was known."""

    booked: int
    known: int


async def make_provider_file(
    actor: Actor, channel_id: UUID, idempotency_key: str
) -> tuple[ProviderFile, bool]:
    """Make one file of all approved statements that can be paid through a bank's channel now; and
    whether an earlier call with the key had.

    Needs `providers:pay` and a fresh step-up; audited. Left out: who has no account that is in use
    and has cooled off, and amounts outside the channel's bounds. Refuses a channel that takes no
    files, a file of nothing (INVALID), and whoever approved one of the statements (FOUR_EYES).
    """
    actor.require_scope(PAY_SCOPE)
    by = actor.require_user()
    channel = await payouts.channel_of(channel_id)
    by_file = payouts.adapter_of(channel.adapter).capabilities.by_file and channel.enabled
    refuse_unless(by_file, Invalid(reason="payout_file_channel", field=("channelId",)))
    await refresh_keys()  # accounts are opened below, inside the transaction
    file_id, hashed = new_id(), input_hash([channel_id])
    async with transaction() as conn:
        await identity.require_step_up(actor)
        earlier = await claim_key(conn, by, OPERATION, idempotency_key, hashed, file_id)
        if earlier is not None:
            return await ProviderFile.get(id=earlier), True
        bounds = (channel.minimum, channel.maximum)
        owed = await conn.fetch(_OWED, channel.currency, clock.now(), *bounds, MOST_IN_FILE)
        refuse_unless(bool(owed), Invalid(reason="provider_file_empty", field=("channelId",)))
        refuse_unless(all(row["decided_by"] != by for row in owed), FourEyes())
        payments = [_payment(file_id, row, channel.currency) for row in owed]
        made = await _write(file_id, channel, payments, by)
        await ProviderPayment.bulk_create(payments)
        owners = {
            payment.id: row["provider_id"] for payment, row in zip(payments, owed, strict=True)
        }
        await _post(conn, TransferKind.PROVIDER_SUBMITTED, payments, owners)
        details = {
            "file": encode_id(Prefix.PROVIDER_FILE, made.id),
            "number": made.number,
            "count": made.count,
            "total": plain(made.total),
            "digest": made.digest.hex(),
        }
        await audit.record(conn, actor, "provider_file.make", made.id, details)
        crash_point("providers.file_written")
    return made, False


async def take_provider_file(actor: Actor, file_id: UUID) -> TakenProviderFile:
    """The file itself, the same bytes each time. Needs `providers:pay` and a fresh step-up; each
    time is audited."""
    actor.require_scope(PAY_SCOPE)
    await refresh_keys()
    async with transaction() as conn:
        await identity.require_step_up(actor)
        made = await _file(file_id)
        content = open_sealed(FILE_PURPOSE, made.sealed, made.id.bytes)
        if sha256(content).digest() != made.digest:
            raise ValueError("a file for a bank is not what was made")
        await audit.record(conn, actor, "provider_file.take", made.id, {"number": made.number})
    return TakenProviderFile(f"{made.number}.csv", content)


async def take_provider_results(actor: Actor, file_id: UUID, content: bytes) -> ResultsTaken:
    """Take in what the bank says of a file's payments: all of it, or nothing. Needs
    `providers:pay` and a fresh step-up; audited.

    What failed or came back is owed again. The same results again move nothing. Refuses whoever
    made the file (FOUR_EYES), and results that are not as agreed or not of this file
    (PAYOUT_FILE_INVALID, with the line).
    """
    actor.require_scope(PAY_SCOPE)
    by = actor.require_user()
    await identity.require_step_up(actor)
    made = await _file(file_id)
    refuse_unless(made.made_by != by, FourEyes())
    channel = await payouts.channel_of(made.channel_id)
    port = payouts.file_port_of(channel.adapter)
    told = port.read(payouts.connection_of(channel), content)
    if isinstance(told, ports.FileFault):
        raise Refused(PayoutFileInvalid(line=told.line, reason=told.reason))
    async with transaction() as conn:
        rows = await ProviderPayment.filter(file_id=file_id).order_by("id").select_for_update()
        owners = {row["id"]: row["provider_id"] for row in await conn.fetch(_OWNERS, file_id)}
        moved = _moved({row.reference: row for row in rows}, told)
        for kind, payments in moved.items():
            await _post(conn, kind, payments, owners)
            for payment in payments:
                payment.told_by, payment.told_at = by, clock.now()
                await payment.save(update_fields=["state", "told_by", "told_at"])
        booked = sum(len(payments) for payments in moved.values())
        details = {
            "file": encode_id(Prefix.PROVIDER_FILE, made.id),
            "digest": sha256(content).hexdigest(),
            "rows": len(told),
            "booked": booked,
        }
        await audit.record(conn, actor, "provider_file.results", made.id, details)
        crash_point("providers.results_booked")
    return ResultsTaken(booked, len(told) - booked)


async def list_provider_files(actor: Actor, page: PageRequest) -> Page[ProviderFile]:
    """Files, newest first. Needs `providers:read`."""
    actor.require_scope(READ_SCOPE)
    rows = ProviderFile.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda row: (row.id,))


async def file_progress_of(ids: Sequence[UUID]) -> dict[UUID, ProviderFileProgress]:
    """How the payments of files stand; one statement for all."""
    async with connection() as conn:
        rows = await conn.fetch(_OF_FILES, list(ids))
    return {
        row["file_id"]: ProviderFileProgress(row["sent"], row["paid"], row["not_paid"])
        for row in rows
    }


async def payments_of(statement_ids: Sequence[UUID]) -> dict[UUID, list[ProviderPayment]]:
    """The payments of each statement, oldest first; one statement for all."""
    found: dict[UUID, list[ProviderPayment]] = {each: [] for each in statement_ids}
    for row in await ProviderPayment.filter(statement_id__in=list(statement_ids)).order_by("id"):
        found[row.statement_id].append(row)
    return found


async def accounts_of(provider_ids: Sequence[UUID]) -> dict[UUID, list[ProviderAccount]]:
    """The accounts of each provider, newest first, masked; one statement for all."""
    found: dict[UUID, list[ProviderAccount]] = {each: [] for each in provider_ids}
    for row in await ProviderAccount.filter(provider_id__in=list(provider_ids)).order_by("-id"):
        found[row.provider_id].append(row)
    return found


def _moved(
    known: Mapping[str, ProviderPayment], told: Sequence[ports.FileResult]
) -> dict[TransferKind, list[ProviderPayment]]:
    """The payments that the results move, by the kind of transfer; refuses the whole when one row
    is of no payment of the file, of another amount, or against what is known."""
    moved: dict[TransferKind, list[ProviderPayment]] = {}
    seen: set[str] = set()
    for row in told:
        payment = known.get(row.reference)
        if payment is None or row.reference in seen:
            reason = "provider_row_unknown" if payment is None else "provider_row_twice"
            raise Refused(PayoutFileInvalid(line=row.line, reason=reason))
        fits = payment.amount == row.amount
        refuse_unless(fits, PayoutFileInvalid(line=row.line, reason="provider_row_amount"))
        seen.add(row.reference)
        after = _STATES[type(row.result)]
        if payment.state is after:
            continue
        kind = _MOVES.get((payment.state, after))
        if kind is None:
            raise Refused(PayoutFileInvalid(line=row.line, reason="provider_row_contradicts"))
        payment.state = after
        moved.setdefault(kind, []).append(payment)
    return moved


def _payment(file_id: UUID, row: Mapping[str, object], currency: str) -> ProviderPayment:
    payment_id = new_id()
    return ProviderPayment(
        id=payment_id,
        statement_id=row["id"],
        account_id=row["account_id"],
        file_id=file_id,
        reference=payment_id.hex[:REFERENCE_LETTERS],
        amount=row["payable"],
        currency=currency,
        state=PaymentState.SENT,
    )


async def _write(
    file_id: UUID, channel: PayoutChannel, payments: Sequence[ProviderPayment], by: UUID
) -> ProviderFile:
    accounts = ProviderAccount.filter(id__in={each.account_id for each in payments})
    receivers = {row.id: receiver_of(row) for row in await accounts}
    orders = [
        ports.PayoutOrder(
            reference=each.reference,
            amount=each.amount,
            currency=each.currency,
            remark=REMARK,
            receiver=receivers[each.account_id],
        )
        for each in payments
    ]
    moment = clock.now()
    number = f"{moment:%Y%m%d}{file_id.hex[-12:]}"
    port, where = payouts.file_port_of(channel.adapter), payouts.connection_of(channel)
    content = await asyncio.to_thread(port.write, where, number, moment, orders)
    return await ProviderFile.create(
        id=file_id,
        channel_id=channel.id,
        number=number,
        count=len(orders),
        total=sum(order.amount for order in orders),
        currency=channel.currency,
        digest=sha256(content).digest(),
        sealed=seal_current(FILE_PURPOSE, content, file_id.bytes),
        made_by=by,
        made_at=moment,
    )


async def _post(
    conn: Connection,
    kind: TransferKind,
    payments: Sequence[ProviderPayment],
    owners: Mapping[UUID, UUID],
) -> None:
    """Owed, in transit, paid: and back, where the bank says so."""
    postings = []
    for payment in payments:
        owed = account_id(AccountKind.PROVIDER, owners[payment.id], payment.currency)
        transit, bank = (
            account_id(which, None, payment.currency)
            for which in (AccountKind.PROVIDER_TRANSIT, AccountKind.BANK)
        )
        source, target = {
            TransferKind.PROVIDER_SUBMITTED: (owed, transit),
            TransferKind.PROVIDER_PAID: (transit, bank),
            TransferKind.PROVIDER_FAILED: (transit, owed),
            TransferKind.PROVIDER_RETURNED: (bank, owed),
        }[kind]
        legs = [(source, -payment.amount), (target, payment.amount)]
        postings.append(Posting(kind, payment.id, payment.currency, legs))
    await ledger.post(conn, postings)


async def _file(file_id: UUID) -> ProviderFile:
    made = await ProviderFile.filter(id=file_id).first()
    if made is None:
        raise Refused(NotFound(what="provider file", field=("id",)))
    return made
