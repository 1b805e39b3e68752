"""The face of claim links."""

from domain.claims.claiming import (
    CHALLENGED,
    ClaimableCard,
    ClaimView,
    challenge,
    code_of,
    redeem,
    view_link,
)
from domain.claims.models import ClaimLink, LinkState
from domain.claims.ports import Reach, places
from domain.claims.queries import links_of_order
from domain.claims.refusals import (
    ClaimCodeJustSent,
    ClaimCodesSpent,
    ClaimLinkExpired,
    ClaimLinkRevoked,
    ClaimLinkUnknown,
    ClaimLinkUsed,
    ClaimNothingLeft,
    ClaimProofNeeded,
    ClaimProofWrong,
    RecipientUnreachable,
    TooManyLinks,
)
from domain.claims.rules import MAX_LIFE, PATH, state_of
from domain.claims.service import (
    LinkWish,
    MadeLink,
    create_link,
    link_for_message,
    revoke_link,
    token_of,
)

__all__ = [
    "CHALLENGED",
    "MAX_LIFE",
    "PATH",
    "ClaimCodeJustSent",
    "ClaimCodesSpent",
    "ClaimLink",
    "ClaimLinkExpired",
    "ClaimLinkRevoked",
    "ClaimLinkUnknown",
    "ClaimLinkUsed",
    "ClaimNothingLeft",
    "ClaimProofNeeded",
    "ClaimProofWrong",
    "ClaimView",
    "ClaimableCard",
    "LinkState",
    "LinkWish",
    "MadeLink",
    "Reach",
    "RecipientUnreachable",
    "TooManyLinks",
    "challenge",
    "code_of",
    "create_link",
    "link_for_message",
    "links_of_order",
    "places",
    "redeem",
    "revoke_link",
    "state_of",
    "token_of",
    "view_link",
]
