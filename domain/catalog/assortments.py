"""What each site sells of the catalogue (mission row A11): a default, and rules against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from domain import audit, sites
from domain.catalog.models import AssortmentRule
from domain.kernel import (
    Actor,
    Conflict,
    Invalid,
    NotFound,
    Refused,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.sites import Assortment, Site

WRITE_SCOPE = "sites:write"
MAX_RULES = 2_000

_LOCK = "SELECT version FROM sites WHERE id = $1 FOR UPDATE"
_CLEAR = "DELETE FROM assortment_rules WHERE site_id = $1"
_SAVE = """
INSERT INTO assortment_rules (id, site_id, included, product_id, category_id)
SELECT id, $1, included, product_id, category_id
FROM unnest($2::uuid[], $3::bool[], $4::uuid[], $5::uuid[])
    AS r (id, included, product_id, category_id)
"""


@dataclass(frozen=True, slots=True)
class SelectionRule:
    """Put in, or take out, one product, or a category with all below it."""

    included: bool
    product_id: UUID | None = None
    category_id: UUID | None = None


async def select_assortment(
    actor: Actor,
    site_id: UUID,
    assortment: Assortment,
    rules: Sequence[SelectionRule],
    expected_version: int | None = None,
) -> Site:
    """Say anew what a site sells: its default and all its rules. Audited, with `site.saved`.

    Needs `sites:write`. Refuses more than 2000 rules, one that names none or both of product and
    category, two for the same one, an unknown site, product or category, and another version.
    """
    actor.require_scope(WRITE_SCOPE)
    _check(rules)
    try:
        async with transaction() as conn:
            version = await conn.fetchval(_LOCK, site_id)
            if version is not None and expected_version not in (None, version):
                raise Refused(Conflict(what="site", field=("expectedVersion",)))
            await sites.set_assortment(conn, site_id, assortment)
            await conn.execute(_CLEAR, site_id)
            await conn.execute(
                _SAVE,
                site_id,
                [new_id() for _ in rules],
                [rule.included for rule in rules],
                [rule.product_id for rule in rules],
                [rule.category_id for rule in rules],
            )
            details = {"assortment": assortment.value, "rules": [_told(rule) for rule in rules]}
            await audit.record(conn, actor, "site.assortment", site_id, details)
            site = await Site.get(id=site_id)
    except asyncpg.ForeignKeyViolationError as error:
        missing = "category" if "category" in str(error.constraint_name) else "product"
        raise Refused(NotFound(what=missing, field=("rules",))) from error
    sites.forget_sites()
    wake_relay()
    return site


async def rules_of_sites(site_ids: Sequence[UUID]) -> dict[UUID, list[AssortmentRule]]:
    """The rules of each site, oldest first; in one statement."""
    found: dict[UUID, list[AssortmentRule]] = {site_id: [] for site_id in site_ids}
    for rule in await AssortmentRule.filter(site_id__in=list(site_ids)).order_by("id"):
        found[rule.site_id].append(rule)
    return found


def _check(rules: Sequence[SelectionRule]) -> None:
    refuse_unless(len(rules) <= MAX_RULES, Invalid(reason="too_many_rules", field=("rules",)))
    seen: set[UUID | None] = set()
    for index, rule in enumerate(rules):
        place = ("rules", str(index))
        one = (rule.product_id is None) != (rule.category_id is None)
        refuse_unless(one, Invalid(reason="rule_of_one_thing", field=place))
        thing = rule.product_id or rule.category_id
        refuse_unless(thing not in seen, Invalid(reason="rule_twice", field=place))
        seen.add(thing)


def _told(rule: SelectionRule) -> dict[str, object]:
    thing = rule.product_id or rule.category_id
    kind = "product" if rule.product_id else "category"
    return {"included": rule.included, kind: str(thing)}
