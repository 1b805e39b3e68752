"""How files for banks, and what came back of them, are answered (back office)."""

from collections.abc import Sequence

import strawberry
from strawberry import Parent

from domain import payouts
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from domain.payouts import FileState, PayoutFile, PayoutFileResult, PayoutRowDifference
from resolvers.batches import there
from resolvers.context import Info

MOST_DIFFERENCES = 200


async def files(
    info: Info,
    channel_id: strawberry.ID | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[PayoutFile]:
    """Files, newest first."""
    page = page_request("payoutFiles", first, after)
    channel = None
    if channel_id is not None:
        channel = decode_id(Prefix.PAYOUT_CHANNEL, channel_id, field=("channelId",))
    return await payouts.list_files(info.context.actor, page, channel)


async def payout_file_make(
    info: Info, channel_id: strawberry.ID, batch_id: strawberry.ID | None = None
) -> PayoutFile:
    """Make the file of a batch, or of what was approved one by one."""
    channel = decode_id(Prefix.PAYOUT_CHANNEL, channel_id, field=("channelId",))
    batch = None
    if batch_id is not None:
        batch = decode_id(Prefix.PAYOUT_BATCH, batch_id, field=("batchId",))
    return await payouts.make_file(info.context.actor, channel, batch)


async def payout_file_hand_over(info: Info, id: strawberry.ID) -> PayoutFile:
    """Note that the bank has it."""
    return await payouts.hand_over(info.context.actor, decode_id(Prefix.PAYOUT_FILE, id))


# --- fields -------------------------------------------------------------------------------------


async def state_of(made: Parent[PayoutFile], info: Info) -> FileState:
    """Where it stands."""
    return payouts.state_of(made, await _progress(made, info))


async def progress_of(made: Parent[PayoutFile], info: Info) -> payouts.FileProgress:
    """How its payouts ended."""
    return await _progress(made, info)


async def results_of(made: Parent[PayoutFile], info: Info) -> list[PayoutFileResult]:
    """What came back of it."""
    return await info.context.loaders.payout_results.load(made.id)


async def differences_of(
    result: Parent[PayoutFileResult], info: Info
) -> Sequence[PayoutRowDifference]:
    """The first rows that are not what we have."""
    found = await info.context.loaders.payout_differences.load(result.id)
    return found[:MOST_DIFFERENCES]


def total_of(made: Parent[PayoutFile]) -> Money:
    """Of all its rows."""
    return Money(made.total, made.currency)


def digest_of(made: Parent[PayoutFile]) -> str:
    """SHA-256 of its bytes."""
    return made.digest.hex()


def result_digest(result: Parent[PayoutFileResult]) -> str:
    """SHA-256 of what came."""
    return result.digest.hex()


def difference_count(result: Parent[PayoutFileResult]) -> int:
    """Rows that are not what we have."""
    return payouts.differing(result)


def batch_of(made: Parent[PayoutFile]) -> strawberry.ID | None:
    """Whose file it is."""
    if made.batch_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.PAYOUT_BATCH, made.batch_id))


def handed_over_by(made: Parent[PayoutFile]) -> strawberry.ID | None:
    """Who carried it."""
    if made.handed_over_by is None:
        return None
    return strawberry.ID(encode_id(Prefix.USER, made.handed_over_by))


def payout_of(difference: Parent[PayoutRowDifference]) -> strawberry.ID | None:
    """The payout of the row's reference."""
    if difference.payout_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.PAYOUT, difference.payout_id))


def told_amount(difference: Parent[PayoutRowDifference]) -> Money:
    """As the bank tells it."""
    return Money(difference.amount, "CNY")


async def _progress(made: PayoutFile, info: Info) -> payouts.FileProgress:
    return there(await info.context.loaders.payout_files.load(made.id))
