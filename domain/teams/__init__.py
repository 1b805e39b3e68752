"""The face of teams: what agents and whoever stands below them sell."""

from domain.teams.counting import count_next, recount
from domain.teams.queries import (
    Bucket,
    MemberSales,
    Sales,
    SalesPoint,
    Span,
    check_members,
    sales_of,
    team_of,
)

__all__ = [
    "Bucket",
    "MemberSales",
    "Sales",
    "SalesPoint",
    "Span",
    "check_members",
    "count_next",
    "recount",
    "sales_of",
    "team_of",
]
