"""Who may ask what: permissions of fields, bearer tokens, and whose address is believed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType
from starlette.datastructures import Headers
from starlette.requests import Request

from domain import agents, identity
from domain.agents import SignUp
from domain.kernel import ANONYMOUS, SYSTEM, Actor, ActorKind, Refused, clock, connection, new_id
from resolvers.context import Context
from resolvers.permissions import Scope, SignedIn
from schema.admin import schema as admin_schema
from schema.extensions import PermissionsExtension
from schema.faults import RequestRefused
from schema.fields import field
from schema.partner import schema as partner_schema
from server.credentials import actor_for, address_of
from server.settings import Settings
from tests import make
from tests.api.asking import Tries, ask, data_of

PASSWORD = "a long pass phrase"
BUYER = Actor(kind=ActorKind.USER, user_id=new_id())
KEY = Actor(kind=ActorKind.KEY, user_id=new_id(), scopes=frozenset({"catalog:read"}))
# Who has no session yet asks for one; the viewer is null for the anonymous.
OPEN_TO_ALL = {"viewer", "sessionCreate", "sessionRefresh"}
