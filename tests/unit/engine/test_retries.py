from datetime import UTC, datetime

import pytest

from ks_universal.engine.retries import find_retry_delay_s
from ks_universal.model.migrations import Phase
from ks_universal.plan.records import Attempt
from ks_universal.resources.objects import Migration


def migration(retries: int) -> Migration:
    return Migration(
        application="a", step=None, phase=Phase.PRE, body={}, retries=retries, timeout_s=None, fatal_exit_codes=(42,)
    )


def delay(*codes: int | None, retries: int = 99, time_left_s: float | None = None) -> float | None:
    attempts = [
        Attempt(number=n, started=datetime(2026, 1, 1, tzinfo=UTC), duration_s=1, exit_code=code)
        for n, code in enumerate(codes, start=1)
    ]
    return find_retry_delay_s(migration(retries), attempts, first_delay_s=1.0, time_left_s=time_left_s)


def test_pauses_double_up_to_six_minutes() -> None:
    assert [delay(*[1] * n) for n in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert delay(*[1] * 30) == 360


@pytest.mark.parametrize(("retries", "failed", "again"), [(0, 1, False), (1, 1, True), (1, 2, False), (3, 3, True)])
def test_the_limit_counts_retries_after_the_first_attempt(retries: int, failed: int, again: bool) -> None:
    assert (delay(*[1] * failed, retries=retries) is not None) is again


def test_nothing_follows_a_success_or_a_fatal_exit_code() -> None:
    assert delay(1, 0) is None
    assert delay(42) is None


def test_an_attempt_that_did_not_end_by_itself_is_tried_again() -> None:
    assert delay(None) == 1


@pytest.mark.parametrize(("time_left_s", "expected"), [(0.0, None), (1.0, None), (1.5, 1.0)])
def test_nothing_follows_when_the_time_ends_before_the_pause(time_left_s: float, expected: float | None) -> None:
    assert delay(1, time_left_s=time_left_s) == expected
