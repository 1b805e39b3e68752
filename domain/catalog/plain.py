"""The plain types: one for each delivery kind, there from the first day, with fixed ids.

A shop that needs no types of its own never meets them: a variant that is saved with a delivery
kind only is of the plain type of that kind. The migration makes them.
"""

from typing import Any
from uuid import UUID, uuid5

import orjson

from domain.catalog.models import DeliveryKind
from domain.kernel import transaction

_NAMESPACE = UUID("6f1f5a4e-3a0c-5c8e-9d4b-0d6c2b8f7a11")
NAMES = {
    DeliveryKind.CARD_CODE: ("卡密", "Card code"),
    DeliveryKind.DIRECT_TOPUP: ("直充", "Direct top-up"),
    DeliveryKind.LINK: ("链接", "Link"),
    DeliveryKind.MANUAL: ("人工", "Manual"),
    DeliveryKind.GIFT_CARD: ("礼品卡", "Gift card"),
    DeliveryKind.BUNDLE: ("套餐", "Bundle"),
}
ACCOUNT = {
    "key": "account",
    "kind": "ACCOUNT_ID",
    "label_zh": "充值账号",
    "label_en": "Account",
    "max_length": 64,
}
_INSERT = """
WITH made AS (
    INSERT INTO product_types (id, code, name_zh, name_en, delivery_kind, account_fields,
        category_slug, preset, version, created_at, updated_at)
    SELECT id, code, name_zh, name_en, kind, account_fields, '', true, 1, now(), now()
    FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, code text, name_zh text, name_en text,
        kind text, account_fields jsonb)
    ON CONFLICT DO NOTHING RETURNING id, account_fields
)
INSERT INTO product_type_versions (id, type_id, version, account_fields, saved_at)
SELECT id, id, 1, account_fields, now() FROM made
"""


def plain_type_id(kind: DeliveryKind) -> UUID:
    """The id of the plain type of a kind."""
    return uuid5(_NAMESPACE, kind.value)


def plain_code(kind: DeliveryKind) -> str:
    """CARD_CODE becomes card-code."""
    return kind.value.lower().replace("_", "-")


async def open_plain_types() -> None:
    """Make the plain types that are missing; the migration has made them already."""
    async with transaction() as conn:
        await conn.execute(_INSERT, orjson.dumps(rows()).decode())


def rows() -> list[dict[str, Any]]:
    """The plain types as rows, for the statement above and the migration."""
    return [
        {
            "id": str(plain_type_id(kind)),
            "code": plain_code(kind),
            "name_zh": name_zh,
            "name_en": name_en,
            "kind": kind.value,
            "account_fields": [ACCOUNT] if kind is DeliveryKind.DIRECT_TOPUP else [],
        }
        for kind, (name_zh, name_en) in NAMES.items()
    ]
