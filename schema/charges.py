"""What a buyer pays for, as everybody sees it."""

import strawberry

from domain.orders import Bearer, ChargeKind
from resolvers import charges as resolvers
from schema.fields import presents
from schema.scalars import Money

CHARGES = "What the buyer bears sums to `total`; nothing is added behind it."


@strawberry.type(description="What is charged for, and who bears it. Of the shop's: 0 to pay.")
@presents(resolvers.Charge)
class Charge:
    kind: ChargeKind
    amount: Money
    bearer: Bearer
