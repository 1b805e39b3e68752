"""How the fields of wallets are answered."""

from strawberry import Parent

from domain import identity, ledger
from domain.checkout import CURRENCY
from domain.kernel import Page, page_request
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def wallet_of_viewer(info: Info) -> ledger.Wallet:
    """The caller's wallet."""
    return await ledger.wallet_of(info.context.actor.require_user(), CURRENCY)


async def entries(
    wallet: Parent[ledger.Wallet], info: Info, first: int | None = None, after: str | None = None
) -> Page[ledger.AccountEntry]:
    """The movements of a wallet, newest first."""
    return await ledger.entries_of(wallet.id, page_request("entries", first, after))


async def wallet_topup(
    info: Info, idempotency_key: str, login: str, amount: MoneyInput, note: str = ""
) -> dict[str, object]:
    """An operator credits a buyer's wallet with money received outside."""
    user = await identity.get_by_login(info.context.actor, login)
    money = money_of(amount, "amount")
    replayed = await ledger.top_up(info.context.actor, user.id, money, note, idempotency_key)
    return {"wallet": await ledger.wallet_of(user.id, money.currency), "replayed": replayed}
