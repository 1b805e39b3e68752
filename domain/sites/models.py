"""Tables of the sites."""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model, new_id


class SiteStatus(StrEnum):
    """Whether a site answers its visitors."""

    OPEN = "open"
    CLOSED = "closed"


class Assortment(StrEnum):
    """What a site sells when no rule of its own speaks of a product (mission row A11)."""

    EVERYTHING = "everything"  # the whole catalogue; rules are not asked
    EXCEPT = "except"  # the whole catalogue but for what its rules take out
    ONLY = "only"  # nothing but what its rules put in


class Site(Model):
    """A storefront with its own name, addresses, currency and assortment.

    Each of `hosts` belongs to one site only: a trigger keeps the table `site_hosts`.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    slug = fields.CharField(max_length=64, unique=True)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    hosts = ArrayField(element_type="text", default=list)
    currency = fields.CharField(max_length=3)
    language = fields.CharField(max_length=8)
    region = fields.CharField(max_length=16, default="")
    status = fields.CharEnumField(SiteStatus, max_length=16)
    assortment = fields.CharEnumField(Assortment, max_length=16)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "sites"
        constraints = (
            CheckConstraint(check="status IN ('open', 'closed')", name="site_status_known"),
            CheckConstraint(
                check="assortment IN ('everything', 'except', 'only')",
                name="site_assortment_known",
            ),
            CheckConstraint(check="currency ~ '^[A-Z]{3}$'", name="site_currency_code"),
            CheckConstraint(
                check="status = 'open' OR id <> '00000000-0000-7000-8000-000000000001'",
                name="main_site_open",
            ),
        )
