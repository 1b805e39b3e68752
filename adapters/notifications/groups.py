"""Groups of staff: WeCom, DingTalk, Feishu, Telegram and others, by Apprise.

Their addresses are the services' own (see the schemes in domain/notifications/rules.py), so they
cannot be pointed at our network. Apprise says yes or no and not why: a no is *uncertain*.
"""

from typing import Any

from domain.notifications import OutgoingMessage, SendReport, SendResult


def send_to_group(message: OutgoingMessage) -> SendReport:
    """One try, in the calling thread."""
    import apprise  # some 300 ms, and the worker alone needs it

    asset = apprise.AppriseAsset(app_id="Kameng", storage_mode=apprise.PersistentStoreMode.MEMORY)
    url = message.channel.partition("\n")[0]
    found: Any = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if found is None:
        return SendReport(SendResult.REJECTED, "group_address_invalid")
    taken = found.notify(
        body=message.body, title=message.subject, body_format=apprise.NotifyFormat.TEXT
    )
    if taken:
        return SendReport(SendResult.SENT)
    return SendReport(SendResult.UNCERTAIN, "group_service_said_no")
