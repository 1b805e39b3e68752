"""No door to the outside opens inside a transaction, and nothing goes out there (field bug 9)."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.http import NotSent, PartnerClient
from adapters.notifications.messenger import Messenger
from adapters.webhooks import SafeSender
from domain.kernel import connection, in_a_transaction, transaction
from domain.notifications import Medium, OutgoingMessage, SendResult

ADAPTERS = Path(__file__).parents[2] / "adapters"
NOBODY = "http://127.0.0.1:1"
# Whoever has one of these speaks to strangers, behind one of the doors below.
SPEAKERS = re.compile(r"^\s*(?:import|from) (httpx2|requests|smtplib|apprise)\b", re.MULTILINE)


async def by_partner_client() -> bool:
    client = PartnerClient()
    try:
        await client.send("GET", NOBODY, headers={}, timeout_seconds=1)
    except NotSent:
        return True
    finally:
        await client.close()
    return False


async def by_webhook() -> bool:
    return (await SafeSender(1, private=True).send(NOBODY, {}, "{}")).status is None


async def by_message() -> bool:
    address = "mailto://127.0.0.1:1?from=shop@example.com"
    message = OutgoingMessage("id", Medium.EMAIL, address, "lan@example.com", "s", "b")
    report = await Messenger(private=True).send(message)
    return report.result is not SendResult.SENT


@pytest.mark.parametrize("tried", [by_partner_client, by_webhook, by_message])
async def test_nobody_is_called_inside_a_transaction(
    db: None, tried: Callable[[], Awaitable[bool]]
) -> None:
    assert await tried(), "it does try, where nobody listens"
    async with transaction():
        assert in_a_transaction()
        with pytest.raises(RuntimeError, match="inside a transaction"):
            await tried()
    assert not in_a_transaction()
    async with connection():
        assert await tried()


def test_who_speaks_to_strangers_stands_behind_one_of_these_doors() -> None:
    speakers = {
        path.relative_to(ADAPTERS).as_posix()
        for path in ADAPTERS.rglob("*.py")
        if SPEAKERS.search(path.read_text(encoding="utf-8"))
    }
    behind_the_messenger = {f"notifications/{name}.py" for name in ("mail", "sms", "groups")}
    sandbox = {name for name in speakers if name.startswith("sandbox/")}  # a program of its own
    assert speakers - sandbox == {"http.py", "webhooks.py", *behind_the_messenger}
