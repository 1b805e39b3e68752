"""How the fields of wallets are answered."""

from strawberry import Parent

from domain import identity, ledger, sites
from domain.checkout import CURRENCY
from domain.kernel import Page, page_request
from resolvers.context import Info
from resolvers.exchange import currency_here
from resolvers.money import MoneyInput, money_of


async def wallet_of_viewer(info: Info) -> ledger.Wallet:
    """The caller's wallet in the currency of the site."""
    user = info.context.actor.require_user()
    return await ledger.wallet_of(user, await currency_here(info))


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
    abroad = money.currency != CURRENCY and await sites.sold_in(money.currency)
    replayed = await ledger.top_up(
        info.context.actor, user.id, money, note, idempotency_key, opens=abroad
    )
    return {"wallet": await ledger.wallet_of(user.id, money.currency), "replayed": replayed}
