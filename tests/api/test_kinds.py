"""Every kind of product, made, sold and delivered over the API alone (mission rows A1, A3, A4)."""

import io
from dataclasses import replace
from typing import Any

import httpx2 as httpx
import pytest

from adapters.sandbox.simulator import load_items, sandbox_secret
from domain import cards, fulfilment, ledger, orders
from domain.catalog import DeliveryKind
from domain.catalog.models import Variant
from domain.invariants import find_violations
from domain.kernel import Actor, ActorKind, Prefix, connection, decode_id, encode_id, new_id
from schema.admin import schema as admin
from schema.partner import schema as partner
from schema.shop import schema as shop
from tests import make
from tests.adapters.conftest import simulator  # noqa: F401
from tests.api.asking import ask, data_of

pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.xdist_group("simulator")]
ERRORS = "userErrors { __typename code message field ... on AccountInvalidError { key reason } }"
TYPE_SAVE = """mutation Save($input: ProductTypeSaveInput!) { productTypeSave(input: $input) {
    productType { id code version accountFields { key kind options { value when } } }
    userErrors { code field } } }"""
PRODUCT_SAVE = """mutation Save($input: ProductSaveInput!) { productSave(input: $input) {
    product { id version } userErrors { code field } } }"""
VARIANT_SAVE = """mutation Save($input: VariantSaveInput!) { variantSave(input: $input) {
    variant { id deliveryKind productType { code } } userErrors { code field } } }"""
PRICES_SET = """mutation Set($input: PricesSetInput!) { pricesSet(input: $input) {
    prices { tier } userErrors { code field } } }"""
MOVE = """mutation Move($input: ListingMoveInput!) { listingMove(input: $input) {
    product { status } userErrors { code } } }"""
SUPPLIER_SAVE = """mutation Save($input: SupplierSaveInput!) { supplierSave(input: $input) {
    supplier { id } userErrors { code field } } }"""
OFFER_SAVE = """mutation Save($input: OfferSaveInput!) { offerSave(input: $input) {
    offer { fieldMapping { parameter field } } userErrors { code field } } }"""
SHELF = """query Shelf($slug: String) { product(slug: $slug) { variants {
    sku deliveryKind stockLevel accountFields { key kind label required pattern dependsOn
    options { value label when } } } } }"""
DELIVERY = """delivery { __typename kind deliveredAt ... on CardDelivery { cards { masked } }
    ... on TopupDelivery { receipt } ... on ManualDelivery { note } }"""
LINE = f"id status failureCode account {{ key label value }} {DELIVERY}"
ORDER = f"order {{ id status lines {{ {LINE} }} }}"
BUY = f"""mutation Buy($input: OrderCreateInput!) {{ orderCreate(input: $input) {{
    {ORDER} replayed {ERRORS} }} }}"""
PLACE = f"""mutation Place($input: OrderPlaceInput!) {{ orderPlace(input: $input) {{
    {ORDER} {ERRORS} }} }}"""
ONE = f"query One($id: ID!) {{ order(id: $id) {{ lines {{ {LINE} }} }} }}"
GAME = [
    {
        "key": "area",
        "kind": "SELECT",
        "labelZh": "大区",
        "labelEn": "Area",
        "options": [
            {"value": "cn", "labelZh": "国服", "labelEn": "China"},
            {"value": "eu", "labelZh": "欧服", "labelEn": "Europe"},
        ],
    },
    {
        "key": "server",
        "kind": "SELECT",
        "labelZh": "服务器",
        "labelEn": "Server",
        "dependsOn": "area",
        "options": [
            {"value": "gz", "labelZh": "广州", "labelEn": "Guangzhou", "when": ["cn"]},
            {"value": "fra", "labelZh": "法兰克福", "labelEn": "Frankfurt", "when": ["eu"]},
        ],
    },
    {
        "key": "uid",
        "kind": "ACCOUNT_ID",
        "labelZh": "角色编号",
        "labelEn": "Player id",
        "pattern": "[0-9]{6,10}",
    },
    {
        "key": "level",
        "kind": "NUMBER",
        "labelZh": "等级",
        "labelEn": "Level",
        "required": False,
        "minValue": "1",
        "maxValue": "99",
    },
]
FILLED = {"area": "cn", "server": "gz", "uid": "12340001", "level": "42"}


def entries(account: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in account.items()]


async def done(query: str, entity: str, **wish: Any) -> dict[str, Any]:
    """What an operator's mutation made."""
    (payload,) = (await data_of(admin, query, make.OPERATOR, input=wish)).values()
    assert payload["userErrors"] == [], payload
    return payload[entity]


async def listed(type_code: str, sku: str) -> str:
    """A product with one variant of a type, approved and priced over the API; its slug."""
    slug = sku.lower()
    shelf = await make.product()
    names = {"nameZh": "商品", "nameEn": "Product"}
    category = encode_id(Prefix.CATEGORY, shelf.category_id)
    product = await done(PRODUCT_SAVE, "product", slug=slug, categoryId=category, **names)
    variant = await done(
        VARIANT_SAVE,
        "variant",
        sku=sku,
        productId=product["id"],
        typeCode=type_code,
        status="ACTIVE",
        **names,
    )
    assert variant["productType"]["code"] == type_code
    await done(
        PRICES_SET, "prices", variantId=variant["id"], prices=[{"tier": "RETAIL", "amount": "10"}]
    )
    for to in ("SUBMITTED", "APPROVED"):
        await done(MOVE, "product", productId=product["id"], to=to)
    return slug


async def offered(sku: str, item: str, simulator: str, mapping: dict[str, str]) -> None:  # noqa: F811
    supplier = {"code": "alpha", "name": "Alpha", "adapter": "generic_http"}
    address = {"baseUrl": f"{simulator}/alpha", "secret": sandbox_secret("alpha")}
    await done(SUPPLIER_SAVE, "supplier", **supplier, **address)
    offer = await done(
        OFFER_SAVE,
        "offer",
        sku=sku,
        supplierCode="alpha",
        item=item,
        cost={"amount": "8", "currency": "CNY"},
        fieldMapping=[{"parameter": k, "field": v} for k, v in mapping.items()],
    )
    assert {each["parameter"]: each["field"] for each in offer["fieldMapping"]} == mapping
    row = {"supplier_code": "alpha", "supplier_item": item, "cost": "8"}
    pairs = "|".join(f"{theirs}={ours}" for theirs, ours in mapping.items())
    await load_items(simulator, [{**row, "field_mapping": pairs}])


async def buy(actor: Actor, sku: str, account: dict[str, str] | None = None, key: str = "") -> Any:
    line: dict[str, Any] = {"sku": sku, "quantity": 1}
    if account is not None:
        line["account"] = entries(account)
    wish = {"idempotencyKey": key or new_id().hex, "lines": [line]}
    return (await data_of(shop, BUY, actor, input=wish))["orderCreate"]


async def fulfil(order: dict[str, Any]) -> None:
    """As the worker does when it hears of the paid order."""
    await fulfilment.fulfil_line(decode_id(Prefix.ORDER_LINE, order["lines"][0]["id"]))


async def line_of(actor: Actor, order: dict[str, Any], schema: Any = shop) -> dict[str, Any]:
    found = await data_of(schema, ONE, actor, id=order["id"])
    line: dict[str, Any] = found["order"]["lines"][0]
    return line


async def no_violations() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def test_a_new_type_is_made_sold_and_its_fields_reach_the_supplier(
    simulator: str,  # noqa: F811
) -> None:
    """Mission rows A3 and A4, without any change of code: all by the API but the job."""
    made = await done(
        TYPE_SAVE,
        "productType",
        code="game-gems",
        nameZh="游戏宝石",
        nameEn="Gems",
        deliveryKind="DIRECT_TOPUP",
        accountFields=GAME,
    )
    assert (made["code"], made["version"]) == ("game-gems", 1)
    slug = await listed("game-gems", "GEMS-100")
    mapping = {"zone_id": "area", "server_id": "server", "player": "uid", "lvl": "level"}
    await offered("GEMS-100", "gems", simulator, mapping)
    shelf = (await data_of(shop, SHELF, slug=slug))["product"]["variants"]
    assert [each["key"] for each in shelf[0]["accountFields"]] == ["area", "server", "uid", "level"]
    assert (shelf[0]["deliveryKind"], shelf[0]["stockLevel"]) == ("DIRECT_TOPUP", "IN_STOCK")
    buyer = await make.buyer()
    bought = await buy(buyer, "GEMS-100", FILLED)
    assert bought["userErrors"] == []
    await fulfil(bought["order"])
    line = await line_of(buyer, bought["order"])
    assert line["status"] == "DELIVERED"
    assert line["delivery"]["__typename"] == "TopupDelivery"
    book = httpx.get(f"{simulator}/control/book?supplier=alpha").json()["orders"]
    assert book[0]["account"] == {
        "zone_id": "cn",
        "server_id": "gz",
        "player": "12340001",
        "lvl": 42,
    }
    assert line["delivery"]["receipt"] == book[0]["receipt"]
    await no_violations()


@pytest.fixture
async def game() -> str:
    """The sku of a variant with fields, delivered by hand."""
    await done(
        TYPE_SAVE,
        "productType",
        code="game",
        nameZh="游戏",
        nameEn="Game",
        deliveryKind="MANUAL",
        accountFields=GAME,
    )
    await listed("game", "GAME-1")
    return "GAME-1"


@pytest.mark.parametrize(
    ("account", "faults"),
    [
        (None, [("area", "account_required"), ("uid", "account_required")]),
        ({**FILLED, "server": "fra"}, [("server", "account_option")]),
        ({**FILLED, "uid": "12"}, [("uid", "account_pattern")]),
        ({**FILLED, "level": "100"}, [("level", "account_bounds")]),
        ({**FILLED, "hidden": "1"}, [("hidden", "account_unknown")]),
        (
            {"area": "us", "uid": "x", "level": "many"},
            [("area", "account_option"), ("uid", "account_pattern"), ("level", "account_number")],
        ),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_each_fault_is_named_by_its_field_and_nothing_is_bought(
    game: str, account: dict[str, str] | None, faults: list[tuple[str, str]], language: str
) -> None:
    buyer = await make.buyer()
    line = {"sku": game, "quantity": 1, "account": entries(account or {})}
    wish = {"idempotencyKey": "key", "lines": [line]}
    answer = await data_of(shop, BUY, buyer, language, input=wish)
    payload = answer["orderCreate"]
    assert payload["order"] is None
    assert [(each["key"], each["reason"]) for each in payload["userErrors"]] == faults
    for each, (key, reason) in zip(payload["userErrors"], faults, strict=True):
        assert each["code"] == "ACCOUNT_INVALID"
        assert each["field"] == ["lines", "0", "account", key]
        called = {field["key"]: field[f"label{language.title()}"] for field in GAME}
        assert each["message"].startswith(called.get(key, key))
        assert reason not in each["message"]
    assert not await orders.Order.exists()


async def test_a_key_is_good_for_the_same_account_only(game: str) -> None:
    buyer = await make.buyer()
    first = await buy(buyer, game, FILLED, key="key")
    turned = dict(reversed(FILLED.items()))
    again = await buy(buyer, game, turned, key="key")
    assert (again["replayed"], again["order"]["id"]) == (True, first["order"]["id"])
    assert again["order"]["lines"][0]["account"] == first["order"]["lines"][0]["account"]
    other = await buy(buyer, game, {**FILLED, "uid": "99990001"}, key="key")
    assert [each["code"] for each in other["userErrors"]] == ["IDEMPOTENCY_KEY_REUSED"]


async def test_what_was_filled_in_is_whole_to_its_buyer_and_who_reads_orders(game: str) -> None:
    buyer = await make.buyer()
    bought = (await buy(buyer, game, FILLED))["order"]
    whole = [
        {"key": "area", "label": "Area", "value": "cn"},
        {"key": "server", "label": "Server", "value": "gz"},
        {"key": "uid", "label": "Player id", "value": "12340001"},
        {"key": "level", "label": "Level", "value": "42"},
    ]
    assert bought["lines"][0]["account"] == whole
    assert (await line_of(buyer, bought))["account"] == whole
    reader = replace(make.OPERATOR, user_id=new_id(), scopes=frozenset({"orders:read"}))
    assert (await line_of(reader, bought, admin))["account"] == whole
    async with connection() as conn:
        for table in ("outbox_events", "audit_entries", "webhook_deliveries"):
            held = await conn.fetchval(f"SELECT string_agg(t::text, ' ') FROM {table} t")
            assert "12340001" not in (held or ""), table


async def test_a_buyer_erases_what_was_filled_in(game: str) -> None:
    buyer = await make.buyer()
    order = (await buy(buyer, game, FILLED))["order"]
    forget = """mutation F($input: OrderAccountsForgetInput!) { orderAccountsForget(input: $input) {
        order { id lines { accountErasedAt account { value } } } userErrors { code message } } }"""
    given = {"input": {"orderId": order["id"]}}
    (error,) = (await data_of(shop, forget, buyer, **given))["orderAccountsForget"]["userErrors"]
    assert (error["code"], "waits for its delivery" in error["message"]) == ("INVALID", True)
    reason = {"lineId": order["lines"][0]["id"], "reason": "gone", "idempotencyKey": "key"}
    await done(CLAIM, "line", lineId=order["lines"][0]["id"])
    await done(FAIL, "line", **reason)
    for who, schema in ((await make.buyer(), shop), (Actor(kind=ActorKind.ANONYMOUS), shop)):
        refused = await ask(schema, forget, who, **given)
        assert refused.errors or refused.data["orderAccountsForget"]["order"] is None
    for who, schema in ((buyer, shop), (make.OPERATOR, admin)):
        answer = await data_of(schema, forget, who, **given)
        (line,) = answer["orderAccountsForget"]["order"]["lines"]
        assert line["account"] == []
        assert line["accountErasedAt"] is not None


async def test_to_anybody_else_it_is_masked(game: str) -> None:
    """Whoever else comes to see a line, by whatever field, is neither buyer nor reader."""
    bought = (await buy(await make.buyer(), game, FILLED))["order"]
    stranger = Actor(kind=ActorKind.KEY, user_id=new_id(), scopes=frozenset({"orders:read"}))
    entered = (await line_of(stranger, bought, admin))["account"]
    shown = {each["key"]: each["value"] for each in entered}
    assert shown == {"area": "***", "server": "***", "uid": "12***01", "level": "***"}


async def test_a_guest_with_the_orders_token_is_its_buyer(game: str) -> None:
    guest = replace(await make.buyer(), kind=ActorKind.GUEST)
    buying = BUY.replace("replayed", "guestToken").replace("order { id", "order { id number")
    line = {"sku": game, "quantity": 1, "account": entries(FILLED)}
    wish = {"idempotencyKey": "key", "lines": [line]}
    bought = (await data_of(shop, buying, guest, input=wish))["orderCreate"]
    line_id = bought["order"]["lines"][0]["id"]
    await done(CLAIM, "line", lineId=line_id)
    await done(DELIVER, "line", lineId=line_id, note="hero 7", idempotencyKey="k")
    look = (
        "query Look($number: String!, $token: String)"
        f" {{ orderByGuest(number: $number, token: $token) {{ lines {{ {LINE} }} }} }}"
    )
    proof = {"number": bought["order"]["number"], "token": bought["guestToken"]}
    (seen,) = (await data_of(shop, look, **proof))["orderByGuest"]["lines"]
    assert {each["key"]: each["value"] for each in seen["account"]} == FILLED
    assert seen["delivery"]["note"] == "hero 7"


async def test_a_changed_type_leaves_lines_as_they_were_checked(game: str) -> None:
    buyer = await make.buyer()
    bought = (await buy(buyer, game, FILLED))["order"]
    types = "{ productTypes(first: 50) { nodes { id code version } } }"
    nodes = (await data_of(admin, types, make.OPERATOR))["productTypes"]["nodes"]
    type_id = next(each["id"] for each in nodes if each["code"] == "game")
    renamed = [{**GAME[2], "labelEn": "Hero"}]
    saved = await done(
        TYPE_SAVE,
        "productType",
        id=type_id,
        expectedVersion=1,
        code="game",
        nameZh="游戏",
        nameEn="Game",
        deliveryKind="MANUAL",
        accountFields=renamed,
    )
    assert saved["version"] == 2
    assert [each["label"] for each in (await line_of(buyer, bought))["account"]] == [
        "Area",
        "Server",
        "Player id",
        "Level",
    ]
    newer = (await buy(buyer, game, {"uid": "12340001"}))["order"]
    assert [each["label"] for each in newer["lines"][0]["account"]] == ["Hero"]
    lines = await orders.OrderLine.all().order_by("id")
    assert [line.type_version for line in lines] == [1, 2]
    await no_violations()


async def test_a_partner_fills_in_too(game: str) -> None:
    owner = await make.buyer()
    key = Actor(
        kind=ActorKind.KEY,
        user_id=owner.user_id,
        key_id=new_id(),
        scopes=frozenset({"orders:write", "orders:read"}),
    )
    wish = {
        "externalId": "p-1",
        "sku": game,
        "quantity": 1,
        "maxUnitCost": {"amount": "10", "currency": "CNY"},
    }
    refused = (await data_of(partner, PLACE, key, input=wish))["orderPlace"]
    assert [each["field"][-1] for each in refused["userErrors"]] == ["area", "uid"]
    placed = (await data_of(partner, PLACE, key, input={**wish, "account": entries(FILLED)}))[
        "orderPlace"
    ]
    values = [each["value"] for each in placed["order"]["lines"][0]["account"]]
    assert values == list(FILLED.values())


CLAIM = """mutation Do($input: LineClaimInput!) { lineClaim(input: $input) {
    line { status } userErrors { code } } }"""
DELIVER = """mutation Do($input: LineDeliverInput!) { lineDeliver(input: $input) {
    line { status delivery { __typename ... on ManualDelivery { note } } }
    userErrors { code } } }"""
FAIL = """mutation Do($input: LineFailInput!) { lineFail(input: $input) {
    line { status failureCode } userErrors { code } } }"""
QUEUE = """{ manualLines { nodes { id orderNumber sku quantity status claimedBy dueAt
    account { key value } } } }"""


async def test_an_operator_delivers_by_hand_over_the_api(game: str) -> None:
    buyer = await make.buyer()
    bought = (await buy(buyer, game, FILLED))["order"]
    (waiting,) = (await data_of(admin, QUEUE, make.OPERATOR))["manualLines"]["nodes"]
    assert {each["key"]: each["value"] for each in waiting["account"]} == FILLED
    assert (waiting["status"], waiting["claimedBy"]) == ("QUEUED", None)
    assert (await done(CLAIM, "line", lineId=waiting["id"]))["status"] == "DELIVERING"
    line = await done(
        DELIVER, "line", lineId=waiting["id"], note="done: hero 7", idempotencyKey="k"
    )
    assert line["delivery"] == {"__typename": "ManualDelivery", "note": None}
    assert (await line_of(buyer, bought))["delivery"]["note"] == "done: hero 7"
    assert (await data_of(admin, QUEUE, make.OPERATOR))["manualLines"]["nodes"] == []
    await no_violations()


async def test_what_an_operator_gives_up_is_paid_back(game: str) -> None:
    buyer = await make.buyer()
    bought = (await buy(buyer, game, FILLED))["order"]
    line_id = bought["lines"][0]["id"]
    early = {"lineId": line_id, "reason": "no such hero", "idempotencyKey": "early"}
    refused = (await data_of(admin, FAIL, make.OPERATOR, input=early))["lineFail"]
    assert [each["code"] for each in refused["userErrors"]] == ["LINE_NOT_CLAIMED"]
    await done(CLAIM, "line", lineId=line_id)
    line = await done(FAIL, "line", **{**early, "idempotencyKey": "k"})
    assert line == {"status": "REFUNDED", "failureCode": "MANUAL_FAILED"}
    assert (await line_of(buyer, bought))["delivery"] is None
    await no_violations()


async def test_who_may_not_fulfil_sees_no_queue(game: str) -> None:
    reader = replace(make.OPERATOR, scopes=frozenset({"orders:read"}))
    result = await ask(admin, QUEUE, reader)
    assert [error.extensions["code"] for error in result.errors] == ["FORBIDDEN"]


@pytest.mark.parametrize("kind", list(DeliveryKind))
async def test_one_of_each_kind_is_bought_and_delivered_by_its_kind(
    kind: DeliveryKind,
    simulator: str,  # noqa: F811
) -> None:
    """Mission row A1: create one of each, buy each, look at the delivery's type."""
    sku = f"KIND-{kind.value.replace('_', '-')}"
    await listed(kind.value.lower().replace("_", "-"), sku)
    await _stocked(kind, sku, simulator)
    buyer = await make.buyer()
    needs = kind is DeliveryKind.DIRECT_TOPUP
    bought = await buy(buyer, sku, {"account": "12340001"} if needs else None)
    if kind is DeliveryKind.BUNDLE:  # one without parts; those with parts: test_bundles.py
        assert [each["code"] for each in bought["userErrors"]] == ["NOT_FOR_SALE"]
        return
    assert bought["userErrors"] == []
    order = bought["order"]
    if needs:
        await fulfil(order)
    if kind is DeliveryKind.MANUAL:
        line_id = order["lines"][0]["id"]
        await done(CLAIM, "line", lineId=line_id)
        await done(DELIVER, "line", lineId=line_id, note="enrolled", idempotencyKey="k")
    line = await line_of(buyer, order)
    assert line["status"] == "DELIVERED"
    delivery = line["delivery"]
    assert (delivery["kind"], delivery["__typename"]) == (
        kind.value,
        {
            DeliveryKind.DIRECT_TOPUP: "TopupDelivery",
            DeliveryKind.MANUAL: "ManualDelivery",
        }.get(kind, "CardDelivery"),
    )
    if delivery["__typename"] == "CardDelivery":
        assert len(delivery["cards"]) == 1
    await no_violations()


@pytest.mark.parametrize(
    ("fault", "status", "failure", "back"),
    [
        ("", "DELIVERED", None, 0),
        ("invalid_account", "REFUNDED", "INVALID_ACCOUNT", 100),
        ("partial_delivery", "DELIVERED", "PARTLY_DELIVERED", 50),
    ],
)
async def test_a_top_up_succeeds_fails_or_comes_in_part(
    simulator: str,  # noqa: F811
    fault: str,
    status: str,
    failure: str | None,
    back: int,
) -> None:
    """Mission row C2, against the simulator's process: what the buyer sees, and what came back."""
    sku = f"TOPUP-{fault.upper().replace('_', '-') or 'GOOD'}"
    await listed("direct-topup", sku)
    await _stocked(DeliveryKind.DIRECT_TOPUP, sku, simulator)
    if fault:
        wish = {"supplier": "alpha", "item": f"topup-{sku}", "fault": fault}
        assert httpx.post(f"{simulator}/control/faults", json=wish).status_code == 200
    buyer = await make.buyer()
    full = await wallet_of(buyer)
    order = (await buy(buyer, sku, {"account": "12340001"}))["order"]
    before = await wallet_of(buyer)
    paid = full - before
    assert paid > 0
    await fulfil(order)
    line = await line_of(buyer, order)
    assert (line["status"], line["failureCode"]) == (status, failure)
    assert bool((line["delivery"] or {}).get("receipt")) is (status == "DELIVERED")
    assert await wallet_of(buyer) - before == paid * back // 100
    await no_violations()


async def wallet_of(buyer: Actor) -> int:
    account = ledger.account_id(ledger.AccountKind.WALLET, buyer.user_id, make.CNY)
    return await ledger.balance_of(account)


async def _stocked(kind: DeliveryKind, sku: str, simulator: str) -> None:  # noqa: F811
    """What makes a variant of this kind deliverable."""
    variant = await Variant.get(sku=sku)
    if kind is DeliveryKind.CARD_CODE:
        await make.stock(variant, 2, make.yuan(1))
    if kind is DeliveryKind.LINK:
        file = io.BytesIO(b"secret\nhttps://example.com/claim/1\n")
        await cards.import_cards(make.OPERATOR, cards.ImportWish(sku, make.yuan(1)), file)
    if kind is DeliveryKind.DIRECT_TOPUP:
        await offered(sku, f"topup-{sku}", simulator, {"mobile": "account"})
    if kind is DeliveryKind.GIFT_CARD:
        await make.gift_program(of=variant, cards=1, face_units=make.yuan(10))
