"""Use cases of promotion links: made by an agent, come by, ended (mission row G9)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from domain import agents, audit, catalog, sites
from domain.agents import Agent, AgentStatus
from domain.kernel import (
    Actor,
    Connection,
    IntegrityError,
    Invalid,
    NotFound,
    Refused,
    clock,
    connection,
    new_id,
    refuse_unless,
    transaction,
)
from domain.promotion import statements
from domain.promotion.models import PromoLink
from domain.promotion.refusals import PromoLinksTooMany
from domain.promotion.rules import LABEL_LETTERS, OPEN_LINKS, new_code, tidy_code

TRIES = 3
FORGOTTEN_AT_ONCE = 5_000
COUNTS_AGAIN = timedelta(minutes=30)
_LOCK = "SELECT status FROM agents WHERE id = $1 FOR UPDATE"
_TAKEN = """
SELECT EXISTS (SELECT 1 FROM promo_links WHERE code = $1)
    OR EXISTS (SELECT 1 FROM agents WHERE code = $1)
"""
_END = """
UPDATE promo_links SET ended_at = $3 WHERE id = $1 AND agent_id = $2 AND ended_at IS NULL
RETURNING 1
"""


@dataclass(slots=True)
class Attribution:
    """For how long a link counts after somebody came by it; set once by the wiring."""

    window: timedelta = timedelta(days=30)

    def given(self) -> dict[str, object]:
        """The parameter of `statements.TOUCHED`."""
        return {"touched_since": clock.now() - self.window}


attribution = Attribution()


@dataclass(frozen=True, slots=True)
class Landing:
    """Where somebody lands who comes by a link."""

    link: PromoLink
    agent: Agent


async def create_link(actor: Actor, product_id: UUID | None, label: str) -> PromoLink:
    """Make a link of the caller, who is an active agent, to a product or to the whole shop.

    Asked for again while such a link is open, it answers that one. Refuses who is no active agent
    (NOT_FOUND), a product that the site does not show, a label that is too long (INVALID), and more
    than 200 open links (PROMO_LINKS_TOO_MANY).
    """
    own = await agents.get_own_agent(actor)
    label = label.strip()
    fits = len(label) <= LABEL_LETTERS and label.isprintable()
    refuse_unless(fits, Invalid(reason="promo_label", field=("label",)))
    if product_id is not None:
        place = catalog.place_of(await sites.get_site(actor.site_id))
        shown = await catalog.find_product(product_id=product_id, place=place)
        refuse_unless(shown is not None, NotFound(what="product", field=("productId",)))
    async with transaction() as conn:
        active = await conn.fetchval(_LOCK, own.id) == AgentStatus.ACTIVE
        refuse_unless(active, NotFound(what="agent"))
        again = await PromoLink.filter(
            agent_id=own.id, product_id=product_id, label=label, ended_at=None
        ).first()
        if again is not None:
            return again
        open_links = await conn.fetchval(statements.OPEN, own.id)
        refuse_unless(open_links < OPEN_LINKS, PromoLinksTooMany(most=OPEN_LINKS))
        link = PromoLink(
            agent_id=own.id,
            code=await _free_code(conn),
            product_id=product_id,
            label=label,
            created_at=clock.now(),
        )
        await link.save()
        await audit.record(conn, actor, "promo_link.create", link.id, {"code": link.code})
    return link


async def end_link(actor: Actor, link_id: UUID) -> PromoLink:
    """End a link of the caller: nobody lands by it any more. Who came by it before still counts.

    Refuses another's link, and one that is not there (NOT_FOUND); ended twice it stays ended.
    """
    own = await agents.get_own_agent(actor)
    async with transaction() as conn:
        if await conn.fetchval(_END, link_id, own.id, clock.now()):
            await audit.record(conn, actor, "promo_link.end", link_id, {})
        link = await PromoLink.filter(id=link_id, agent_id=own.id).first()
    if link is None:
        raise Refused(NotFound(what="promotion link", field=("linkId",)))
    return link


async def land(code: str) -> Landing:
    """What a code leads to; refuses one that is unknown, ended, or of an agent that is not active
    any more, all in the same way (NOT_FOUND)."""
    tidy = tidy_code(code)
    link = await PromoLink.filter(code=tidy, ended_at=None).first() if tidy else None
    agent = (await agents.agents_by_id([link.agent_id])).get(link.agent_id) if link else None
    if link is None or agent is None or agent.status is not AgentStatus.ACTIVE:
        raise Refused(NotFound(what="promotion link", field=("code",)))
    return Landing(link, agent)


async def visit(actor: Actor, code: str) -> Landing:
    """Note that the caller, a guest or a login, came by a link. It counts for orders without a code
    of their own within the window, unless an agent brought the caller in the first place.

    An agent that looks at its own link is not counted. Refuses as `land` does.
    """
    user_id = actor.require_user()
    landing = await land(code)
    if landing.agent.user_id == user_id:
        return landing
    moment = clock.now()
    try:
        async with connection() as conn:
            again = moment - COUNTS_AGAIN
            if await conn.fetchval(statements.VISIT, user_id, landing.link.id, moment, again):
                await conn.execute(statements.CLICK, new_id(), landing.link.id, moment.date())
    except IntegrityError as error:  # a session of somebody who is erased meanwhile
        raise Refused(NotFound(what="promotion link", field=("code",))) from error
    return landing


async def forget_visits() -> int:
    """Delete a batch of visits whose window is over; how many went."""
    async with transaction() as conn:
        before = clock.now() - attribution.window
        done = await conn.execute(statements.FORGET, before, FORGOTTEN_AT_ONCE)
    return int(done.rpartition(" ")[2])


async def _free_code(conn: Connection) -> str:
    """A code that neither a link nor an agent has: an order's code means one of them."""
    for _ in range(TRIES):
        code = new_code()
        if not await conn.fetchval(_TAKEN, code):
            return code
    raise RuntimeError("no free code for a promotion link was found")
