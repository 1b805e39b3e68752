"""Mail over SMTP. The channel's address is one of Apprise (`mailtos://user:password@host?from=...`),
which knows the servers of the great providers; the conversation is our own, because only it tells
what surely did not leave from what may have left.
"""

import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formataddr, formatdate
from typing import Any

from adapters.notifications.addresses import AddressRefused, connected
from domain.notifications import OutgoingMessage, SendReport, SendResult

TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Server:
    """What a mail address of Apprise says of its server."""

    host: str
    port: int
    mode: str  # insecure, ssl or starttls
    sender: tuple[str, str]
    user: str = field(repr=False)
    password: str = field(repr=False)


class _Plain(smtplib.SMTP):
    """Connects to checked addresses only."""

    private = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return connected(host, port, timeout, private=self.private)


class _Secure(_Plain):
    """The same, inside TLS from the first byte."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(host, port, timeout)
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


def send_mail(message: OutgoingMessage, *, private: bool) -> SendReport:
    """One try, in the calling thread. Only the end of DATA decides: before it nothing has left."""
    server = server_of(message.channel)
    if server is None:
        return SendReport(SendResult.REJECTED, "mail_address_invalid")
    if server.mode == "insecure" and not private:
        return SendReport(SendResult.REJECTED, "mail_without_tls")
    try:
        session = _opened(server, private)
    except AddressRefused:
        return SendReport(SendResult.REJECTED, "address_refused")
    except smtplib.SMTPAuthenticationError:
        return SendReport(SendResult.REJECTED, "mail_login_refused")
    except (smtplib.SMTPException, OSError):
        return SendReport(SendResult.NOT_SENT, "mail_server_unreachable")
    try:
        return _handed_over(session, server, message)
    finally:
        session.close()


def server_of(address: str) -> Server | None:
    """The server behind an address of Apprise; None when it is none."""
    import apprise  # some 300 ms, and the worker alone needs it

    url = address.partition("\n")[0]
    found: Any = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if found is None or not getattr(found, "smtp_host", ""):
        return None
    name, sender = found.from_addr
    return Server(
        found.smtp_host,
        found.port,
        str(getattr(found.secure_mode, "value", found.secure_mode)),
        (name or "", sender),
        found.user or "",
        found.password or "",
    )


def _opened(server: Server, private: bool) -> smtplib.SMTP:
    kind = _Secure if server.mode == "ssl" else _Plain
    session = kind(timeout=TIMEOUT_SECONDS)
    session.private = private
    try:
        session._host = server.host  # type: ignore[attr-defined]  # the name that TLS expects
        code, _ = session.connect(server.host, server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, "not ready")
        if server.mode == "starttls":
            session.starttls(context=ssl.create_default_context())
        if server.user and server.password:
            session.login(server.user, server.password)
    except BaseException:
        session.close()
        raise
    return session


def _handed_over(session: smtplib.SMTP, server: Server, message: OutgoingMessage) -> SendReport:
    written = _written(server, message)
    try:
        session.ehlo_or_helo_if_needed()
        for code, _ in (session.mail(server.sender[1]), session.rcpt(message.recipient)):
            if code not in (250, 251):
                return _refused(code)
        code, _ = session.docmd("DATA")
        if code != 354:
            return _refused(code)
    except (smtplib.SMTPException, OSError):
        return SendReport(SendResult.NOT_SENT, "mail_server_broke_off")
    try:
        session.send(_dotted(written.as_bytes()) + b".\r\n")
        code, answer = session.getreply()
    except (smtplib.SMTPException, OSError):
        return SendReport(SendResult.UNCERTAIN, "mail_outcome_unknown")
    if code != 250:
        return _refused(code)
    return SendReport(SendResult.SENT, reference=answer.decode(errors="replace")[:128])


def _written(server: Server, message: OutgoingMessage) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = message.subject
    made["From"] = formataddr(server.sender)
    made["To"] = message.recipient
    made["Date"] = formatdate(usegmt=True)
    # The same at each try: a server that has it already may drop the copy.
    made["Message-ID"] = f"<{message.id}@{server.sender[1].rpartition('@')[2] or 'kameng'}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(message.body, cte="base64")
    return made


def _dotted(content: bytes) -> bytes:
    """Lines as SMTP wants them: ended by CR LF, and a dot at the start doubled."""
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    ended = [b"." + line if line.startswith(b".") else line for line in lines]
    text = b"\r\n".join(ended)
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def _refused(code: int) -> SendReport:
    """5xx is for good, 4xx for now; both say that the server did not take it."""
    result = SendResult.REJECTED if 500 <= code < 600 else SendResult.NOT_SENT
    return SendReport(result, f"mail_refused_{code}")
