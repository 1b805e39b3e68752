"""Sites: what may be saved, which one a request is for, and what the database refuses."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import sites
from domain.checkout import LineWish, Purchase, place_order
from domain.kernel import Actor, ActorKind, Refused, connection
from domain.orders import Order
from domain.sites import directory
from domain.sites.rules import host_of, site_faults
from tests import make

pytestmark = pytest.mark.usefixtures("db")


def draft(slug: str = "north", **changes: Any) -> sites.SiteDraft:
    values: dict[str, Any] = {"name_zh": "北站", "name_en": "North", "currency": "CNY", **changes}
    return sites.SiteDraft(slug=slug, **values)


async def save(slug: str = "north", **changes: Any) -> sites.Site:
    return await sites.save_site(make.OPERATOR, draft(slug, **changes))


async def refused(what: Any) -> list[tuple[str, tuple[str, ...]]]:
    with pytest.raises(Refused) as caught:
        await what
    return [(refusal.code, refusal.field) for refusal in caught.value.refusals]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "North!"}, "slug"),
        ({"name_zh": ""}, "nameZh"),
        ({"name_en": " x"}, "nameEn"),
        ({"hosts": ("Shop.example.com",)}, "hosts"),
        ({"hosts": ("shop.example.com:80",)}, "hosts"),
        ({"hosts": ("a.example", "a.example")}, "hosts"),
        ({"hosts": tuple(f"h{n}.example" for n in range(21))}, "hosts"),
        ({"currency": "yuan"}, "currency"),
        ({"language": "chinese"}, "language"),
        ({"region": "Mars!"}, "region"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], field: str) -> None:
    assert [fault.field for fault in site_faults(draft(**change))] == [(field,)]


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("Shop.Example.com:8443", "shop.example.com"),
        ("shop.example.com.", "shop.example.com"),
        ("[::1]:80", "[::1]"),
        ("", ""),
    ],
)
def test_a_host_is_read_from_its_header(header: str, host: str) -> None:
    assert host_of(header) == host


async def test_a_saved_site_is_audited_told_and_found_at_once() -> None:
    made = await save(hosts=("north.example",), region="CN")
    again = await sites.save_site(
        make.OPERATOR, draft(name_en="Norther"), site_id=made.id, expected_version=1
    )
    assert (again.version, again.name_en, again.hosts) == (2, "Norther", [])
    assert (await sites.site_of_request("north")).name_en == "Norther"
    async with connection() as conn:
        told = await conn.fetch("SELECT sequence FROM outbox_events WHERE subject = $1", made.id)
        audited = "SELECT count(*) FROM audit_entries WHERE target = $1 AND action = 'site.save'"
        assert await conn.fetchval(audited, made.id) == 2
        assert await conn.fetchval("SELECT count(*) FROM site_hosts") == 0
    assert [row["sequence"] for row in told] == [1, 2]


async def test_a_refused_site_changes_nothing() -> None:
    first = await save(hosts=("north.example",))
    unprivileged = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"sites:read"}))
    assert await refused(sites.save_site(unprivileged, draft("other"))) == [("FORBIDDEN", ())]
    assert await refused(save("south", hosts=("north.example",))) == [("CONFLICT", ("hosts",))]
    assert await refused(save("north")) == [("CONFLICT", ("slug",))]
    stale = sites.save_site(make.OPERATOR, draft(), site_id=first.id, expected_version=7)
    assert await refused(stale) == [("CONFLICT", ("expectedVersion",))]
    unknown = sites.save_site(make.OPERATOR, draft("x"), site_id=UUID(int=7))
    assert await refused(unknown) == [("NOT_FOUND", ("id",))]
    shut = sites.save_site(make.OPERATOR, draft("main", status="closed"), site_id=sites.MAIN_ID)
    assert await refused(shut) == [("INVALID", ("status",))]
    rows = await sites.Site.all().order_by("id")
    assert [(row.slug, row.version) for row in rows] == [("main", 1), ("north", 1)]


async def test_a_request_is_for_the_site_it_names_or_the_host_it_calls() -> None:
    await save(hosts=("north.example", "www.north.example"))
    await save("south")
    await save("shut", hosts=("shut.example",), status="closed")
    found = {
        (slug, host): (await sites.site_of_request(slug, host)).slug
        for slug, host in (
            (None, "North.example:443"),
            (None, "elsewhere.example"),
            (None, ""),
            ("south", "elsewhere.example"),
            ("north", "www.north.example"),
        )
    }
    assert list(found.values()) == ["north", "main", "main", "south", "north"]
    assert await refused(sites.site_of_request("nowhere")) == [("SITE_UNKNOWN", ())]
    assert await refused(sites.site_of_request("south", "north.example")) == [("SITE_UNKNOWN", ())]
    assert await refused(sites.site_of_request("main", "north.example")) == [("SITE_UNKNOWN", ())]
    assert await refused(sites.site_of_request(None, "shut.example")) == [("SITE_CLOSED", ())]
    assert await refused(sites.site_of_request("shut")) == [("SITE_CLOSED", ())]


async def test_what_another_process_changes_is_seen_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = await save()
    await sites.site_of_request("north")
    async with connection() as conn:
        await conn.execute("UPDATE sites SET status = 'closed' WHERE id = $1", made.id)
    assert (await sites.site_of_request("north")).slug == "north"
    monkeypatch.setattr(directory, "FRESH_SECONDS", 0.05)
    await asyncio.sleep(0.06)
    assert await refused(sites.site_of_request("north")) == [("SITE_CLOSED", ())]


async def test_the_database_keeps_hosts_apart_and_every_site() -> None:
    first = await save(hosts=("north.example",))
    second = await save("south")
    statements = {
        "site_hosts_pkey": "UPDATE sites SET hosts = '{north.example}' WHERE slug = 'south'",
        "host_in_small_letters": "UPDATE sites SET hosts = '{North.example}' WHERE slug = 'south'",
        "site_never_deleted": "DELETE FROM sites WHERE slug = 'south'",
        "main_site_open": "UPDATE sites SET status = 'closed' WHERE slug = 'main'",
    }
    async with connection() as conn:
        for name, statement in statements.items():
            with pytest.raises(asyncpg.PostgresError) as broken:
                await conn.execute(statement)
            assert broken.value.constraint_name == name
        hosts = await conn.fetch("SELECT host, site_id FROM site_hosts")
    assert [(row["host"], row["site_id"]) for row in hosts] == [("north.example", first.id)]
    assert (await sites.get_site(second.id)).slug == "south"


async def test_an_order_keeps_where_it_was_bought() -> None:
    made, variant, buyer = await save(), await make.variant(cards=2), await make.buyer()
    there = Actor(kind=buyer.kind, user_id=buyer.user_id, site_id=made.id)
    placed = await place_order(there, Purchase((LineWish(variant.sku, 1),), "there"))
    here = await place_order(buyer, Purchase((LineWish(variant.sku, 1),), "here"))
    assert (await Order.get(id=placed.order.id)).site_id == made.id
    assert (await Order.get(id=here.order.id)).site_id == sites.MAIN_ID
