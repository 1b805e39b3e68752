"""Two ways in which Tortoise 1.1's migrations need help.

It records `Meta.constraints` of a new model but never creates them (its issue 2272):
`with_constraints` turns them into operations of their own. `makemigrations` output is wrapped in it
by hand; tests/house/test_constraints.py fails when somebody forgets.

And it builds all models anew, twice, for each operation: for the state before it, which most
operations never look at, and with queries, which only RunPython would run. `without_waste` leaves
both out, or a fresh database takes minutes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from tortoise.migrations.operations import AddConstraint, CreateModel, Operation
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps


def with_constraints(operations: list[Operation]) -> list[Operation]:
    """The operations, and behind them one AddConstraint for each constraint of a new model."""
    added: list[Operation] = []
    for operation in operations:
        if isinstance(operation, CreateModel):
            for constraint in (operation.options or {}).pop("constraints", ()):
                added.append(AddConstraint(model_name=operation.name, constraint=constraint))
    return [*operations, *added]


class _LazyState(State):
    """A copy of a state that renders its models only for whoever looks at them."""

    def __init__(self, original: State) -> None:
        self.models = {key: model.clone() for key, model in original.models.items()}
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
