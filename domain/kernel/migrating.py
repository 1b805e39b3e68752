"""Three ways in which Tortoise 1.1's migrations need help.

It records `Meta.constraints` of a new model but never creates them (its issue 2272):
`with_constraints` turns them into operations of their own. `makemigrations` output is wrapped in it
by hand; tests/house/test_constraints.py fails when somebody forgets.

And it copies all models, and builds them anew, twice, for each operation: for the state before it,
which most operations never look at, and with queries, which only RunPython would run.
`without_waste` leaves both out, or a fresh database takes minutes.

And it cannot take a partial unique constraint away, which PostgreSQL knows as an index:
`RemovePartialUnique` does.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from tortoise.migrations.operations import AddConstraint, CreateModel, Operation, RemoveConstraint
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_apps import StateApps


def with_constraints(operations: list[Operation]) -> list[Operation]:
    """The operations, and behind them one AddConstraint for each constraint of a new model."""
    added: list[Operation] = []
    for operation in operations:
        if isinstance(operation, CreateModel):
            for constraint in (operation.options or {}).pop("constraints", ()):
                added.append(AddConstraint(model_name=operation.name, constraint=constraint))
    return [*operations, *added]


class RemovePartialUnique(RemoveConstraint):
    """Takes a unique constraint with a condition away: in the database it is an index."""

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: Any = None
    ) -> None:
        """Drop the index of this name."""
        if state_editor:
            await state_editor._run_sql(f'DROP INDEX "{self.name}"')


Key = tuple[str, str]


class _Models(dict[Key, ModelState]):
    """The models of a state, shared with its copies until somebody looks at one.

    `items` are the shared ones: Tortoise only reads them.
    """

    def __init__(self, models: Mapping[Key, ModelState]) -> None:
        super().__init__(models)
        self._own: set[Key] = set()

    def shared(self) -> "_Models":
        """A copy; from now on either side copies a model before it changes it."""
        self._own.clear()
        return _Models(self)

    def __getitem__(self, key: Key) -> ModelState:
        if key not in self._own:
            self[key] = super().__getitem__(key).clone()
        return super().__getitem__(key)

    def __setitem__(self, key: Key, model: ModelState) -> None:
        self._own.add(key)
        super().__setitem__(key, model)

    def get(self, key: Key, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401 - `self[key]` copies

    def pop(self, key: Key, default: Any = None) -> Any:
        model = self.get(key, default)
        super().pop(key, None)
        return model

    def values(self) -> Any:
        return [self[key] for key in self]


class _LazyState(State):
    """A copy of a state that copies and renders its models only for whoever looks at them."""

    def __init__(self, original: State) -> None:
        if not isinstance(original.models, _Models):
            original.models = _Models(original.models)
        self.models = original.models.shared()
        self._original = original.apps
        self._apps: StateApps | None = None

    @property
    def apps(self) -> StateApps:  # type: ignore[override]
        """The models as they were when the copy was made."""
        if self._apps is None:
            self._apps = self._original.clone(model_states=self.models)
        return self._apps


@contextmanager
def without_waste() -> Iterator[None]:
    """Run migrations that use no RunPython; states are copied lazily, queries are not built."""
    no_queries = patch.object(StateApps, "_build_initial_querysets", lambda self: None)
    with no_queries, patch.object(State, "clone", lambda self: _LazyState(self)):
        yield
