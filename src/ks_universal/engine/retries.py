"""When a migration is tried again: for targets that run the attempts themselves."""

from collections.abc import Sequence

from ks_universal.plan.records import Attempt
from ks_universal.resources.objects import Migration

LONGEST_DELAY_S = 360.0
"""Six minutes: the longest pause of Kubernetes' Job controller."""


def find_retry_delay_s(
    migration: Migration, attempts: Sequence[Attempt], *, first_delay_s: float, time_left_s: float | None = None
) -> float | None:
    """Say how long to wait before the next attempt; None: there is none.

    `backoffLimit: N` is N retries after the first attempt. None follows a success, a fatal exit code, or an attempt
    after which the time left (of `timeout`, for all attempts together) ends before the pause does. Pauses double.
    """
    last = attempts[-1]
    if last.exit_code == 0 or last.exit_code in migration.fatal_exit_codes or len(attempts) > migration.retries:
        return None
    delay_s = min(first_delay_s * 2.0 ** (len(attempts) - 1), LONGEST_DELAY_S)
    return None if time_left_s is not None and time_left_s <= delay_s else delay_s
