"""A supplier in any language: one address that answers signed questions (api.md, supplier.fulfil).

Each question is a POST after Standard Webhooks: `{"type": "supplier.submit", "timestamp", "data"}`.
The answer is one JSON object of the port's closed set; docs/add-a-supplier.md describes it and
frontend-examples/supplier-hook receives it. Anything else that comes back is uncertain.
"""

from typing import Any

import orjson
from standardwebhooks import Webhook

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    balance_in,
    code_of,
    json_of,
    list_of,
    settings_of,
    share_of,
    shown,
    text_in,
    units_in,
)
from adapters.http import Ambiguous, NotSent, PartnerClient
from domain.kernel import SCALE, clock, new_id, plain
from domain.suppliers.ports import (
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
    SupplierPort,
    Uncertain,
)

NAME = "hook"


class Hook(SupplierPort):
    """The supplier port as a webhook. Setting: `secret`, as `whsec_...`.

    Its author promises what docs/add-a-supplier.md asks: the same reference again answers the first
    result, and nothing begins after `validUntil`.
    """

    def __init__(
        self, client: PartnerClient, *, settle_seconds: float = 5.0, not_found_answers: int = 3
    ) -> None:
        self.client = client
        self.capabilities = Capabilities(
            own_reference=OwnReference.RETURNS_FIRST,
            query_by_own_reference=True,
            price_guard=True,
            partial=True,
            balance=True,
            not_found_answers=not_found_answers,
            settle_seconds=settle_seconds,
        )

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Buy."""
        wish = {
            "reference": submission.reference,
            "item": submission.item,
            "quantity": submission.quantity,
            "maxUnitCost": {
                "amount": plain(submission.max_unit_cost),
                "currency": submission.currency,
            },
            "validUntil": submission.valid_until.isoformat(),
            "account": dict(submission.account) or None,
        }
        try:
            status, content = await self._ask(connection, "supplier.submit", wish)
        except NotSent as error:
            return Rejected(Category.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(detail=str(error))
        told = _told(status, content, submission)
        return Uncertain(detail="not_found") if isinstance(told, NotFound) else told

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the submission with this reference."""
        wish = {"reference": submission.reference}
        try:
            status, content = await self._ask(connection, "supplier.query", wish)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        if status != 200:  # of an order that may exist, this says nothing
            return Uncertain(detail=f"http_{status}")
        return _told(status, content, submission)

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units; None when it cannot be told now."""
        try:
            _, content = await self._ask(connection, "supplier.balance", {})
        except (NotSent, Ambiguous):
            return None
        return balance_in(content, "balance")

    async def _ask(
        self, connection: Connection, kind: str, data: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        moment, number = clock.now(), f"sup_{new_id().hex}"
        asked = {"type": kind, "timestamp": moment.isoformat(), "data": data}
        body = orjson.dumps(asked)
        secret = settings_of(connection).get("secret", "")
        headers = {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(number, moment, body.decode()),
        }
        answer = await self.client.send(
            "POST",
            connection.base_url,
            headers=headers,
            body=body,
            timeout_seconds=connection.timeout_seconds,
        )
        return answer.status, json_of(answer)


def _told(status: int, content: dict[str, Any], submission: Submission) -> QueryResult:
    """One answer of the closed set."""
    result = text_in(content, "result")
    if result == "rejected" and status < 500:
        category = text_in(content, "category")
        if category not in set(Category) or category == Category.DUPLICATE_REFERENCE:
            return Uncertain(detail=f"category_{shown(category, 40)}")
        return Rejected(Category(category), shown(content.get("detail") or category))
    if status != 200:
        return Uncertain(detail=f"http_{status}")
    if result == "not_found":
        return NotFound()
    if content.get("reference") != submission.reference:
        return Uncertain(detail="other_order")
    upstream_id = shown(content.get("upstreamId")) or None
    if result == "accepted":
        return Accepted(upstream_id)
    if result != "completed":
        return Uncertain(detail=f"result_{shown(result, 40)}")
    receipt = shown(content.get("receipt"), MAX_RECEIPT_LETTERS)
    try:
        cost = units_in(content, "cost")
        codes = tuple(code_of(each) for each in list_of(content.get("codes")))
    except ValueError:
        return Uncertain(detail="delivery_unreadable")
    if cost < 0 or not (codes or receipt):
        return Uncertain(detail="delivery_unreadable")
    whole = content.get("whole") is not False
    made = balance_in(content, "delivered") or 0
    share = 0 if whole or not receipt else share_of(made, SCALE)
    return Completed(upstream_id, codes, cost, receipt, whole, share)
