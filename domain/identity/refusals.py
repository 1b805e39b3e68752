"""What identity refuses. No text tells whether a login exists, but the sign-up that needs to."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class CredentialsWrong(Refusal):
    """Login or password are wrong, or the login is closed: one answer for all."""

    code: ClassVar[str] = "CREDENTIALS_WRONG"


@dataclass(frozen=True, kw_only=True)
class LoginTaken(Refusal):
    """Somebody has this login."""

    code: ClassVar[str] = "LOGIN_TAKEN"


@dataclass(frozen=True, kw_only=True)
class PasswordWeak(Refusal):
    """The password would be guessed soon."""

    code: ClassVar[str] = "PASSWORD_WEAK"
    minimum: int


@dataclass(frozen=True, kw_only=True)
class SessionEnded(Refusal):
    """The refresh token is no longer good: expired, revoked, or used twice."""

    code: ClassVar[str] = "SESSION_ENDED"


@dataclass(frozen=True, kw_only=True)
class SignatureWrong(Refusal):
    """A partner's request is not signed as it must be, is too old, or came before."""

    code: ClassVar[str] = "SIGNATURE_WRONG"
    reason: str


@dataclass(frozen=True, kw_only=True)
class StepUpRequired(Refusal):
    """This deed needs a fresh proof of the second factor; `enrolled`: whether there is one."""

    code: ClassVar[str] = "STEP_UP_REQUIRED"
    enrolled: bool


@dataclass(frozen=True, kw_only=True)
class SecondFactorNeeded(Refusal):
    """Login and password are right, and this login has an authenticator app, too."""

    code: ClassVar[str] = "SECOND_FACTOR_NEEDED"


@dataclass(frozen=True, kw_only=True)
class TotpWrong(Refusal):
    """The code of the second factor is wrong, was used before, or has run out."""

    code: ClassVar[str] = "TOTP_WRONG"


@dataclass(frozen=True, kw_only=True)
class TotpBlocked(Refusal):
    """Too many wrong codes in a row: no code is looked at for some minutes."""

    code: ClassVar[str] = "TOTP_BLOCKED"
    minutes: int
