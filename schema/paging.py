"""Relay connections over the kernel's pages: `edges` with cursors, and plain `nodes`."""

from typing import Any, Generic, TypeVar, cast

import strawberry
from strawberry import Parent

from domain.kernel import Page
from schema.fields import field, presents

Node = TypeVar("Node")


@strawberry.type(description="One item of a list, with its place in it.")
class Edge(Generic[Node]):
    cursor: str
    node: Node


def _start_cursor(page: Parent[Page[Any]]) -> str | None:
    return page.cursors[0] if page.cursors else None


def _end_cursor(page: Parent[Page[Any]]) -> str | None:
    return page.cursors[-1] if page.cursors else None


@strawberry.type(description="Where a page stands in its list. Hand `endCursor` on as `after`.")
@presents(Page)
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None = field(_start_cursor)
    end_cursor: str | None = field(_end_cursor)


def _edges(page: Parent[Page[Any]]) -> list[Edge[Any]]:
    return [
        Edge(cursor=cursor, node=row) for cursor, row in zip(page.cursors, page.rows, strict=True)
    ]


def _page_info(page: Parent[Page[Any]]) -> PageInfo:
    return cast(PageInfo, page)  # shown by it; a generic type has its resolvers' hints evaluated


@strawberry.type(description="One page of a list. `first` is 1 to 100, 20 unless told.")
@presents(Page)
class Connection(Generic[Node]):
    """`Connection[Product]` is the GraphQL type `ProductConnection`."""

    edges: list[Edge[Node]] = field(_edges)
    rows: list[Node] = field(name="nodes")
    page_info: PageInfo = field(_page_info)
