"""Campaigns are saved in versions, move one way, and the database refuses what must never be."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import coupons
from domain.agents import Tier
from domain.audit.models import AuditEntry
from domain.coupons import Campaign, CampaignKind, CampaignState, CampaignWish
from domain.coupons.models import CampaignVersion
from domain.kernel import Refused, clock, new_id, transaction
from tests import make

pytestmark = pytest.mark.usefixtures("db")
THRESHOLD = {"kind": CampaignKind.THRESHOLD, "value": 0}


def wish(**changes: Any) -> CampaignWish:
    values: dict[str, Any] = {
        "name_zh": "夏季立减",
        "name_en": "Summer",
        "kind": CampaignKind.FIXED,
        "currency": "CNY",
        "value": make.yuan(5),
        "starts_at": clock.now() - timedelta(hours=1),
    }
    return CampaignWish(**{**values, **changes})


async def saved(**changes: Any) -> Campaign:
    return await coupons.save_campaign(make.OPERATOR, wish(**changes))


async def refusal(**changes: Any) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(Refused) as refused:
        await saved(**changes)
    (one,) = refused.value.refusals
    return getattr(one, "reason", one.code), one.field[1:]


async def test_a_campaign_is_saved_started_paused_and_ended() -> None:
    variant = await make.variant()
    campaign = await saved(skus=[variant.sku], tiers=[Tier.GOLD], public_code=" summer ")
    assert (campaign.state, campaign.version) == (CampaignState.DRAFT, 1)
    assert (campaign.public_code, campaign.variant_ids) == ("SUMMER", [variant.id])
    for to in (CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.RUNNING):
        campaign = await coupons.move_campaign(make.OPERATOR, campaign.id, to)
        assert campaign.state is to
    again = await coupons.move_campaign(make.OPERATOR, campaign.id, CampaignState.RUNNING)
    assert again.version == campaign.version
    changed = await coupons.save_campaign(
        make.OPERATOR,
        wish(public_code="SUMMER", value=make.yuan(6)),
        campaign.id,
        campaign.version,
    )
    assert changed.value == make.yuan(6)
    ended = await coupons.move_campaign(make.OPERATOR, campaign.id, CampaignState.ENDED)
    assert ended.ended_at is not None
    found = await coupons.versions_of([campaign.id])
    assert [each.terms["value"] for each in found[campaign.id]] == [make.yuan(6), make.yuan(5)]
    actions = await AuditEntry.filter(target=str(campaign.id)).values_list("action", flat=True)
    assert set(actions) == {
        "coupon_campaign.save",
        "coupon_campaign.running",
        "coupon_campaign.paused",
        "coupon_campaign.ended",
    }


async def test_what_has_run_keeps_its_promise() -> None:
    campaign = await saved(public_code="SUMMER")
    await coupons.move_campaign(make.OPERATOR, campaign.id, CampaignState.RUNNING)
    for changes in ({}, {"public_code": "WINTER"}, {"public_code": "SUMMER", "currency": "USD"}):
        with pytest.raises(Refused) as refused:
            await coupons.save_campaign(make.OPERATOR, wish(**changes), campaign.id)
        assert isinstance(refused.value.refusals[0], coupons.CampaignTermsFixed)
    await coupons.move_campaign(make.OPERATOR, campaign.id, CampaignState.ENDED)
    with pytest.raises(Refused) as refused:
        await coupons.move_campaign(make.OPERATOR, campaign.id, CampaignState.RUNNING)
    assert isinstance(refused.value.refusals[0], coupons.CampaignStateWrong)


async def test_a_public_code_is_of_one_campaign_until_that_ends() -> None:
    first = await saved(public_code="SUMMER")
    with pytest.raises(Refused) as refused:
        await saved(public_code="summer")
    assert refused.value.refusals[0].code == "CONFLICT"
    await coupons.move_campaign(make.OPERATOR, first.id, CampaignState.ENDED)
    await saved(public_code="summer")


@pytest.mark.parametrize(
    ("changes", "reason", "place"),
    [
        ({"name_en": " "}, "campaign_name", "nameEn"),
        ({"value": 0}, "campaign_value", "off"),
        ({"kind": CampaignKind.PERCENT, "value": 1_000_001}, "campaign_value", "rate"),
        ({**THRESHOLD}, "campaign_steps", "steps"),
        ({"steps": [(10, 5)]}, "campaign_steps", "steps"),
        (
            {"kind": CampaignKind.THRESHOLD, "value": 0, "steps": [(5, 6)]},
            "campaign_steps",
            "steps",
        ),
        (
            {"kind": CampaignKind.THRESHOLD, "value": 0, "steps": [(9, 2), (9, 3)]},
            "campaign_steps",
            "steps",
        ),
        ({"kind": CampaignKind.FREE_ITEM, "value": 0}, "campaign_free_item", "beside"),
        ({"beside": 1}, "campaign_free_item", "beside"),
        ({"per_user": 0}, "campaign_limit", "perUser"),
        ({"budget": -1}, "campaign_limit", "budget"),
        ({"minimum": -1}, "campaign_limit", "minimum"),
        ({"agent_share": 1}, "campaign_shares", "shares"),
        ({"first_order": True}, "campaign_first_order", "perUser"),
        ({"public_code": "a b"}, "campaign_code", "publicCode"),
        ({"public_code": "SUMMER", "automatic": True}, "campaign_code", "publicCode"),
        ({"stack_group": "a-b"}, "campaign_group", "stackGroup"),
        ({"ends_at": clock.now() - timedelta(days=9)}, "campaign_times", "endsAt"),
        ({"skus": ["NONE"]}, "NOT_FOUND", "skus"),
        ({"categories": ["none"]}, "NOT_FOUND", "categories"),
        ({"sites": ["none"]}, "NOT_FOUND", "sites"),
        ({"skus": ["A"] * 201}, "campaign_scope", "skus"),
    ],
)
async def test_what_says_no_sound_campaign_is_refused_at_its_place(
    changes: dict[str, Any], reason: str, place: str
) -> None:
    said, at = await refusal(**changes)
    assert (said, at[0]) == (reason, place)
    assert not await Campaign.all().exists()


async def test_who_may_not_keep_campaigns_does_not() -> None:
    reader = await make.operator("coupons:read")
    with pytest.raises(Refused) as refused:
        await coupons.save_campaign(reader, wish())
    assert refused.value.refusals[0].code == "FORBIDDEN"


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        ("kind", "'gift'", "campaign_kind_known"),
        ("state", "'ended'", "campaign_times_of_its_state"),
        ("value", "0", "campaign_says_how_much"),
        ("steps", """'[{"from": 1, "off": 1}]'""", "campaign_says_how_much"),
        ("beside", "1", "campaign_says_how_much"),
        ("max_uses", "0", "campaign_limits_above_zero"),
        ("ends_at", "starts_at", "campaign_ends_after_it_starts"),
        ("first_order", "true", "campaign_first_order_once"),
        ("agent_share", "1", "campaign_is_borne_whole"),
    ],
)
async def test_the_database_refuses_an_unsound_campaign(column: str, value: str, name: str) -> None:
    campaign = await saved()
    with pytest.raises(asyncpg.CheckViolationError) as error:
        async with transaction() as conn:
            await conn.execute(
                f"UPDATE coupon_campaigns SET {column} = {value} WHERE id = $1", campaign.id
            )
    assert error.value.constraint_name == name


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("state = 'draft'", "campaign_state_moves"),
        ("currency = 'USD'", "campaign_terms_fixed"),
        ("public_code = 'OTHER'", "campaign_terms_fixed"),
        ("started_at = now()", "campaign_terms_fixed"),
    ],
)
async def test_the_database_keeps_what_has_run(change: str, name: str) -> None:
    campaign = await saved()
    await coupons.move_campaign(make.OPERATOR, campaign.id, CampaignState.RUNNING)
    with pytest.raises(asyncpg.CheckViolationError) as error:
        async with transaction() as conn:
            await conn.execute(f"UPDATE coupon_campaigns SET {change} WHERE id = $1", campaign.id)
    assert error.value.constraint_name == name


async def test_the_database_lets_no_campaign_and_no_version_go() -> None:
    campaign = await saved()
    version = await CampaignVersion.get(campaign_id=campaign.id)
    for statement, one in (
        ("DELETE FROM coupon_campaigns WHERE id = $1", campaign.id),
        ("UPDATE coupon_campaign_versions SET version = 9 WHERE id = $1", version.id),
        ("DELETE FROM coupon_campaign_versions WHERE id = $1", version.id),
    ):
        await refused_by_the_database(statement, one)


async def refused_by_the_database(statement: str, one: UUID) -> None:
    with pytest.raises(asyncpg.PostgresError):
        async with transaction() as conn:
            await conn.execute(statement, one)


async def test_no_version_is_of_no_campaign() -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with transaction() as conn:
            await conn.execute(
                "INSERT INTO coupon_campaign_versions (id, campaign_id, version, terms, saved_at)"
                " VALUES ($1, $1, 1, '{}', now())",
                new_id(),
            )
