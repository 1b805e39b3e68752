"""Pure rules of webhooks: addresses, secrets, when to try again, when to give up."""

import base64
import os
from datetime import timedelta
from random import Random
from urllib.parse import urlsplit

API_VERSION = "2026-11"
MAX_URL_LETTERS = 500
MAX_ANSWER_LETTERS = 2_048
# After each failed try; the last one is followed by "dead". Standard Webhooks proposes this shape.
RETRY_AFTER_SECONDS = (5, 30, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000)
JITTER = 0.1
DISABLE_AFTER = timedelta(days=5)
LEASE = timedelta(seconds=30)  # a claimed delivery is tried again when its job was lost
GONE = 410
_chance = Random()


def is_url(url: str) -> bool:
    """An http(s) address with a host and without a login; where it leads is checked when sent."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = parts.username is None and not parts.fragment and len(url) <= MAX_URL_LETTERS
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port_fits and plain


def new_secret() -> str:
    """A signing secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def next_try_in(attempts: int, asked_seconds: int | None = None) -> timedelta | None:
    """How long to wait after try number `attempts`; None: give up. A receiver may ask for more."""
    if attempts > len(RETRY_AFTER_SECONDS):
        return None
    pause = RETRY_AFTER_SECONDS[attempts - 1] * (1 + _chance.uniform(0, JITTER))
    return timedelta(seconds=max(pause, min(asked_seconds or 0, RETRY_AFTER_SECONDS[-1])))
