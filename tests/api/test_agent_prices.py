"""Who sees which prices of an agent, field by field (rows E3, G4); what may be advertised (E5)."""

from datetime import timedelta
from typing import Any

import pytest

from domain import agents, pricebook, priceguard, pricing
from domain.agents import Agent, AgentStatus, AgentType, ChangeReason, Tier, Why
from domain.kernel import Actor, ActorKind, Prefix, Refused, clock, connection, encode_id
from domain.pricebook.models import FloorGrant
from domain.priceguard import GuardAction, GuardWish, TermsWish
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
WHY = Why(ChangeReason.OTHER, "a test")
FIELDS = """seesFloors prices(variantIds: $ids) { nodes { variant { sku }
    price { amount } ladder { fromQuantity price { amount } }
    floorPrice { amount } costPrice { amount } } }"""
OWN = f"query Own($ids: [ID!]) {{ viewer {{ agent {{ {FIELDS} }} }} }}"
BELOW = f"""query Below($ids: [ID!]) {{ viewer {{ agent {{
    downline(first: 1) {{ nodes {{ {FIELDS} }} }} }} }} }}"""
FILE = f"query File($id: ID!, $ids: [ID!]) {{ agentFile(id: $id) {{ agent {{ {FIELDS} }} }} }}"
SHOW = """mutation Show($input: AgentFloorsShowInput!) { agentFloorsShow(input: $input) {
    agent { seesFloors } userErrors { code field } } }"""
LADDER = """mutation Ladder($input: PriceLadderSetInput!) { priceLadderSet(input: $input) {
    steps { fromQuantity price { amount currency } } userErrors { code field } } }"""
# Of one agent: price, ladder, floor, cost, each seen or refused with its code.
SEEN, FLOOR, REACH = "seen", "FLOOR_PRICE_HIDDEN", "AGENT_OUT_OF_REACH"
MATRIX = {
    "a core agent": (SEEN, SEEN, SEEN, SEEN),
    "a distributor": (SEEN, SEEN, FLOOR, FLOOR),
    "a core agent no longer": (SEEN, SEEN, FLOOR, FLOOR),
    "a promoter": (SEEN, SEEN, FLOOR, FLOOR),
    "a core agent that became a promoter": (SEEN, SEEN, FLOOR, FLOOR),
    "a core agent that is suspended": (SEEN, SEEN, FLOOR, FLOOR),
    "a core agent of one below it": (REACH, REACH, REACH, REACH),
    "staff who see costs": (SEEN, SEEN, SEEN, SEEN),
    "staff who do not": (SEEN, SEEN, FLOOR, FLOOR),
}


def actor_of(agent: Agent) -> Actor:
    return Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)


async def asked(who: str, ids: list[str]) -> tuple[Any, Any]:
    """The agent's fields as somebody is answered, and the errors."""
    kind = AgentType.PROMOTER if who == "a promoter" else AgentType.DISTRIBUTOR
    agent = await make.agent(tier=Tier.SILVER, agent_type=kind)
    if "core" in who:
        await pricebook.show_floors(make.OPERATOR, agent.id, True, "trusted")
    if "no longer" in who:
        await pricebook.show_floors(make.OPERATOR, agent.id, False, "left the core")
    if "became" in who:
        await agents.set_type(make.OPERATOR, agent.id, AgentType.PROMOTER, WHY)
    if "suspended" in who:
        await agents.set_status(make.OPERATOR, agent.id, AgentStatus.SUSPENDED, WHY)
    if "staff" in who:
        scopes = ["agents:read", *(["suppliers:read"] if "costs" in who else [])]
        staff, public = await make.operator(*scopes), encode_id(Prefix.AGENT, agent.id)
        result = await ask(admin, FILE, staff, id=public, ids=ids)
        return result.data["agentFile"]["agent"], result.errors
    if "below" in who:
        await make.agent(agent, Tier.SILVER)
        result = await ask(shop, BELOW, actor_of(agent), ids=ids)
        return result.data["viewer"]["agent"]["downline"]["nodes"][0], result.errors
    actor = actor_of(agent)
    if "suspended" in who:
        actor = Actor(kind=ActorKind.USER, user_id=agent.user_id)
    result = await ask(shop, OWN, actor, ids=ids)
    return result.data["viewer"]["agent"], result.errors


@pytest.mark.parametrize("who", MATRIX)
async def test_each_field_is_shown_or_null_with_a_code(who: str) -> None:
    variant = await make.variant(price=make.yuan(50), cards=1)
    guard = GuardWish(GuardAction.REJECT, min_margin=make.yuan(2))
    await priceguard.save_guard(make.OPERATOR, guard)
    shown, errors = await asked(who, [encode_id(Prefix.VARIANT, variant.id)])
    codes = {str(error.path[-1]): error.extensions["code"] for error in errors or ()}
    names = ("price", "ladder", "floorPrice", "costPrice")
    node = shown["prices"]["nodes"][0] if shown["prices"] else dict.fromkeys(names)
    told = tuple(
        SEEN if node[name] is not None else codes.get(name, codes.get("prices")) for name in names
    )
    assert told == MATRIX[who]
    if MATRIX[who][2] == SEEN:
        assert node["floorPrice"] == {"amount": "42.00"}
        assert node["costPrice"] == {"amount": "40.00"}


async def test_prices_of_many_variants_take_as_many_statements_as_those_of_one() -> None:
    agent = await make.agent(tier=Tier.SILVER)
    await pricebook.show_floors(make.OPERATOR, agent.id, True, "trusted")
    ids = []
    counts = []
    for number in (1, 12):
        while len(ids) < number:
            made = await make.variant(price=make.yuan(50), tier_prices={Tier.SILVER: 470_000})
            await pricebook.set_ladder(
                make.OPERATOR,
                pricebook.LadderWish(made.id, Tier.SILVER, (pricebook.Step(3, 460_000),)),
            )
            ids.append(encode_id(Prefix.VARIANT, made.id))
        async with count_statements() as seen:
            data = await data_of(shop, OWN, actor_of(agent), ids=ids)
        nodes = data["viewer"]["agent"]["prices"]["nodes"]
        assert [node["price"]["amount"] for node in nodes] == ["47.00"] * number
        ladder = [{"fromQuantity": 3, "price": {"amount": "46.00"}}]
        assert [node["ladder"] for node in nodes] == [ladder] * number
        # What the driver asks of itself when it meets an array is none of ours.
        counts.append(sum("typeinfo" not in each and "jit" not in each for each in seen))
    assert counts[1] <= counts[0]  # the first also fills what is kept between requests
    paged = await data_of(shop, "{ viewer { agent { prices(first: 5) { nodes { price { amount } }"
        " pageInfo { hasNextPage } } } } }", actor_of(agent))  # fmt: skip
    assert len(paged["viewer"]["agent"]["prices"]["nodes"]) == 5
    assert paged["viewer"]["agent"]["prices"]["pageInfo"]["hasNextPage"] is True


async def test_staff_show_floors_and_take_it_back_with_a_note() -> None:
    agent = await make.agent()
    promoter = await make.agent(agent_type=AgentType.PROMOTER)

    async def show(of: Agent, shown: bool, note: str = "trusted") -> dict[str, Any]:
        wish = {"agentId": encode_id(Prefix.AGENT, of.id), "shown": shown, "note": note}
        answer = await data_of(admin, SHOW, make.OPERATOR, input=wish)
        found: dict[str, Any] = answer["agentFloorsShow"]
        return found

    assert (await show(agent, True))["agent"] == {"seesFloors": True}
    assert (await show(agent, True))["agent"] == {"seesFloors": True}
    assert (await show(agent, False))["agent"] == {"seesFloors": False}
    rows = await FloorGrant.all().order_by("id")
    assert [row.granted for row in rows] == [True, False]
    assert (await show(agent, True, " "))["userErrors"] == [{"code": "INVALID", "field": ["note"]}]
    error = {"code": "AGENT_PRICE_FIXED", "field": ["agentId"]}
    assert (await show(promoter, True))["userErrors"] == [error]
    statement = (
        "INSERT INTO floor_grants (id, agent_id, granted, note, at)"
        " VALUES (gen_random_uuid(), $1, true, 'x', now())"
    )
    async with connection() as conn:
        with pytest.raises(Exception, match="promoter"):
            await conn.execute(statement, promoter.id)
        with pytest.raises(Exception, match=r"append-only|never|change"):
            await conn.execute("UPDATE floor_grants SET granted = true")


async def test_a_ladder_is_set_over_the_api() -> None:
    variant = await make.variant(price=make.yuan(50), tier_prices={Tier.SILVER: 470_000})
    public = encode_id(Prefix.VARIANT, variant.id)
    steps = [{"fromQuantity": 10, "price": "46.5"}, {"fromQuantity": 100, "price": "45.0001"}]
    wish = {"variantId": public, "tier": "SILVER", "steps": steps}
    done = (await data_of(admin, LADDER, make.OPERATOR, input=wish))["priceLadderSet"]
    assert done["userErrors"] == []
    assert done["steps"][1] == {
        "fromQuantity": 100, "price": {"amount": "45.0001", "currency": "CNY"},
    }  # fmt: skip
    wish["steps"] = steps[::-1]
    done = (await data_of(admin, LADDER, make.OPERATOR, input=wish))["priceLadderSet"]
    assert done["userErrors"] == [{"code": "INVALID", "field": ["steps", "1", "fromQuantity"]}]


VOLUMES = """mutation Volumes($input: VolumeLadderSetInput!) { volumeLadderSet(input: $input) {
    steps { fromVolume { amount currency } offRate } userErrors { code field } } }"""


async def test_what_is_off_for_volume_is_set_over_the_api_and_seen_by_the_agent() -> None:
    steps = [{"fromVolume": "1000", "offRate": 50}, {"fromVolume": "5000.5", "offRate": 100}]
    wish = {"tier": "SILVER", "steps": steps}
    done = (await data_of(admin, VOLUMES, make.OPERATOR, input=wish))["volumeLadderSet"]
    assert done["userErrors"] == []
    assert done["steps"][1]["fromVolume"] == {"amount": "5000.50", "currency": "CNY"}
    seen = "{ volumeLadders { tier steps { offRate } } }"
    (row,) = (await data_of(admin, seen, make.OPERATOR))["volumeLadders"]
    assert row == {"tier": "SILVER", "steps": [{"offRate": 50}, {"offRate": 100}]}
    wish["steps"] = [{"fromVolume": "1", "offRate": 0}]
    done = (await data_of(admin, VOLUMES, make.OPERATOR, input=wish))["volumeLadderSet"]
    assert done["userErrors"] == [{"code": "INVALID", "field": ["steps", "0", "offRate"]}]
    agent, moment = await make.agent(tier=Tier.SILVER), clock.now()
    valid = (moment - timedelta(hours=1), moment + timedelta(days=1))
    async with connection() as conn:
        volumes = {agent.id: make.yuan(1_200)}
        await pricebook.keep_volumes(conn, moment.date().replace(day=1), volumes, valid)
    asked = "{ viewer { agent { volume { amount { amount } offRate } } } }"
    found = await data_of(shop, asked, actor_of(agent))
    told = {"amount": {"amount": "1200.00"}, "offRate": 50}
    assert found["viewer"]["agent"] == {"volume": told}


async def test_what_is_advertised_comes_from_the_lists_and_within_the_terms() -> None:
    variant = await make.variant(price=make.yuan(40), unit_cost=make.yuan(10))
    other = await make.variant(price=make.yuan(40))
    listed = [pricing.TierPrice("retail", make.yuan(40), make.yuan(50))]
    await pricing.set_prices(make.OPERATOR, variant.id, listed)
    shown = await pricebook.advertised([variant.id, other.id])
    assert (shown[variant.id].price, shown[variant.id].struck_out) == (
        make.money(40), make.money(50),
    )  # fmt: skip
    assert shown[variant.id].discount_rate == 2_000
    assert (shown[other.id].struck_out, shown[other.id].discount_rate) == (None, 0)
    await priceguard.save_terms(make.OPERATOR, TermsWish(variant.sku, max_discount_rate=1_900))
    shown = await pricebook.advertised([variant.id])
    assert (shown[variant.id].price, shown[variant.id].struck_out) == (make.money(40), None)
    with pytest.raises(Refused) as caught:  # nor is it saved any more
        await pricing.set_prices(make.OPERATOR, variant.id, listed)
    refusal = caught.value.refusals[0]
    assert (refusal.code, refusal.sku) == ("DISCOUNT_TOO_LARGE", variant.sku)
