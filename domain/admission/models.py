"""How somebody becomes an agent (mission rows G1, G17): invited or not, looked at twice.

Nothing here has a price, and nobody earns on it: an invitation has no reward, an application no
fee.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.agents import AgentType, Tier
from domain.kernel import Model
from domain.kernel.ids import new_id


class ApplicationState(StrEnum):
    """Where an application stands."""

    SUBMITTED = "submitted"
    CHECKED = "checked"  # the first look was good
    ACTIVATED = "activated"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class ReviewStage(StrEnum):
    """The two looks."""

    LICENCE = "licence"  # licences and history, by whoever serves the house for that
    SAMPLING = "sampling"  # what the applicant does, by the house itself


class AgentInvitation(Model):
    """A code with which somebody may apply below its inviter; it grants nothing else."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    inviter_id = fields.UUIDField(null=True)  # None: the house; whoever comes stands at the top
    code = fields.CharField(max_length=16, unique=True)
    agent_type = fields.CharEnumField(AgentType, max_length=16)
    tier = fields.CharEnumField(Tier, max_length=16)
    uses = fields.IntField(default=0)
    max_uses = fields.IntField()
    expires_at = fields.DatetimeField()
    revoked_at = fields.DatetimeField(null=True)
    created_by = fields.UUIDField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "agent_invitations"
        indexes = (("inviter_id", "id"),)
        constraints = (
            CheckConstraint(
                check="uses >= 0 AND uses <= max_uses AND max_uses BETWEEN 1 AND 50",
                name="invitation_uses_bounded",
            ),
            CheckConstraint(
                check="expires_at > created_at AND expires_at <= created_at + interval '90 days'",
                name="invitation_ends",
            ),
            CheckConstraint(check="tier IN ('bronze', 'silver', 'gold')", name="invitation_tier"),
        )


class AgentApplication(Model):
    """Somebody asks to become an agent."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    user_id = fields.UUIDField()
    name = fields.CharField(max_length=64)
    statement = fields.CharField(max_length=1000)
    agent_type = fields.CharEnumField(AgentType, max_length=16)
    tier = fields.CharEnumField(Tier, max_length=16)
    invitation_id = fields.UUIDField(null=True)
    parent_id = fields.UUIDField(null=True)  # the inviter
    state = fields.CharEnumField(ApplicationState, max_length=16)
    agent_id = fields.UUIDField(null=True)
    submitted_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "agent_applications"
        indexes = (("state", "id"), ("user_id", "id"))
        constraints = (
            CheckConstraint(
                check="state IN ('submitted', 'checked', 'activated', 'rejected', 'withdrawn')",
                name="application_state_known",
            ),
            CheckConstraint(
                check="(state IN ('submitted', 'checked')) = (ended_at IS NULL)"
                " AND (state = 'activated') = (agent_id IS NOT NULL)",
                name="application_whole",
            ),
            UniqueConstraint(
                fields=("user_id",),
                name="application_open_once",
                condition="state IN ('submitted', 'checked')",
            ),
        )


class ApplicationReview(Model):
    """One look at an application, by one person, who never takes the other one. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    application_id = fields.UUIDField()
    stage = fields.CharEnumField(ReviewStage, max_length=16)
    passed = fields.BooleanField()
    findings = fields.CharField(max_length=2000)
    reviewer_id = fields.UUIDField()
    at = fields.DatetimeField()

    class Meta:
        table = "application_reviews"
        constraints = (
            UniqueConstraint(fields=("application_id", "stage"), name="application_looked_at_once"),
            UniqueConstraint(
                fields=("application_id", "reviewer_id"), name="application_by_two_persons"
            ),
            CheckConstraint(check="stage IN ('licence', 'sampling')", name="review_stage_known"),
            CheckConstraint(check="findings <> ''", name="review_says_what_was_found"),
        )
