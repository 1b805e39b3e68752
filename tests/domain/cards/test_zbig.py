import time
import pytest
from domain import cards
from domain.cards.models import CardEvent
from domain.kernel import connection
from tests import make
pytestmark = pytest.mark.usefixtures("db")
N=100_000
async def test_big():
    for mode in ("ENABLE", "DISABLE", "ENABLE"):
        async with connection() as conn:
            await conn.execute(f"ALTER TABLE card_secrets {mode} TRIGGER card_secrets_stored")
        v = await make.variant()
        f = cards.card_file("", "CODE-????-####-####", count=N, seed=mode + str(time.time()))
        t=time.perf_counter(); c=time.process_time()
        r = await cards.import_cards(make.OPERATOR, cards.ImportWish(v.sku, 1, "test"), f)
        print(mode, "import/s", N/(time.perf_counter()-t), r.accepted)
    t=time.perf_counter(); print("sealed", await cards.seal_card_events(), time.perf_counter()-t)
    t=time.perf_counter(); rep = await cards.verify_cards(); print("verify", rep.cards, len(rep.faults), (rep.cards)/(time.perf_counter()-t), "cards/s")
    async with connection() as conn:
        for mode in ("DISABLE", "ENABLE"):
            b = await conn.fetchval("select id from card_batches where undone_at is null order by id desc limit 1")
            await conn.execute(f"ALTER TABLE cards {mode} TRIGGER cards_moved")
            t=time.perf_counter(); u = await cards.undo_batch(make.OPERATOR, b); print("undo", mode, u.voided, time.perf_counter()-t)
    print(await CardEvent.all().count())
