"""Whose statements come: channels by merchant, suppliers, and whoever pays out."""

from datetime import datetime, timedelta
from uuid import UUID

from domain import payments, payouts, suppliers
from domain.kernel import NotFound, Refused, connection, new_id, transaction
from domain.statements.models import Party, StatementSource

BEIJING = timedelta(hours=8)  # of whoever has no calendar of its own

_FIRST_OF_MERCHANT = """
SELECT o.id FROM {table} c JOIN {table} o ON o.adapter = c.adapter AND o.merchant = c.merchant
WHERE c.code = $1 ORDER BY o.created_at, o.id LIMIT 1
"""
_FIRST_CHANNEL = _FIRST_OF_MERCHANT.format(table="payment_channels")
_FIRST_PAYOUT_CHANNEL = _FIRST_OF_MERCHANT.format(table="payout_channels")
_ADOPT = """
UPDATE statement_sources SET owner_id = $3 WHERE party = $1 AND code = $2 AND owner_id IS NULL
"""
_INSERT = """
INSERT INTO statement_sources (id, party, owner_id, code, offset_minutes, next_pull_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""


async def source_of_channel(code: str, *, keep: bool = True) -> StatementSource:
    """The source of a payment channel; all channels of one merchant have the same. Without `keep`
    one that is not there yet is not written down."""
    async with connection() as conn:
        first = await conn.fetchrow(_FIRST_CHANNEL, code)
    if first is None:
        raise Refused(NotFound(what="payment channel", field=("channel",)))
    channel = await payments.channel_of(first["id"])
    offset = payments.port_of(channel.adapter).capabilities.statement_offset
    since = channel.created_at
    return await _open(Party.CHANNEL, channel.code, channel.id, offset, since, keep=keep)


async def source_of_supplier(code: str, *, keep: bool = True) -> StatementSource:
    """The source of a supplier, as `source_of_channel`."""
    supplier = await suppliers.Supplier.filter(code=code).first()
    if supplier is None:
        raise Refused(NotFound(what="supplier", field=("supplier",)))
    adapter, where = await suppliers.connection_of(supplier.id)
    offset = suppliers.port_of(adapter).capabilities_of(where).statement_offset
    since = supplier.created_at
    return await _open(Party.SUPPLIER, supplier.code, supplier.id, offset, since, keep=keep)


async def source_of_payouts(code: str, *, keep: bool = True) -> StatementSource:
    """The source of a payout channel, as `source_of_channel`."""
    async with connection() as conn:
        first = await conn.fetchrow(_FIRST_PAYOUT_CHANNEL, code)
    if first is None:
        raise Refused(NotFound(what="payout channel", field=("payout",)))
    channel = await payouts.channel_of(first["id"])
    since = channel.created_at
    return await _open(Party.PAYOUT, channel.code, channel.id, BEIJING, since, keep=keep)


async def _open(
    party: Party, code: str, owner_id: UUID, offset: timedelta, since: datetime, *, keep: bool
) -> StatementSource:
    """The source, made when it is not there yet; as old as its owner. One that was there by its
    name alone gets its owner."""
    minutes = int(offset.total_seconds() // 60)
    if not keep:
        known = await StatementSource.filter(owner_id=owner_id).first()
        known = known or await StatementSource.filter(party=party, code=code, owner_id=None).first()
        if known is None:
            known = StatementSource(
                id=new_id(), party=party, code=code, offset_minutes=minutes, created_at=since
            )
        known.owner_id = owner_id
        return known
    async with transaction() as conn:
        row = (new_id(), party.value, owner_id, code, minutes, None, since)
        await conn.execute(_ADOPT, party.value, code, owner_id)
        await conn.execute(_INSERT, *row)
    return await StatementSource.get(owner_id=owner_id)
