"""Commission rules from a CSV file, as an operator would import them."""

import csv
from typing import TextIO
from uuid import UUID

from domain import agents, catalog
from domain.commissions.models import RuleKind, RuleScope
from domain.commissions.rules import HOLD_DAYS
from domain.commissions.ruling import RuleDraft, is_standing, save_rule
from domain.kernel import Actor, Invalid, NotFound, Refusal, Refused, parse_units

COLUMNS = ("scope", "scope_code", "level", "kind", "value")
MORE_COLUMNS = ("agent_code", "hold_days")  # may be left out


async def import_rules(actor: Actor, file: TextIO) -> tuple[int, list[tuple[int, Refusal]]]:
    """Save each row's rule; returns how many changed, and each refused row (line, why).

    A rule that stands already as the file says is left alone, so a second run changes nothing.
    """
    reader = csv.DictReader(file)
    names = tuple(reader.fieldnames or ())
    if names[: len(COLUMNS)] != COLUMNS or not set(names[len(COLUMNS) :]) <= set(MORE_COLUMNS):
        raise Refused(Invalid(reason="columns", field=("file",)))
    saved, refused = 0, []
    for row in reader:
        try:
            saved += await _import_row(actor, row)
        except Refused as error:
            refused += [(reader.line_num, refusal) for refusal in error.refusals]
    return saved, refused


async def _import_row(actor: Actor, row: dict[str, str]) -> int:
    try:
        scope, kind = RuleScope(row["scope"]), RuleKind(row["kind"])
        level = int(row["level"]) if row["level"] else None
        hold_days = int(row.get("hold_days") or HOLD_DAYS)
    except ValueError:
        raise Refused(Invalid(reason="commission_rule")) from None
    draft = RuleDraft(
        kind=kind,
        value=parse_units(row["value"] or "0"),
        level=level,
        agent_id=await _agent(row.get("agent_code") or ""),
        scope=scope,
        scope_id=await scope_id_of(scope, row["scope_code"]),
        hold_days=hold_days,
    )
    if await is_standing(draft):
        return 0
    await save_rule(actor, draft)
    return 1


async def scope_id_of(scope: RuleScope, code: str) -> UUID | None:
    """What a scope is of, by the slug of a category or a SKU; refuses an unknown one."""
    if scope is RuleScope.DEFAULT:
        return None
    if scope is RuleScope.CATEGORY:
        category = await catalog.Category.filter(slug=code).first()
        if category is None:
            raise Refused(NotFound(what=f"category {code}", field=("categorySlug",)))
        return category.id
    variant = await catalog.Variant.filter(sku=code).first()
    if variant is None:
        raise Refused(NotFound(what=f"variant {code}", field=("sku",)))
    return variant.id


async def _agent(code: str) -> UUID | None:
    if not code:
        return None
    agent = await agents.find_by_code(code)
    if agent is None:
        raise Refused(NotFound(what=f"agent {code}", field=("agentCode",)))
    return agent.id
