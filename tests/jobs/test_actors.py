"""The worker knows every actor that anybody sends to, or a message would be thrown away."""

import subprocess
import sys
from pathlib import Path

DECLARES = """
import importlib, pkgutil
from dramatiq import set_broker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AsyncIO, Retries, TimeLimit
broker = StubBroker(middleware=[AsyncIO(), Retries(), TimeLimit()])
set_broker(broker)
import jobs, jobs.reactions, jobs.schedule
known = set(broker.get_declared_actors())
for module in pkgutil.iter_modules(jobs.__path__):
    importlib.import_module(f"jobs.{module.name}")
print(len(known), sorted(set(broker.get_declared_actors()) - known))
"""


def test_what_the_worker_imports_declares_every_actor_of_every_module() -> None:
    """In a process of its own: importing a module twice declares nothing."""
    worker = Path("server/worker.py").read_text()
    assert "import jobs.reactions" in worker
    assert "import jobs.schedule" in worker
    told = subprocess.run(
        [sys.executable, "-c", DECLARES], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    number, unknown = told.stdout.split(" ", 1)
    assert int(number) > 10
    assert unknown.strip() == "[]"
