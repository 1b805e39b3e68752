"""The face of peers: partners that are told what changes of what they may buy."""

from domain.peers.levels import bundle_levels, levels_of, stocked_levels
from domain.peers.models import PeerRound, ToldGoods
from domain.peers.telling import GOODS_CHANGED, CatalogPush, push_of, tell_partners

__all__ = [
    "GOODS_CHANGED",
    "CatalogPush",
    "PeerRound",
    "ToldGoods",
    "bundle_levels",
    "levels_of",
    "push_of",
    "stocked_levels",
    "tell_partners",
]
