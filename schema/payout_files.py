"""Files that are carried to a bank, and what the bank gave back (back office)."""

from datetime import datetime

import strawberry

from domain import payouts
from domain.kernel import Prefix
from domain.payouts import FileState, RowDifference
from resolvers import payout_files as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="How many payouts of a file are open, and how the others ended.")
@presents(payouts.FileProgress)
class PayoutFileProgress:
    open: int
    succeeded: int
    failed: int
    returned: int


@strawberry.type(description="A row of a bank's results that is not what we have.")
@presents(payouts.PayoutRowDifference)
class PayoutRowDifference:
    line: int
    kind: RowDifference
    reference: str
    payout_id: strawberry.ID | None = field(resolvers.payout_of)
    told: str = field(description="paid, failed or returned.")
    amount: Money = field(resolvers.told_amount, description="As the bank tells it.")


@strawberry.type(description="Results that a bank gave back, as they were taken.")
@presents(payouts.PayoutFileResult)
class PayoutFileResult:
    name: str
    digest: str = field(resolvers.result_digest, description="SHA-256 of what came.")
    rows: int
    booked: int = field(description="Rows that ended a payout.")
    known: int = field(description="Rows that told what we knew.")
    difference_count: int = field(resolvers.difference_count)
    differences: list[PayoutRowDifference] = field(
        resolvers.differences_of, size=20, description="The first 200; nothing was booked for them."
    )
    taken_by: strawberry.ID = id_field(Prefix.USER, "taken_by")
    taken_at: datetime


@strawberry.type(
    description="A file for a bank. Its bytes are taken away at /admin/payout-files/{id}."
)
@presents(payouts.PayoutFile)
class PayoutFile:
    id: strawberry.ID = id_field(Prefix.PAYOUT_FILE)
    number: str
    channel_id: strawberry.ID = id_field(Prefix.PAYOUT_CHANNEL, "channel_id")
    batch_id: strawberry.ID | None = field(
        resolvers.batch_of, description="Null: of payouts that were approved one by one."
    )
    state: FileState = field(resolvers.state_of)
    count: int
    total: Money = field(resolvers.total_of)
    digest: str = field(resolvers.digest_of, description="SHA-256 of its bytes.")
    progress: PayoutFileProgress = field(resolvers.progress_of)
    made_by: strawberry.ID = id_field(Prefix.USER, "made_by")
    made_at: datetime
    handed_over_by: strawberry.ID | None = field(resolvers.handed_over_by)
    handed_over_at: datetime | None
    results: list[PayoutFileResult] = field(resolvers.results_of, size=3)


@strawberry.type
class PayoutFilePayload:
    file: PayoutFile | None
    user_errors: list[UserError]


@strawberry.type
class PayoutFilesAdminQuery:
    payout_files: Connection[PayoutFile] = field(
        resolvers.files, permissions=[Scope("payouts:read")], description="Newest first."
    )


@strawberry.type
class PayoutFilesAdminMutation:
    payout_file_make: PayoutFilePayload = mutation(
        resolvers.payout_file_make,
        payload=PayoutFilePayload,
        entity="file",
        permissions=[Scope("payouts:files")],
        description="Make the file of an approved batch, or of what was approved one by one; needs"
        " a fresh step-up. Its money is in transit from then on. Of one batch and channel there is"
        " one file. Never who approved what is in it. Audited.",
    )
    payout_file_hand_over: PayoutFilePayload = mutation(
        resolvers.payout_file_hand_over,
        payload=PayoutFilePayload,
        entity="file",
        permissions=[Scope("payouts:files")],
        description="Note that the bank has the file. Audited.",
    )
