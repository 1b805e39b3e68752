"""Which adapter speaks for which name. The wiring registers them; nobody else names a class."""

from domain.payments.ports import PaymentPort

_ports: dict[str, PaymentPort] = {}


def register(name: str, port: PaymentPort) -> None:
    """Make an adapter known under its name; the last one wins, so that tests may put in theirs."""
    _ports[name] = port


def port_of(name: str) -> PaymentPort:
    """The adapter of this name; a missing one is a fault of the wiring."""
    return _ports[name]


def adapter_names() -> tuple[str, ...]:
    """All names that a channel may carry."""
    return tuple(sorted(_ports))
