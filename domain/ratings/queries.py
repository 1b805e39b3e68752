"""Reads of ratings: one's own, what a shop shows, figures for the back office (row M4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.kernel import Actor, Invalid, Page, PageRequest, connection, page_of, refuse_unless
from domain.ratings.models import Rating, RatingState
from domain.ratings.rules import MAX_FIGURES, MAX_PERIOD, average_of, may_edit_until
from domain.ratings.statements import DECIDED, FIGURES, TOTALS

READ = "ratings:read"


class RatedBy(StrEnum):
    """Of whom ratings are counted together."""

    PRODUCT = "PRODUCT"
    SUPPLIER = "SUPPLIER"  # who brought the goods; others are left out
    AGENT = "AGENT"  # the one nearest to the buyer; sales without one are left out
    SITE = "SITE"


@dataclass(frozen=True, slots=True)
class ProductRating:
    """How buyers rate a product."""

    count: int = 0
    stars: int = 0

    @property
    def average(self) -> float | None:
        """1 to 5; None of nothing."""
        return average_of(self.stars, self.count)


@dataclass(frozen=True, slots=True)
class RatingFigures:
    """The ratings of a subject in a period; `by_stars`: how many of one star, of two ..."""

    by: RatedBy
    subject: UUID
    count: int
    stars: int
    by_stars: list[int]

    @property
    def average(self) -> float | None:
        """1 to 5."""
        return average_of(self.stars, self.count)


@dataclass(frozen=True, slots=True)
class OwnRating:
    """A rating as its buyer sees it."""

    given: Rating
    editable_until: datetime


NOTHING = ProductRating()


async def totals_of(product_ids: Sequence[UUID]) -> dict[UUID, ProductRating]:
    """How products are rated, where they are; one statement for all."""
    async with connection() as conn:
        rows = await conn.fetch(TOTALS, list(product_ids))
    return {row["product_id"]: ProductRating(row["count"], row["stars"]) for row in rows}


async def own_ratings(line_ids: Sequence[UUID]) -> dict[UUID, OwnRating]:
    """The ratings of lines, where there are some; two statements for all. Whose they are was asked
    before."""
    found = await Rating.filter(line_id__in=list(line_ids))
    if not found:
        return {}
    async with connection() as conn:
        rows = await conn.fetch(DECIDED, [each.line_id for each in found])
    decided = {row["line_id"]: row["decided_at"] for row in rows}
    return {
        each.line_id: OwnRating(each, may_edit_until(each.rated_at, decided.get(each.line_id)))
        for each in found
    }


async def list_published(product_id: UUID, page: PageRequest) -> Page[Rating]:
    """What buyers wrote of a product and anybody may read, newest first."""
    rows = Rating.filter(product_id=product_id, state=RatingState.PUBLISHED)
    rows = rows.order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda rating: (rating.id,))


async def list_ratings(
    actor: Actor, page: PageRequest, states: Sequence[RatingState] | None = None
) -> Page[Rating]:
    """Everybody's ratings, newest first, or those in some states. Needs `ratings:read`."""
    actor.require_scope(READ)
    rows = Rating.all().order_by("-id").limit(page.first + 1)
    if states:
        rows = rows.filter(state__in=list(states))
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda rating: (rating.id,))


async def rating_figures(
    actor: Actor, by: RatedBy, since: datetime, until: datetime, after_case: bool | None = None
) -> list[RatingFigures]:
    """Ratings given in a period, the worst rated first; at most 100 subjects.

    `after_case`: only those given once a case about the line was decided, or only the others. Needs
    `ratings:read`. Refuses a period that is empty or above 366 days.
    """
    actor.require_scope(READ)
    fits = since < until and until - since <= MAX_PERIOD
    refuse_unless(fits, Invalid(reason="rating_period", field=("until",)))
    async with connection() as conn:
        rows = await conn.fetch(FIGURES[by.value], since, until, after_case, MAX_FIGURES)
    return [RatingFigures(by, **row) for row in rows]
