"""How the fields of real-name checks are answered."""

from dataclasses import dataclass, field

import strawberry
from strawberry import Parent

from domain import identity, papers, realname
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request
from domain.realname import RealNameCase, RealNameLevel, RealNameState
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info
from resolvers.papers import PaperDoor, door_of


@dataclass(frozen=True)
class NameLook:
    """What staff look at. A repr shows neither."""

    name: str = field(repr=False)
    number: str = field(repr=False)


async def level_of_viewer(user: Parent[identity.User], info: Info) -> RealNameLevel:
    """The level that the caller has reached."""
    return await realname.level_of(user.id)


async def case_of_viewer(user: Parent[identity.User], info: Info) -> RealNameCase | None:
    """The caller's newest case."""
    return await realname.last_case(user.id)


async def real_name_submit(
    info: Info,
    name: str,
    number: str,
    company: bool = False,
    level: RealNameLevel = RealNameLevel.BASIC,
) -> RealNameCase:
    """Say who one is."""
    claim = realname.Claim(name, number, company, level)
    return await realname.submit_name(info.context.actor, claim)


async def real_name_document_send(info: Info, case_id: strawberry.ID, label: str) -> PaperDoor:
    """Be allowed to send a document into one's own case."""
    case = decode_id(Prefix.REAL_NAME_CASE, case_id, field=("caseId",))
    return door_of(await realname.send_document(info.context.actor, case, label))


async def real_name_document_open(info: Info, paper_id: strawberry.ID) -> PaperDoor:
    """Be allowed to look at one (back office)."""
    paper = decode_id(Prefix.PAPER, paper_id, field=("paperId",))
    return door_of(await realname.open_document(info.context.actor, paper))


async def real_name_look(info: Info, case_id: strawberry.ID) -> NameLook:
    """Name and number (back office)."""
    case = decode_id(Prefix.REAL_NAME_CASE, case_id, field=("caseId",))
    return NameLook(*await realname.open_words(info.context.actor, case))


async def real_name_decide(
    info: Info, case_id: strawberry.ID, passed: bool, note: str
) -> RealNameCase:
    """Decide a case (back office)."""
    case = decode_id(Prefix.REAL_NAME_CASE, case_id, field=("caseId",))
    return await realname.decide_case(info.context.actor, case, passed=passed, note=note)


async def real_name_cases(
    info: Info,
    states: list[RealNameState] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[RealNameCase]:
    """Cases (back office)."""
    page = page_request("realNameCases", first, after)
    return await realname.list_cases(info.context.actor, states or [], page)


def documents(case: Parent[RealNameCase], info: Info) -> AtOnceOrLater[list[papers.Paper]]:
    """The documents of a case; their bytes need a ticket."""
    return info.context.loaders.papers.get(case.id)


async def same_person(case: Parent[RealNameCase], info: Info) -> list[strawberry.ID]:
    """Other users with the same number (back office)."""
    others = await info.context.loaders.same_person.load(case.user_id)
    return [strawberry.ID(encode_id(Prefix.USER, user)) for user in others]


def itself(case: Parent[RealNameCase]) -> RealNameCase:
    """The case that a file is about."""
    return case
