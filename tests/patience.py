"""Waiting for what comes to rest by itself, as a worker whose client is gone."""

import time

# A worker looks four times a second whether somebody waits, and throws away once a second.
QUIET_SECONDS = 1.5


def left_at_last(look, *, seconds=30.0):
    """Return what `look` finds once it finds nothing and goes on to, or else after so long.

    One look is not enough: a photo that is on its way may be there the moment after.
    """
    deadline, empty_since = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        found = look()
        if found:
            empty_since = None
        elif empty_since is None:
            empty_since = time.monotonic()
        elif time.monotonic() - empty_since > QUIET_SECONDS:
            return []
        time.sleep(0.05)
    return look()
