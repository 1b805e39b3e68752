"""The migrations say what the models say."""

from pathlib import Path

from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector

from server.wiring import tortoise_config


async def test_no_model_change_is_without_its_migration() -> None:
    config = tortoise_config("postgres://nobody@127.0.0.1:1/none")
    async with TortoiseContext() as context:
        await context.init(config=config, init_connections=False)
        changes = await MigrationAutodetector(context.apps, config["apps"]).changes()
    operations = [operation for writer in changes for operation in writer.operations]
    assert operations == [], "run makemigrations, and wrap new models in with_constraints"


def test_no_migration_runs_python() -> None:
    """Its models would have no queries (docs/decisions/0022)."""
    files = sorted(Path("domain/migrations").glob("[0-9]*.py"))
    assert len(files) > 2
    assert [path.name for path in files if "RunPython" in path.read_text()] == []
