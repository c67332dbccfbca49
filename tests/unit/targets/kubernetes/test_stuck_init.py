import pytest

from ks_universal.targets.kubernetes.observed.stuck_init import find_repetition, find_stuck_init

WAITING = ["waiting for db"] * 9
UNKNOWN = ["wget: bad address 'postgresql'", "waiting for db"] * 5


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (WAITING, "waiting for db"),
        (["starting", *WAITING], "waiting for db"),
        (UNKNOWN, "waiting for db"),
        (
            [f"12:00:{second:02} no answer after {second} tries" for second in range(9)],
            "12:00:08 no answer after 8 tries",
        ),
        (WAITING[:8], None),
        (["copying a", "copying b", "copying c", "copying d", *WAITING[:5]], None),
        ([], None),
    ],
)
def test_a_container_that_says_the_same_again_and_again_is_told_from_one_that_works(
    lines: list[str], said: str | None
) -> None:
    assert find_repetition(lines) == said


def test_early_truth_an_unknown_host_is_given_up_much_sooner_than_a_database_that_may_still_come_up() -> None:
    waiting, unknown = find_stuck_init("wait-for-db", WAITING), find_stuck_init("wait-for-db", UNKNOWN)
    assert waiting is not None
    assert unknown is not None
    assert unknown.grace_s * 5 < waiting.grace_s
    assert "init container wait-for-db does not finish" in waiting.problem.message
    assert "check DB_HOST" in (unknown.problem.hint or "")


def test_early_truth_a_refused_password_is_given_up_soon_for_the_pod_will_have_no_other() -> None:
    refused = find_stuck_init("wait-for-db", ['waiting: FATAL:  password authentication failed for user "shop"'] * 9)
    assert refused is not None
    assert refused.grace_s == 30
    assert "check the Secret" in (refused.problem.hint or "")


def test_a_container_that_works_does_not_wait_in_vain() -> None:
    assert find_stuck_init("backup", ["dumping", "done"]) is None
