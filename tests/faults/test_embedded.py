"""Servers from wheels are waited for until they work, not only until they listen."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from redis import Redis

from server.embedded import _answers, start_valkey

LOADING = b"-LOADING Valkey is loading the dataset in memory\r\n"


@contextmanager
def saying(*answers: bytes) -> Iterator[int]:
    """A server that gives each caller the next of these answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                caller, _ = listener.accept()
                with caller:
                    caller.recv(1_024)
                    caller.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


def test_a_valkey_that_still_reads_its_file_is_waited_for() -> None:
    with saying(b"+OK\r\n" + LOADING, b"+OK\r\n+PONG\r\n+OK\r\n") as port:
        assert not _answers(port, "secret")
        assert _answers(port, "secret")
    assert not _answers(port, "secret")  # nobody is there


def test_what_was_written_is_there_when_it_was_started_again(tmp_path: Path) -> None:
    for number in range(2):
        server = start_valkey(tmp_path)
        try:
            with Redis.from_url(server.url) as client:
                assert client.incr("starts") == number + 1
        finally:
            server.stop()
