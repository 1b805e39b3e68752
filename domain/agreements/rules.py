"""Pure rules of agreements: what a version must be, and the digest that an acceptance names."""

import re
from collections.abc import Sequence
from hashlib import sha256

from domain.kernel import Invalid

MAX_TITLE_LETTERS = 200
MAX_TEXT_LETTERS = 100_000
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def digest_of(*texts: str) -> bytes:
    """What whoever accepts says was shown: SHA-256 over titles and texts, each with its length."""
    hasher = sha256()
    for text in texts:
        raw = text.encode()
        hasher.update(len(raw).to_bytes(4, "big"))
        hasher.update(raw)
    return hasher.digest()


def version_faults(
    agreement: str, titles: Sequence[str], texts: Sequence[str], types: Sequence[str]
) -> list[Invalid]:
    """What is wrong with a version that somebody wants to publish; empty when nothing is."""
    told = all(0 < len(each.strip()) <= MAX_TEXT_LETTERS for each in texts)
    checks = (
        ("agreement", "slug", len(agreement) <= 64 and bool(_SLUG.fullmatch(agreement))),
        ("title", "name", all(0 < len(each.strip()) <= MAX_TITLE_LETTERS for each in titles)),
        ("text", "agreement_text", told),
        ("types", "agreement_types", bool(types)),
    )
    return [Invalid(reason=reason, field=(name,)) for name, reason, right in checks if not right]
