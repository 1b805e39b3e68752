"""The face of sourcing: what suppliers list, and offers that follow it."""

from domain.sourcing.booking import cost_here
from domain.sourcing.events import CHANGED, INCOMPLETE, TOLD
from domain.sourcing.models import CatalogueRun, RunState, SupplierItem, SyncPolicy, ToldItem
from domain.sourcing.pushed import ask_told, note_told, told_due
from domain.sourcing.queries import FollowedSupplier, list_followed, list_items, offers_of_items
from domain.sourcing.reading import list_due, read_list
from domain.sourcing.refusals import FaceDiffers, NothingToFollow, RunOver
from domain.sourcing.service import (
    MapWish,
    SyncWish,
    accept_run,
    convert_again,
    map_item,
    save_policy,
    start_run,
)

__all__ = [
    "CHANGED",
    "INCOMPLETE",
    "TOLD",
    "CatalogueRun",
    "FaceDiffers",
    "FollowedSupplier",
    "MapWish",
    "NothingToFollow",
    "RunOver",
    "RunState",
    "SupplierItem",
    "SyncPolicy",
    "SyncWish",
    "ToldItem",
    "accept_run",
    "ask_told",
    "convert_again",
    "cost_here",
    "list_due",
    "list_followed",
    "list_items",
    "map_item",
    "note_told",
    "offers_of_items",
    "read_list",
    "save_policy",
    "start_run",
    "told_due",
]
