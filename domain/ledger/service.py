"""Use cases of the ledger. Every movement of money goes through `post`, or its columns."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from domain import audit
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    Money,
    NotFound,
    Prefix,
    Refused,
    claim_key,
    clock,
    connection,
    encode_id,
    input_hash,
    is_payable,
    named,
    new_id,
    plain,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger.models import AccountKind, TransferKind
from domain.ledger.rules import (
    EXCHANGED_KINDS,
    KEPT_KINDS,
    PLATFORM_KINDS,
    Posting,
    account_id,
    posting_columns,
)

LARGEST_DEBT = 10**18  # of an account that may run below zero; more than there is money
MAX_TOPUP_UNITS = 10_000_000 * 10_000  # ten million of the currency unit in one operation

INSERT_TRANSFERS = """
INSERT INTO transfers (id, kind, reference, currency, note, posted_at)
SELECT * FROM unnest(:transfer_ids::uuid[], :transfer_kinds::text[], :transfer_references::uuid[],
    :transfer_currencies::text[], :transfer_notes::text[], :transfer_times::timestamptz[])
"""
INSERT_ENTRIES = """
INSERT INTO entries (transfer_id, account_id, amount)
SELECT * FROM unnest(:entry_transfers::uuid[], :entry_accounts::uuid[], :entry_amounts::bigint[])
"""
_POST = named(f"WITH made AS ({INSERT_TRANSFERS}) {INSERT_ENTRIES}")
_OPEN = """
INSERT INTO accounts
    (id, kind, owner_id, currency, keeps_balance, credit_limit, balance, created_at)
SELECT id, kind, owner, currency, kept,
    CASE kind WHEN 'commission_debt' THEN $7::bigint ELSE 0 END, 0, $6
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bool[])
    AS wanted (id, kind, owner, currency, kept)
ON CONFLICT DO NOTHING
"""
# A checkpoint stops short of the newest entries: an id may still be in an open transaction.
_CHECKPOINT = """
INSERT INTO checkpoints (id, account_id, up_to_entry, balance, taken_at)
SELECT gen_random_uuid(), a.id, last.entry, coalesce(c.balance, 0) + last.moved, $1
FROM accounts a
LEFT JOIN LATERAL (
    SELECT up_to_entry, balance FROM checkpoints
    WHERE account_id = a.id ORDER BY up_to_entry DESC LIMIT 1
) c ON true
CROSS JOIN LATERAL (
    SELECT max(id) AS entry, sum(amount) AS moved, count(*) AS entries FROM (
        SELECT id, amount FROM entries WHERE account_id = a.id
            AND id > coalesce(c.up_to_entry, 0) AND id <= $3 ORDER BY id LIMIT $5) e
) last
WHERE a.id = ANY($4::uuid[]) AND last.entries >= $2
"""
_APPENDED = "SELECT id FROM accounts WHERE NOT keeps_balance AND id > $1 ORDER BY id LIMIT $2"
_SETTLED_ENTRY = """
SELECT coalesce(max(e.id), 0) FROM entries e JOIN seals s ON s.transfer_id = e.transfer_id
WHERE s.sequence = (SELECT max(sequence) FROM seals WHERE sealed_at < $1)
"""
CHECKPOINT_AFTER_ENTRIES = 1_000
SUMMED_AT_ONCE = 100_000  # entries of an account in one statement
ACCOUNTS_AT_ONCE = 100
SETTLE_SECONDS = 120


async def post(conn: Connection, postings: list[Posting]) -> None:
    """Book transfers in the caller's transaction; the same kind and reference twice is refused by
    the database, and so is a wallet below zero (`account_not_overdrawn`)."""
    transfers, entries = posting_columns(postings, clock.now())
    if not entries["entry_amounts"]:
        return
    await conn.execute(_POST.text, *_POST.values({**transfers, **entries}))


async def open_accounts(
    conn: Connection, wanted: Iterable[tuple[AccountKind, UUID | None, str]]
) -> None:
    """Make accounts (kind, owner, currency) that are not there yet."""
    rows = list(wanted)
    await conn.execute(
        _OPEN,
        [account_id(*row) for row in rows],
        [kind.value for kind, _, _ in rows],
        [owner for _, owner, _ in rows],
        [currency for _, _, currency in rows],
        [kind in KEPT_KINDS for kind, _, _ in rows],
        clock.now(),
        LARGEST_DEBT,
    )


async def open_platform_accounts(currency: str) -> None:
    """Make the house's own accounts of one currency; done by every migration, harmless again."""
    async with transaction() as conn:
        await open_accounts(conn, [(kind, None, currency) for kind in PLATFORM_KINDS])


async def top_up(
    actor: Actor,
    user_id: UUID,
    money: Money,
    note: str,
    idempotency_key: str,
    *,
    opens: bool = False,
) -> bool:
    """An operator credits a buyer's wallet with money received outside; True when replayed.

    Needs the scope `ledger:write`; audited. Refuses amounts that are not payable or above
    MAX_TOPUP_UNITS, and users without a wallet, unless it `opens` one: in a currency that a site
    sells in.
    """
    actor.require_scope("ledger:write")
    payable = 0 < money.units <= MAX_TOPUP_UNITS and is_payable(money.units, money.currency)
    refuse_unless(payable, Invalid(reason="amount_not_payable", field=("amount",)))
    hashed = input_hash([user_id, money.units, money.currency, note])
    operation = new_id()
    async with transaction() as conn:
        by = actor.user_id or user_id
        if await claim_key(conn, by, "walletTopup", idempotency_key, hashed, operation):
            return True
        wallet = account_id(AccountKind.WALLET, user_id, money.currency)
        if opens:
            wanted = [(AccountKind.WALLET, user_id), *((kind, None) for kind in EXCHANGED_KINDS)]
            await open_accounts(conn, [(*each, money.currency) for each in wanted])
        if not await conn.fetchval("SELECT 1 FROM accounts WHERE id = $1", wallet):
            raise Refused(NotFound(what="wallet", field=("userId",)))
        legs = [
            (wallet, money.units),
            (account_id(AccountKind.BANK, None, money.currency), -money.units),
        ]
        await post(conn, [Posting(TransferKind.TOPUP, operation, money.currency, legs, note)])
        details = {"amount": plain(money.units), "currency": money.currency, "note": note}
        await audit.record(conn, actor, "wallet.top_up", user_id, details)
        payload = {"userId": encode_id(Prefix.USER, user_id), **details}
        await record_events(conn, [Event("wallet.topped_up", operation, 1, payload)])
    wake_relay()
    return False


async def settled_entry(conn: Connection) -> int:
    """The last entry that no open transaction can still come before."""
    return int(await conn.fetchval(_SETTLED_ENTRY, clock.now() - timedelta(seconds=SETTLE_SECONDS)))


async def take_checkpoints() -> int:
    """Sum up append-only accounts that grew; returns how many checkpoints were written. In slices
    of accounts, each a transaction; an account that grew by very much gets several.

    Only entries sealed more than SETTLE_SECONDS ago count: no transaction lives that long, so
    none of them can still add an entry with a smaller id.
    """
    async with connection() as conn:
        settled = await settled_entry(conn)
    done, cursor = 0, UUID(int=0)
    while True:
        async with connection() as conn:
            rows = await conn.fetch(_APPENDED, cursor, ACCOUNTS_AT_ONCE)
        if not rows:
            return done
        ids = [row["id"] for row in rows]
        while written := await _take_some(ids, settled):
            done += written
        cursor = ids[-1]


async def _take_some(ids: list[UUID], settled: int) -> int:
    values = (clock.now(), CHECKPOINT_AFTER_ENTRIES, settled, ids, SUMMED_AT_ONCE)
    async with transaction() as conn:
        return int((await conn.execute(_CHECKPOINT, *values)).split()[-1])
