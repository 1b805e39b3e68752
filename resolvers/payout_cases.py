"""How cases of payouts are answered (back office)."""

import strawberry
from strawberry import Parent

from domain import payouts
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request
from domain.payouts import CaseVerdict, Payout, PayoutCase
from resolvers.batches import there
from resolvers.context import Info


async def cases(
    info: Info, closed: bool = False, first: int | None = None, after: str | None = None
) -> Page[PayoutCase]:
    """The queue, or what has ended."""
    page = page_request("payoutCases", first, after)
    return await payouts.list_cases(info.context.actor, page, closed=closed)


async def payout_case_verdict(
    info: Info, id: strawberry.ID, verdict: CaseVerdict, note: str
) -> PayoutCase:
    """Say what the channel said."""
    case = decode_id(Prefix.PAYOUT_CASE, id)
    return await payouts.ask_verdict(info.context.actor, case, verdict, note)


async def payout_case_decide(info: Info, id: strawberry.ID, agree: bool) -> PayoutCase:
    """Agree to it, or not."""
    case = decode_id(Prefix.PAYOUT_CASE, id)
    return await payouts.decide_verdict(info.context.actor, case, agree=agree)


async def payout_of(case: Parent[PayoutCase], info: Info) -> Payout:
    """The payout that it is about."""
    return there(await info.context.loaders.payout_rows.load(case.payout_id))


def asked_by(case: Parent[PayoutCase]) -> strawberry.ID | None:
    """Who says so."""
    return strawberry.ID(encode_id(Prefix.USER, case.asked_by)) if case.asked_by else None


def decided_by(case: Parent[PayoutCase]) -> strawberry.ID | None:
    """Who agreed."""
    return strawberry.ID(encode_id(Prefix.USER, case.decided_by)) if case.decided_by else None
