"""Pure rules of the sites: what may be saved, and which site a request is for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from domain.kernel import Invalid

MAX_HOSTS = 20
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_REGION = re.compile(r"[A-Z0-9-]{0,16}")


@dataclass(frozen=True, slots=True)
class SiteDraft:
    """The editable part of a site. `region` is empty or a code such as CN, US, ASIA."""

    slug: str
    name_zh: str
    name_en: str
    currency: str
    language: str = "en"
    region: str = ""
    hosts: tuple[str, ...] = ()
    status: str = "open"


def site_faults(draft: SiteDraft) -> list[Invalid]:
    """What is wrong with a site, one refusal a field; empty when nothing is."""
    hosts = draft.hosts
    hosts_right = len(hosts) <= MAX_HOSTS and len(set(hosts)) == len(hosts)
    hosts_right = hosts_right and all(map(_is_host, hosts))
    checks: Iterable[tuple[str, str, bool]] = (
        ("slug", "slug", len(draft.slug) <= 64 and bool(_SLUG.fullmatch(draft.slug))),
        ("nameZh", "name", _is_name(draft.name_zh)),
        ("nameEn", "name", _is_name(draft.name_en)),
        ("hosts", "hosts", hosts_right),
        ("currency", "currency_code", bool(_CURRENCY.fullmatch(draft.currency))),
        ("language", "language_code", bool(_LANGUAGE.fullmatch(draft.language))),
        ("region", "region_code", bool(_REGION.fullmatch(draft.region))),
    )
    return [Invalid(reason=reason, field=(name,)) for name, reason, right in checks if not right]


def host_of(header: str) -> str:
    """The bare name of a Host header: small letters, without port and final dot."""
    name = header.strip().lower()
    if name.startswith("["):  # an IPv6 address; no site is called so
        return name.partition("]")[0] + "]"
    return name.partition(":")[0].rstrip(".")


def _is_host(host: str) -> bool:
    return len(host) <= 253 and _HOST.fullmatch(host) is not None


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 64 and text == text.strip() and text.isprintable()
