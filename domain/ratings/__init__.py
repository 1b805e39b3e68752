"""The face of ratings."""

from domain.ratings.models import Rating, RatingState, RatingTag
from domain.ratings.promises import PROMISES
from domain.ratings.queries import (
    NOTHING,
    OwnRating,
    ProductRating,
    RatedBy,
    RatingFigures,
    list_published,
    list_ratings,
    own_ratings,
    rating_figures,
    totals_of,
)
from domain.ratings.refusals import LineNotRatable, RatingTextBanned
from domain.ratings.rules import ways
from domain.ratings.service import RatingWish, judge_text, rate_line

__all__ = [
    "NOTHING",
    "PROMISES",
    "LineNotRatable",
    "OwnRating",
    "ProductRating",
    "RatedBy",
    "Rating",
    "RatingFigures",
    "RatingState",
    "RatingTag",
    "RatingTextBanned",
    "RatingWish",
    "judge_text",
    "list_published",
    "list_ratings",
    "own_ratings",
    "rate_line",
    "rating_figures",
    "totals_of",
    "ways",
]
