"""What each way of sending makes of what may happen on the other side: a closed set of results."""

import socket
from email import message_from_string
from email.header import decode_header, make_header
from typing import Any

import pytest

from adapters.notifications.addresses import is_public
from adapters.notifications.mail import send_mail, server_of
from adapters.notifications.messenger import Messenger
from adapters.notifications.sms import send_sms, signature
from domain.notifications import Medium, OutgoingMessage, SendResult
from server.embedded import free_port
from tests.sinks import mail_sink, sms_sink

# One of Apprise's modules still looks for one of Python's that is going.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = "a-secret-of-the-gateway"


def mail(url: str, body: str = "你好\n.hidden\n") -> OutgoingMessage:
    return OutgoingMessage("ntf_1", Medium.EMAIL, url, "lan@example.com", "订单 1 已发货", body)


def sms(url: str) -> OutgoingMessage:
    return OutgoingMessage("ntf_1", Medium.SMS, f"{url}\n{SECRET}", "+8613800138000", "", "你好")


async def result_of(message: OutgoingMessage, *, private: bool = True) -> tuple[SendResult, str]:
    messenger = Messenger(private=private)
    try:
        report = await messenger.send(message)
    finally:
        messenger.close()
    assert "lan@example.com" not in repr(report)
    return report.result, report.reason


async def test_a_mail_arrives_as_it_was_written() -> None:
    with mail_sink() as sink:
        report = send_mail(mail(sink.url), private=True)
    assert (report.result, report.reference) == (SendResult.SENT, "taken as 1")
    (taken,) = sink.mails
    parsed = message_from_string(taken)
    assert str(make_header(decode_header(parsed["Subject"]))) == "订单 1 已发货"
    assert parsed["From"] == "Shop <shop@example.com>"
    assert parsed["Message-ID"] == "<ntf_1@example.com>"
    payload = parsed.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode() == "你好\n.hidden\n"
    assert sink.recipients == ["rcpt TO:<lan@example.com>"]


@pytest.mark.parametrize(
    ("answers", "result", "reason"),
    [
        ({"CONNECT": "421 busy"}, SendResult.NOT_SENT, "mail_server_unreachable"),
        ({"CONNECT": None}, SendResult.NOT_SENT, "mail_server_unreachable"),
        ({"RCPT": "550 nobody"}, SendResult.REJECTED, "mail_refused_550"),
        ({"RCPT": "451 later"}, SendResult.NOT_SENT, "mail_refused_451"),
        ({"MAIL": None}, SendResult.NOT_SENT, "mail_server_broke_off"),
        ({"DATA": None}, SendResult.NOT_SENT, "mail_server_broke_off"),
        ({"END": "552 too large"}, SendResult.REJECTED, "mail_refused_552"),
        ({"END": "452 full"}, SendResult.NOT_SENT, "mail_refused_452"),
        ({"END": None}, SendResult.UNCERTAIN, "mail_outcome_unknown"),
    ],
)
async def test_only_a_silence_after_the_text_is_uncertain(
    answers: dict[str, Any], result: SendResult, reason: str
) -> None:
    with mail_sink(**answers) as sink:
        assert await result_of(mail(sink.url)) == (result, reason)
    assert sink.mails == []


async def test_no_mail_server_at_all_is_surely_nothing_sent() -> None:
    url = f"mailto://127.0.0.1:{free_port()}?from=shop@example.com"
    assert await result_of(mail(url)) == (SendResult.NOT_SENT, "mail_server_unreachable")


async def test_mail_without_tls_or_inside_the_house_is_not_sent() -> None:
    with mail_sink() as sink:
        inside = sink.url.replace("mailto:", "mailtos:")
        got = await result_of(mail(f"{inside}&mode=starttls"), private=False)
        assert got == (SendResult.REJECTED, "address_refused")
        got = await result_of(mail("mailto://u:p@smtp.example.com?mode=insecure"), private=False)
        assert got == (SendResult.REJECTED, "mail_without_tls")
    assert sink.recipients == []


async def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []

    def inside(host: str, port: int, **_: object) -> list[Any]:
        public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))
        return [public, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.9", port))]

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: called.append(address))
    report = send_mail(mail("mailtos://u:p@rebind.test?from=a@b.cn"), private=False)
    assert (report.result, report.reason) == (SendResult.REJECTED, "address_refused")
    assert called == []


def test_the_great_providers_are_known_by_name() -> None:
    server = server_of("mailtos://shop:pass@163.com\n")
    assert server is not None
    assert (server.host, server.mode) == ("smtp.163.com", "ssl")
    assert "pass" not in repr(server)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("status", "result", "reason"),
    [
        (200, SendResult.SENT, ""),
        (400, SendResult.REJECTED, "sms_refused_400"),
        (429, SendResult.NOT_SENT, "sms_refused_429"),
        (500, SendResult.UNCERTAIN, "sms_answered_500"),
        (503, SendResult.UNCERTAIN, "sms_answered_503"),
        (302, SendResult.UNCERTAIN, "sms_answered_302"),
        (0, SendResult.UNCERTAIN, "sms_outcome_unknown"),
    ],
)
async def test_a_text_message_that_may_be_on_its_way_is_uncertain(
    status: int, result: SendResult, reason: str
) -> None:
    with sms_sink(status) as sink:
        assert await result_of(sms(sink.url)) == (result, reason)
    assert len(sink.requests) == 1


async def test_a_text_message_is_signed_and_carries_its_id() -> None:
    with sms_sink() as sink:
        report = send_sms(sms(sink.url), private=True)
    assert report.reference == "gw-1"
    ((headers, body),) = sink.requests
    expected = signature(SECRET, headers["kameng-timestamp"], body)
    assert headers["kameng-signature"] == f"v1={expected}"
    assert signature("another", headers["kameng-timestamp"], body) != expected
    assert sink.texts == [{"id": "ntf_1", "to": "+8613800138000", "text": "你好"}]


async def test_no_gateway_at_all_is_surely_nothing_sent() -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    assert await result_of(sms(url)) == (SendResult.NOT_SENT, "sms_gateway_unreachable")


async def test_a_gateway_inside_the_house_is_not_called() -> None:
    with sms_sink() as sink:
        got = await result_of(sms(sink.url.replace("http:", "https:")), private=False)
    assert got == (SendResult.REJECTED, "address_refused")
    assert sink.requests == []


async def test_a_group_is_told_by_apprise() -> None:
    with sms_sink() as sink:
        url = sink.url.replace("http:", "json:")
        message = OutgoingMessage("ntf_1", Medium.GROUP, url, "", "订单 1", "已发货")
        assert await result_of(message) == (SendResult.SENT, "")
        assert (sink.texts[0]["title"], sink.texts[0]["message"]) == ("订单 1", "已发货")
        sink.status = 500
        assert (await result_of(message))[0] is SendResult.UNCERTAIN
    bad = OutgoingMessage("ntf_1", Medium.GROUP, "nonsense://", "", "s", "b")
    assert await result_of(bad) == (SendResult.REJECTED, "group_address_invalid")


async def test_a_fault_of_ours_is_uncertain_and_says_no_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(message: OutgoingMessage, *, private: bool) -> None:
        raise RuntimeError(message.body)

    monkeypatch.setattr("adapters.notifications.messenger.send_mail", broken)
    got = await result_of(mail("mailto://127.0.0.1", body="a secret text"))
    assert got == (SendResult.UNCERTAIN, "fault:RuntimeError")
    assert "a secret text" not in capsys.readouterr().out
