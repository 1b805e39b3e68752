"""What agents agree to (mission row G19): texts in versions, and who accepted which, when."""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class AgreementVersion(Model):
    """One version of one agreement. Published once, never changed; the next one replaces it.

    `blocks` says what an agent of one of these types may not do from `effective_at` on until it has
    accepted this version or a later one; an empty one only informs.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    agreement = fields.CharField(max_length=64)  # a slug, the same for all its versions
    version = fields.IntField()
    title_zh = fields.CharField(max_length=200)
    title_en = fields.CharField(max_length=200)
    text_zh = fields.TextField()
    text_en = fields.TextField()
    digest = fields.BinaryField()  # SHA-256 over both titles and texts
    types = ArrayField(element_type="text")
    blocks = ArrayField(element_type="text")
    effective_at = fields.DatetimeField()
    published_by = fields.UUIDField(null=True)
    published_at = fields.DatetimeField()

    class Meta:
        table = "agreement_versions"
        unique_together = (("agreement", "version"),)
        constraints = (
            CheckConstraint(
                check="types <@ ARRAY['distributor', 'promoter', 'corporate'] AND types <> '{}'",
                name="agreement_types_known",
            ),
            CheckConstraint(
                check="blocks <@ ARRAY['trade', 'earn', 'recruit', 'payout']",
                name="agreement_blocks_known",
            ),
            CheckConstraint(check="version > 0", name="agreement_version_counted"),
            CheckConstraint(
                check="effective_at >= published_at", name="agreement_not_for_the_past"
            ),
        )


class Acceptance(Model):
    """Somebody accepted a version: what was shown, when, and from where. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    user_id = fields.UUIDField()
    agreement = fields.CharField(max_length=64)
    version = fields.IntField()
    digest = fields.BinaryField()  # of the text that was shown, which is that of the version
    language = fields.CharField(max_length=8)
    accepted_at = fields.DatetimeField()
    ip = fields.CharField(max_length=64)
    client = fields.CharField(max_length=200)
    request_id = fields.CharField(max_length=64)

    class Meta:
        table = "agreement_acceptances"
        unique_together = (("user_id", "agreement", "version"),)
