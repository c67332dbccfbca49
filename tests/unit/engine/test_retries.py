from datetime import UTC, datetime

import pytest

from ks_universal.diagnostics import Problem
from ks_universal.engine.retries import find_permanent_cause, find_retry_delay_s, find_stop, gather_causes
from ks_universal.model.format.migrations import Phase, Retry
from ks_universal.plan.records import Attempt
from ks_universal.resources.objects import Migration


def migration(retries: int, retry: Retry = Retry.ALL) -> Migration:
    return Migration(
        application="a",
        step=None,
        phase=Phase.PRE,
        body={},
        retries=retries,
        timeout_s=None,
        fatal_exit_codes=(42,),
        retry=retry,
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


def attempt(*codes: str, exit_code: int = 1) -> Attempt:
    causes = tuple(Problem(code, code) for code in (*codes, "process/exit-code"))
    started = datetime(2026, 1, 1, tzinfo=UTC)
    return Attempt(number=1, started=started, duration_s=1, exit_code=exit_code, causes=causes)


@pytest.mark.parametrize(
    "code",
    [
        "database/syntax-error",
        "database/unique-violation",
        "database/authentication-failed",
        "database/permission-denied",
        "migrations/checksum-mismatch",
        "migrations/dirty",
        "migrations/revision-unknown",
    ],
)
def test_what_no_retry_can_mend_ends_the_attempts_where_only_the_passing_are_retried(code: str) -> None:
    failed = attempt(code)
    assert find_permanent_cause(failed) == code
    assert find_retry_delay_s(migration(9, Retry.PASSING), [failed], first_delay_s=1) is None
    assert code in str(find_stop(migration(9, Retry.PASSING), failed))
    assert find_retry_delay_s(migration(9), [failed], first_delay_s=1) == 1


@pytest.mark.parametrize(
    "codes",
    [
        ("database/connection-refused",),
        ("database/lock-timeout",),
        ("database/deadlock",),
        ("database/connection-lost",),
        ("database/too-many-connections",),
        ("migrations/locked",),
        ("migrations/error",),
        ("kubernetes/oom-killed",),
        ("database/syntax-error", "database/connection-lost"),
        (),
    ],
)
def test_what_may_pass_is_retried(codes: tuple[str, ...]) -> None:
    assert find_permanent_cause(attempt(*codes)) is None
    assert find_retry_delay_s(migration(9, Retry.PASSING), [attempt(*codes)], first_delay_s=1) == 1


@pytest.mark.parametrize("exit_code", [126, 127])
def test_a_command_that_cannot_be_run_is_not_retried(exit_code: int) -> None:
    assert find_permanent_cause(attempt(exit_code=exit_code)) is not None


def test_causes_of_later_attempts_follow_those_of_the_first_each_kind_once() -> None:
    attempts = [attempt("database/unique-violation"), attempt("migrations/dirty"), attempt("migrations/dirty")]
    codes = [cause.code for cause in gather_causes(attempts)]
    assert codes == ["database/unique-violation", "process/exit-code", "migrations/dirty"]
