"""Programs and the issue of cards: terms that stay, codes that are sealed, all or none."""

import asyncio
from itertools import product as pairs

import asyncpg
import pytest

from domain import cards, catalog, giftcards
from domain.cards import own_codes
from domain.cards.models import Card, CardBatch, CardSecret
from domain.catalog.models import DeliveryKind, Variant
from domain.giftcards import GiftCardStatus, GiftCardValue, issuing, rules
from domain.giftcards.models import GiftCard, GiftCardMove, GiftCardProgram
from domain.kernel import Actor, ActorKind, Refused, connection, new_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
VOID, ACTIVE = GiftCardStatus.VOID, GiftCardStatus.ACTIVE


def code_of(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [refusal.code for refusal in refused.value.refusals]


async def count_of(table: str) -> int:
    async with connection() as conn:
        found: int = await conn.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def opened(batch_id: object) -> list[cards.OpenedCard]:
    rows = await Card.filter(batch_id=batch_id).order_by("id")
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, [row.id for row in rows])
    return await cards.open_codes(make.OPERATOR, sealed)


async def test_issued_cards_lie_sealed_in_the_store_and_are_found_by_their_code_only() -> None:
    program = await make.gift_program()
    made = await giftcards.issue(make.OPERATOR, program.id, 25, "one")
    assert (made.quantity, made.replayed) == (25, False)
    rows = await GiftCard.filter(batch_id=made.batch_id).order_by("card_id")
    assert len(rows) == 25
    for card, row in zip(await opened(made.batch_id), rows, strict=True):
        assert card.number == row.number
        letters = own_codes.read_code(card.secret)
        assert letters is not None
        assert row.code_index == issuing.code_index(letters)
        assert (row.status, row.balance_units, row.holder_id) == (GiftCardStatus.ISSUED, 0, None)
    batch = await CardBatch.get(id=made.batch_id)
    assert (batch.source, batch.accepted) == (cards.ISSUED, 25)
    stored = await Card.filter(batch_id=made.batch_id)
    assert {card.unit_cost for card in stored} == {program.face_units}
    assert await count_of("transfers") == 0  # nothing is owed on what nobody has bought


async def test_no_code_stands_in_any_table_event_or_audit_row() -> None:
    program = await make.gift_program()
    made = await giftcards.issue(make.OPERATOR, program.id, 5, "one")
    secrets = [card.secret for card in await opened(made.batch_id)]
    async with connection() as conn:
        tables = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for row in tables:
            text = await conn.fetchval(f"SELECT string_agg(t::text, ' ') FROM {row['tablename']} t")
            for secret in secrets:
                assert secret not in (text or "")
                assert secret.replace("-", "") not in (text or "")


async def test_the_same_key_issues_once_also_at_the_same_moment() -> None:
    program = await make.gift_program()
    made = await asyncio.gather(
        *(giftcards.issue(make.OPERATOR, program.id, 3, "key") for _ in range(4))
    )
    assert len({each.batch_id for each in made}) == 1
    assert sorted(each.replayed for each in made) == [False, True, True, True]
    assert await count_of("gift_cards") == 3
    with pytest.raises(Refused) as refused:
        await giftcards.issue(make.OPERATOR, program.id, 4, "key")
    assert code_of(refused) == ["IDEMPOTENCY_KEY_REUSED"]
    assert await count_of("gift_cards") == 3


async def test_a_random_source_that_repeats_itself_issues_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = await make.gift_program()
    first = own_codes.new_code()
    monkeypatch.setattr(issuing.cards, "new_code", lambda: first)
    monkeypatch.setattr(issuing, "new_number", lambda prefix: f"{prefix}SAME")
    with pytest.raises((RuntimeError, asyncpg.UniqueViolationError)):
        await giftcards.issue(make.OPERATOR, program.id, 2, "one")
    assert await count_of("gift_cards") == await count_of("cards") == 0
    assert await count_of("card_batches") == await count_of("card_secrets") == 0


async def test_two_programs_never_share_a_code(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = await make.gift_program(), await make.gift_program()
    first = own_codes.new_code()
    monkeypatch.setattr(issuing.cards, "new_code", lambda: first)
    await giftcards.issue(make.OPERATOR, one.id, 1, "one")
    with pytest.raises(asyncpg.UniqueViolationError) as broken:
        await giftcards.issue(make.OPERATOR, two.id, 1, "two")
    assert broken.value.constraint_name == "gift_card_code_once"
    assert await count_of("gift_cards") == 1


async def test_only_some_codes_are_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing, "CHUNK", 10)
    seen: list[int] = []
    store = cards.issue_cards

    async def watched(conn, batch, codes):
        seen.append(len(codes))
        return await store(conn, batch, codes)

    monkeypatch.setattr(cards, "issue_cards", watched)
    program = await make.gift_program()
    await giftcards.issue(make.OPERATOR, program.id, 35, "one")
    assert seen == [10, 10, 10, 5]
    assert await count_of("card_secrets") == 35


@pytest.mark.parametrize("quantity", [0, -1, rules.MAX_ISSUED + 1])
async def test_a_quantity_out_of_range_is_refused(quantity: int) -> None:
    program = await make.gift_program()
    with pytest.raises(Refused):
        await giftcards.issue(make.OPERATOR, program.id, quantity, "one")
    assert await count_of("card_batches") == 0


async def test_who_lacks_the_scope_is_refused() -> None:
    program = await make.gift_program(cards=1)
    nobody = Actor(kind=ActorKind.OPERATOR, user_id=new_id(), scopes=frozenset({"cards:write"}))
    card = await GiftCard.first()
    assert card is not None
    draft = giftcards.ProgramDraft("x", "x", GiftCardValue.BALANCE, 10_000)
    for attempt in (
        giftcards.issue(nobody, program.id, 1, "one"),
        giftcards.move_cards(nobody, [card.card_id], VOID, "x"),
        giftcards.save_program(nobody, draft, program_id=program.id),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert code_of(refused) == ["FORBIDDEN"]
    assert await count_of("gift_card_moves") == 0


async def test_terms_stay_once_cards_are_issued_and_names_do_not() -> None:
    program = await make.gift_program()
    terms = {"value": GiftCardValue.BALANCE, "face_units": 50 * make.SCALE}
    other = giftcards.ProgramDraft("新", "New", **terms)
    changed = await giftcards.save_program(make.OPERATOR, other, program_id=program.id)
    assert (changed.face_units, changed.version) == (50 * make.SCALE, 2)
    await giftcards.issue(make.OPERATOR, program.id, 1, "one")
    dearer = giftcards.ProgramDraft("新", "New", GiftCardValue.BALANCE, 60 * make.SCALE)
    with pytest.raises(Refused) as refused:
        await giftcards.save_program(make.OPERATOR, dearer, program_id=program.id)
    assert code_of(refused) == ["GIFT_CARD_TERMS_FIXED"]
    named = giftcards.ProgramDraft("又新", "Newer", **terms)
    await giftcards.save_program(make.OPERATOR, named, program_id=program.id, expected_version=2)
    stored = await GiftCardProgram.get(id=program.id)
    assert (stored.name_en, stored.face_units) == ("Newer", 50 * make.SCALE)
    with pytest.raises(Refused) as refused:
        await giftcards.save_program(
            make.OPERATOR, named, program_id=program.id, expected_version=2
        )
    assert code_of(refused) == ["CONFLICT"]
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as broken:
            await conn.execute("UPDATE gift_card_programs SET valid_days = 1, breakage = 'income'")
    assert broken.value.constraint_name == "gift_program_terms_stay"


async def test_only_a_gift_variant_has_a_program_and_it_has_one() -> None:
    usual = await make.variant()
    with pytest.raises(Refused) as refused:
        await make.gift_program(of=usual)
    assert refused.value.refusals[0].field == ("sku",)
    program = await make.gift_program()
    gift = await Variant.get(id=program.variant_id)
    with pytest.raises(Refused) as refused:
        await make.gift_program(of=gift)
    assert code_of(refused) == ["CONFLICT"]
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as broken:
            await conn.execute(
                "UPDATE variants SET delivery_kind = 'CARD_CODE' WHERE id = $1", gift.id
            )
        assert broken.value.constraint_name == "variant_kind_stays"
        with pytest.raises(asyncpg.PostgresError) as broken:
            await conn.execute("UPDATE gift_card_programs SET variant_id = $1", usual.id)


async def test_a_variant_stays_a_gift_card_and_none_becomes_one() -> None:
    gift, usual = await make.variant(delivery_kind=DeliveryKind.GIFT_CARD), await make.variant()
    for row, kind in ((gift, DeliveryKind.CARD_CODE), (usual, DeliveryKind.GIFT_CARD)):
        names = [name for name in catalog.VariantDraft.__dataclass_fields__ if name != "type_code"]
        values = {name: getattr(row, name) for name in names}
        draft = catalog.VariantDraft(**{**values, "delivery_kind": kind, "status": "active"})
        with pytest.raises(Refused) as refused:
            await catalog.save_variant(make.OPERATOR, draft, variant_id=row.id)
        assert refused.value.refusals[0].field == ("deliveryKind",)
        assert (await Variant.get(id=row.id)).delivery_kind is row.delivery_kind
        async with connection() as conn:
            with pytest.raises(asyncpg.RestrictViolationError) as broken:
                await conn.execute(
                    "UPDATE variants SET delivery_kind = $2 WHERE id = $1", row.id, kind.value
                )
        assert broken.value.constraint_name == "variant_kind_stays"


async def test_no_file_brings_cards_of_a_gift_variant_nor_calls_itself_issued() -> None:
    program = await make.gift_program()
    gift = await Variant.get(id=program.variant_id)
    with pytest.raises(Refused):
        await make.stock(gift, 1)
    file = cards.card_file("", "CODE-????-####-####", count=1, seed="x")
    usual = await make.variant()
    with pytest.raises(Refused):
        await cards.import_cards(make.OPERATOR, cards.ImportWish(usual.sku, 1, cards.ISSUED), file)
    await make.stock(usual, 1)
    async with connection() as conn:
        for variant, source in ((gift, "test"), (usual, "issued")):
            with pytest.raises(asyncpg.CheckViolationError) as broken:
                await conn.execute(
                    "INSERT INTO card_batches SELECT (jsonb_populate_record(b, jsonb_build_object("
                    "'id', gen_random_uuid(), 'variant_id', $1::uuid, 'source', $2::text))).*"
                    " FROM card_batches b LIMIT 1",
                    variant.id,
                    source,
                )
            assert broken.value.constraint_name == "batch_issued_or_bought"
    assert await count_of("cards") == 1


async def test_issued_cards_are_voided_with_a_reason_and_never_undone() -> None:
    program = await make.gift_program(cards=3)
    rows = await GiftCard.filter(program_id=program.id).order_by("card_id")
    first, second, third = (row.card_id for row in rows)
    with pytest.raises(Refused):
        await cards.undo_batch(make.OPERATOR, rows[0].batch_id)
    with pytest.raises(Refused):
        await giftcards.move_cards(make.OPERATOR, [first, second], VOID, "  ")
    assert await count_of("gift_card_moves") == 0
    moved = await giftcards.move_cards(make.OPERATOR, [second, first, first], VOID, "lost print")
    assert [row.status for row in moved] == [VOID, VOID]
    states = {card.id: card.state for card in await Card.filter(variant_id=program.variant_id)}
    assert [states[each].value for each in (first, second, third)] == ["void", "void", "available"]
    told = await GiftCardMove.filter(card_id=first)
    assert [(move.to_status, move.moved_by, move.reason) for move in told] == [
        (VOID, make.OPERATOR.user_id, "lost print")
    ]
    with pytest.raises(Refused) as refused:
        await giftcards.move_cards(make.OPERATOR, [first, third], VOID, "again")
    assert code_of(refused) == ["GIFT_CARD_MOVE_NOT_ALLOWED"]
    assert (await GiftCard.get(card_id=third)).status is GiftCardStatus.ISSUED


async def test_a_card_that_nobody_bought_is_not_activated() -> None:
    await make.gift_program(cards=1)
    card = await GiftCard.first()
    assert card is not None
    for to in (ACTIVE, GiftCardStatus.FROZEN, GiftCardStatus.USED_UP, GiftCardStatus.EXPIRED):
        with pytest.raises(Refused):
            await giftcards.move_cards(make.OPERATOR, [card.card_id], to, "x")
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute(
                "UPDATE gift_cards SET status = 'active', version = 2, activated_at = now()"
            )
    assert broken.value.constraint_name == "gift_card_owes_once_sold"


async def test_the_database_takes_the_moves_of_the_table_and_no_others() -> None:
    """Every pair of statuses, each from a card that the guard has let through to the first."""
    await make.gift_program(cards=1)
    listed = {(source, target) for source, targets in rules.MOVES.items() for target in targets}
    async with connection() as conn:
        for source, target in pairs(GiftCardStatus, GiftCardStatus):
            if source is target:
                continue
            move = conn.transaction()
            await move.start()
            await conn.execute("ALTER TABLE gift_cards DISABLE TRIGGER gift_cards_move")
            await conn.execute(
                "UPDATE gift_cards SET status = $1, sold_at = now(), activated_at = now(),"
                " holder_id = gen_random_uuid()",
                source.value,
            )
            await conn.execute("ALTER TABLE gift_cards ENABLE TRIGGER gift_cards_move")
            statement = (
                "UPDATE gift_cards SET status = $1, version = version + 1, moved_because = 'why'"
            )
            if (source, target) in listed:
                await conn.execute(statement, target.value)
            else:
                with pytest.raises(asyncpg.RestrictViolationError) as broken:
                    await conn.execute(statement, target.value)
                assert broken.value.constraint_name == "gift_card_move_listed", (source, target)
            await move.rollback()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("status = 'void', version = 2", "gift_card_move_told"),
        ("status = 'void', moved_because = 'x'", "gift_card_move_counted"),
        ("number = 'OTHER'", "gift_card_stays"),
        ("code_index = 'x'", "gift_card_stays"),
        ("face_units = 1", "gift_card_stays"),
        ("balance_units = 5", "gift_card_owes_once_sold"),
    ],
)
async def test_the_database_refuses(change: str, constraint: str) -> None:
    await make.gift_program(cards=1)
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as broken:
            await conn.execute(f"UPDATE gift_cards SET {change}")
        assert broken.value.constraint_name == constraint
        with pytest.raises(asyncpg.PostgresError):
            await conn.execute("DELETE FROM gift_cards")


async def test_a_gift_variant_without_program_has_no_cards() -> None:
    gift = await make.variant(delivery_kind=DeliveryKind.GIFT_CARD)
    with pytest.raises(Refused):
        await make.stock(gift, 1)
    assert await CardSecret.all().count() == 0
