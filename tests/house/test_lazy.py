"""What only the worker needs, or few requests, is not loaded where requests are answered."""

import subprocess
import sys


def test_the_api_starts_without_the_libraries_of_messages_and_of_documents() -> None:
    looks = (
        "import sys; import server.app, server.scheduler, jobs.schedule;"
        " sys.exit(any(name in sys.modules for name in ('apprise', 'reportlab')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", looks], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
