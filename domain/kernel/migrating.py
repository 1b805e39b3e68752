"""Tortoise 1.1 records `Meta.constraints` of a new model but never creates them (its issue 2272).

`with_constraints` turns them into operations of their own. `makemigrations` output is wrapped in
it by hand; tests/house/test_constraints.py fails when somebody forgets.
"""

from tortoise.migrations.operations import AddConstraint, CreateModel, Operation


def with_constraints(operations: list[Operation]) -> list[Operation]:
    """The operations, and behind them one AddConstraint for each constraint of a new model."""
    added: list[Operation] = []
    for operation in operations:
        if isinstance(operation, CreateModel):
            for constraint in (operation.options or {}).pop("constraints", ()):
                added.append(AddConstraint(model_name=operation.name, constraint=constraint))
    return [*operations, *added]
