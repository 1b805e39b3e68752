"""Text messages: one signed POST to whatever gateway the operator runs or rents.

    POST <address>
    kameng-timestamp: 1764130000
    kameng-signature: v1=<hex HMAC-SHA256 of "<timestamp>.<body>" by the channel's secret>
    {"id": "ntf_...", "to": "+8613800138000", "text": "..."}

The `id` is the same at each try: a gateway that has it already answers as it did. 2xx is taken
(`{"reference": "..."}` is kept); 4xx is refused for good, 429 for now; anything else may have
been sent. See docs/delivery-links-and-messages.md.
"""

import hmac
import time
from typing import Any

import orjson
import requests
from AntiSSRF import AntiSSRFError, AntiSSRFPolicy, PolicyConfigOptions
from urllib3.exceptions import NewConnectionError

from domain.notifications import OutgoingMessage, SendReport, SendResult

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 4_096
LATER = 429


def send_sms(message: OutgoingMessage, *, private: bool) -> SendReport:
    """One try, in the calling thread."""
    url, _, secret = message.channel.partition("\n")
    wish = {"id": message.id, "to": message.recipient, "text": message.body}
    body, moment = orjson.dumps(wish), str(int(time.time()))
    headers = {
        "content-type": "application/json",
        "user-agent": "Kameng-Messages/1",
        "kameng-timestamp": moment,
        "kameng-signature": f"v1={signature(secret, moment, body)}",
    }
    try:
        with (
            _session(private) as session,
            session.post(
                url,
                data=body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as answer,
        ):
            return _report(answer)
    except AntiSSRFError:
        return SendReport(SendResult.REJECTED, "address_refused")
    except requests.ConnectTimeout:
        return SendReport(SendResult.NOT_SENT, "sms_gateway_unreachable")
    except requests.RequestException as error:
        if _never_connected(error):
            return SendReport(SendResult.NOT_SENT, "sms_gateway_unreachable")
        return SendReport(SendResult.UNCERTAIN, "sms_outcome_unknown")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What proves to the gateway that it was us, and when."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hexdigest()


def _session(private: bool) -> requests.Session:
    choice = PolicyConfigOptions.NONE if private else PolicyConfigOptions.EXTERNAL_ONLY_LATEST
    policy = AntiSSRFPolicy(choice)
    policy.allow_plain_text_http = private
    session: requests.Session = policy.get_antissrf_session()
    session.trust_env = False
    return session


def _report(answer: requests.Response) -> SendReport:
    code = answer.status_code
    if 200 <= code < 300:
        return SendReport(SendResult.SENT, reference=_reference(answer))
    if code == LATER:
        return SendReport(SendResult.NOT_SENT, f"sms_refused_{code}")
    if 400 <= code < 500:
        return SendReport(SendResult.REJECTED, f"sms_refused_{code}")
    return SendReport(SendResult.UNCERTAIN, f"sms_answered_{code}")


def _reference(answer: requests.Response) -> str | None:
    """How the gateway calls it; the status alone says that it was taken."""
    try:
        text = next(answer.iter_content(MAX_ANSWER_BYTES), b"")
        found: Any = orjson.loads(text or b"{}")
    except (requests.RequestException, ValueError):
        return None
    reference = found.get("reference") if isinstance(found, dict) else None
    return reference if isinstance(reference, str) else None


def _never_connected(error: requests.RequestException) -> bool:
    """A connection that was refused, or a name without address: no byte has left."""
    cause: Any = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
