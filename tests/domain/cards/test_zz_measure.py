import asyncio, time, io, tracemalloc, resource
import pytest
from domain import cards
from tests import make
pytestmark = pytest.mark.usefixtures("db")
async def test_measure():
    v = await make.variant()
    f = cards.card_file("62##########", "CODE-????-####-####", count=100_000, seed="x")
    print("bytes", len(f.getvalue()))
    gaps=[]; stop=False
    async def tick():
        while not stop:
            t=time.perf_counter(); await asyncio.sleep(0.001); gaps.append(time.perf_counter()-t)
    t=asyncio.create_task(tick())
    r0=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    s=time.perf_counter()
    r=await cards.import_cards(make.OPERATOR, cards.ImportWish(v.sku, 1000), f)
    e=time.perf_counter()-s
    print("import", e, r.accepted, "rss+MiB",(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss-r0)/1024)
    print("max gap", max(gaps), sorted(gaps)[-5:]); gaps.clear()
    f.seek(0); s=time.perf_counter(); r2=await cards.import_cards(make.OPERATOR, cards.ImportWish(v.sku, 1000), f); print("replay", time.perf_counter()-s, r2.replayed)
    g=io.BytesIO(f.getvalue()+b"1,NEW\n")
    s=time.perf_counter(); r3=await cards.import_cards(make.OPERATOR, cards.ImportWish(v.sku, 1000), g); print("all twins", time.perf_counter()-s, r3.accepted, r3.duplicates)
    gaps.clear(); s=time.perf_counter(); u=await cards.undo_batch(make.OPERATOR, r.batch_id); print("undo", time.perf_counter()-s, u)
    stop=True; await t
