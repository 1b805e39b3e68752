"""What agreements refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal, Spoken


@dataclass(frozen=True, kw_only=True)
class AgreementNotAccepted(Refusal):
    """A version in force has not been accepted; its title and `version` name it."""

    code: ClassVar[str] = "AGREEMENT_NOT_ACCEPTED"
    title: Spoken
    version: int


@dataclass(frozen=True, kw_only=True)
class AgreementTextDiffers(Refusal):
    """The digest is not that of the version: somebody saw another text."""

    code: ClassVar[str] = "AGREEMENT_TEXT_DIFFERS"
