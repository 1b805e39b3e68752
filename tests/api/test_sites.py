"""Sites over HTTP: which one a door shows, and how the back office keeps them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest
import pytest_asyncio

from domain import identity, sites
from domain.checkout import LineWish, Purchase, place_order
from domain.identity.models import UserRole
from domain.kernel import Actor, ActorKind
from schema.admin import schema
from server.app import create_app
from server.settings import Settings
from tests import make
from tests.api.asking import Tries, ask, data_of

pytestmark = pytest.mark.usefixtures("db")
SAVE = """mutation Save($input: SiteSaveInput!) { siteSave(input: $input) {
    site { id slug hosts status assortment version } userErrors { code field message } } }"""


@pytest_asyncio.fixture
async def client(test_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application, in this process."""
    app = create_app(test_settings)
    app.state.rate_limits = Tries()
    app.state.live = None  # nobody follows an order here
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as made:
        yield made


async def site(slug: str, *hosts: str, **changes: Any) -> sites.Site:
    draft = sites.SiteDraft(
        slug=slug, name_zh="站", name_en=slug.title(), hosts=hosts, **{"currency": "CNY", **changes}
    )
    return await sites.save_site(make.OPERATOR, draft)


async def asked(
    client: httpx.AsyncClient, query: str, door: str = "shop", **headers: str
) -> tuple[int, dict[str, Any]]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.post(f"/graphql/{door}", json={"query": query}, headers=sent)
    return answer.status_code, answer.json()


async def shown(client: httpx.AsyncClient, **headers: str) -> str:
    status, answer = await asked(client, "{ site { slug name currency } }", **headers)
    if status != 200:
        return str(answer["errors"][0]["extensions"]["code"])
    return str(answer["data"]["site"]["slug"])


async def test_the_shop_shows_the_site_of_its_header_or_host(client: httpx.AsyncClient) -> None:
    await site("north", "north.example")
    await site("south")
    await site("shut", "shut.example", status="closed")
    assert await shown(client) == "main"
    assert await shown(client, host="north.example:8443") == "north"
    assert await shown(client, kameng_site="south") == "south"
    assert await shown(client, host="north.example", kameng_site="south") == "SITE_UNKNOWN"
    assert await shown(client, kameng_site="nowhere") == "SITE_UNKNOWN"
    assert await shown(client, host="shut.example") == "SITE_CLOSED"
    status, answer = await asked(
        client, "{ site { slug } }", accept_language="zh", kameng_site="nowhere"
    )
    assert status == 404
    assert "nowhere" in answer["errors"][0]["message"]
    assert "站点" in answer["errors"][0]["message"]


async def test_visitors_without_a_language_are_spoken_to_in_the_sites_own(
    client: httpx.AsyncClient,
) -> None:
    await site("north", language="zh")
    for headers, name in (
        ({}, "站"),
        ({"accept_language": "en"}, "North"),
        ({"accept_language": "de"}, "站"),
    ):
        _, answer = await asked(client, "{ site { name } }", kameng_site="north", **headers)
        assert answer["data"]["site"]["name"] == name


async def test_operators_and_partners_are_at_the_main_site(client: httpx.AsyncClient) -> None:
    await site("shut", "shut.example", status="closed")
    operator = await make.user(role=UserRole.OPERATOR)
    operator.scopes = ["*"]
    await operator.save()
    token = await make.token(make.actor_of(operator))
    query = "{ siteFiles { nodes { slug } } }"
    status, answer = await asked(
        client, query, "admin", host="shut.example", authorization=f"Bearer {token}"
    )
    assert status == 200
    assert [node["slug"] for node in answer["data"]["siteFiles"]["nodes"]] == ["main", "shut"]
    owner = await make.user()
    key = await identity.create_api_key(
        make.OPERATOR, owner.id, "site", ["catalog:read"], require_signature=False
    )
    catalogue = "{ catalog { nodes { sku } } }"
    partner = {"host": "shut.example", "authorization": f"Bearer {key.key}"}
    assert (await asked(client, catalogue, "partner", **partner))[0] == 200
    status, answer = await asked(client, catalogue, "partner", kameng_site="shut", **partner)
    assert (status, answer["errors"][0]["extensions"]["code"]) == (403, "SITE_CLOSED")


async def test_the_back_office_saves_a_site() -> None:
    wish = {
        "slug": "north", "nameZh": "北站", "nameEn": "North", "currency": "USD",
        "hosts": ["north.example"], "region": "US", "language": "zh",
    }  # fmt: skip
    made = (await data_of(schema, SAVE, make.OPERATOR, input=wish))["siteSave"]
    assert made["userErrors"] == []
    assert made["site"]["status"] == "OPEN"
    again = {**wish, "id": made["site"]["id"], "expectedVersion": 1, "status": "CLOSED"}
    saved = (await data_of(schema, SAVE, make.OPERATOR, input=again))["siteSave"]["site"]
    assert (saved["status"], saved["version"]) == ("CLOSED", 2)
    twice = (await data_of(schema, SAVE, make.OPERATOR, input={**wish, "slug": "x"}))["siteSave"]
    assert [(error["code"], error["field"]) for error in twice["userErrors"]] == [
        ("CONFLICT", ["hosts"])
    ]


async def test_who_may_not_keep_sites_is_refused() -> None:
    reader = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:write"}))
    wish = {"slug": "north", "nameZh": "北", "nameEn": "N", "currency": "CNY"}
    for query, variables in ((SAVE, {"input": wish}), ("{ siteFiles { nodes { slug } } }", {})):
        result = await ask(schema, query, reader, **variables)
        assert result.errors[0].extensions["code"] == "FORBIDDEN"
    assert await sites.Site.all().count() == 1


async def test_an_order_tells_its_site() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    await place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    found = await data_of(schema, "{ orders { nodes { site { slug } } } }", make.OPERATOR)
    assert found["orders"]["nodes"] == [{"site": {"slug": "main"}}]
