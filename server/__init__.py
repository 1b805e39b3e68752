"""What runs: programs, their settings, and how the parts are wired together."""

import gc

# What is imported stays, and looking through it for garbage took a fifth of the time to start. A
# request, too, makes some ten thousand short-lived objects.
GC_THRESHOLD = 20_000
gc.set_threshold(GC_THRESHOLD, 10, 20)
