"""The month that is over when the demo opens: its plan has paid, a refund takes some of it back,
and another plan is previewed, approved and told (rows H5, E1)."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.journeys.test_agent import JOB, SETTLE, clerk, do, until, yuan
from tests.journeys.test_leaks import run
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("demo")
BONUSES = """
{ viewer { agent { code balances { pending { amount } available { amount } }
  bonuses { nodes { month amount { amount } clawedBack { amount } explanation } } } } }
"""
ORDERS = "{ viewer { orders(first: 20) { nodes { id total { amount } } } } }"
PREVIEW = """
query Preview($id: ID!, $month: Date!) { bonusPlanPreview(id: $id, month: $month) {
  awards complete amount { amount } largest { agentName explanation } } }
"""
TABLE = "agent,sku,category,currency,price,off_percent\n{code},ALIPAN-12M,,CNY,{price},\n"


def awards_of(agent: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = agent.data(BONUSES)["viewer"]["agent"]["bonuses"]["nodes"]
    return found


def signed_in(demo: dict[str, Any], login: str) -> Client:
    who = Client(demo["shop"])
    password = {"login": login, "password": demo["buyer"]["password"]}
    who.token = do(who, "sessionCreate", "accessToken", password=password)["accessToken"]
    return who


def test_a_plan_has_paid_for_the_month_before_and_a_refund_takes_its_part(
    demo: dict[str, Any],
) -> None:
    agent = Client(demo["shop"], demo["agents"][-1]["token"])
    until(lambda: awards_of(agent), "the award of the month")
    (award,) = awards_of(agent)
    assert (award["amount"]["amount"], award["clawedBack"]["amount"]) == ("8.434", "0.00")
    assert award["explanation"].startswith("Performance award for")
    one, other = clerk(demo, f"plan-{uuid4().hex[:8]}"), clerk(demo, f"plan-{uuid4().hex[:8]}")

    # The month can be settled: what was earned in it is in its statements.
    asked = {"period": award["month"][:7], "dryRun": True}
    job = one.data(SETTLE, input=asked)["settlementRunStart"]["job"]["id"]
    until(lambda: one.data(JOB, id=job)["job"]["state"] == "SUCCEEDED", "the dry run")
    assert one.data(JOB, id=job)["job"]["settlement"]["statements"] == 6, "one of each agent"

    # Another plan: what it would have paid is read before it is decided.
    now = award["month"]
    steps = [{"fromSales": yuan(200), "percent": "3"}]
    this_month = one.data("{ bonusPlans { nodes { plan { lastMonth } } } }")["bonusPlans"]["nodes"]
    wish = {"kind": "PERFORMANCE", "basis": "OWN_SALES", "name": "Winter", "note": "a walk"}
    months = {"firstMonth": this_month[0]["plan"]["lastMonth"]}
    months["lastMonth"] = months["firstMonth"]
    made = do(
        one,
        "bonusPlanPropose",
        "file { plan { id } }",
        **wish,
        **months,
        steps=steps,
        capMarginPercent="40",
    )
    plan = made["file"]["plan"]["id"]
    shown = other.data(PREVIEW, id=plan, month=now)["bonusPlanPreview"]
    assert (shown["awards"], shown["complete"]) == (2, True)
    assert Decimal(shown["amount"]["amount"]) > 0
    do(other, "bonusPlanDecide", "file { plan { state } }", id=plan, approve=True)

    # What was bought in that month goes back, and the award with it.
    orders = signed_in(demo, "regular").data(ORDERS)["viewer"]["orders"]["nodes"]
    (large,) = [each for each in orders if each["total"]["amount"] == "490.00"]
    back = {"orderId": large["id"], "reason": "GOODWILL", "destination": "WALLET"}
    do(one, "orderRefund", "replayed", **back, idempotencyKey=uuid4().hex)
    until(lambda: awards_of(agent)[0]["clawedBack"]["amount"] != "0.00", "what is taken back")
    assert awards_of(agent)[0]["clawedBack"]["amount"] == "6.667"  # 353.40 are left, 0.5 % of it


def test_own_prices_come_in_and_go_out_by_a_command(demo: dict[str, Any]) -> None:
    agent = Client(demo["shop"], demo["agents"][-1]["token"])
    code = agent.data(BONUSES)["viewer"]["agent"]["code"]
    table = Path(demo["folder"]) / "own-prices.csv"
    table.write_text(TABLE.format(code=code, price="174.5"))
    tried = run(demo, "agents", "import-prices", str(table), "--dry-run")
    assert (tried.returncode, "Nothing was stored" in tried.stdout) == (0, True)
    done = run(demo, "agents", "import-prices", str(table))
    assert (done.returncode, "Nothing was stored" in done.stdout) == (0, False)
    gone = run(demo, "export", "agent-prices", "--to", str(table.parent / "out"))
    assert gone.returncode == 0, gone.stderr
    assert f"{code},ALIPAN-12M,,CNY,174.50," in (table.parent / "out/agent-prices.csv").read_text()
    volumes = table.parent / "volume-ladders.csv"
    volumes.write_text("tier,from_volume,off_percent\nsilver,1000000,0.25\n")
    done = run(demo, "agents", "import-ladders", str(volumes), "--table", "volume-ladders")
    assert done.returncode == 0, done.stderr
    gone = run(demo, "export", "volume-ladders", "--to", str(table.parent / "out"))
    assert "silver,1000000.00,0.25" in (table.parent / "out/volume-ladders.csv").read_text()
    table.write_text(TABLE.format(code=code, price="1"))
    refused = run(demo, "agents", "import-prices", str(table))
    assert (refused.returncode, "price_below_floor" in refused.stderr) == (1, True)
