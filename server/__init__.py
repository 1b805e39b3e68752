"""What runs: programs, their settings, and how the parts are wired together."""

import gc

# What is imported stays, and looking through it for garbage took a fifth of the time to start. A
# request, too, makes some ten thousand short-lived objects.
GC_THRESHOLD = 20_000
gc.set_threshold(GC_THRESHOLD, 10, 20)


def spare_the_collector() -> None:
    """What was made by now stays for good: the collector need not look at it again and again.

    Each program calls it once it is connected. A look through all that was imported takes a worker
    a tenth of a second, and a buyer waits for it.
    """
    gc.collect()
    gc.freeze()
