"""The face of routing: which offer a line is bought from."""

from domain.routing.models import PolicyKind, PolicyScope, RouteDecision, RoutingPolicy
from domain.routing.policies import PolicyWish, delete_policy, save_policy
from domain.routing.queries import CountOpen, list_policies
from domain.routing.rules import Exclusion, Wanted
from domain.routing.service import Choice, Heard, Need, choose, learn
from domain.routing.showing import Considered, RoutePlan, plans_of, route_plan

__all__ = [
    "Choice",
    "Considered",
    "CountOpen",
    "Exclusion",
    "Heard",
    "Need",
    "PolicyKind",
    "PolicyScope",
    "PolicyWish",
    "RouteDecision",
    "RoutePlan",
    "RoutingPolicy",
    "Wanted",
    "choose",
    "delete_policy",
    "learn",
    "list_policies",
    "plans_of",
    "route_plan",
    "save_policy",
]
