"""Exports: a second person, an archive that only the recipient opens, fetched once."""

import asyncio
import csv
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import asyncpg
import pyrage
import pytest

from domain import cards, vault
from domain.cards import own_codes
from domain.cards.models import Card, CardState
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase, place_order
from domain.invariants import find_violations
from domain.kernel import Actor, ActorKind, KeyServiceDown, Refused, clock, connection, new_id
from domain.vault import CardExport, CardExportPart, ExportStatus, ExportWish, archive, rules
from tests import make

pytestmark = pytest.mark.usefixtures("db")
TAKER, APPROVER = "cards:export", "cards:approve"
KEY = pyrage.x25519.Identity.generate()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Parts of ten cards, so that an archive of some parts is made of few."""
    monkeypatch.setattr(archive, "PART_CARDS", 10)
    before = replace(vault.limits)
    yield
    for name in ("reveals_per_day", "exports_per_day", "export_life", "export_canaries"):
        setattr(vault.limits, name, getattr(before, name))


def wish(of: Variant, key: str = "key", **changes: Any) -> ExportWish:
    made = ExportWish(str(KEY.to_public()), "moving to the new shop", key, variant_id=of.id)
    return replace(made, **changes)


async def refused_with(work: Any) -> str:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value.refusals[0].code


async def approved(of: Variant, taker: Actor, **changes: Any) -> CardExport:
    asked = await vault.request_export(taker, wish(of, **changes))
    assert asked.status is ExportStatus.WAITING
    return await vault.decide_export(await make.operator(APPROVER), asked.id, True)


async def written(of: Variant, taker: Actor, **changes: Any) -> CardExport:
    export = await approved(of, taker, **changes)
    await vault.write_export(export.id)
    return await CardExport.get(id=export.id)


async def fetched(taker: Actor, export: CardExport) -> bytes:
    """The archive as it goes over the wire."""
    taken = await vault.take_export(taker, export.id)
    content = b"".join([piece async for piece in taken.pieces])
    assert len(content) == taken.size
    return content


def unpacked(content: bytes, key: Any = KEY) -> tuple[dict[str, Any], dict[str, list[list[str]]]]:
    """The manifest, and the rows of each part; checks what the manifest promises."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = {each.name: tar.extractfile(each).read() for each in tar.getmembers()}
    manifest = json.loads(pyrage.decrypt(members.pop("manifest.json.age"), [key]))
    assert [part["name"] for part in manifest["parts"]] == list(members)
    rows = {}
    for part in manifest["parts"]:
        sealed = members[part["name"]]
        assert sha256(sealed).hexdigest() == part["sha256"]
        text = io.StringIO(pyrage.decrypt(sealed, [key]).decode())
        head, *rows[part["name"]] = list(csv.reader(text))
        assert head == ["number", "secret", "expires_on"]
        assert len(rows[part["name"]]) == part["cards"]
    return manifest, rows


def secrets_of(rows: dict[str, list[list[str]]]) -> list[str]:
    return [row[1] for part in rows.values() for row in part]


async def real_codes(of: Variant) -> set[str]:
    stock = await Card.filter(variant_id=of.id, state=CardState.AVAILABLE)
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, [card.id for card in stock])
    return {each.secret for each in await cards.open_codes(make.OPERATOR, sealed)}


async def deeds(export: CardExport) -> list[str]:
    """What the audit log and the events tell of an export."""
    async with connection() as conn:
        audited = await conn.fetch(
            "SELECT action FROM audit_entries WHERE target = $1 ORDER BY id", export.id
        )
        events = await conn.fetch(
            "SELECT type FROM outbox_events WHERE subject = $1 ORDER BY sequence", export.id
        )
    told = [row["action"] for row in audited]
    assert [each for each in told if each != "card_export.write"] == [row["type"] for row in events]
    return [each.removeprefix("card_export.") for each in told]


async def test_an_export_is_asked_for_approved_written_and_fetched_once() -> None:
    variant, taker = await make.variant(cards=25), await make.operator(TAKER)
    export = await written(variant, taker)
    assert export.status is ExportStatus.READY
    content = await fetched(taker, export)
    manifest, rows = unpacked(content)
    codes, real = secrets_of(rows), await real_codes(variant)
    assert len(codes) == len(set(codes)) == 27
    assert real < set(codes)
    assert list(rows) == ["cards-0001.csv.age", "cards-0002.csv.age", "cards-0003.csv.age"]
    assert manifest["reason"] == "moving to the new shop"
    assert manifest["watermark"] == str(export.watermark)
    assert manifest["cards"] == 27
    assert await deeds(export) == ["requested", "approved", "write", "ready", "taken"]
    assert await refused_with(vault.take_export(taker, export.id)) == "REQUEST_NOT_OPEN"
    assert await CardExportPart.filter(sealed__isnull=False).count() == 0
    assert await Card.filter(variant_id=variant.id, state=CardState.AVAILABLE).count() == 25
    bought = await place_order(await make.buyer(), Purchase((LineWish(variant.sku, 1),), "k"))
    assert bought.order.status.value == "DELIVERED"
    assert [each.name for each in await find_violations() if each.violations] == []


async def test_nobody_but_the_recipient_opens_it_and_no_code_lies_anywhere_in_the_open() -> None:
    variant, taker = await make.variant(cards=3), await make.operator(TAKER)
    export = await written(variant, taker)
    real = await real_codes(variant)
    async with connection() as conn:
        for table in ("card_exports", "card_export_parts", "audit_entries", "outbox_events"):
            text = str([dict(row) for row in await conn.fetch(f"SELECT * FROM {table}")])
            assert not any(code in text for code in real)
    content = await fetched(taker, export)
    assert not any(code.encode() in content for code in real)
    with pytest.raises(pyrage.DecryptError):
        unpacked(content, pyrage.x25519.Identity.generate())


async def test_what_was_sold_or_is_no_stock_stays_where_it_is() -> None:
    variant, taker = await make.variant(cards=3), await make.operator(TAKER)
    vault.limits.export_canaries = 0
    placed = await place_order(await make.buyer(), Purchase((LineWish(variant.sku, 1),), "k"))
    sold = await Card.get(order_line_id=placed.lines[0].id)
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, [sold.id])
    (theirs,) = await cards.open_codes(make.OPERATOR, sealed)
    _, rows = unpacked(await fetched(taker, await written(variant, taker)))
    assert set(secrets_of(rows)) == await real_codes(variant)
    assert theirs.secret not in secrets_of(rows)


async def test_an_export_of_a_batch_holds_that_batch_alone() -> None:
    variant, taker = await make.variant(), await make.operator(TAKER)
    vault.limits.export_canaries = 0
    first, _ = await make.stock(variant, 2), await make.stock(variant, 3)
    batch_id = first[0].batch_id
    export = await written(variant, taker, variant_id=None, batch_id=batch_id)
    _, rows = unpacked(await fetched(taker, export))
    assert len(secrets_of(rows)) == 2
    parts = await CardExportPart.filter(export_id=export.id, number=1)
    assert set(parts[0].card_ids) == {card.id for card in first}


async def test_each_export_is_marked_and_its_own_canaries_tell_of_it() -> None:
    variant, taker = await make.variant(cards=12), await make.operator(TAKER)
    exports = [await written(variant, taker, key=f"{number}") for number in range(2)]
    found = [unpacked(await fetched(taker, export)) for export in exports]
    assert found[0][0]["watermark"] != found[1][0]["watermark"]
    real = await real_codes(variant)
    own = [set(secrets_of(rows)) - real for _, rows in found]
    assert [len(each) for each in own] == [2, 2]
    assert own[0].isdisjoint(own[1])
    assert [code for code in secrets_of(found[0][1]) if code in real] != [
        code for code in secrets_of(found[1][1]) if code in real
    ], "the order is part of the mark"
    leaked = own[1].pop()
    assert leaked.startswith("CODE-"), "in the form of the real ones"
    file = io.BytesIO(f"secret\n{leaked}\n".encode())
    await cards.import_cards(make.OPERATOR, cards.ImportWish(variant.sku, 1), file)
    async with connection() as conn:
        told = await conn.fetchval(
            "SELECT details->>'exportId' FROM audit_entries WHERE action = 'card.canary_touched'"
        )
    assert told == str(exports[1].id)


async def test_canaries_that_lay_there_before_go_out_too_without_alarm() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    vault.limits.export_canaries = 0
    keeper = replace(make.OPERATOR, scopes=frozenset({"cards:canary"}))
    await cards.plant_canaries(keeper, cards.CanaryWish(variant.id, 1, "key"))
    _, rows = unpacked(await fetched(taker, await written(variant, taker)))
    assert len(secrets_of(rows)) == 3
    async with connection() as conn:
        alarms = "SELECT count(*) FROM audit_entries WHERE action = 'card.canary_touched'"
        assert await conn.fetchval(alarms) == 0


async def test_an_export_of_our_own_gift_cards_is_marked_too() -> None:
    program, taker = await make.gift_program(cards=5), await make.operator(TAKER)
    variant = await make.Variant.get(id=program.variant_id)
    export = await written(variant, taker)
    assert export.status is ExportStatus.READY
    _, rows = unpacked(await fetched(taker, export))
    codes = secrets_of(rows)
    assert len(codes) == 7
    assert all(own_codes.read_code(code) for code in codes)  # a canary is not known by its letters


async def test_canaries_stand_in_no_fixed_place() -> None:
    places = {rules.part_of_canary(new_id(), new_id(), 5) for _ in range(200)}
    assert places == {1, 2, 3, 4, 5}
    mark = new_id()
    rows = [rules.ExportedCard(new_id(), "", f"{n}", None) for n in range(100)]
    mixed = rules.watermarked(rows, mark)
    assert sorted(mixed, key=lambda row: row.id) == rows
    assert mixed != rows
    assert mixed == rules.watermarked(list(reversed(rows)), mark)
    assert mixed != rules.watermarked(rows, new_id())


async def test_the_audit_row_stands_before_the_first_code_is_opened() -> None:
    variant, taker = await make.variant(cards=1), await make.operator(TAKER)
    export = await approved(variant, taker)
    with (
        patch.object(cards, "open_codes", side_effect=RuntimeError("dies here")),
        pytest.raises(RuntimeError),
    ):
        await vault.write_export(export.id)
    assert (await deeds(export))[-1] == "write"


async def test_a_killed_job_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    variant, taker = await make.variant(cards=35), await make.operator(TAKER)
    export = await approved(variant, taker)
    real = archive.crash_point
    for place, times in (("export.claimed", 1), ("export.planted", 1), ("export.part", 2)):
        passed: list[str] = []

        def dies(name: str, place: str = place, times: int = times, passed: Any = passed) -> None:
            passed.append(name)
            if passed.count(place) == times:
                raise RuntimeError(name)

        monkeypatch.setattr(archive, "crash_point", dies)
        with pytest.raises(RuntimeError):
            await vault.write_export(export.id)
        await CardExport.filter(id=export.id).update(due_at=clock.now())  # the lease runs out
    monkeypatch.setattr(archive, "crash_point", real)
    done_before = {each.number for each in await CardExportPart.filter(export_id=export.id)}
    await vault.write_export(export.id)
    export = await CardExport.get(id=export.id)
    assert export.status is ExportStatus.READY
    _, rows = unpacked(await fetched(taker, export))
    codes = secrets_of(rows)
    assert done_before == {1, 2}
    assert len(codes) == len(set(codes)) == 37
    assert await Card.filter(variant_id=variant.id, state=CardState.CANARY).count() == 2


async def test_two_jobs_at_once_write_one_archive() -> None:
    variant, taker = await make.variant(cards=25), await make.operator(TAKER)
    export = await approved(variant, taker)
    await asyncio.gather(*(vault.write_export(export.id) for _ in range(4)))
    export = await CardExport.get(id=export.id)
    _, rows = unpacked(await fetched(taker, export))
    assert len(set(secrets_of(rows))) == len(secrets_of(rows)) == 27
    assert (await deeds(export)).count("write") == 1


async def test_two_jobs_of_one_lease_still_write_one_archive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A paused job that wakes up behind its lease: the parts' unique key lets one through."""
    blind = archive._CLAIM.replace("due_at <= $3", "$3::timestamptz IS NOT NULL")
    monkeypatch.setattr(archive, "_CLAIM", blind)
    variant, taker = await make.variant(cards=25), await make.operator(TAKER)
    export = await approved(variant, taker)
    await asyncio.gather(*(vault.write_export(export.id) for _ in range(4)))
    await vault.write_export(export.id)
    export = await CardExport.get(id=export.id)
    assert export.status is ExportStatus.READY
    _, rows = unpacked(await fetched(taker, export))
    codes = secrets_of(rows)
    assert len(set(codes)) == len(codes)
    assert await real_codes(variant) < set(codes)


async def test_a_code_that_does_not_open_ends_the_export() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    vault.limits.export_canaries = 0
    export = await approved(variant, taker)
    async with connection() as conn:
        await conn.execute("UPDATE card_secrets SET sealed = 'altered altered altered'")
    await vault.write_export(export.id)
    export = await CardExport.get(id=export.id)
    assert (export.status, export.failure_code) == (ExportStatus.FAILED, "CARD_SEAL_BROKEN")
    assert (await deeds(export))[-1] == "failed"


async def test_a_key_service_that_is_down_leaves_it_due_and_counts_no_attempt() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    vault.limits.export_canaries = 0
    export = await approved(variant, taker)
    down = Refused(KeyServiceDown())
    with patch("domain.cards.opening.unwrapped", side_effect=down), pytest.raises(Refused):
        await vault.write_export(export.id)
    export = await CardExport.get(id=export.id)
    assert (export.status, export.attempts) == (ExportStatus.APPROVED, 0)
    later = clock.now() + timedelta(minutes=3)
    with clock.fixed(lambda: later):
        assert await vault.exports_due(10) == [export.id]
        await vault.write_export(export.id)
    assert (await CardExport.get(id=export.id)).status is ExportStatus.READY


async def test_a_job_that_dies_again_and_again_is_given_up() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    export = await approved(variant, taker)
    await CardExport.filter(id=export.id).update(attempts=rules.MAX_ATTEMPTS)
    await vault.write_export(export.id)
    export = await CardExport.get(id=export.id)
    assert (export.status, export.failure_code) == (ExportStatus.FAILED, "GAVE_UP")


async def test_nothing_is_written_before_somebody_approves() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    export = await vault.request_export(taker, wish(variant))
    await vault.write_export(export.id)
    assert await CardExportPart.all().count() == 0
    assert await refused_with(vault.take_export(taker, export.id)) == "REQUEST_NOT_OPEN"
    async with connection() as conn:
        with pytest.raises(asyncpg.RestrictViolationError) as refused:
            await conn.execute(
                "INSERT INTO card_export_parts (id, export_id, number, name, card_ids, digest)"
                " VALUES (uuidv7(), $1, 1, 'x', '{}', '')",
                export.id,
            )
        assert refused.value.constraint_name == "part_of_an_approved_export"


async def test_the_requester_does_not_approve_even_with_all_scopes() -> None:
    variant, taker = await make.variant(cards=2), await make.operator("*")
    export = await vault.request_export(taker, wish(variant))
    assert await refused_with(vault.decide_export(taker, export.id, True)) == "FOUR_EYES"
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as own:
            await conn.execute(
                "UPDATE card_exports SET status = 'approved', due_at = now(),"
                " approver_id = requester_id WHERE id = $1",
                export.id,
            )
        assert own.value.constraint_name == "export_of_four_eyes"
        with pytest.raises(asyncpg.CheckViolationError) as nobody:
            await conn.execute(
                "UPDATE card_exports SET status = 'approved', due_at = now() WHERE id = $1",
                export.id,
            )
        assert nobody.value.constraint_name == "export_decided_by_somebody"
        for change in ("recipient = 'age1x'", "status = 'ready'", "watermark = uuidv7()"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute(f"UPDATE card_exports SET {change}, approver_id = uuidv7()")
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("DELETE FROM card_exports")


async def test_of_six_who_decide_at_once_one_does() -> None:
    variant = await make.variant(cards=2)
    export = await vault.request_export(await make.operator(TAKER), wish(variant))
    chiefs = [await make.operator(APPROVER) for _ in range(6)]
    outcomes = await asyncio.gather(
        *(
            vault.decide_export(chief, export.id, number % 2 == 0, "because")
            for number, chief in enumerate(chiefs)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, CardExport) for each in outcomes) == 1
    assert len([each for each in await deeds(export) if each in ("approved", "rejected")]) == 1


async def test_of_four_who_fetch_at_once_one_gets_it() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    export = await written(variant, taker)
    outcomes = await asyncio.gather(
        *(vault.take_export(taker, export.id) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, vault.Archive) for each in outcomes) == 1


async def test_an_archive_that_nobody_fetches_is_forgotten() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    export = await written(variant, taker)
    late = clock.now() + timedelta(hours=25)
    with clock.fixed(lambda: late):
        await make.Session.filter(id=taker.session_id).update(stepped_up_at=late)
        assert await refused_with(vault.take_export(taker, export.id)) == "REQUEST_NOT_OPEN"
        assert await vault.expire_exports() == 1
        assert await vault.expire_exports() == 0
    assert (await CardExport.get(id=export.id)).status is ExportStatus.EXPIRED
    assert (await deeds(export))[-1] == "expired"
    parts = await CardExportPart.filter(export_id=export.id)
    assert {part.sealed for part in parts} == {None}
    assert sum(len(part.card_ids) for part in parts) == 4, "which cards went out is kept"


async def test_a_broken_off_download_is_forgotten_after_an_hour() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    export = await written(variant, taker)
    await vault.take_export(taker, export.id)  # and nobody reads the pieces
    assert await CardExportPart.filter(sealed__isnull=False).count() == 2
    late = clock.now() + timedelta(minutes=61)
    with clock.fixed(lambda: late):
        await vault.expire_exports()
    assert await CardExportPart.filter(sealed__isnull=False).count() == 0


async def test_the_same_key_answers_the_same_export() -> None:
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    first = await vault.request_export(taker, wish(variant))
    again = await vault.request_export(taker, wish(variant))
    assert first.id == again.id
    assert await deeds(first) == ["requested"]
    other = vault.request_export(taker, wish(variant, reason="another"))
    assert await refused_with(other) == "IDEMPOTENCY_KEY_REUSED"


async def test_the_quota_of_a_day_holds_also_at_once() -> None:
    vault.limits.exports_per_day = 2
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    outcomes = await asyncio.gather(
        *(vault.request_export(taker, wish(variant, key=f"{n}")) for n in range(5)),
        return_exceptions=True,
    )
    refused = [each.refusals[0].code for each in outcomes if isinstance(each, Refused)]
    assert refused == ["EXPORT_QUOTA"] * 3
    assert await CardExport.all().count() == 2
    other = await make.operator(TAKER)
    await vault.request_export(other, wish(variant))


async def test_without_the_lock_the_quota_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: all count before any has written its request."""
    from domain.vault import exports

    vault.limits.exports_per_day = 2
    monkeypatch.setattr(exports, "_ALONE", "SELECT $1::text")
    counted = asyncio.Barrier(4)
    real = CardExport.create

    async def create_together(**values: Any) -> CardExport:
        await counted.wait()
        return await real(**values)

    monkeypatch.setattr(CardExport, "create", create_together)
    variant, taker = await make.variant(cards=2), await make.operator(TAKER)
    await asyncio.gather(
        *(vault.request_export(taker, wish(variant, key=f"{n}")) for n in range(4))
    )
    assert await CardExport.all().count() == 4


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"recipient": "nonsense"}, "INVALID"),
        ({"recipient": "AGE-SECRET-KEY-1"}, "INVALID"),
        ({"reason": ""}, "INVALID"),
        ({"batch_id": new_id()}, "INVALID"),
        ({"variant_id": None}, "INVALID"),
        ({"variant_id": new_id()}, "NOT_FOUND"),
        ({"variant_id": None, "batch_id": new_id()}, "NOT_FOUND"),
    ],
)
async def test_a_wish_that_cannot_stand_leaves_nothing(changes: dict[str, Any], code: str) -> None:
    variant, taker = await make.variant(cards=1), await make.operator(TAKER)
    assert await refused_with(vault.request_export(taker, wish(variant, **changes))) == code
    assert await CardExport.all().count() == 0


async def test_there_must_be_something_and_not_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    from domain.vault import exports

    taker = await make.operator(TAKER)
    empty = vault.request_export(taker, wish(await make.variant()))
    assert await refused_with(empty) == "INVALID"
    monkeypatch.setattr(exports, "MAX_EXPORTED", 2)
    large = vault.request_export(taker, wish(await make.variant(cards=3), key="b"))
    assert await refused_with(large) == "EXPORT_TOO_LARGE"
    assert await CardExport.all().count() == 0


async def test_nobody_else_exports() -> None:
    """Agents, buyers and keys never, whatever scopes they hold; operators with all it takes."""
    variant, whole = await make.variant(cards=2), await make.operator("*")
    agent = await make.agent()
    posing = replace(whole, kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    for actor, code in (
        (Actor(kind=ActorKind.ANONYMOUS), "UNAUTHENTICATED"),
        (await make.buyer(), "FORBIDDEN"),
        (posing, "FORBIDDEN"),
        (replace(whole, kind=ActorKind.GUEST), "FORBIDDEN"),
        (replace(whole, kind=ActorKind.KEY, key_id=new_id()), "FORBIDDEN"),
        (make.OPERATOR, "FORBIDDEN"),
        (await make.operator("cards:reveal", "cards:approve", "cards:write"), "FORBIDDEN"),
        (await make.operator(TAKER, stepped_up=False), "STEP_UP_REQUIRED"),
    ):
        assert await refused_with(vault.request_export(actor, wish(variant))) == code, actor
    assert await CardExport.all().count() == 0
    export = await written(variant, await make.operator(TAKER))
    for actor, code in (
        (await make.operator(TAKER), "NOT_FOUND"),
        (whole, "NOT_FOUND"),
        (posing, "FORBIDDEN"),
        (replace(whole, kind=ActorKind.KEY, key_id=new_id()), "FORBIDDEN"),
    ):
        assert await refused_with(vault.take_export(actor, export.id)) == code, actor
    assert (await CardExport.get(id=export.id)).status is ExportStatus.READY


async def test_the_file_of_an_export_can_be_imported_again() -> None:
    variant, taker = await make.variant(cards=3), await make.operator(TAKER)
    vault.limits.export_canaries = 0
    content = await fetched(taker, await written(variant, taker))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        sealed = tar.extractfile("cards-0001.csv.age").read()
    file = io.BytesIO(pyrage.decrypt(sealed, [KEY]))
    other = await make.variant()
    report = await cards.import_cards(make.OPERATOR, cards.ImportWish(other.sku, 1), file)
    assert (report.accepted, report.rejected) == (3, 0)
