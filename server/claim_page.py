"""The page behind a claim link: one file without any other server, for browsers of every age.

The token stands behind the `#`, so the request for this page does not carry it, and a messenger
that looks at the link claims nothing: that takes a press of the button, which goes over GraphQL.
The page's policy lets in its own script and style by their digests, and nothing else.
"""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from domain.claims import PATH

PAGE = Path(__file__).with_name("claim_page.html")


def claim_page_route() -> Route:
    """The route of the page, with its headers made once."""
    text = PAGE.read_text(encoding="utf-8")
    headers = {
        "content-security-policy": policy_of(text),
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
        "x-robots-tag": "noindex, nofollow",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
    }

    async def answer(request: Request) -> Response:
        return HTMLResponse(text, headers=headers)

    return Route(PATH, answer)


def policy_of(text: str) -> str:
    """A policy under which this page works and nothing can be added to it."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_digest_of(text, 'script')}",
            f"style-src {_digest_of(text, 'style')}",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _digest_of(text: str, tag: str) -> str:
    (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return f"'sha256-{b64encode(sha256(inner.encode()).digest()).decode()}'"
