"""Connects to public addresses only: each address behind a name is checked, and the one that was
checked is the one that is called, so a name that changes its mind gains nothing."""

import socket
from ipaddress import IPv6Address, ip_address, ip_network

# In these ranges an IPv4 address hides behind an IPv6 one.
TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
AZURE_INSIDE = "168.63.129.16"  # a public address that answers inside one cloud only


class AddressRefused(Exception):
    """The name leads inside the house, or nowhere that is public."""


def is_public(text: str) -> bool:
    """Whether an address is one of the open internet, also when it is wrapped in another form."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if address.teredo is not None or any(address in each for each in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and text != AZURE_INSIDE


def connected(host: str, port: int, timeout: float, *, private: bool) -> socket.socket:
    """A connection to the first address of a name that answers; one that is not public refuses all.

    `private` allows everything: for development.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not private and not all(is_public(str(entry[4][0])) for entry in found):
        raise AddressRefused
    problem = OSError("the name has no address")
    for family, kind, protocol, _, address in found:
        made = socket.socket(family, kind, protocol)
        made.settimeout(timeout)
        try:
            made.connect(address)
        except OSError as error:
            made.close()
            problem = error
        else:
            return made
    raise problem
