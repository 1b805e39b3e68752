"""Keys: rotated while codes stay readable; wrong, missing and old ones are told apart."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from adapters.http import PartnerClient
from adapters.transit import TransitKeys
from domain import cards, kernel
from domain.audit import AuditEntry
from domain.cards import index
from domain.cards.models import Card, CardBatch, CardSecret, IndexPhase, KeyProof
from domain.cards.state import IndexState, read_state
from domain.kernel import KeyMissing, KeyServiceDown, KeysUnusable, KeyWrong, Refused, transaction
from server.keyfile import FileKeys, ServiceKeys
from server.settings import Settings
from tests import make
from tests.key_service import TOKEN, KeyService, key_service

pytestmark = pytest.mark.usefixtures("db")


@pytest_asyncio.fixture
async def key_file(db: None, tmp_path: Path, test_settings: Settings) -> AsyncIterator[Path]:
    """A key file of this test alone."""
    path = tmp_path / "keys.json"
    await kernel.install_keys(FileKeys(path))
    yield path
    await kernel.install_keys(FileKeys(test_settings.key_file))


@pytest.fixture
def service() -> Iterator[KeyService]:
    """A key service."""
    with key_service() as running:
        yield running


@pytest_asyncio.fixture
async def served(key_file: Path, service: KeyService) -> AsyncIterator[Path]:
    """The domain with its keys in a key service; its key file."""
    client = PartnerClient()
    path = key_file.with_name("wrapped.json")
    transit = TransitKeys(client, service.url, "kameng", lambda: TOKEN)
    await kernel.install_keys(ServiceKeys(transit, path))
    yield path
    await client.close()


def text_of(path: Path) -> str:
    return path.read_text()


def put(path: Path, text: str) -> None:
    path.write_text(text)


async def codes_of(*card_ids: UUID) -> list[str]:
    async with transaction() as conn:
        sealed = await cards.find_sealed(conn, card_ids)
    return [each.secret for each in await cards.open_codes(make.OPERATOR, sealed)]


async def refusal_of(*card_ids: UUID) -> kernel.Refusal:
    with pytest.raises(Refused) as caught:
        await codes_of(*card_ids)
    return caught.value.refusals[0]


async def filled(batches: int = 3) -> list[UUID]:
    variant = await make.variant()
    return [(await make.stock(variant, 2))[0].id for _ in range(batches)]


@pytest.mark.usefixtures("key_file")
async def test_a_rotation_wraps_every_data_key_anew() -> None:
    ids = await filled()
    before = await codes_of(*ids)
    seen: list[tuple[int, int]] = []
    done = await cards.rotate_keys(make.OPERATOR, lambda *how: seen.append(how))
    assert (done.version, done.batches, done.resumed) == (2, 3, False)
    assert seen[-1] == (3, 3)
    assert await codes_of(*ids) == before
    status = await cards.key_status(make.OPERATOR)
    assert (status.current, status.behind) == (2, 0)
    assert [(each.version, each.batches) for each in status.versions] == [(1, 0), (2, 3)]
    told = await AuditEntry.get(action="keys.rotated")
    assert told.details == {"version": 2, "batches": 3, "resumed": False}
    with pytest.raises(Refused, match="FORBIDDEN"):
        await cards.rotate_keys(await make.buyer(0))


@pytest.mark.usefixtures("key_file")
async def test_a_rotation_that_was_killed_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = await filled()
    before = await codes_of(*ids)
    monkeypatch.setattr("domain.cards.keys.SLICE", 1)

    def killed(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await cards.rotate_keys(make.OPERATOR, killed)
    assert sorted({each.key_version for each in await CardBatch.all()}) == [1, 2]
    assert await codes_of(*ids) == before
    done = await cards.rotate_keys(make.OPERATOR)
    assert (done.version, done.batches, done.resumed) == (2, 2, True)
    assert await codes_of(*ids) == before


async def test_another_process_reads_what_was_rotated(key_file: Path) -> None:
    other = FileKeys(key_file)
    assert (await other.ring()).current == 1
    ids = await filled()
    await cards.rotate_keys(make.OPERATOR)
    await kernel.install_keys(other)
    assert len(await codes_of(*ids)) == 3
    assert (
        await CardBatch.get(id=(await make.stock(await make.variant(), 1))[0].batch_id)
    ).key_version == 2


@pytest.mark.usefixtures("key_file")
async def test_a_batch_gets_a_new_data_key(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = await make.variant()
    stored = await make.stock(variant, 7)
    ids, batch_id = [card.id for card in stored], stored[0].batch_id
    before = await codes_of(*ids)
    old = {each.card_id: each.sealed for each in await CardSecret.all()}
    monkeypatch.setattr("domain.cards.rotation.SLICE", 3)

    def killed(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await cards.rotate_batch(make.OPERATOR, batch_id, killed)
    assert await codes_of(*ids) == before
    await cards.rotate_keys(make.OPERATOR)  # both keys of the batch are wrapped anew
    assert await codes_of(*ids) == before
    done = await cards.rotate_batch(make.OPERATOR, batch_id)
    assert (done.generation, done.cards, done.broken) == (2, 4, [])
    assert await codes_of(*ids) == before
    batch = await CardBatch.get(id=batch_id)
    assert (batch.generation, batch.next_wrapped_key) == (2, None)
    # What was sealed by the old key is worth nothing now, however it is put back.
    for generation in (1, 2):
        await CardSecret.filter(card_id=ids[0]).update(sealed=old[ids[0]], generation=generation)
        assert await refusal_of(ids[0]) == cards.CardSealBroken()


@pytest.mark.usefixtures("key_file")
async def test_a_batch_with_an_altered_code_keeps_its_old_key_for_that_one() -> None:
    stored = await make.stock(await make.variant(), 3)
    await CardSecret.filter(card_id=stored[1].id).update(sealed=b"x" * 40)
    done = await cards.rotate_batch(make.OPERATOR, stored[0].batch_id)
    assert (done.cards, done.broken) == (2, [stored[1].id])
    assert await AuditEntry.filter(action="card.seal_broken", target=stored[1].id).count() == 1
    assert len(await codes_of(stored[0].id, stored[2].id)) == 2


async def test_wrong_missing_old_and_damaged_keys_are_told_apart(key_file: Path) -> None:
    ids = await filled()
    first = text_of(key_file)
    await cards.rotate_keys(make.OPERATOR)
    second = text_of(key_file)

    put(key_file, first)  # an old copy
    assert await refusal_of(ids[0]) == KeyMissing(version=2)

    stranger = FileKeys(key_file.with_name("stranger.json"))
    await stranger.add_version()
    put(key_file, text_of(key_file.with_name("stranger.json")))
    assert await refusal_of(ids[0]) == KeyWrong(version=2)
    with pytest.raises(Refused, match="KEY_WRONG"):  # and nothing is sealed with it
        await make.stock(await make.variant(), 1)

    for damaged in ("", "{", json.dumps({"current": 3, "keys": {}})):
        put(key_file, damaged)
        assert await refusal_of(ids[0]) == KeysUnusable()

    put(key_file, second)
    assert len(await codes_of(*ids)) == 3
    told = await AuditEntry.filter(action="card.not_opened").order_by("id")
    assert [each.details["reason"] for each in told] == [
        "KEY_MISSING",
        "KEY_WRONG",
        *["KEYS_UNUSABLE"] * 3,
    ]
    assert {each.target for each in told} == {ids[0]}


async def test_a_key_service_wraps_and_no_key_leaves_it(served: Path, service: KeyService) -> None:
    ids = await filled()
    before = await codes_of(*ids)
    batch = (await CardBatch.all())[0]
    assert batch.wrapped_key.startswith(b"vault:v1:")
    content = text_of(served) + " ".join(service.asked)
    assert all(key.hex() not in content for key in service.versions)
    done = await cards.rotate_keys(make.OPERATOR)
    assert (done.version, done.batches) == (2, 3)
    assert {each.key_version for each in await CardBatch.all()} == {2}
    assert await codes_of(*ids) == before
    assert len(await KeyProof.all()) == 2
    ring = await kernel.key_provider().ring()
    assert (ring.current, sorted(ring.versions)) == (2, [1, 2])


@pytest.mark.usefixtures("served")
async def test_a_key_service_that_fails_changes_nothing(service: KeyService) -> None:
    ids = await filled()
    service.down = True
    assert await refusal_of(ids[0]) == KeyServiceDown()
    variant = await make.variant()
    with pytest.raises(Refused, match="KEY_SERVICE_DOWN"):
        await make.stock(variant, 1)
    assert await Card.filter(variant_id=variant.id).count() == 0
    service.down = False
    assert len(await codes_of(*ids)) == 3
    lost = service.versions
    service.versions = [b"k" * 32]  # another service, or its key was made anew
    assert await refusal_of(ids[0]) == KeyWrong(version=1)
    service.versions = lost
    await CardBatch.all().update(wrapped_key=b"vault:v1:AAAA")
    assert await refusal_of(ids[0]) == cards.CardSealBroken()


async def test_the_service_is_never_asked_inside_a_transaction(
    served: Path, service: KeyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    send = TransitKeys._ask

    async def watched(*args: object) -> object:
        asked.append(kernel.in_a_transaction())
        return await send(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(TransitKeys, "_ask", watched)
    ids = await filled(1)
    await codes_of(*ids)
    await cards.rotate_keys(make.OPERATOR)
    await cards.rotate_batch(make.OPERATOR, (await CardBatch.all())[0].id)
    await cards.rotate_index(make.OPERATOR)
    assert asked
    assert not any(asked)


async def import_code(variant_sku: str, code: str) -> cards.CardImportReport:
    import io

    wish = cards.ImportWish(variant_sku, 1)
    # Another cost makes no other file: a blank line does.
    content = f"{code}\n{next(_blanks)}".encode()
    return await cards.import_cards(make.OPERATOR, wish, io.BytesIO(content))


_blanks = ("\n" * number for number in range(1, 10_000))


async def rotated_among_imports(monkeypatch: pytest.MonkeyPatch, known: int = 6) -> None:
    """Rotate the pepper; between its slices all codes come again, and new ones arrive."""
    variant = await make.variant()
    codes = [f"CODE-{number:04}" for number in range(known)]
    for code in codes:
        assert (await import_code(variant.sku, code)).accepted == 1
    prints = {card.id: card.fingerprint for card in await Card.all()}
    await cards.rotate_keys(make.OPERATOR)
    monkeypatch.setattr("domain.cards.index.SLICE", 2)
    turns: Counter[str] = Counter()
    sliced = index._one_slice

    async def again() -> int:
        return sum([(await import_code(variant.sku, code)).accepted for code in codes])

    async def meddled(*args: object) -> object:
        async with transaction() as conn:
            phase = await conn.fetchval("SELECT phase FROM blind_index")
        turns[phase] += 1
        if turns[phase] <= 4:
            assert await again() == 0, f"a code came in twice while {phase}"
            codes.append(f"NEW-{phase}-{turns[phase]}")
            assert (await import_code(variant.sku, codes[-1])).accepted == 1
        return await sliced(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(index, "_one_slice", meddled)
    assert (await cards.rotate_index(make.OPERATOR)).version == 2
    assert set(turns) == {"filling", "switching", "clearing"}
    assert await again() == 0
    after = await Card.all()
    assert len(after) == len(codes)
    assert all(card.fingerprint != prints.get(card.id) for card in after)
    assert all(card.next_fingerprint is None for card in after)
    assert await AuditEntry.filter(action="card_index.rotated").count() == 1


@pytest.mark.usefixtures("key_file")
async def test_no_code_comes_in_twice_while_the_pepper_is_rotated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await rotated_among_imports(monkeypatch)


@pytest.mark.usefixtures("key_file")
async def test_twin_with_writers_that_know_of_the_next_pepper_at_its_end_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without fingerprints of both peppers a code does come in twice: the guard is needed."""

    async def forgetful(conn: kernel.Connection) -> IndexState:
        state = await read_state(conn)
        return (
            state
            if state.phase is not IndexPhase.SWITCHING
            else replace(state, next_version=None, phase=IndexPhase.STEADY)
        )

    monkeypatch.setattr("domain.cards.store.writing_state", forgetful)
    with pytest.raises(AssertionError, match="came in twice while switching"):
        await rotated_among_imports(monkeypatch)


@pytest.mark.usefixtures("key_file")
async def test_a_rotation_of_the_pepper_goes_on_where_it_was_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variant = await make.variant(cards=5)
    with pytest.raises(Refused) as caught:
        await cards.rotate_index(make.OPERATOR)
    assert caught.value.refusals[0].reason == "index_key_not_newer"  # type: ignore[attr-defined]
    await cards.rotate_keys(make.OPERATOR)
    monkeypatch.setattr("domain.cards.index.SLICE", 2)
    slices = killed = 0

    def kill(done: int, total: int) -> None:
        nonlocal slices
        slices += 1
        if slices % 4 == 1:
            raise KeyboardInterrupt

    for _ in range(50):
        try:
            await cards.rotate_index(make.OPERATOR, kill)
        except KeyboardInterrupt:
            killed += 1
            continue
        break
    assert killed > 1
    assert await cards.stock_of([variant.id], 10) == {variant.id: 5}
    (state,) = await cards_state()
    assert state == (2, None, "steady")


async def cards_state() -> list[tuple[int, int | None, str]]:
    async with transaction() as conn:
        rows = await conn.fetch("SELECT version, next_version, phase FROM blind_index")
    return [tuple(row) for row in rows]


@pytest.mark.usefixtures("key_file")
async def test_only_one_rotation_runs_at_a_time() -> None:
    from domain.cards.keys import ROTATION_LOCK
    from domain.kernel import alone

    clerk = replace(make.OPERATOR, scopes=frozenset({"keys:write"}))
    async with alone(ROTATION_LOCK):
        with pytest.raises(Refused, match="BUSY"):
            await cards.rotate_keys(clerk)
    assert (await cards.rotate_keys(clerk)).version == 2


@pytest.mark.usefixtures("key_file")
async def test_an_import_in_chunks_goes_on_with_the_pepper_that_came_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import io

    monkeypatch.setattr("domain.cards.chunks.CHUNK_LINES", 10)
    monkeypatch.setattr("domain.cards.importing.CHUNK_LINES", 10)
    variant = await make.variant()
    await cards.rotate_keys(make.OPERATOR)
    turns = 0

    async def rotate(done: int) -> None:
        nonlocal turns
        turns += 1
        if turns == 2:
            await cards.rotate_index(make.OPERATOR)

    lines = [b"CODE-%04d" % number for number in range(45)]
    wish = cards.ImportWish(variant.sku, 1)
    file = io.BytesIO(b"\n".join(lines))
    report = await cards.import_cards(make.OPERATOR, wish, file, rotate)
    assert (report.accepted, report.duplicates) == (45, 0)
    again = io.BytesIO(b"\n".join(reversed(lines)))
    report = await cards.import_cards(make.OPERATOR, wish, again)
    assert (report.accepted, report.duplicates) == (0, 45)
    assert {problem.reason for problem in report.problems} == {"card_twice_in_store"}
