"""The back office sets channels and templates, and sees messages without what is in them."""

from typing import Any

import pytest

from domain import notifications
from domain.kernel import Prefix, connection, encode_id
from domain.notifications import OutgoingMessage, SendReport, SendResult, sending
from schema.admin import schema
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.notifications.test_sending import bought, relayed

pytestmark = pytest.mark.usefixtures("db")
CHANNEL = """mutation Save($input: NotificationChannelSaveInput!) {
    notificationChannelSave(input: $input) {
        channel { code medium addressMasked events enabled version }
        userErrors { code field message } } }"""
TEMPLATE = """mutation Save($input: NotificationTemplateSaveInput!) {
    notificationTemplateSave(input: $input) {
        template { event medium language version } userErrors { code message } } }"""
PREVIEW = """mutation Show($input: NotificationTemplatePreviewInput!) {
    notificationTemplatePreview(input: $input) { text { subject body } userErrors { code } } }"""
SETTINGS = """mutation Allow($input: NotificationSettingsSaveInput!) {
    notificationSettingsSave(input: $input) {
        settings { notifyCodes linkDays } userErrors { code } } }"""
LIST = """query Messages($orderId: ID, $state: NotificationState) {
    notifications(orderId: $orderId, state: $state) { nodes {
        id event medium channel recipientMasked state attempts lastError } } }"""
RETRY = """mutation Again($input: NotificationRetryInput!) { notificationRetry(input: $input) {
    notification { state channel } userErrors { code message } } }"""
SECRET_URL = "mailtos://shop:very-secret@smtp.example.com?from=shop@example.com"


class Refusing:
    """A provider that may have sent it."""

    async def send(self, message: OutgoingMessage) -> SendReport:
        return SendReport(SendResult.UNCERTAIN, "mail_outcome_unknown")


async def saved(**changes: Any) -> dict[str, Any]:
    wish = {
        "code": "mail",
        "medium": "EMAIL",
        "events": ["order.delivered"],
        "url": SECRET_URL,
        **changes,
    }
    operator = await make.operator("notifications:write")
    answer = await data_of(schema, CHANNEL, operator, input=wish)
    payload: dict[str, Any] = answer["notificationChannelSave"]
    return payload


async def test_a_channel_is_made_changed_and_never_shown() -> None:
    made = (await saved())["channel"]
    assert (made["addressMasked"], made["version"]) == ("mailtos://smtp.example.com", 1)
    changed = (await saved(url=None, enabled=False, expectedVersion=1))["channel"]
    assert (changed["enabled"], changed["version"]) == (False, 2)
    stale = await saved(enabled=True, expectedVersion=1)
    assert stale["userErrors"][0]["code"] == "CONFLICT"
    listed = await data_of(schema, "{ notificationChannels { addressMasked } }", make.OPERATOR)
    async with connection() as conn:
        stored = str(
            await conn.fetch("SELECT c::text FROM notification_channels c, audit_entries a")
        )
    assert "very-secret" not in str(listed) + stored


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "mailtos://shop:p@10.0.0.1"},
        {"url": "file:///etc/passwd"},
        {"url": None},
        {"medium": "GROUP", "url": "jsons://example.com"},
    ],
)
async def test_an_address_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    (error,) = (await saved(**changes))["userErrors"]
    assert (error["code"], error["field"]) == ("CHANNEL_ADDRESS_INVALID", ["url"])
    assert await data_of(schema, "{ notificationChannels { code } }", make.OPERATOR) == {
        "notificationChannels": []
    }


async def test_a_gateway_without_a_secret_is_refused() -> None:
    payload = await saved(medium="SMS", url="https://sms.example.com/")
    assert payload["userErrors"][0]["field"] == ["secret"]


async def test_a_template_is_previewed_and_saved() -> None:
    text = {"subject": "{site}: {number}", "body": "{products}\n{link}"}
    wish = {"event": "order.delivered", "medium": "EMAIL", "language": "zh", "text": text}
    shown = (await data_of(schema, PREVIEW, make.OPERATOR, input=wish))[
        "notificationTemplatePreview"
    ]
    assert "260131-ABCDEFGHJK" in shown["text"]["subject"]
    assert "{" not in shown["text"]["body"]
    for version in (1, 2):
        answer = await data_of(schema, TEMPLATE, make.OPERATOR, input=wish)
        assert answer["notificationTemplateSave"]["template"]["version"] == version
    bad = {**wish, "text": {**text, "body": "{secrets}"}}
    for language, word in (("en", "{link}"), ("zh", "{link}")):
        answer = await data_of(schema, TEMPLATE, make.OPERATOR, language, input=bad)
        (error,) = answer["notificationTemplateSave"]["userErrors"]
        assert error["code"] == "NOTIFY_CODES_NOT_ALLOWED"
        assert word in error["message"]


async def test_what_a_site_allows_is_a_scope_of_its_own() -> None:
    operator = await make.operator("notifications:codes")
    answer = await data_of(schema, SETTINGS, operator, input={"notifyCodes": True})
    assert answer["notificationSettingsSave"]["settings"] == {"notifyCodes": True, "linkDays": 7}
    answer = await data_of(schema, SETTINGS, operator, input={"notifyCodes": True, "linkDays": 91})
    assert answer["notificationSettingsSave"]["userErrors"][0]["code"] == "INVALID"


async def test_a_message_is_listed_and_sent_again_by_hand() -> None:
    before = sending._sender
    notifications.register_sender(Refusing())
    try:
        await saved()
        _, order = await bought()
        (message_id,) = await relayed()
        await notifications.send(message_id)
    finally:
        sending._sender = before
    order_id = encode_id(Prefix.ORDER, order.id)
    listed = await data_of(schema, LIST, make.OPERATOR, orderId=order_id, state="UNCERTAIN")
    (found,) = listed["notifications"]["nodes"]
    assert (found["channel"], found["recipientMasked"]) == ("mail", "l•••@example.com")
    assert found["lastError"] == "mail_outcome_unknown"
    assert "lan@example.com" not in str(listed)
    wish = {"id": found["id"]}
    payload = (await data_of(schema, RETRY, make.OPERATOR, input=wish))["notificationRetry"]
    assert payload["notification"] == {"state": "PENDING", "channel": "mail"}
    (error,) = (await data_of(schema, RETRY, make.OPERATOR, input=wish))["notificationRetry"][
        "userErrors"
    ]
    assert error["code"] == "NOTIFICATION_NOT_RETRYABLE"
    refused = await ask(schema, RETRY, await make.buyer(), input=wish)
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"
