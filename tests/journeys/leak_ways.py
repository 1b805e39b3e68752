"""The ways of a code through the shop that people take more rarely than buying, each once.

Whoever may see the codes sees them; every other answer is kept, to be searched.
"""

import io
import secrets
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pyrage
import xlsxwriter
from pyotp import TOTP

from tests.journeys.leaks import Answers, Planting
from tests.shop_client import ERRORS, Client
from tests.sinks import MailSink, mail_sink

PDF = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF\n"
PASSWORD = "a long pass phrase of nobody"
Run = Callable[..., subprocess.CompletedProcess[str]]


def wait_for(ready: Callable[[], Any], what: str, seconds: float = 150) -> Any:
    """What `ready` answers as soon as it answers something."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, f"waited for {what} in vain"
        time.sleep(0.1)
    return found


def mutation(deed: str, answer: str = "") -> str:
    """The document of a mutation with one input."""
    kind = deed[0].upper() + deed[1:]
    return f"mutation M($input: {kind}Input!) {{ {deed}(input: $input) {{ {answer} {ERRORS} }} }}"


@dataclass
class Ways:
    """One walk: who walks, and what was answered on the way."""

    origin: str
    buyer: Client
    kept: Answers
    planting: Planting
    run: Run
    folder: Path  # for files of whoever imports; nothing of the shop looks there

    def do(self, who: Client, deed: str, answer: str, /, **wish: Any) -> Any:
        """A mutation that is done; its answer, which holds no code, is kept."""
        payload = self.kept.of(who, mutation(deed, answer), input=wish)["data"][deed]
        assert payload["userErrors"] == [], payload
        return payload

    def show(self, who: Client, deed: str, answer: str, /, **wish: Any) -> Any:
        """A mutation whose answer shows codes to whoever may see them: it is not kept."""
        payload = who.data(mutation(deed, answer), input=wish)[deed]
        assert payload["userErrors"] == [], payload
        return payload

    def operator(self, login: str) -> Client:
        """A new operator who has just shown a second factor."""
        made = self.run("create-operator", login, password=PASSWORD)
        assert made.returncode == 0, made.stderr
        who = Client(f"{self.origin}/graphql/admin")
        wish = {"login": login, "password": PASSWORD}
        who.token = self.show(who, "sessionCreate", "accessToken", **wish)["accessToken"]
        app = self.show(who, "totpEnrol", "secret", password=PASSWORD)["secret"]
        self.show(who, "totpConfirm", "steppedUpUntil", code=TOTP(app).now())
        return who


def look(ways: Ways, clerk: Client, card_ids: list[str]) -> list[str]:
    """The staff looks at sold cards; the codes."""
    wish = {"cardIds": card_ids, "reason": "the buyer has lost it", "idempotencyKey": uuid4().hex}
    shown = ways.show(clerk, "cardRevealByStaff", "secrets { secret }", **wish)
    ways.kept.of(clerk, "{ staffReveals { nodes { id reason status } } }")
    return [card["secret"] for card in shown["secrets"]]


def take_out(ways: Ways, clerk: Client, chief: Client, variant_id: str) -> list[str]:
    """An encrypted export, from the request to what only its receiver reads; the codes in it."""
    key = pyrage.x25519.Identity.generate()
    wish = {
        "variantId": variant_id,
        "recipientPublicKey": str(key.to_public()),
        "reason": "we move",
        "idempotencyKey": uuid4().hex,
    }
    export = ways.do(clerk, "cardsExport", "export { id status }", **wish)["export"]
    ways.do(chief, "cardExportApprove", "export { id status }", id=export["id"])
    query = "{ cardExports { nodes { id status path failureCode } } }"

    def ready() -> Any:
        nodes = ways.kept.of(clerk, query)["data"]["cardExports"]["nodes"]
        return next((each for each in nodes if each["status"] == "READY"), None)

    path = wait_for(ready, "the export")["path"]
    headers = {"authorization": f"Bearer {clerk.token}"}
    content = ways.kept.post(f"{ways.origin}{path}", b"", headers).content  # sealed: it is searched
    ways.kept.post(f"{ways.origin}{path}", b"", headers)  # gone
    codes = []
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            part = archive.extractfile(member)
            assert part is not None
            text = pyrage.decrypt(part.read(), [key]).decode()
            if member.name.startswith("cards-"):
                codes += [line.split(",")[1] for line in text.splitlines()[1:]]
    return codes


def give(ways: Ways, chief: Client, category_id: str) -> list[str]:
    """Own gift cards: issued, bought, tried wrongly, redeemed; their codes."""
    sku = f"GIFT-{uuid4().hex[:8]}".upper()
    names = {"nameZh": "礼品卡", "nameEn": "Gift card"}
    wish = {"slug": sku.lower(), "categoryId": category_id, **names}
    product = ways.do(chief, "productSave", "product { id }", **wish)["product"]["id"]
    wish = {"sku": sku, "productId": product, "deliveryKind": "GIFT_CARD", "status": "ACTIVE"}
    variant = ways.do(chief, "variantSave", "variant { id }", **wish, **names)["variant"]["id"]
    prices = [{"tier": "RETAIL", "amount": "10"}]
    ways.do(chief, "pricesSet", "prices { tier }", variantId=variant, prices=prices)
    for to in ("SUBMITTED", "APPROVED"):
        ways.do(chief, "listingMove", "product { status }", productId=product, to=to)
    face = {"amount": "10", "currency": "CNY"}
    wish = {"sku": sku, "value": "BALANCE", "faceValue": face, **names}
    made = ways.do(chief, "giftCardProgramSave", "program { id }", **wish)["program"]["id"]
    wish = {"programId": made, "quantity": 5, "idempotencyKey": uuid4().hex}
    ways.do(chief, "giftCardIssue", "issue { quantity }", **wish)
    order = ways.buyer.buy(sku, 3)["order"]
    codes = [card["secret"] for card in ways.buyer.reveal(order["id"])]
    for code in (codes[0], codes[0], codes[1][:-1], ways.planting.codes[0], codes[1].lower()):
        wish = {"code": code, "idempotencyKey": uuid4().hex}
        ways.kept.of(ways.buyer, mutation("giftCardRedeem"), input=wish)
    ways.kept.of(ways.buyer, "{ viewer { wallet { available { amount } } } }")
    return codes


def fill_in(ways: Ways, chief: Client) -> str:
    """A phone number that is topped up, and a code where an address should be; the number."""
    number = f"138{secrets.randbelow(10**8):08}"
    account = [{"key": "phone", "value": number}]
    order = ways.buyer.buy("TOPUP-CNY-30", account=account)["order"]
    ask = "query($id: ID!) { order(id: $id) { status lines { id receipts: delivery { kind } } } }"
    wait_for(lambda: ways.buyer.order(order["id"])["nextPollAfterMs"] is None, "the top-up")
    ways.kept.of(chief, ask, id=order["id"])
    wish = [{"key": "wallet", "value": ways.planting.codes[5]}]
    waiting = ways.buyer.buy("COLLECT-LANTERN", account=wish)["order"]
    wrong = [{"key": "phone", "value": number + number}]
    wish = {"lines": [{"sku": "TOPUP-CNY-30", "quantity": 1, "account": wrong}]}
    wish["idempotencyKey"] = uuid4().hex
    ways.kept.of(ways.buyer, mutation("orderCreate"), input=wish)
    line = waiting["lines"][0]["id"]
    ways.do(chief, "lineClaim", "line { id }", lineId=line)
    key = uuid4().hex
    ways.do(chief, "lineFail", "line { id }", lineId=line, reason="no code", idempotencyKey=key)
    return number


def import_badly(ways: Ways, clerk: Client, sku: str) -> None:
    """Dry runs, files that are refused or in part, a workbook, the command line."""
    codes = ways.planting.plant(20)
    headers = {"authorization": f"Bearer {clerk.token}"}
    url = f"{ways.origin}/admin/card-imports?sku={sku}&unit_cost=1&source=badly"
    rows = "secret\n" + "".join(f"{code}\n" for code in codes)
    broken = rows + f"{codes[0]}\x07\n{codes[0]}\n"
    dry = ways.kept.post(f"{url}&dry_run=true", broken, headers).json()
    whole = ways.kept.post(f"{url}&all_or_nothing=true", broken, headers).json()
    assert (dry["accepted"], whole["stored"]) == (len(codes), False), (dry, whole)
    book = io.BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        for row, text in enumerate(["secret", *codes, codes[0]]):
            sheet.write_string(row, 0, text)
    ways.kept.post(f"{url}&dry_run=true", book.getvalue(), headers)
    ways.kept.post(f"{url}&dry_run=true", book.getvalue()[:-40], headers)
    for name, content in (("codes.csv", broken), ("codes.jsonl", f'{{"secret": "{codes[0]}"')):
        file = ways.folder / name
        file.write_text(content)
        for more in (["--dry-run"], ["--all-or-nothing"], ["--expires", "2001-01-01"], []):
            command = ("cards", "import", str(file), "--sku", sku, "--cost", "1", *more)
            said = ways.run(*command)
            ways.kept.keep((said.stdout + said.stderr).encode())


def complain(ways: Ways, chief: Client, judge: Client, order: dict[str, Any]) -> None:
    """Buyers write codes wherever they may write; one case ends with another card, one with money,
    one is rejected, appealed and rejected for good."""
    codes = {card["cardId"]: card["secret"] for card in ways.buyer.reveal(order["id"])}
    cards = list(codes)[:3]
    cases = []
    for card_id in cards:
        text = f"我的卡密 {codes[card_id]} 无效, and {ways.planting.codes[3].lower()} too"
        wish = {"orderId": order["id"], "cardIds": [card_id], "reason": "OTHER", "text": text}
        wish["idempotencyKey"] = uuid4().hex
        opened = ways.do(ways.buyer, "orderDisputeOpen", "disputes { id state }", **wish)
        cases.append(opened["disputes"][0]["id"])
    wrong = {"orderId": order["id"], "cardIds": [codes[cards[0]]], "reason": "OTHER"}
    wrong |= {"text": codes[cards[0]] + "\x07", "idempotencyKey": uuid4().hex}
    for more in ({}, {"cardIds": cards, "text": codes[cards[0]] * 200}, {"cardIds": cards}):
        ways.kept.of(ways.buyer, mutation("orderDisputeOpen"), input=wrong | more)
    show_evidence(ways, chief, cases[0], codes[cards[0]])
    decide = "dispute { dispute { id state } }"
    for case, decision in zip(cases, ("REPLACE", "REFUND", "REJECT"), strict=True):
        wish = {"disputeId": case, "result": "INVALID", "answer": "used elsewhere", "ticket": "T-1"}
        if decision != "REJECT":
            ways.do(chief, "disputeCheck", decide, **wish)
        wish = {"disputeId": case, "decision": decision, "reason": "as we found"}
        wish["idempotencyKey"] = uuid4().hex
        ways.do(chief, "disputeDecide", decide, **wish)
    wish = {"disputeId": cases[2], "text": f"but {codes[cards[2]]} is bad"}
    wish["idempotencyKey"] = uuid4().hex
    ways.do(ways.buyer, "orderDisputeAppeal", "dispute { state }", **wish)
    wish = {"disputeId": cases[2], "decision": "REJECT", "reason": "it works"}
    wish["idempotencyKey"] = uuid4().hex
    ways.do(judge, "disputeDecide", decide, **wish)
    ways.kept.of(chief, "{ disputes { nodes { dispute { id state } steps { state } } } }")
    refund = {"orderId": order["id"], "cardIds": [list(codes)[3]], "reason": "GOODWILL"}
    refund |= {"idempotencyKey": uuid4().hex, "destination": "WALLET"}
    ways.do(chief, "orderRefund", "refund { refund { id } }", **refund)
    ways.buyer.reveal(order["id"])  # with the replacement among them


def show_evidence(ways: Ways, chief: Client, case: str, code: str) -> None:
    """A file whose name and content hold a code, laid before the staff."""
    door = "door { evidenceId method url authorization }"
    made = ways.show(
        ways.buyer, "orderDisputeEvidenceAdd", door, disputeId=case, name=f"{code}.pdf"
    )["door"]
    headers = {"authorization": made["authorization"]}
    content = PDF.replace(b"<< >>", f"<< /Title ({code}) >>".encode())
    url = made["url"] if made["url"].startswith("http") else ways.origin + made["url"]
    sent = httpx.request(made["method"], url, headers=headers, content=content, timeout=30)
    assert sent.status_code == 201, sent.text
    ways.kept.keep(sent.content)
    opened = ways.show(chief, "disputeEvidenceOpen", door, evidenceId=sent.json()["evidenceId"])
    url = opened["door"]["url"]
    url = url if url.startswith("http") else ways.origin + url
    headers = {"authorization": opened["door"]["authorization"]}
    seen = httpx.request(opened["door"]["method"], url, headers=headers, timeout=30)
    assert code.encode() in seen.content


@contextmanager
def told_by_mail(ways: Ways, chief: Client) -> Iterator[MailSink]:
    """Mails to whoever leaves an address; ours hold no code."""
    with mail_sink() as sink:
        wish = {"code": "leaks", "medium": "EMAIL", "url": sink.url}
        wish |= {"events": ["order.delivered", "order.refunded", "order.dispute_decided"]}
        saved = ways.do(chief, "notificationChannelSave", "channel { code version }", **wish)
        try:
            yield sink
        finally:
            for number, mail in enumerate(sink.mails):
                ways.kept.said[f"mail {number}"] = mail.encode()
            wish |= {"enabled": False, "expectedVersion": saved["channel"]["version"]}
            ways.do(chief, "notificationChannelSave", "channel { code }", **wish)


def buy_and_be_told(ways: Ways, sku: str, sink: MailSink) -> dict[str, Any]:
    """An order whose buyer leaves an address and is written to."""
    before = len(sink.mails)
    wish = {"lines": [{"sku": sku, "quantity": 4}], "contact": {"email": "lan@example.com"}}
    wish["idempotencyKey"] = uuid4().hex
    made = ways.do(ways.buyer, "orderCreate", "order { id number }", **wish)
    wait_for(lambda: len(sink.mails) > before, "the mail")
    return dict(made["order"])
