"""Commission rules from a CSV file, as an operator would import them."""

import csv
from typing import TextIO

from domain import catalog
from domain.commissions.models import CommissionRule, RuleKind, RuleScope
from domain.commissions.service import save_rule
from domain.kernel import Actor, Invalid, NotFound, Refusal, Refused, parse_units

COLUMNS = ("scope", "scope_code", "level", "kind", "value")


async def import_rules(actor: Actor, file: TextIO) -> tuple[int, list[tuple[int, Refusal]]]:
    """Save each row's rule; returns how many changed, and each refused row (line, why).

    A rule that stands already as the file says is left alone, so a second run changes nothing.
    """
    reader = csv.DictReader(file)
    if tuple(reader.fieldnames or ()) != COLUMNS:
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
        scope, kind, level = RuleScope(row["scope"]), RuleKind(row["kind"]), int(row["level"])
    except ValueError:
        raise Refused(Invalid(reason="commission_rule")) from None
    value = parse_units(row["value"] or "0")
    scope_id = None
    if scope is RuleScope.CATEGORY:
        category = await catalog.Category.filter(slug=row["scope_code"]).first()
        scope_id = category.id if category else None
    elif scope is RuleScope.VARIANT:
        variant = await catalog.Variant.filter(sku=row["scope_code"]).first()
        scope_id = variant.id if variant else None
    if scope is not RuleScope.DEFAULT and scope_id is None:
        raise Refused(NotFound(what=f"{scope.value} {row['scope_code']}"))
    standing = CommissionRule.filter(
        scope=scope,
        scope_id=scope_id,
        level=level,
        kind=kind,
        value=value,
        valid_until__isnull=True,
    )
    if await standing.exists():
        return 0
    await save_rule(actor, scope, scope_id, level, kind, value)
    return 1
