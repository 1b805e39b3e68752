"""Sign-up, sign-in, sessions; and who the caller is."""

from datetime import datetime

import strawberry

from domain import identity
from domain.kernel import Prefix
from domain.realname import RealNameLevel
from resolvers import admission as admission_resolvers
from resolvers import agents as agent_resolvers
from resolvers import cashback as cashback_resolvers
from resolvers import coupons as coupon_resolvers
from resolvers import giftcards as gift_card_resolvers
from resolvers import identity as resolvers
from resolvers import ledger as ledger_resolvers
from resolvers import operators as operator_resolvers
from resolvers import orders as order_resolvers
from resolvers import realname as name_resolvers
from resolvers import second_factor as factor_resolvers
from resolvers.permissions import Scope, SignedIn
from schema.admission import AgentApplication
from schema.agents import Agent
from schema.cashback import Cashback
from schema.coupons import Coupon
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.giftcards import GiftCard
from schema.ledger import Wallet
from schema.orders import Order
from schema.paging import Connection
from schema.realname import RealNameCase
from schema.scalars import id_field
from schema.second_factor import SecondFactor


@strawberry.type(description="The caller.")
@presents(identity.User)
class Viewer:
    id: strawberry.ID = id_field(Prefix.USER)
    login: str
    display_name: str
    guest: bool = field(resolvers.is_guest, description="Known by a device only.")
    wallet: Wallet = field(ledger_resolvers.wallet_of_viewer)
    orders: Connection[Order] = field(order_resolvers.orders_of_viewer, description="Newest first.")
    agent: Agent | None = field(agent_resolvers.agent_of_viewer)
    agent_application: AgentApplication | None = field(
        admission_resolvers.application_of_viewer, description="The caller's newest one."
    )
    real_name_level: RealNameLevel = field(name_resolvers.level_of_viewer)
    real_name_case: RealNameCase | None = field(
        name_resolvers.case_of_viewer, description="The caller's newest real-name check."
    )
    gift_cards: Connection[GiftCard] = field(
        gift_card_resolvers.gift_cards_of_viewer,
        description="Those that the caller bought, with what is left on them. Newest first.",
    )
    coupons: Connection[Coupon] = field(
        coupon_resolvers.coupons_of_viewer,
        description="Those that the caller claimed. Newest first.",
    )
    cashbacks: Connection[Cashback] = field(
        cashback_resolvers.cashbacks_of_viewer,
        description="What the caller gets back for goods that it keeps. Newest first.",
    )
    second_factor: SecondFactor | None = field(
        factor_resolvers.factor_of_viewer, description="Null without an authenticator app."
    )


@strawberry.type
class SessionPayload:
    access_token: str | None = field(
        description="Send it as `Authorization: Bearer ...`; it ends soon."
    )
    refresh_token: str | None = field(description="Good once, for new tokens.")
    expires_at: datetime | None = field(description="When the access token ends.")
    viewer: Viewer | None
    user_errors: list[UserError]


@strawberry.type
class AckPayload:
    user_errors: list[UserError]


@strawberry.type
class ViewerQuery:
    viewer: Viewer | None = field(resolvers.viewer, description="Null when nobody is signed in.")


@strawberry.type
class IdentityMutation:
    user_create: SessionPayload = mutation(
        resolvers.user_create,
        payload=SessionPayload,
        rate=Rate(RateZone.SIGNUP),
        sensitive=True,
        description="Sign up, and in. A promoter code binds the buyer to its agent.",
    )
    session_create: SessionPayload = mutation(
        resolvers.session_create,
        payload=SessionPayload,
        rate=Rate(RateZone.LOGIN, account="password.login"),
        sensitive=True,
        description="Sign in by `password`, or as the `guest` of a device: exactly one of them."
        " A login with an authenticator app also sends its `code`.",
    )
    session_refresh: SessionPayload = mutation(
        resolvers.session_refresh,
        payload=SessionPayload,
        rate=Rate(RateZone.LOGIN),
        description="New tokens. A refresh token used twice ends its session.",
    )
    session_revoke: AckPayload = mutation(
        resolvers.session_revoke,
        payload=AckPayload,
        permissions=[SignedIn()],
        description="Sign out: this session, or another of the caller's own.",
    )


@strawberry.type(description="A login, for the back office.")
@presents(identity.User)
class User:
    id: strawberry.ID = id_field(Prefix.USER)
    login: str
    display_name: str
    created_at: datetime
    disabled_at: datetime | None


@strawberry.type(description="A partner's key; the key itself is shown once, when it is made.")
@presents(identity.ApiKey)
class ApiKey:
    id: strawberry.ID = id_field(Prefix.API_KEY)
    name: str
    hint: str
    scopes: list[str]
    require_signature: bool
    created_at: datetime


@strawberry.type
class ApiKeyCreatePayload:
    api_key: ApiKey | None
    key: str | None = field(description="Shown this once.")
    signing_secret: str | None = field(description="Shown this once.")
    user_errors: list[UserError]


@strawberry.type
class IdentityAdminQuery:
    viewer: Viewer | None = field(resolvers.viewer)
    user: User = field(
        operator_resolvers.user_by_login, permissions=[Scope("users:read")], description="By login."
    )


@strawberry.type
class IdentityAdminMutation:
    session_create: SessionPayload = mutation(
        operator_resolvers.session_create,
        payload=SessionPayload,
        rate=Rate(RateZone.LOGIN, account="login"),
        sensitive=True,
        description="Sign an operator in, with the `code` of the authenticator app, if there is"
        " one; it counts as a fresh step-up, too.",
    )
    session_refresh: SessionPayload = mutation(
        resolvers.session_refresh, payload=SessionPayload, rate=Rate(RateZone.LOGIN)
    )
    session_revoke: AckPayload = mutation(
        resolvers.session_revoke, payload=AckPayload, permissions=[SignedIn()]
    )
    api_key_create: ApiKeyCreatePayload = mutation(
        operator_resolvers.api_key_create,
        payload=ApiKeyCreatePayload,
        permissions=[Scope("keys:write")],
        sensitive=True,
        description="A key for a partner. Key and signing secret are shown this once.",
    )
