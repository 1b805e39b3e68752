"""Which offer a line is bought from, and why: for the back office."""

from datetime import datetime

import strawberry

from domain import routing
from domain.kernel import Prefix
from domain.routing import Exclusion, PolicyKind, PolicyScope
from resolvers import routing as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.scalars import Money, id_field

strawberry.enum(Exclusion, name="RouteExclusion", description="Why an offer is not asked.")
strawberry.enum(
    PolicyKind, name="RoutingPolicyKind", description="In which order offers are tried."
)
strawberry.enum(
    PolicyScope,
    name="RoutingPolicyScope",
    description="What a policy is for; the narrowest one counts.",
)


@strawberry.type(description="One offer at its place in a plan.")
@presents(routing.Considered)
class RouteCandidate:
    offer_id: strawberry.ID = id_field(Prefix.SUPPLIER_OFFER, "offer_id")
    supplier_id: strawberry.ID = id_field(Prefix.SUPPLIER, "supplier_id")
    supplier_code: str
    item: str
    cost: Money = field(resolvers.cost, description="The supplier's price of one piece.")
    fee: Money = field(resolvers.fee, description="What a piece costs us beside its price.")
    landed_cost: Money = field(
        resolvers.landed_cost, description="Price, fee and the failures to be expected."
    )
    success: int = field(description="How often it is expected to succeed, in 1/10000.")
    score: int = field(description="How well it fits the policy, 10000 at best.")
    health: int = field(description="The score of its supplier, in 1/10000.")
    demoted: bool = field(description="Its supplier is asked after all others.")
    excluded_because: Exclusion | None = field(
        description="Why it is not asked now; null of whatever may be."
    )


@strawberry.type(description="The offers of a variant in the order in which they are tried.")
@presents(routing.RoutePlan)
class RoutePlan:
    kind: PolicyKind
    scope: PolicyScope
    candidates: list[RouteCandidate] = field(size=20)


@strawberry.type(description="How offers are ranked. Rates in 1/10000.")
@presents(routing.RoutingPolicy)
class RoutingPolicy:
    id: strawberry.ID = id_field(Prefix.ROUTING_POLICY)
    scope: PolicyScope
    scope_id: strawberry.ID | None = field(
        resolvers.scope_id_of, description="The variant or category that it is for."
    )
    kind: PolicyKind
    failure_cost_rate: int = field(description="What a failure costs us, of the offer's cost.")
    cost_tolerance: int | None = field(
        description="How much above its cost an offer may charge; null: up to the line's guard."
    )
    wait_seconds: int = field(description="How long a line waits for offers that are only busy.")
    parts: bool = field(
        description="Cards that come in part are kept for their line and the rest is bought"
        " elsewhere; else they become stock, and all is bought again."
    )
    updated_at: datetime


@strawberry.type
class RoutingPolicySavePayload:
    policy: RoutingPolicy | None
    user_errors: list[UserError]


@strawberry.type
class RoutingPolicyDeletePayload:
    policy: RoutingPolicy | None
    user_errors: list[UserError]


@strawberry.type
class RoutingAdminQuery:
    route_plan: RoutePlan = field(
        resolvers.route_plan,
        permissions=[Scope("suppliers:read")],
        description="What a new line of a SKU would be bought from now, and why.",
    )
    routing_policies: list[RoutingPolicy] = field(
        resolvers.policies, permissions=[Scope("suppliers:read")], size=20
    )


@strawberry.type
class RoutingAdminMutation:
    routing_policy_save: RoutingPolicySavePayload = mutation(
        resolvers.routing_policy_save,
        payload=RoutingPolicySavePayload,
        entity="policy",
        permissions=[Scope("suppliers:write")],
        description="Create the policy of a SKU, of a category, or of all the rest; or change it.",
    )
    routing_policy_delete: RoutingPolicyDeletePayload = mutation(
        resolvers.routing_policy_delete,
        payload=RoutingPolicyDeletePayload,
        entity="policy",
        permissions=[Scope("suppliers:write")],
        description="Take a policy away; the next wider one counts.",
    )
