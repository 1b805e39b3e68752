"""Fills an installation with the demo shop, by the import code that an operator uses.

Running it again changes nothing that stands already; a top-up and a batch of cards come once.
"""

import csv
import json
import shlex
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from adapters.payments.sandbox import NAME as SANDBOX_PAYMENTS
from adapters.payments.stripe import NAME as STRIPE
from adapters.sandbox.gateway import sandbox_gateway_secret
from adapters.sandbox.simulator import load_accounts, load_items, sandbox_secret, set_webhook
from domain import (
    agents,
    bonuses,
    cards,
    catalog,
    commissions,
    coupons,
    identity,
    ledger,
    payments,
    pricing,
    suppliers,
)
from domain.checkout import CURRENCY
from domain.identity import User
from domain.kernel import Actor, ActorKind, Money, PageRequest, clock, parse_units
from server import history
from server.processes import CannotStart
from server.settings import Settings
from server.wiring import connect, disconnect

FOLDER = Path(__file__).parents[1] / "demo"
PASSWORDS = {  # of a shop that sells nothing real, on loopback
    "operator": "demo-operator-7Q4",
    "manager": "demo-manager-7Q4",
    "buyer": "demo-buyer-7Q4",
    "partner": "demo-partner-7Q4",
    "agent": "demo-agent-7Q4",
}
BUYER_BALANCE = Money(1_000 * 10_000, CURRENCY)
PARTNER_BALANCE = Money(5_000 * 10_000, CURRENCY)
AGENT_BALANCE = Money(2_000 * 10_000, CURRENCY)
SANDBOX_MERCHANT = "demo-shop"
SIMULATED_PRIORITY = 200  # after the sandbox, whose page can do more
TOKEN_MINUTES = 30 * 24 * 60
PARTNER_SCOPES = (
    "catalog:read",
    "orders:read",
    "orders:write",
    "wallet:read",
    "webhooks:read",
    "webhooks:write",
)
SKU_OF_THE_PURCHASE = "STEAM-CNY-50"
PURCHASE = """
mutation Buy($input: OrderCreateInput!) {
  orderCreate(input: $input) {
    order { id number status total { amount currency } cards { id masked } }
    replayed
    userErrors { code message field retryable }
  }
}
"""
SYSTEM_SEED = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"*"}))

Say = Callable[[str], None]


async def seed(settings: Settings, say: Say) -> None:
    """Fill the connected installation; `say` is told of each step."""
    if settings.environment == "production":
        raise CannotStart(
            "The demo's logins have known passwords: KAMENG_ENVIRONMENT=production refuses them."
            "\n演示账号的密码是公开的：生产环境（KAMENG_ENVIRONMENT=production）拒绝导入。"
        )
    await connect(settings, "kameng-seed")
    try:
        if await identity.find_user("operator") is not None:
            await _fill(settings, say)
            return
        month = bonuses.last_closed(clock.now())
        with history.on(month, 1):  # the shop is open since then
            await _fill(settings, say)
            await _last_month(month)
    finally:
        await disconnect()


async def _fill(settings: Settings, say: Say) -> None:
    await ledger.open_platform_accounts(CURRENCY)
    operator = await operator_of_demo()
    say("Importing the catalogue ...")
    await catalog.load_presets(operator)
    for name, report in (await pricing.import_folder(operator, FOLDER, approve=True)).items():
        _refuse_errors(name, report.errors)
    await _import_suppliers(operator, settings)
    await _payment_channel(operator, settings)
    await _import_agents(operator)
    await _import_rules(operator)
    await _import_coupons(operator)
    await _import_stock(operator, say)
    await _people(operator)


async def _last_month(month: date) -> None:
    """What regular customers bought in the month before, and the plan that pays for it."""
    operator, manager = await operator_of_demo(), await identity.find_user("manager")
    assert manager is not None
    await history.approve_plan(month, operator, manager, PASSWORDS["manager"])
    rows = list(rows_of("last_month.csv"))
    buyers: dict[str, User] = {}
    for row in rows:
        login = row["login"]
        if login not in buyers:
            code = await _code_of(row["agent_login"])
            buyers[login] = await _user(login, PASSWORDS["buyer"], login.title(), code)
            await ledger.top_up(operator, buyers[login].id, BUYER_BALANCE, "demo", f"demo:{login}")
    await history.sell(month, rows, buyers)


async def fill_simulator(url: str) -> None:
    """Tell the running simulator which items its suppliers have, and at what price."""
    await load_items(url, rows_of("offers.csv"))


async def open_vendor_channels(settings: Settings) -> None:
    """Keep a channel for each payment vendor that the running simulator plays, with the keys that
    it made at its first start."""
    accounts = await load_accounts(settings.simulator_url)
    await connect(settings, "kameng-seed")
    try:
        operator = await operator_of_demo()
        for priority, account in enumerate(accounts, start=SIMULATED_PRIORITY):
            wish = payments.ChannelWish(
                code=f"{account['adapter']}-simulated",
                priority=priority,
                **account | {"ways": tuple(payments.Way(way) for way in account["ways"])},
            )
            channel = await payments.save_channel(operator, wish)
            if channel.adapter == STRIPE:
                await set_webhook(settings.simulator_url, payments.callback_url(channel))
    finally:
        await disconnect()


async def describe(settings: Settings, origin: str) -> dict[str, Any]:
    """What var/demo.json tells: addresses, logins with fresh tokens, one purchase."""
    await connect(settings, "kameng-describe")
    try:
        buyer = await _signed_in("buyer", PASSWORDS["buyer"])
        operator = await _signed_in("operator", PASSWORDS["operator"])
        manager = await _signed_in("manager", PASSWORDS["manager"])
        reps = [await _signed_in(login, PASSWORDS["agent"]) for login in _three_levels()]
        partner_key = await _partner_key(signed=False)
        docking_key = await _partner_key(signed=True)
    finally:
        await disconnect()
    return {
        "shop": f"{origin}/graphql/shop",
        "partner": f"{origin}/graphql/partner",
        "admin": f"{origin}/graphql/admin",
        "simulator": settings.simulator_url,
        "web_shop": (settings.shop_folder / "index.html").is_file(),
        "buyer": buyer,
        "agents": reps,
        "operator": operator,
        "manager": manager,
        "partner_key": partner_key,
        "docking_key": docking_key,
        "purchase": _purchase(f"{origin}/graphql/shop", buyer["token"]),
    }


async def describe_docked(settings: Settings, origin: str) -> dict[str, Any]:
    """The same of a second shop that is docked to the demo."""
    await connect(settings, "kameng-describe")
    try:
        buyer = await _signed_in("buyer", PASSWORDS["buyer"])
        operator = await _signed_in("operator", PASSWORDS["operator"])
    finally:
        await disconnect()
    doors = {name: f"{origin}/graphql/{name}" for name in ("shop", "partner", "admin")}
    return {**doors, "buyer": buyer, "operator": operator}


def as_curl(purchase: dict[str, Any]) -> str:
    """The purchase as a command for a terminal; the key is made fresh by the shell."""
    headers = " ".join(f"-H {shlex.quote(f'{k}: {v}')}" for k, v in purchase["headers"].items())
    body = json.dumps(purchase["body"], ensure_ascii=False)
    quoted = shlex.quote(body).replace("{{key}}", "'$(date +%s%N)'")
    return f"curl -s {shlex.quote(purchase['url'])} {headers} -d {quoted}"


def _purchase(url: str, token: str) -> dict[str, Any]:
    query = " ".join(PURCHASE.split())
    line = {"sku": SKU_OF_THE_PURCHASE, "quantity": 1}
    return {
        "url": url,
        "headers": {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        "body": {
            "query": query,
            "variables": {"input": {"idempotencyKey": "{{key}}", "lines": [line]}},
        },
    }


async def operator_of_demo() -> Actor:
    """The demo's operator, made when there is none."""
    user = await identity.find_user("operator")
    if user is None:
        user = await identity.create_operator("operator", PASSWORDS["operator"], ["*"])
    return Actor(kind=ActorKind.OPERATOR, user_id=user.id, scopes=frozenset({"*"}))


async def _import_suppliers(operator: Actor, settings: Settings) -> None:
    addresses = {"simulator_url": settings.simulator_url}
    with (FOLDER / "suppliers.csv").open("rb") as file:
        report = await suppliers.import_suppliers(operator, file, addresses, sandbox_secret)
    _refuse_errors("suppliers.csv", report.errors)
    with (FOLDER / "offers.csv").open("rb") as file:
        report = await suppliers.import_offers(operator, file)
    _refuse_errors("offers.csv", report.errors)


async def _payment_channel(operator: Actor, settings: Settings) -> None:
    """The sandbox gateway of the simulator, so that an order can be paid on its page."""
    wish = payments.ChannelWish(
        code="sandbox",
        adapter=SANDBOX_PAYMENTS,
        merchant=SANDBOX_MERCHANT,
        name_zh="沙箱支付",
        name_en="Sandbox payment",
        base_url=settings.simulator_url,
        ways=(payments.Way.PAGE, payments.Way.MOBILE_PAGE),
        secrets={"key": sandbox_gateway_secret(SANDBOX_MERCHANT)},
    )
    await payments.save_channel(operator, wish)


async def _import_agents(operator: Actor) -> None:
    agents.limits.depth = agents.MAX_DEPTH  # the demo shows all the levels there are
    made: dict[str, agents.Agent] = {}
    for row in rows_of("agents.csv"):
        user = await _user(row["login"], PASSWORDS["agent"], row["name"])
        agent = await agents.agent_of_user(user.id)
        if agent is None:
            parent = made[row["parent_login"]].id if row["parent_login"] else None
            tier = agents.Tier(row["tier"])
            agent = await agents.create_agent(operator, user.id, row["name"], tier, parent)
        made[row["login"]] = agent
        await ledger.top_up(operator, user.id, AGENT_BALANCE, "demo", f"demo:{row['login']}")


async def _import_rules(operator: Actor) -> None:
    with (FOLDER / "commission_rules.csv").open(encoding="utf-8") as file:
        _, refused = await commissions.import_rules(operator, file)
    _refuse_errors("commission_rules.csv", refused)


async def _import_coupons(operator: Actor) -> None:
    """Campaigns with a code for everybody; one that stands already stays as it is."""
    page = await coupons.list_campaigns(operator, PageRequest(100, None, "campaigns"))
    there = {campaign.public_code for campaign in page.rows}
    for row in rows_of("coupons.csv"):
        if row["code"] in there:
            continue
        kind = coupons.CampaignKind(row["kind"])
        wish = coupons.CampaignWish(
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            kind=kind,
            currency=CURRENCY,
            starts_at=clock.now(),
            public_code=row["code"],
            value=parse_units(row["value"] or "0"),
            minimum=parse_units(row["minimum"] or "0"),
            cap=parse_units(row["cap"]) if row["cap"] else None,
            steps=[_step(each) for each in row["steps"].split("|") if each],
        )
        made = await coupons.save_campaign(operator, wish)
        await coupons.move_campaign(operator, made.id, coupons.CampaignState.RUNNING)


def _step(text: str) -> tuple[int, int]:
    """`200:5`: from 200 on, 5 less."""
    threshold, _, off = text.partition(":")
    return parse_units(threshold), parse_units(off)


async def _import_stock(operator: Actor, say: Say) -> None:
    """Make card files as an operator would upload them, and import them."""
    rows = list(rows_of("stock.csv"))
    say(f"Importing cards of {len(rows)} variants ...")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} cards"),
        TimeElapsedColumn(),
    )
    total = sum(int(row["quantity"]) for row in rows)
    with Progress(*columns, console=Console(), transient=True) as progress:
        task = progress.add_task("Sealing", total=total)
        for row in rows:
            await _import_cards(operator, row)
            progress.advance(task, int(row["quantity"]))


async def _import_cards(operator: Actor, row: dict[str, str]) -> None:
    formats = (row["number_format"], row["secret_format"])
    content = cards.card_file(*formats, count=int(row["quantity"]), seed=row["sku"])
    wish = cards.ImportWish(
        sku=row["sku"],
        source=row["source"],
        unit_cost=parse_units(row["unit_cost"]),
        currency=CURRENCY,
        expires_on=date.fromisoformat(row["expires_on"]) if row["expires_on"] else None,
    )
    report = await cards.import_cards(operator, wish, content)
    _refuse_errors(f"cards of {row['sku']}", report.problems)


async def _people(operator: Actor) -> None:
    if await identity.find_user("manager") is None:
        await identity.create_operator("manager", PASSWORDS["manager"], ["*"])
    buyer = await buyer_of_demo(await _code_of(_three_levels()[-1]))
    await ledger.top_up(operator, buyer.id, BUYER_BALANCE, "demo", "demo:buyer")
    partner = await _user("partner", PASSWORDS["partner"], "Partner")
    await ledger.top_up(operator, partner.id, PARTNER_BALANCE, "demo", "demo:partner")


async def _code_of(login: str) -> str | None:
    """The promoter code of an agent."""
    user = await identity.find_user(login)
    agent = await agents.agent_of_user(user.id) if user else None
    return agent.code if agent else None


async def buyer_of_demo(promoter_code: str | None = None) -> User:
    """The demo's buyer, made when there is none."""
    return await _user("buyer", PASSWORDS["buyer"], "Demo", promoter_code)


async def _partner_key(*, signed: bool) -> dict[str, str]:
    """A fresh key each time: the secret of an older one cannot be shown again."""
    operator = await operator_of_demo()
    partner = await identity.find_user("partner")
    assert partner is not None
    key = await identity.create_api_key(
        operator, partner.id, "demo", PARTNER_SCOPES, require_signature=signed
    )
    return {"key": key.key, "signing_secret": key.signing_secret}


async def _signed_in(login: str, password: str) -> dict[str, str]:
    user = await identity.find_user(login)  # it may have an authenticator app by now
    assert user is not None
    signed_in = await identity.open_session(user, "demo", access_minutes=TOKEN_MINUTES)
    return {"login": login, "password": password, "token": signed_in.access_token}


async def _user(login: str, password: str, name: str, promoter_code: str | None = None) -> User:
    found = await identity.find_user(login)
    if found is not None:
        return found
    wish = agents.SignUp(login, password, name, promoter_code)
    signed_in = await agents.sign_up(wish, "demo")
    return signed_in.user


def _three_levels() -> list[str]:
    """The logins of a chain of three agents, top first."""
    rows = {row["login"]: row["parent_login"] for row in rows_of("agents.csv")}
    for login, parent in rows.items():
        if parent and rows.get(parent):
            return [rows[parent], parent, login]
    raise CannotStart("demo/agents.csv has no chain of three agents.")


def rows_of(name: str) -> Iterable[dict[str, str]]:
    """The rows of one of the demo's files."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _refuse_errors(name: str, errors: Iterable[object]) -> None:
    shown = [str(error) for error in errors][:5]
    if shown:
        raise CannotStart(f"{name} has rows that cannot be imported: {'; '.join(shown)}")
