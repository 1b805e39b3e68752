"""Which adapter speaks for which name. The wiring registers them; nobody else names a class."""

from domain.payouts.ports import CalledBack, FilePort, PayoutPort

_ports: dict[str, PayoutPort | FilePort] = {}


def register(name: str, port: PayoutPort | FilePort) -> None:
    """Make an adapter known under its name; the last one wins, so that tests may put in theirs."""
    _ports[name] = port


def adapter_of(name: str) -> PayoutPort | FilePort:
    """The adapter of this name; a missing one is a fault of the wiring."""
    return _ports[name]


def port_of(name: str) -> PayoutPort:
    """The adapter of this name, which is asked over the network."""
    port = _ports[name]
    assert not port.capabilities.by_file, "a file is not asked"
    return port  # type: ignore[return-value]  # told apart by its capabilities


def file_port_of(name: str) -> FilePort:
    """The adapter of this name, which writes and reads files."""
    port = _ports[name]
    assert port.capabilities.by_file, "it writes no files"
    return port  # type: ignore[return-value]  # told apart by its capabilities


def called_back(name: str) -> CalledBack | None:
    """The adapter of this name, when its channel calls back."""
    port = _ports[name]
    return port if port.capabilities.callback else None  # type: ignore[return-value]  # so it says


def adapter_names() -> tuple[str, ...]:
    """All names that a channel may carry."""
    return tuple(sorted(_ports))
