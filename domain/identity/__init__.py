"""The face of identity."""

from domain.identity.authentication import actor_of_key, actor_of_token
from domain.identity.models import ApiKey, Session, User, UserRole
from domain.identity.passwords import hash_password, is_password
from domain.identity.queries import find_user, get_by_login, get_user
from domain.identity.refusals import (
    CredentialsWrong,
    LoginTaken,
    PasswordWeak,
    SessionEnded,
    SignatureWrong,
)
from domain.identity.rules import SignedRequest, is_weak, sign
from domain.identity.service import (
    NewKey,
    SignedIn,
    create_api_key,
    create_operator,
    draft_guest,
    draft_user,
    guest_login,
    lifetimes,
    open_session,
    refresh,
    revoke,
    save_user,
    sign_in,
)

__all__ = [
    "ApiKey",
    "CredentialsWrong",
    "LoginTaken",
    "NewKey",
    "PasswordWeak",
    "Session",
    "SessionEnded",
    "SignatureWrong",
    "SignedIn",
    "SignedRequest",
    "User",
    "UserRole",
    "actor_of_key",
    "actor_of_token",
    "create_api_key",
    "create_operator",
    "draft_guest",
    "draft_user",
    "find_user",
    "get_by_login",
    "get_user",
    "guest_login",
    "hash_password",
    "is_password",
    "is_weak",
    "lifetimes",
    "open_session",
    "refresh",
    "revoke",
    "save_user",
    "sign",
    "sign_in",
]
