"""Tables of identity: users, their sessions, and API keys."""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class UserRole(StrEnum):
    """What a login may become: a guest has no password, an operator has scopes."""

    GUEST = "guest"
    BUYER = "buyer"
    OPERATOR = "operator"


class User(Model):
    """A login. Never an account: that word belongs to the ledger."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    login = fields.CharField(max_length=128, unique=True)  # stored folded to lower case
    display_name = fields.CharField(max_length=64, default="")
    role = fields.CharEnumField(UserRole, max_length=16)
    password_hash = fields.CharField(max_length=200, null=True)
    scopes = ArrayField(element_type="text", default=list)
    referrer_agent_id = fields.UUIDField(null=True)  # the agent whose customer this buyer is
    created_at = fields.DatetimeField()
    disabled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "users"
        constraints = (
            CheckConstraint(check="login = lower(login)", name="user_login_folded"),
            CheckConstraint(check="role IN ('guest', 'buyer', 'operator')", name="user_role_known"),
            CheckConstraint(
                check="(role = 'guest') = (password_hash IS NULL)",
                name="user_password_unless_guest",
            ),
        )


class Session(Model):
    """One sign-in. Tokens are opaque; only their digests are stored."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "domain.User", on_delete=fields.RESTRICT
    )
    access_digest = fields.BinaryField()
    access_expires_at = fields.DatetimeField()
    refresh_digest = fields.BinaryField()
    refresh_expires_at = fields.DatetimeField()
    client = fields.CharField(max_length=200, default="")
    created_at = fields.DatetimeField()
    last_seen_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    revoked_because = fields.CharField(max_length=32, null=True)
    stepped_up_at = fields.DatetimeField(null=True)  # the last proof of a second factor

    class Meta:
        table = "sessions"
        constraints = (
            UniqueConstraint(fields=("access_digest",), name="session_access_once"),
            UniqueConstraint(fields=("refresh_digest",), name="session_refresh_once"),
        )


class SpentRefresh(Model):
    """A refresh token that was rotated away. Seeing it again means that it was stolen."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    digest = fields.BinaryField()
    session: fields.ForeignKeyRelation[Session] = fields.ForeignKeyField("domain.Session")
    spent_at = fields.DatetimeField()

    class Meta:
        table = "spent_refreshes"
        constraints = (UniqueConstraint(fields=("digest",), name="spent_refresh_once"),)


class ApiKey(Model):
    """A partner's key: opaque, shown once, stored as a digest; the signing secret is sealed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    owner: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "domain.User", on_delete=fields.RESTRICT
    )
    name = fields.CharField(max_length=64)
    hint = fields.CharField(max_length=16)
    digest = fields.BinaryField()
    signing_secret_sealed = fields.BinaryField()
    require_signature = fields.BooleanField(default=True)
    scopes = ArrayField(element_type="text", default=list)
    allowed_ips = ArrayField(element_type="text", default=list)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_keys"
        constraints = (UniqueConstraint(fields=("digest",), name="api_key_once"),)


class SpentNonce(Model):
    """A nonce of a signed partner request; the pair refuses a replay inside the time window."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    key: fields.ForeignKeyRelation[ApiKey] = fields.ForeignKeyField("domain.ApiKey")
    nonce = fields.CharField(max_length=64)
    spent_at = fields.DatetimeField()

    class Meta:
        table = "spent_nonces"
        unique_together = (("key", "nonce"),)


class SecondFactor(Model):
    """An authenticator app of a login: one at work at most, and one that waits for its first code.

    Ended ones stay, because they tell who ended them.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "domain.User", on_delete=fields.RESTRICT
    )
    secret_sealed = fields.BinaryField()
    last_step = fields.BigIntField(default=0)  # of time, whose code was used: none older is good
    failures = fields.IntField(default=0)  # wrong codes in a row
    blocked_until = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    confirmed_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    ended_by = fields.UUIDField(null=True)  # null: from the machine itself
    ended_because = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "second_factors"
        constraints = (
            UniqueConstraint(
                fields=("user_id",),
                name="second_factor_once",
                condition="ended_at IS NULL AND confirmed_at IS NOT NULL",
            ),
            UniqueConstraint(
                fields=("user_id",),
                name="second_factor_waits_once",
                condition="ended_at IS NULL AND confirmed_at IS NULL",
            ),
            CheckConstraint(
                check="(ended_at IS NULL) = (ended_because IS NULL)"
                " AND (ended_because IS NULL OR ended_because IN ('replaced', 'disabled'))",
                name="second_factor_end_known",
            ),
            CheckConstraint(
                check="ended_because IS DISTINCT FROM 'disabled' OR ended_by IS DISTINCT FROM"
                " user_id",
                name="second_factor_not_disabled_by_its_owner",
            ),
        )


class RecoveryCode(Model):
    """Takes the place of the app once, when the phone is lost. Only its keyed digest is kept."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    factor: fields.ForeignKeyRelation[SecondFactor] = fields.ForeignKeyField(
        "domain.SecondFactor", on_delete=fields.RESTRICT
    )
    digest = fields.BinaryField()
    used_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)  # replaced by fresh ones

    class Meta:
        table = "recovery_codes"
        constraints = (UniqueConstraint(fields=("digest",), name="recovery_code_once"),)
        indexes = (("factor_id",),)
