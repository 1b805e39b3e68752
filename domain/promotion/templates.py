"""The library of promotion, kept and reviewed by the house (mission row G10; money.md part 7, point
8): texts, posters and pictures, for whom, for what, and until when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import agents, audit, catalog
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    IntegrityError,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refusal,
    Refused,
    clock,
    page_of,
    refuse_unless,
    transaction,
)
from domain.promotion.models import PosterTheme, PromoState, PromoTemplate, TextKind
from domain.promotion.rules import (
    NAME_LETTERS,
    POSTER_LETTERS,
    TEXT_LETTERS,
    WORDS_LETTERS,
    fault_of,
)

READ_SCOPE, WRITE_SCOPE, REVIEW_SCOPE = "promotion:read", "promotion:write", "promotion:review"
MOST = {
    TextKind.COPY: TEXT_LETTERS,
    TextKind.POSTER: POSTER_LETTERS,
    TextKind.IMAGE: WORDS_LETTERS,
}
REASON_LETTERS = 300
_THERE = """
SELECT ($1::uuid IS NULL OR EXISTS (SELECT 1 FROM products WHERE id = $1)) AS product,
    ($2::uuid IS NULL OR EXISTS (SELECT 1 FROM categories WHERE id = $2)) AS category,
    ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM sites WHERE id = $3)) AS site
"""


@dataclass(frozen=True, slots=True)
class TemplateScope:
    """For what, where and for whom something is; without a value for all of them."""

    product_id: UUID | None = None
    category_id: UUID | None = None  # and all below it
    site_id: UUID | None = None
    tiers: Sequence[agents.Tier] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """What the house wants to keep, in both languages. A picture has a `url`, a poster a theme."""

    kind: TextKind
    name: str
    text_zh: str
    text_en: str
    active: bool = True
    url: str | None = None
    theme: PosterTheme | None = None
    scope: TemplateScope = TemplateScope()


async def save_template(
    actor: Actor, draft: TemplateDraft, template_id: UUID | None = None
) -> PromoTemplate:
    """Keep something new, or what has this id, and let it be reviewed. Needs `promotion:write`;
    audited. To switch it on or off, with everything else as it was, needs no new review.

    Refuses (INVALID) a text that is empty or too long, an unknown place, a price or a discount that
    is typed instead of filled in, a promise of income, a word that is banned in listings, a name
    that is taken, a picture that is no https address, and a scope or a time that cannot be.
    """
    actor.require_scope(WRITE_SCOPE)
    if faults := _faults(draft):
        raise Refused(*faults)
    try:
        async with transaction() as conn:
            await _refuse_banned(conn, draft.name, draft.text_zh, draft.text_en)
            await _refuse_strange(conn, draft.scope)
            template = await _kept(template_id)
            values = _values(draft)
            same = all(getattr(template, name) == value for name, value in values.items())
            template.update_from_dict({**values, "active": draft.active})
            if not same:
                template.state = PromoState.SUBMITTED
                template.reviewed_by = template.reviewed_at = template.review_reason = None
            template.saved_by, template.saved_at = actor.user_id, clock.now()
            await template.save()
            details = {
                "name": template.name,
                "active": draft.active,
                "version": template.version,
                "state": template.state.value,
            }
            await audit.record(conn, actor, "promo_template.save", template.id, details)
    except IntegrityError as error:
        raise Refused(Invalid(reason="promo_name_taken", field=("name",))) from error
    return template


async def review_template(
    actor: Actor, template_id: UUID, version: int, *, approve: bool, reason: str = ""
) -> PromoTemplate:
    """Let agents share a version that was looked at, or say why not. Needs `promotion:review`;
    audited; decided anew at any time.

    Refuses another version than the one in force (CONFLICT), a refusal without a reason, and the
    approval of what has a word that was banned meanwhile (INVALID).
    """
    actor.require_scope(REVIEW_SCOPE)
    reason = reason.strip()
    fits = len(reason) <= REASON_LETTERS and (approve or bool(reason))
    refuse_unless(fits, Invalid(reason="review_reason", field=("reason",)))
    async with transaction() as conn:
        template = await _locked(template_id)
        current = template.version == version
        refuse_unless(current, Conflict(what="promotion text", field=("version",)))
        if approve:
            await _refuse_banned(conn, template.name, template.text_zh, template.text_en)
        template.state = PromoState.APPROVED if approve else PromoState.REJECTED
        template.reviewed_by, template.reviewed_at = actor.user_id, clock.now()
        template.review_reason = reason or None
        await template.save(force_update=True)
        details = {"version": version, "state": template.state.value, "reason": reason}
        await audit.record(conn, actor, "promo_template.review", template.id, details)
    return template


async def list_templates(
    actor: Actor, page: PageRequest, state: PromoState | None = None
) -> Page[PromoTemplate]:
    """The library, by name; needs `promotion:read`."""
    actor.require_scope(READ_SCOPE)
    rows = PromoTemplate.all().order_by("name").limit(page.first + 1)
    if state is not None:
        rows = rows.filter(state=state)
    if page.after:
        rows = rows.filter(name__gt=page.after[0])
    return page_of(page, await rows, lambda one: (one.name,))


async def _refuse_banned(conn: Connection, *texts: str) -> None:
    banned = await catalog.banned_word(conn, *texts)
    refuse_unless(banned is None, Invalid(reason="promo_text_banned", field=("textZh",)))


async def _refuse_strange(conn: Connection, scope: TemplateScope) -> None:
    there = await conn.fetchrow(_THERE, scope.product_id, scope.category_id, scope.site_id)
    missing = [
        NotFound(what=name, field=(f"{name}Id",))
        for name in ("product", "category", "site")
        if not there[name]
    ]
    if missing:
        raise Refused(*missing)


async def _kept(template_id: UUID | None) -> PromoTemplate:
    if template_id is None:
        return PromoTemplate(version=1)
    found = await _locked(template_id)
    found.version += 1
    return found


async def _locked(template_id: UUID) -> PromoTemplate:
    found = await PromoTemplate.filter(id=template_id).select_for_update().first()
    if found is None:
        raise Refused(NotFound(what="promotion text", field=("id",)))
    return found


def _values(draft: TemplateDraft) -> dict[str, object]:
    """What a reviewer looks at, and nothing else."""
    scope = draft.scope
    return {
        "kind": draft.kind,
        "name": draft.name.strip(),
        "text_zh": draft.text_zh.strip(),
        "text_en": draft.text_en.strip(),
        "url": draft.url,
        "theme": draft.theme,
        "product_id": scope.product_id,
        "category_id": scope.category_id,
        "site_id": scope.site_id,
        "tiers": sorted({tier.value for tier in scope.tiers}),
        "valid_from": scope.valid_from,
        "valid_until": scope.valid_until,
    }


def _faults(draft: TemplateDraft) -> list[Refusal]:
    name, scope = draft.name.strip(), draft.scope
    picture = draft.kind is TextKind.IMAGE
    times = (scope.valid_from, scope.valid_until)
    right = {
        ("promo_name", "name"): 0 < len(name) <= NAME_LETTERS and name.isprintable(),
        ("promo_picture", "url"): catalog.is_url(draft.url or "") if picture else draft.url is None,
        ("promo_theme", "theme"): draft.theme is None or draft.kind is TextKind.POSTER,
        ("promo_scope", "categoryId"): None in (scope.product_id, scope.category_id),
        ("promo_valid", "validUntil"): None in times or times[0] < times[1],  # type: ignore[operator]
    }
    faults: list[Refusal] = [
        Invalid(reason=reason, field=(place,))
        for (reason, place), good in right.items()
        if not good
    ]
    for place, text in (("textZh", draft.text_zh), ("textEn", draft.text_en)):
        if fault := fault_of(text, MOST[draft.kind]):
            faults.append(Invalid(reason=fault, field=(place,)))
    return faults
