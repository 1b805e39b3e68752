"""Price lists and the history of prices, for the back office."""

from datetime import datetime
from decimal import Decimal

import strawberry

from domain import pricing
from domain.agents import Tier
from domain.kernel import Prefix
from resolvers import exchange
from resolvers import prices as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field
from schema.sites import SiteFile


@strawberry.type(
    description="Prices in one currency, of one site or of all, for a time or for ever. A site's"
    " own lists come before those of all sites, then the higher `priority` comes first."
)
@presents(pricing.PriceList)
class PriceListFile:
    id: strawberry.ID = id_field(Prefix.PRICE_LIST)
    code: str
    name_zh: str
    name_en: str
    currency: str
    site: SiteFile | None = field(resolvers.site_of_list, description="Null: of all sites.")
    valid_from: datetime | None
    valid_until: datetime | None
    priority: int
    version: int = field(description="Send it back as `expectedVersion`.")


@strawberry.type(description="What a price was and became, and who changed it.")
@presents(pricing.PriceChange)
class PriceChange:
    list_code: str = field(resolvers.list_of_change)
    tier: Tier
    old_amount: Money | None = field(resolvers.old_amount, description="Null: there was none.")
    new_amount: Money | None = field(resolvers.new_amount, description="Null: there is none.")
    changed_by: strawberry.ID | None = field(
        resolvers.changed_by, description="Null: the system itself."
    )
    at: datetime


@strawberry.type
class PriceListSavePayload:
    price_list: PriceListFile | None
    user_errors: list[UserError]


@strawberry.type(
    description="What one unit of a currency is worth in the house's, for a time. The newest one"
    " that is good counts; a sale keeps the rate that it was made at."
)
@presents(pricing.ExchangeRate)
class ExchangeRate:
    currency: str
    rate: Decimal = field(exchange.rate_as_decimal)
    valid_from: datetime
    valid_until: datetime
    note: str
    set_by: strawberry.ID | None = field(exchange.set_by, description="Null: the system itself.")


@strawberry.type
class ExchangeRateSetPayload:
    rate: ExchangeRate | None
    user_errors: list[UserError]


@strawberry.type
class PricesAdminQuery:
    exchange_rates: Connection[ExchangeRate] = field(
        exchange.exchange_rates,
        permissions=[Scope("products:read")],
        description="All that were ever set, newest first.",
    )
    price_list_files: Connection[PriceListFile] = field(
        resolvers.price_list_files, permissions=[Scope("products:read")], description="By code."
    )
    price_history: Connection[PriceChange] = field(
        resolvers.price_history, permissions=[Scope("products:read")], description="Newest first."
    )


@strawberry.type
class PricesAdminMutation:
    exchange_rate_set: ExchangeRateSetPayload = mutation(
        exchange.exchange_rate_set,
        payload=ExchangeRateSetPayload,
        entity="rate",
        permissions=[Scope("prices:write")],
        description="Set what one unit of a currency is worth in the house's from now on, for"
        " `days`. Sites of that currency sell while a rate is good. Audited.",
    )
    price_list_save: PriceListSavePayload = mutation(
        resolvers.price_list_save,
        payload=PriceListSavePayload,
        entity="price_list",
        permissions=[Scope("prices:write")],
        description="Make a price list, or change names, time and priority of the one of this id;"
        " code, currency and site are chosen once.",
    )
