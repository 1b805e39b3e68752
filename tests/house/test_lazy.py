"""What only the worker needs is not loaded where requests are answered."""

import subprocess
import sys


def test_the_api_starts_without_the_library_of_messages() -> None:
    looks = (
        "import sys; import server.app, server.scheduler, jobs.schedule;"
        " sys.exit('apprise' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", looks], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
