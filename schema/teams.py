"""What agents and their teams sell."""

from datetime import date

import strawberry

from domain import teams
from schema.fields import field, presents
from schema.scalars import Money


@strawberry.type(description="What was sold to consumers and delivered, and what of it went back.")
@presents(teams.Sales)
class Sales:
    lines: int = field(description="Delivered lines of orders.")
    sold: Money
    refunded: Money = field(description="Refunds count on their own day.")
    net: Money = field(description="Below zero where more went back than was sold at that time.")


@strawberry.type(description="A day, week (from Monday) or month in which something was sold.")
@presents(teams.SalesPoint)
class SalesPoint:
    day: date = field(description="The first day of it, where the business is.")
    own: Sales = field(description="Of the agent's own customers.")
    team: Sales = field(description="Of these and of the customers of all agents below.")
