"""A client of the GraphQL endpoints over HTTP, as small as a partner would write it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2 as httpx

ORDER = """
  id number status version total { amount currency } nextPollAfterMs
  lines { id sku quantity status failureCode unitPrice { amount } cards { id } }
  cards { id masked revealCount }
"""
ERRORS = "userErrors { __typename code message field retryable }"


@dataclass
class Client:
    """One caller of one endpoint."""

    url: str
    token: str = field(default="", repr=False)
    language: str = "en"
    timeout: float = 30.0

    def send(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The whole answer: `data` and `errors`."""
        headers = {"Accept-Language": self.language}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = {"query": query, "variables": variables}
        answer = httpx.post(self.url, json=body, headers=headers, timeout=self.timeout)
        result: dict[str, Any] = answer.json()
        return result

    def data(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = self.send(query, **variables)
        assert not answer.get("errors"), answer["errors"]
        result: dict[str, Any] = answer["data"]
        return result

    def buy(self, sku: str, quantity: int = 1, key: str = "", **more: Any) -> dict[str, Any]:
        """The payload of orderCreate."""
        wish = {
            "idempotencyKey": key or uuid4().hex,
            "lines": [{"sku": sku, "quantity": quantity, **more}],
        }
        query = (
            "mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {"
            f" order {{ {ORDER} }} replayed {ERRORS} }} }}"
        )
        payload: dict[str, Any] = self.data(query, input=wish)["orderCreate"]
        return payload

    def order(self, order_id: str) -> dict[str, Any]:
        """One of the caller's own orders."""
        query = f"query One($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}"
        found: dict[str, Any] = self.data(query, id=order_id)["order"]
        return found

    def reveal(self, order_id: str) -> list[dict[str, Any]]:
        """The codes of an order."""
        query = (
            "mutation Look($input: OrderCardsRevealInput!) { orderCardsReveal(input: $input) {"
            f" secrets {{ cardId number secret }} {ERRORS} }} }}"
        )
        payload = self.data(query, input={"orderId": order_id})["orderCardsReveal"]
        assert payload["userErrors"] == []
        secrets: list[dict[str, Any]] = payload["secrets"]
        return secrets
