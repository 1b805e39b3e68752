"""How buyers come in: a login, its wallet, and the agent who brought them, in one transaction."""

from dataclasses import dataclass, field

from domain import identity, ledger
from domain.agents.queries import find_by_code
from domain.kernel import Invalid, Refused, transaction
from domain.ledger import AccountKind

CURRENCY = "CNY"


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a newcomer tells."""

    login: str
    password: str = field(repr=False)
    display_name: str = ""
    promoter_code: str | None = None


async def sign_up(wish: SignUp, client: str = "") -> identity.SignedIn:
    """Make a buyer and sign it in (mission row A1).

    Refuses a login that is taken or of another form, a weak password, and a promoter code that is
    no active agent's.
    """
    user = await identity.draft_user(wish.login, wish.password, wish.display_name)
    if wish.promoter_code:
        agent = await find_by_code(wish.promoter_code)
        if agent is None:
            raise Refused(Invalid(reason="promoter_code", field=("promoterCode",)))
        user.referrer_agent_id = agent.id
    return await _welcomed(user, client)


async def sign_in_guest(device_id: str, client: str = "") -> identity.SignedIn:
    """Sign a device in, as the guest it was before or as a new one (mission row A2).

    Refuses an id that is too short, and a guest that was closed (CREDENTIALS_WRONG).
    """
    login = identity.guest_login(device_id)
    known = await identity.find_user(login)
    if known is None:
        try:
            return await _welcomed(identity.draft_guest(device_id), client)
        except Refused as refused:
            # An app asks several times at its start: whoever comes second is the guest of the
            # first, and has no other login to choose.
            known = await identity.find_user(login)
            if known is None or not isinstance(refused.refusals[0], identity.LoginTaken):
                raise
    if known.disabled_at is not None:
        raise Refused(identity.CredentialsWrong())
    return await identity.open_session(known, client)


async def _welcomed(user: identity.User, client: str) -> identity.SignedIn:
    async with transaction() as conn:
        await identity.save_user(user)
        await ledger.open_accounts(conn, [(AccountKind.WALLET, user.id, CURRENCY)])
        return await identity.open_session(user, client)
