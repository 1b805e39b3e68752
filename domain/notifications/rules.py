"""Pure rules of messages: their moves, when to try again, which texts are safe."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

from domain.claims import CHALLENGED
from domain.giftcards import REDEEMED
from domain.notifications.models import Medium, NotificationState
from domain.notifications.of_agents import EVENTS as OF_AGENTS
from domain.notifications.of_agents import PLACES as AGENT_PLACES
from domain.orders import events

PENDING, SENDING = NotificationState.PENDING, NotificationState.SENDING
SENT, FAILED = NotificationState.SENT, NotificationState.FAILED
UNCERTAIN = NotificationState.UNCERTAIN

MOVES: Mapping[NotificationState, frozenset[NotificationState]] = MappingProxyType(
    {
        PENDING: frozenset({SENDING}),
        SENDING: frozenset({SENT, FAILED, UNCERTAIN, PENDING}),
        UNCERTAIN: frozenset({SENT, FAILED, PENDING}),  # what came late, or a person's decision
        FAILED: frozenset({PENDING}),
        SENT: frozenset(),
    }
)
RETRYABLE = frozenset({FAILED, UNCERTAIN})
# After each try that surely sent nothing; the last one is followed by "failed".
RETRY_AFTER_SECONDS = (10, 60, 300, 1_800, 7_200)
LEASE = timedelta(minutes=2)  # longer than any adapter waits; then the outcome is not known

ORDER_EVENTS = (
    events.DELIVERED,
    events.PARTIALLY_DELIVERED,
    events.DELIVERY_FAILED,
    events.REFUNDED,
    events.DISPUTE_DECIDED,
)
# An order has as many of them as there are, each with a message of its own.
EACH_TIME = (events.REFUNDED, events.DISPUTE_DECIDED)
EVENTS = (*ORDER_EVENTS, REDEEMED, CHALLENGED, *OF_AGENTS)
LANGUAGES = ("zh", "en")
MAX_SUBJECT_LETTERS, MAX_BODY_LETTERS = 200, 4_000
MAX_ADDRESS_LETTERS = 1_000

OF_ORDERS = ("number", "site", "products", "cards", "total", "link", "secrets")
OF_REFUNDS = ("number", "site", "products", "total", "amount", "way")
OF_DISPUTES = ("number", "site", "products", "total", "outcome")
OF_CODES = ("site", "code", "minutes")
OF_REDEMPTIONS = ("site", "number", "amount", "left")  # of the gift card
OPENING = frozenset({"link", "secrets", "code"})  # whoever reads these has the goods
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_BRACES = re.compile(r"[{}]")

SCHEMES: Mapping[Medium, tuple[str, ...]] = MappingProxyType(
    {
        Medium.EMAIL: ("mailto", "mailtos"),
        Medium.SMS: ("https", "http"),
        # Services at addresses of their own, that nobody can point at our own network.
        Medium.GROUP: ("wecombot", "dingtalk", "feishu", "lark", "tgram", "discord", "slack"),
    }
)
INSIDE_ONLY = (
    "json",
    "jsons",
    "http",
    "mailto",
)  # where private addresses are allowed: development
HOSTED = frozenset({"mailto", "mailtos", "http", "https", "json", "jsons"})


@dataclass(frozen=True, slots=True)
class Text:
    """A subject and a body: a template, or what was made of it. A repr shows neither."""

    subject: str = field(repr=False)
    body: str = field(repr=False)


def spoken(language: str) -> str:
    """The language to write in: a site may speak one that we have no words in."""
    return language if language in LANGUAGES else "en"


def known_placeholders(event: str, medium: Medium) -> tuple[str, ...]:
    """What a template may name; a group of staff is told nothing that opens the goods."""
    own = {CHALLENGED: OF_CODES, REDEEMED: OF_REDEMPTIONS, events.REFUNDED: OF_REFUNDS}
    own[events.DISPUTE_DECIDED] = OF_DISPUTES
    own |= dict.fromkeys(OF_AGENTS, AGENT_PLACES)
    names = own.get(event, OF_ORDERS)
    return tuple(name for name in names if medium is not Medium.GROUP or name not in OPENING)


def placeholders(text: Text) -> set[str]:
    """The names that a template asks for, known or not; a brace that stands alone is one, too."""
    whole = f"{text.subject}\n{text.body}"
    rest = _PLACEHOLDER.sub("", whole)
    return set(_PLACEHOLDER.findall(whole)) | set(_BRACES.findall(rest))


def filled(text: Text, values: Mapping[str, str]) -> Text:
    """The text with its values, put in once: what a value holds is never read as a template."""

    def put(found: re.Match[str]) -> str:
        return values[found[1]]

    subject = _clean(_PLACEHOLDER.sub(put, text.subject), keep="")
    return Text(subject[:MAX_SUBJECT_LETTERS], _clean(_PLACEHOLDER.sub(put, text.body), keep="\n"))


def _clean(text: str, keep: str) -> str:
    """Without control letters: no value begins a header line of a mail."""
    return "".join(
        letter if letter in keep or unicodedata.category(letter) not in ("Cc", "Zl", "Zp") else " "
        for letter in text
    ).strip()


def next_try_in(attempts: int) -> timedelta | None:
    """How long to wait after try number `attempts`; None: give up."""
    if attempts > len(RETRY_AFTER_SECONDS):
        return None
    return timedelta(seconds=RETRY_AFTER_SECONDS[attempts - 1])


def address_fault(medium: Medium, url: str, *, private: bool) -> bool:
    """Whether an address is none that this medium is sent to."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return True
    inside = INSIDE_ONLY if private else ()
    schemes = [each for each in SCHEMES[medium] if private or each not in INSIDE_ONLY]
    if medium is Medium.GROUP:
        schemes += [each for each in inside if each in ("json", "jsons")]
    printable = url.isprintable() and len(url) <= MAX_ADDRESS_LETTERS
    leads_out = private or parts.scheme not in HOSTED or _leads_out(parts.hostname or "")
    fits = parts.scheme in schemes and bool(parts.netloc) and port_fits
    return not (fits and printable and leads_out)


def _leads_out(host: str) -> bool:
    """Whether a host may be a public one; a name is looked up when it is called."""
    if host.rstrip(".") == "localhost" or ("." not in host.strip(".") and ":" not in host):
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return True


def address_masked(url: str) -> str:
    """Where an address leads, without what opens it: of a robot its key is the address."""
    parts = urlsplit(url)
    host = (parts.hostname or "") if parts.scheme in HOSTED else "•••"
    return f"{parts.scheme}://{host}"
