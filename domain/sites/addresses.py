"""Where the pages and doors of the installation and of its sites begin."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.sites.models import Site


@dataclass(slots=True)
class Addresses:
    """Set once by the wiring."""

    public: str = "http://127.0.0.1:8000"  # of the installation, without a path


addresses = Addresses()


def base_of(site: Site) -> str:
    """Where a site's pages begin: its first own host, else the installation's public address."""
    if not site.hosts:
        return addresses.public
    return f"{urlsplit(addresses.public).scheme}://{site.hosts[0]}"


def door(path: str) -> str:
    """The whole address of one of the installation's doors, `/callbacks/...`."""
    return f"{addresses.public.rstrip('/')}{path}"
