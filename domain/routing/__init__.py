"""The face of routing: which offer a line is bought from."""

from domain.routing.decisions import KEEP_DECISION, Choice, Course, Need, Planned
from domain.routing.following import (
    NEXT_OFFERS,
    Next,
    course_of_line,
    next_in_order,
    next_values,
)
from domain.routing.health import (
    SupplierHealth,
    due_polls,
    forget_readings,
    health_of,
    list_readings,
    poll_supplier,
    set_low_balance,
    sources,
)
from domain.routing.learning import (
    LEARN_OF_OFFER,
    LEARN_OF_SUPPLIER,
    Heard,
    gates_of,
    learn,
    lesson_of,
)
from domain.routing.models import (
    Demotion,
    PolicyKind,
    PolicyScope,
    Reach,
    RouteDecision,
    RoutingPolicy,
    SupplierReading,
)
from domain.routing.policies import PolicyWish, delete_policy, save_policy
from domain.routing.queries import CountOpen, list_policies, policy_of
from domain.routing.rules import PASSING, Exclusion, Route, Wanted, fresh_balance, opens_again
from domain.routing.service import choose, note_balance, plan, take_seat
from domain.routing.showing import Considered, RoutePlan, plans_of, route_plan

__all__ = [
    "KEEP_DECISION",
    "LEARN_OF_OFFER",
    "LEARN_OF_SUPPLIER",
    "NEXT_OFFERS",
    "PASSING",
    "Choice",
    "Considered",
    "CountOpen",
    "Course",
    "Demotion",
    "Exclusion",
    "Heard",
    "Need",
    "Next",
    "Planned",
    "PolicyKind",
    "PolicyScope",
    "PolicyWish",
    "Reach",
    "Route",
    "RouteDecision",
    "RoutePlan",
    "RoutingPolicy",
    "SupplierHealth",
    "SupplierReading",
    "Wanted",
    "choose",
    "course_of_line",
    "delete_policy",
    "due_polls",
    "forget_readings",
    "fresh_balance",
    "gates_of",
    "health_of",
    "learn",
    "lesson_of",
    "list_policies",
    "list_readings",
    "next_in_order",
    "next_values",
    "note_balance",
    "opens_again",
    "plan",
    "plans_of",
    "policy_of",
    "poll_supplier",
    "route_plan",
    "save_policy",
    "set_low_balance",
    "sources",
    "take_seat",
]
