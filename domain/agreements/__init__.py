"""The face of agreements: versions that agents accept, and what an unaccepted one blocks."""

from domain.agreements.models import Acceptance, AgreementVersion
from domain.agreements.queries import (
    AgreementStanding,
    current_agreements,
    list_versions,
    require_free,
    standings_of,
    unaccepted_for,
)
from domain.agreements.refusals import AgreementNotAccepted, AgreementTextDiffers
from domain.agreements.rules import digest_of
from domain.agreements.service import VersionDraft, accept_agreement, publish_agreement
from domain.agreements.statements import UNACCEPTED

__all__ = [
    "UNACCEPTED",
    "Acceptance",
    "AgreementNotAccepted",
    "AgreementStanding",
    "AgreementTextDiffers",
    "AgreementVersion",
    "VersionDraft",
    "accept_agreement",
    "current_agreements",
    "digest_of",
    "list_versions",
    "publish_agreement",
    "require_free",
    "standings_of",
    "unaccepted_for",
]
