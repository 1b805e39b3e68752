"""An agent makes a link, somebody comes by it and buys, and the agent sees what came of it."""

import re
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import httpx2 as httpx
import pytest
from starlette.applications import Starlette

from domain import catalog, sites
from domain.agents import Tier
from domain.catalog.models import Category, Product, Variant
from domain.commissions import RuleKind
from domain.kernel import Actor, ActorKind, Prefix, clock, encode_id, new_id
from domain.pricing import Price
from domain.promotion import PromoLink
from schema.admin import schema as admin
from schema.shop import schema as shop
from server.app import RequestFrame
from server.promotion import promotion_routes
from server.settings import Settings
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")

CREATE = """
mutation Create($input: PromoLinkCreateInput!) { promoLinkCreate(input: $input) {
  link { id code url label product { slug } clicks orders sold { amount } earned { amount } }
  userErrors { code field message } } }
"""
END = """
mutation End($input: PromoLinkEndInput!) { promoLinkEnd(input: $input) {
  link { endedAt } userErrors { code } } }
"""
VISIT = """
mutation Visit($input: PromoVisitInput!) { promoVisit(input: $input) {
  landing { code product { slug } } userErrors { code message } } }
"""
BUY = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { number } userErrors { code message } } }
"""
LINKS = """
{ viewer { agent { promoLinks { nodes {
  label clicks orders sold { amount } earned { amount } product { slug } } } } } }
"""
KIT = """
query Kit($id: ID!) { promoKit(linkId: $id) {
  copies { name text } posterSvgUrl posterPngUrl link { code } } }
"""
SAVE = """
mutation Save($input: PromoTemplateSaveInput!) { promoTemplateSave(input: $input) {
  template { id name version active state } userErrors { code field message } } }
"""


REVIEW = """
mutation Review($input: PromoTemplateReviewInput!) { promoTemplateReview(input: $input) {
  template { state reviewReason version } userErrors { code field } } }
"""
LIBRARY = """
query Library($state: PromoState) { promoTemplates(first: 10, state: $state) { nodes {
  name state tiers productId categoryId siteId theme validUntil } } }
"""
WHOLE_KIT = """
query Kit($id: ID!) { promoKit(linkId: $id) { copies { name text } pictures { name url words }
  posters { name svgUrl pngUrl } } }
"""
HOT = """
mutation Hot($input: PromoHotGoodsShareInput!) { promoHotGoodsShare(input: $input) {
  kits { link { id url product { slug } } copies { text } } userErrors { code field } } }
"""


async def kept(**given: object) -> dict:
    """Something of the library, saved by one and approved by another."""
    wish = {"kind": "COPY", "name": "n", "textZh": "好", "textEn": "good", **given}
    staff = await make.operator("promotion:write", "promotion:review")
    saved = (await data_of(admin, SAVE, staff, input=wish))["promoTemplateSave"]
    assert saved["userErrors"] == []
    template: dict = saved["template"]
    look = {"id": template["id"], "version": template["version"], "approve": True}
    assert (await data_of(admin, REVIEW, staff, input=look))["promoTemplateReview"]["template"]
    return {**wish, "id": template["id"]}


async def agent(tier: Tier = Tier.GOLD) -> Actor:
    made = await make.agent(tier=tier)
    return Actor(kind=ActorKind.USER, user_id=made.user_id, agent_id=made.id)


async def goods() -> tuple[str, str, Product]:
    """The public id of a product, its sku, and the product: 80, struck through 100."""
    variant = await make.variant(price=make.yuan(80), cards=3)
    await Price.filter(variant_id=variant.id, tier="retail").update(compare_at=make.yuan(100))
    product = await Product.get(id=variant.product_id)
    return encode_id(Prefix.PRODUCT, product.id), variant.sku, product


async def link_of(actor: Actor, **given: str) -> dict:
    made = (await data_of(shop, CREATE, actor, input=given))["promoLinkCreate"]
    assert made["userErrors"] == []
    return made["link"]


def client() -> httpx.AsyncClient:
    app = RequestFrame(Starlette(routes=promotion_routes(Settings(_env_file=None))))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example")


async def test_a_link_a_visit_an_order_and_what_the_agent_sees_of_it() -> None:
    await make.rule(1, RuleKind.PERCENT, 30_000)
    seller, (product_id, sku, product) = await agent(), await goods()
    link = await link_of(seller, productId=product_id, label="video")
    assert link["url"].endswith(f"/p/{link['code']}")
    buyer = await make.buyer()
    landed = (await data_of(shop, VISIT, buyer, input={"code": link["code"]}))["promoVisit"]
    assert landed["landing"]["product"] == {"slug": product.slug}
    wish = {"idempotencyKey": "k", "lines": [{"sku": sku, "quantity": 1}]}
    assert (await data_of(shop, BUY, buyer, input=wish))["orderCreate"]["userErrors"] == []
    (seen,) = (await data_of(shop, LINKS, seller))["viewer"]["agent"]["promoLinks"]["nodes"]
    assert seen == {
        "label": "video",
        "clicks": 1,
        "orders": 1,
        "sold": {"amount": "80.00"},
        "earned": {"amount": "2.40"},
        "product": {"slug": product.slug},
    }


async def test_a_link_that_is_unknown_or_ended_leads_nowhere_in_one_way() -> None:
    seller, buyer = await agent(), await make.buyer()
    link = await link_of(seller)
    assert (await data_of(shop, END, seller, input={"linkId": link["id"]}))["promoLinkEnd"]["link"]
    told = [
        (await data_of(shop, VISIT, buyer, input={"code": code}))["promoVisit"]["userErrors"]
        for code in (link["code"], "ABCDEFGH2", "canary")
    ]
    assert told[0] == told[1] == told[2]
    assert told[0][0]["code"] == "NOT_FOUND"


async def test_texts_are_kept_filled_in_and_nobody_else_s_link_is_told() -> None:
    staff = await make.operator("promotion:write")
    seller, stranger, (product_id, _, product) = await agent(), await agent(), await goods()
    link = await link_of(seller, productId=product_id)
    texts = {"textZh": "{product} {off}，只要 {price}：{link}", "textEn": "{off}: {price} {link}"}
    text = await kept(name="hot", **texts)
    told = (await data_of(shop, KIT, seller, "zh", id=link["id"]))["promoKit"]
    name = product.name_zh
    assert told["copies"] == [
        {"name": "hot", "text": f"{name} 8折，只要 ¥80：{link['url']}"},
    ]
    told = (await data_of(shop, KIT, seller, id=link["id"]))["promoKit"]
    assert told["copies"][0]["text"] == f"20% off: ¥80 {link['url']}"
    refused = await ask(shop, KIT, stranger, id=link["id"])
    assert refused.errors[0].extensions["code"] == "NOT_FOUND"
    off = {**text, "active": False}
    saved = (await data_of(admin, SAVE, staff, input=off))["promoTemplateSave"]
    changed = saved["template"]
    assert (changed["version"], changed["active"], changed["state"]) == (2, False, "APPROVED")
    told = (await data_of(shop, KIT, seller, id=link["id"]))["promoKit"]
    assert len(told["copies"]) == 1, "the house's own text stands in"
    assert link["url"] in told["copies"][0]["text"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"textZh": "稳赚"}, ["textZh"]),
        ({"textEn": "guaranteed income"}, ["textEn"]),
        ({"textEn": "only $9"}, ["textEn"]),
        ({"textZh": "{oops}"}, ["textZh"]),
        ({"name": " "}, ["name"]),
        ({"kind": "POSTER", "textZh": "长" * 61}, ["textZh"]),
        ({"kind": "IMAGE"}, ["url"]),
        ({"kind": "IMAGE", "url": "http://pictures.example/a.png"}, ["url"]),
        ({"url": "https://pictures.example/a.png"}, ["url"]),
        ({"theme": "FIRE"}, ["theme"]),
        (
            {"validFrom": "2030-01-02T00:00:00Z", "validUntil": "2030-01-01T00:00:00Z"},
            ["validUntil"],
        ),
    ],
)
async def test_a_text_that_may_not_be_shared_is_refused(change: dict, field: list[str]) -> None:
    staff = await make.operator("promotion:write")
    wish = {"kind": "COPY", "name": "n", "textZh": "好", "textEn": "good", **change}
    saved = (await data_of(admin, SAVE, staff, "zh", input=wish))["promoTemplateSave"]
    assert saved["template"] is None
    assert [(each["code"], each["field"]) for each in saved["userErrors"]] == [("INVALID", field)]


async def test_an_agent_is_shown_what_is_for_its_tier_goods_and_site_and_in_force() -> None:
    gold, bronze = await agent(), await agent(Tier.BRONZE)
    (product_id, _, product), (other_id, _, _) = await goods(), await goods()
    shelf = await Category.get(id=product.category_id)
    parent = await Category.create(slug="above", name_zh="上", name_en="Above")
    await Category.filter(id=shelf.id).update(parent_id=parent.id)
    moment = clock.now()
    for name, scope in (
        ("gold only", {"tiers": ["GOLD"]}),
        ("these goods", {"productId": product_id}),
        ("this shelf", {"categoryId": encode_id(Prefix.CATEGORY, parent.id)}),
        ("here", {"siteId": encode_id(Prefix.SITE, sites.MAIN_ID)}),
        ("over", {"validUntil": (moment - timedelta(hours=1)).isoformat()}),
        ("to come", {"validFrom": (moment + timedelta(hours=1)).isoformat()}),
        ("switched off", {"active": False}),
    ):
        await kept(name=name, textEn="{code}: {product}", textZh="{product}", **scope)
    away = await sites.save_site(make.OPERATOR, sites.SiteDraft("b", "b", "b", "CNY"))
    await kept(name="elsewhere", siteId=encode_id(Prefix.SITE, away.id))
    waiting = {"kind": "COPY", "name": "waits", "textZh": "好", "textEn": "good"}
    await data_of(admin, SAVE, await make.operator("promotion:write"), input=waiting)
    seen = {}
    for who, goods_id in ((gold, product_id), (gold, other_id), (bronze, product_id)):
        link = await link_of(who, productId=goods_id)
        copies = (await data_of(shop, WHOLE_KIT, who, id=link["id"]))["promoKit"]["copies"]
        seen[who, goods_id] = {each["name"] for each in copies}
        assert all(each["text"].startswith(f"{link['code']}: Product") for each in copies)
    all_over = {"gold only", "here"}
    assert seen == {
        (gold, product_id): {*all_over, "these goods", "this shelf"},
        (gold, other_id): all_over,
        (bronze, product_id): {"here", "these goods", "this shelf"},
    }
    whole = await link_of(gold)
    copies = (await data_of(shop, WHOLE_KIT, gold, id=whole["id"]))["promoKit"]["copies"]
    assert len(copies) == 1, "they are of goods: the house's own text stands in"
    reader = await make.operator("promotion:read")
    found = await data_of(admin, LIBRARY, reader, state="SUBMITTED")
    assert [each["name"] for each in found["promoTemplates"]["nodes"]] == ["waits"]


async def test_what_is_changed_is_looked_at_again_and_a_rejection_says_why() -> None:
    staff = await make.operator("promotion:write", "promotion:review")
    text = await kept(textEn="one")
    saved = (await data_of(admin, SAVE, staff, input={**text, "textEn": "two"}))[
        "promoTemplateSave"
    ]["template"]
    assert (saved["version"], saved["state"]) == (2, "SUBMITTED")
    for change, code in (
        ({"version": 1, "approve": True}, "CONFLICT"),
        ({"version": 2, "approve": False}, "INVALID"),
        ({"id": encode_id(Prefix.PROMO_TEMPLATE, new_id()), "version": 2, "approve": True},
         "NOT_FOUND"),
    ):  # fmt: skip
        look = {"id": text["id"], **change}
        told = (await data_of(admin, REVIEW, staff, input=look))["promoTemplateReview"]
        assert (told["template"], told["userErrors"][0]["code"]) == (None, code)
    no = {"id": text["id"], "version": 2, "approve": False, "reason": "Says nothing."}
    told = (await data_of(admin, REVIEW, staff, input=no))["promoTemplateReview"]["template"]
    assert (told["state"], told["reviewReason"]) == ("REJECTED", "Says nothing.")
    writer = await make.operator("promotion:write")
    refused = await ask(admin, REVIEW, writer, input=no)
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"


async def test_a_word_that_is_banned_later_is_in_nobodys_kit() -> None:
    seller, staff = await agent(), await make.operator("promotion:review")
    link = await link_of(seller)
    text = await kept(name="bad", textZh="外挂", textEn="{shop} cheats")
    (shown,) = (await data_of(shop, WHOLE_KIT, seller, id=link["id"]))["promoKit"]["copies"]
    assert shown["name"] == "bad"
    await catalog.ban(make.OPERATOR, "Forbidden here.", word="cheats")
    (shown,) = (await data_of(shop, WHOLE_KIT, seller, id=link["id"]))["promoKit"]["copies"]
    assert shown["name"] != "bad"
    look = {"id": text["id"], "version": 1, "approve": True}
    told = (await data_of(admin, REVIEW, staff, input=look))["promoTemplateReview"]
    assert told["userErrors"][0]["code"] == "INVALID"


async def test_pictures_and_posters_of_the_library_are_filled_in() -> None:
    seller, (product_id, _, product) = await agent(), await goods()
    link = await link_of(seller, productId=product_id)
    picture = "https://pictures.example/a.png"
    await kept(kind="IMAGE", name="face", url=picture, textEn="{product} on a table")
    poster = {"kind": "POSTER", "textZh": "省 {off}", "textEn": "{off}"}
    fire = await kept(name="fire", theme="FIRE", **poster)
    await kept(name="plain", **poster | {"textZh": "新", "textEn": "new"})
    told = (await data_of(shop, WHOLE_KIT, seller, id=link["id"]))["promoKit"]
    words = f"{product.name_en} on a table"
    assert told["pictures"] == [{"name": "face", "url": picture, "words": words}]
    assert [each["name"] for each in told["posters"]] == ["plain", "fire"]
    path = told["posters"][1]["svgUrl"].partition("/p/")[2]
    assert path == f"{link['code']}/poster.svg?lang=en&look={fire['id']}"
    async with client() as web:
        chosen = (await web.get(f"/p/{path}")).text
        usual = (await web.get(f"/p/{link['code']}/poster.svg?lang=en")).text
        strange = (await web.get(f"/p/{link['code']}/poster.svg?lang=en&look=pmt_x")).text
    assert ("#b3261e" in chosen, ">20% off<" in chosen, ">¥80<" in chosen) == (True, True, True)
    assert "#b3261e" not in usual
    assert ">new<" in usual
    assert strange == usual
    staff = await make.operator("promotion:write")
    await data_of(admin, SAVE, staff, input={**fire, "active": False})
    async with client() as web:  # a poster that goes round is drawn all the same
        assert ">new<" in (await web.get(f"/p/{path}")).text


async def test_hot_goods_are_shared_by_what_was_sold() -> None:
    seller, (_, _, hot), (_, _, cold) = await agent(), await goods(), await goods()
    (variant,) = await Variant.filter(product_id=hot.id)
    await catalog.remember_sales({variant.id: 9})
    told = (await data_of(shop, HOT, seller, input={"most": 5}))["promoHotGoodsShare"]
    assert told["userErrors"] == []
    (kit,) = told["kits"]
    link = kit["link"]
    assert link["product"] == {"slug": hot.slug}
    assert kit["copies"][0] == {
        "text": f"Selling best these days: {hot.name_en}, now ¥80 (20% off) {link['url']}"
    }
    again = (await data_of(shop, HOT, seller, "zh", input={}))["promoHotGoodsShare"]["kits"]
    assert again[0]["link"]["id"] == link["id"]
    assert again[0]["copies"][0]["text"].startswith(f"近期热销：{hot.name_zh}，现价 ¥80（8折）")
    for who, most, code in ((seller, 11, "INVALID"), (await make.buyer(), 5, "NOT_FOUND")):
        told = (await data_of(shop, HOT, who, input={"most": most}))["promoHotGoodsShare"]
        assert (told["kits"], told["userErrors"][0]["code"]) == (None, code)
    assert await PromoLink.all().count() == 1
    assert cold.slug != hot.slug


async def test_a_name_is_taken_once_and_texts_take_a_scope() -> None:
    staff = await make.operator("promotion:write")
    wish = {"kind": "COPY", "name": "n", "textZh": "好", "textEn": "good"}
    await data_of(admin, SAVE, staff, input=wish)
    again = (await data_of(admin, SAVE, staff, input=wish))["promoTemplateSave"]
    assert again["userErrors"][0]["field"] == ["name"]
    reader = await make.operator("promotion:read")
    refused = await ask(admin, SAVE, reader, input=wish)
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"


async def test_the_page_tells_messengers_what_is_sold_and_leads_on() -> None:
    seller, (product_id, _, product) = await agent(), await goods()
    to_goods, to_shop = await link_of(seller, productId=product_id), await link_of(seller)
    async with client() as web:
        page = await web.get(f"/p/{to_goods['code'].lower()}", headers={"accept-language": "zh"})
        whole = await web.get(f"/p/{to_shop['code']}?lang=en")
        gone = await web.get("/p/ABCDEFGH2?lang=en")
    assert page.status_code == 200
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert f'content="0;url=/card/{product.slug}?promo={to_goods["code"]}"' in page.text
    assert 'property="og:description" content="¥80 起"' in page.text
    assert f'content="0;url=/?promo={to_shop["code"]}"' in whole.text
    assert gone.status_code == 404
    assert "ABCDEFGH2" not in gone.text
    assert "This promotion link is over." in gone.text
    assert '<a href="/?promo=">To the shop</a>' in gone.text


@pytest.mark.parametrize("font", [None, Path("font.ttc")])
async def test_messengers_are_shown_a_poster_only_where_one_can_be_drawn(
    monkeypatch: pytest.MonkeyPatch, font: Path | None
) -> None:
    monkeypatch.setattr("adapters.drawing.find_font", lambda chosen: font)
    link = await link_of(await agent())
    async with client() as web:
        page = await web.get(f"/p/{link['code']}?lang=en")
    shown = f"/p/{link['code']}/poster.png?lang=en" in page.text
    assert shown is (font is not None)


async def test_the_poster_has_the_real_price_at_each_moment_and_the_link() -> None:
    seller, (product_id, _, _) = await agent(), await goods()
    link = await link_of(seller, productId=product_id)
    async with client() as web:
        svg = await web.get(f"/p/{link['code']}/poster.svg?lang=zh")
        gone = await web.get("/p/ABCDEFGH2/poster.svg?lang=zh")
    assert svg.headers["content-type"].startswith("image/svg+xml")
    texts = [each.text for each in ElementTree.fromstring(svg.content).iter() if each.text]
    assert {"¥80", "原价 ¥100", link["code"]} <= set(texts)
    assert gone.status_code == 404
    await Price.filter(tier="retail").update(amount=make.yuan(85))
    async with client() as web:  # another process, which has kept nothing
        svg = await web.get(f"/p/{link['code']}/poster.svg?lang=zh")
    assert "¥85" in svg.text
    assert re.search(r">¥80<", svg.text) is None


async def test_without_a_font_the_png_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.drawing.find_font", lambda chosen: None)
    link = await link_of(await agent())
    async with client() as web:
        png = await web.get(f"/p/{link['code']}/poster.png?lang=en")
    assert png.status_code == 501
    assert png.json()["error"]["code"] == "POSTER_FONT_MISSING"
