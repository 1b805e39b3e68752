"""The SDL of the three endpoints as files: what clients generate their types from."""

from pathlib import Path

from graphql import lexicographic_sort_schema, print_schema

from schema.admin import schema as admin
from schema.documents import RootSchema
from schema.partner import schema as partner
from schema.shop import schema as shop

FOLDER = Path("schema")


def snapshots() -> dict[Path, str]:
    """Each file and what it must say; sorted, so that a diff shows changes of meaning only."""
    roots = {"shop": shop, "partner": partner, "admin": admin}
    return {FOLDER / f"{name}.graphql": _sdl(schema) for name, schema in roots.items()}


def _sdl(schema: RootSchema) -> str:
    return print_schema(lexicographic_sort_schema(schema._schema)) + "\n"
