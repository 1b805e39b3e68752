"""Use case of price lists: an operator makes one, or says for how long it is in force (row A9)."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from domain import audit
from domain.kernel import (
    Actor,
    Conflict,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.pricing.models import PriceList
from domain.pricing.rules import CURRENCIES

WRITE_SCOPE = "prices:write"
BASE = "base-"  # how the codes of the lists begin that the database makes
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PriceListDraft:
    """What an operator says of a list. Code, currency and site are chosen once."""

    code: str
    name_zh: str
    name_en: str
    currency: str
    site_id: UUID | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    priority: int = 0


async def save_price_list(
    actor: Actor,
    draft: PriceListDraft,
    *,
    list_id: UUID | None = None,
    expected_version: int | None = None,
) -> PriceList:
    """Make a price list, or change names, time and priority of the one of this id. Audited.

    Needs `prices:write`. Refuses wrong values, another code, currency or site than it has, a base
    list other than by its names, an unknown list or site, a code that is taken, another version.
    """
    actor.require_scope(WRITE_SCOPE)
    faults = price_list_faults(draft)
    if faults:
        raise Refused(*faults)
    try:
        async with transaction() as conn:
            made = await _to_save(draft, list_id, expected_version)
            made.update_from_dict(asdict(draft))
            made.updated_at = clock.now()
            await made.save(force_create=list_id is None, force_update=list_id is not None)
            details = {**asdict(draft), "site_id": draft.site_id and str(draft.site_id)}
            await audit.record(conn, actor, "price_list.save", made.id, details)
            await record_events(conn, [_saved(made)])
    except IntegrityError as error:
        if "price_list_of_a_site" in str(error):
            raise Refused(NotFound(what="site", field=("siteId",))) from error
        raise Refused(Conflict(what="price list", field=("code",))) from error
    wake_relay()
    return made


def price_list_faults(draft: PriceListDraft) -> list[Invalid]:
    """What is wrong with a list, one refusal a field; empty when nothing is."""
    begins, ends = draft.valid_from, draft.valid_until
    checks = (
        ("code", "slug", len(draft.code) <= 64 and bool(_CODE.fullmatch(draft.code))),
        ("nameZh", "name", _is_name(draft.name_zh)),
        ("nameEn", "name", _is_name(draft.name_en)),
        ("currency", "currency_unknown", draft.currency in CURRENCIES),
        ("validUntil", "window", begins is None or ends is None or begins < ends),
        ("priority", "priority", 0 <= draft.priority <= 1_000_000),
    )
    return [Invalid(reason=reason, field=(name,)) for name, reason, right in checks if not right]


async def _to_save(
    draft: PriceListDraft, list_id: UUID | None, expected_version: int | None
) -> PriceList:
    if list_id is None:
        reserved = draft.code.startswith(BASE)
        refuse_unless(not reserved, Invalid(reason="base_price_list", field=("code",)))
        return PriceList(id=new_id(), version=1, created_at=clock.now())
    found = await PriceList.filter(id=list_id).select_for_update().first()
    if found is None:
        raise Refused(NotFound(what="price list", field=("id",)))
    if expected_version not in (None, found.version):
        raise Refused(Conflict(what="price list", field=("expectedVersion",)))
    for name in ("code", "currency", "site_id"):
        same = getattr(found, name) == getattr(draft, name)
        place = {"site_id": "siteId"}.get(name, name)
        refuse_unless(same, Invalid(reason="price_list_kept", field=(place,)))
    if found.code.startswith(BASE):
        plain = (draft.valid_from, draft.valid_until, draft.priority) == (None, None, 0)
        refuse_unless(plain, Invalid(reason="base_price_list", field=("priority",)))
    found.version += 1
    return found


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 64 and text == text.strip() and text.isprintable()


def _saved(row: PriceList) -> Event:
    """The event `price_list.saved`; its sequence is the list's version."""
    public = encode_id(Prefix.PRICE_LIST, row.id)
    payload = {"priceListId": public, "code": row.code, "version": row.version}
    return Event("price_list.saved", row.id, row.version, payload)
