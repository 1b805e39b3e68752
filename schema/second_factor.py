"""The second factor: an authenticator app, and the fresh code that some deeds ask for."""

from datetime import datetime

import strawberry

from domain import identity
from resolvers import second_factor as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents


@strawberry.type(description="An authenticator app at work.")
@presents(identity.FactorState)
class SecondFactor:
    confirmed_at: datetime | None
    recovery_codes_left: int
    stepped_up_until: datetime | None = field(
        description="Until when this session's code counts as fresh; null when it does not."
    )


@strawberry.type(description="A fresh code of the authenticator app is needed: send `stepUp`.")
@presents(identity.StepUpRequired)
class StepUpRequiredError(UserError):
    enrolled: bool = field(description="False: set an app up first, with `totpEnrol`.")


@strawberry.type
class TotpEnrolPayload:
    uri: str | None = field(description="otpauth:// address to show as a QR code. Shown this once.")
    secret: str | None = field(description="The same, to be typed in. Shown this once.")
    user_errors: list[UserError]


@strawberry.type
class TotpConfirmPayload:
    recovery_codes: list[str] = field(
        default_factory=list, description="Each takes the place of the app once. Shown this once."
    )
    stepped_up_until: datetime | None
    user_errors: list[UserError]


@strawberry.type
class StepUpPayload:
    stepped_up_until: datetime | None
    user_errors: list[UserError]


@strawberry.type
class RecoveryCodesPayload:
    recovery_codes: list[str] = field(
        default_factory=list, description="Shown this once; the earlier ones are good no more."
    )
    user_errors: list[UserError]


@strawberry.type
class TotpDisablePayload:
    user_errors: list[UserError]


@strawberry.type
class SecondFactorMutation:
    totp_enrol: TotpEnrolPayload = mutation(
        resolvers.totp_enrol,
        payload=TotpEnrolPayload,
        permissions=[SignedIn()],
        rate=Rate(RateZone.STEP_UP),
        sensitive=True,
        description="A secret for an authenticator app; it counts once `totpConfirm` has seen a"
        " code of it. Asks for the password again.",
    )
    totp_confirm: TotpConfirmPayload = mutation(
        resolvers.totp_confirm,
        payload=TotpConfirmPayload,
        permissions=[SignedIn()],
        rate=Rate(RateZone.STEP_UP),
        sensitive=True,
        description="Put the app to work by its first code.",
    )
    step_up: StepUpPayload = mutation(
        resolvers.step_up,
        payload=StepUpPayload,
        permissions=[SignedIn()],
        rate=Rate(RateZone.STEP_UP),
        sensitive=True,
        description="A code of the app, or a recovery code: for some minutes this session may do"
        " what needs it. Each code is good once.",
    )
    recovery_codes_renew: RecoveryCodesPayload = mutation(
        resolvers.recovery_codes_renew,
        payload=RecoveryCodesPayload,
        permissions=[SignedIn()],
        rate=Rate(RateZone.STEP_UP),
        sensitive=True,
        description="Ten fresh recovery codes. Needs a fresh step-up and the password again.",
    )


@strawberry.type
class SecondFactorAdminMutation(SecondFactorMutation):
    totp_disable: TotpDisablePayload = mutation(
        resolvers.totp_disable,
        payload=TotpDisablePayload,
        permissions=[Scope("users:write")],
        description="Take a lost phone's app away from another login. Needs a fresh step-up.",
    )
