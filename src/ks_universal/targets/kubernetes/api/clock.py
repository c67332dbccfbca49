"""A clock that nobody sets and that runs on while the machine sleeps: a lease ages while a laptop is shut."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_s() -> float:
    """Seconds since some moment; only differences mean something."""
    return time.clock_gettime(_CLOCK)
