"""The face of costs: where an order's money goes."""

from domain.costs.queries import breakdowns_of
from domain.costs.rules import Breakdown, CostKind, LineCosts, LineFacts, break_down

__all__ = ["Breakdown", "CostKind", "LineCosts", "LineFacts", "break_down", "breakdowns_of"]
