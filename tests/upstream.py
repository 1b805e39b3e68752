"""A supplier inside the test's own process, with a book of what it really sold."""

from dataclasses import dataclass, field

from domain.kernel import refuse_inside_a_transaction
from domain.suppliers import (
    Accepted,
    Capabilities,
    Category,
    Completed,
    Connection,
    NotFound,
    OwnReference,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    SuppliedCode,
    SupplierPort,
    Uncertain,
)
from tests import make

MOODS = ("good", "good", "refuses", "hears nothing", "says nothing", "takes its time")


@dataclass
class Upstream(SupplierPort):
    """A supplier with a book of what it really sold, whatever it answered."""

    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            own_reference=OwnReference.RETURNS_FIRST,
            query_by_own_reference=True,
            price_guard=True,
            not_found_answers=2,
            settle_seconds=5,
        )
    )
    book: dict[str, tuple[SuppliedCode, ...]] = field(default_factory=dict)
    mood: str = "good"

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        refuse_inside_a_transaction()
        assert submission.reference not in self.book, "bought twice"
        if self.mood == "refuses":
            return Rejected(Category.OUT_OF_STOCK, "none")
        if self.mood == "hears nothing":
            return Uncertain()
        number = len(self.book)
        self.book[submission.reference] = tuple(
            SuppliedCode("", f"UP-{number}-{each}-{submission.reference[:8]}")
            for each in range(submission.quantity)
        )
        if self.mood == "says nothing":
            return Uncertain()
        return Accepted("up") if self.mood == "takes its time" else self._done(submission)

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        refuse_inside_a_transaction()
        return self._done(submission) if submission.reference in self.book else NotFound()

    async def balance(self, connection: Connection) -> int | None:
        return None

    def _done(self, submission: Submission) -> Completed:
        return Completed("up", self.book[submission.reference], make.yuan(40) * submission.quantity)
