"""Two claimers at once: one wins. Without the guards both would."""

import asyncio
from typing import Any

import asyncpg
import pytest

from domain import claims
from domain.claims import statements
from domain.kernel import ANONYMOUS, Refused, connection
from tests.domain.claims.test_service import PHONE, bought, key, linked, token

pytestmark = pytest.mark.usefixtures("db")
CLAIMERS = 8


async def claimed_by_all(link: str) -> list[str]:
    """What each of several claimers at once got: nothing, or a refusal's code."""

    async def claim() -> str:
        try:
            await claims.redeem(ANONYMOUS, link, key())
        except Refused as refused:
            return refused.refusals[0].code
        return ""

    return sorted(await asyncio.gather(*(claim() for _ in range(CLAIMERS))))


async def uses() -> tuple[int, int]:
    async with connection() as conn:
        return (
            await conn.fetchval("SELECT count(*) FROM claim_uses"),
            await conn.fetchval("SELECT sum(reveal_count)::int FROM cards"),
        )


async def test_of_claimers_at_once_one_wins() -> None:
    buyer, order = await bought(1)
    made = await linked(buyer, order)
    got = await claimed_by_all(token(made))
    assert got == ["", *["CLAIM_LINK_USED"] * (CLAIMERS - 1)]
    assert await uses() == (1, 1)


async def test_without_the_lock_the_database_still_lets_one_win(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statements, "LOCK", statements.FIND)
    buyer, order = await bought(1)
    made = await linked(buyer, order)
    assert (await claimed_by_all(token(made))).count("") == 1
    assert await uses() == (1, 1)


async def test_without_lock_and_count_several_win(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """The twin: what the guards are for. All claimers read before the first one writes."""
    buyer, order = await bought(1)
    made = await linked(buyer, order)
    admin = await asyncpg.connect(database_url)
    rule = "ADD CONSTRAINT claim_link_uses_counted CHECK (uses BETWEEN 0 AND max_uses) NOT VALID"
    met = asyncio.Barrier(2)
    count = claims.claiming._count

    async def together(*arguments: Any) -> None:
        async with asyncio.timeout(5):
            await met.wait()
        await count(*arguments)

    monkeypatch.setattr(statements, "LOCK", statements.FIND)
    monkeypatch.setattr("domain.claims.claiming._count", together)
    await admin.execute("ALTER TABLE claim_links DROP CONSTRAINT claim_link_uses_counted")
    try:
        both = await asyncio.gather(
            *(claims.redeem(ANONYMOUS, token(made), key()) for _ in range(2))
        )
        assert both[0][0].secret == both[1][0].secret
        assert (await uses())[0] == 2
    finally:
        await admin.execute(f"ALTER TABLE claim_links {rule}")
        await admin.close()


async def codes_at_once(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of twelve links at once have a code sent to their one recipient."""
    monkeypatch.setattr(claims.places, "reach", everybody)
    buyer, order = await bought(1)
    links = [token(await linked(buyer, order, f"l{n}", recipient=PHONE)) for n in range(12)]

    async def ask(link: str) -> bool:
        try:
            await claims.challenge(ANONYMOUS, link)
        except Refused:
            return False
        return True

    return sum(await asyncio.gather(*(ask(link) for link in links)))


async def everybody(site_id: object, kind: object) -> bool:
    return True


async def test_codes_to_one_recipient_are_counted_one_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await codes_at_once(monkeypatch) == 10


async def test_without_their_lock_too_many_codes_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: each counts before any of the others has written."""
    slow = (
        "WITH s AS MATERIALIZED (SELECT pg_sleep(0.5)), n AS MATERIALIZED"
        f" ({statements.CODES_TO_RECIPIENT}) SELECT n.count FROM n, s"
    )
    monkeypatch.setattr(statements, "ALONE_WITH_RECIPIENT", "SELECT $1::text")
    monkeypatch.setattr(statements, "CODES_TO_RECIPIENT", slow)
    assert await codes_at_once(monkeypatch) == 12
