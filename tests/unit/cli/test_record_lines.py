"""The record as lines for people, in each phase of a run."""

from datetime import UTC, datetime

import pytest

from ks_universal.api.logs import StepLog
from ks_universal.cli.commands.status import format_state
from ks_universal.cli.show.record_lines import format_history, format_log, format_revision
from ks_universal.model.format.migrations import Phase
from ks_universal.plan.records import Attempt, Outcome, Revision, StepRecord
from ks_universal.targets.kubernetes.record.lease import Holder
from ks_universal.targets.kubernetes.status import ReleaseState

AT = datetime(2026, 1, 1, 3, tzinfo=UTC)


def step(name: str, outcome: Outcome, *attempts: Attempt) -> StepRecord:
    return StepRecord(
        id=f"web/migrations/{name}",
        application="web",
        step=name,
        phase=Phase.PRE,
        digest="d",
        image="app:2",
        command=("up",),
        outcome=outcome,
        attempts=attempts,
    )


def revision(outcome: Outcome) -> Revision:
    done = Attempt(number=1, started=AT, duration_s=1.0, exit_code=0, log_tail=("migrated",))
    steps = (step("schema", Outcome.SUCCEEDED, done), step("data", Outcome.RUNNING), step("rest", Outcome.PENDING))
    return Revision(
        number=2, release="shop", namespace="ns", by="ann", started=AT, outcome=outcome, steps=steps,
        planned={"web": "d2", "new": "d1"}, runs={"web": 1},
    )  # fmt: skip


def state(outcome: Outcome, lock: Holder | None, *, lock_hidden: bool = False) -> ReleaseState:
    return ReleaseState(
        release="shop", namespace="ns", latest=revision(outcome), workloads=(), lock=lock, lock_hidden=lock_hidden
    )


def test_a_live_run_says_of_each_migration_how_far_it_is() -> None:
    lines = list(format_revision(revision(Outcome.RUNNING)))
    assert lines[0] == "revision 2 of shop in ns: running"
    assert [line for line in lines if "migrations" in line] == [
        "  web/migrations/schema: succeeded",
        "  web/migrations/data: running",
        "  web/migrations/rest: pending",
    ]
    assert lines[-2:] == [
        "  web: revision 1 was rolled out last",
        "  new: nothing of it ran",
    ]


def test_history_shows_what_was_killed() -> None:
    _, line = format_history([revision(Outcome.ABANDONED)])
    assert line.split()[:4] == ["2", "2026-01-01", "03:00:00Z", "did-not-end"]


def test_a_log_says_of_which_run_it_is() -> None:
    (record,) = revision(Outcome.RUNNING).steps[:1]
    assert list(format_log(StepLog(id=record.id, revision=2, attempts=record.attempts))) == [
        "revision 2, web/migrations/schema, attempt 1: exit code 0 after 1.0 s",
        "  | migrated",
    ]


@pytest.mark.parametrize(
    ("outcome", "lock", "hidden", "head"),
    [
        (Outcome.RUNNING, Holder("bob", "now", 9.0), False, ["locked by bob since now"]),
        (
            Outcome.ABANDONED, Holder("bob", "now", 0.0), False,
            [
                "locked by bob since now, who is dead: the next run does not wait for it",
                "the last run was killed; what it calls running may still run",
                "  the same command again takes that up and goes on; another one stops it first",
            ],
        ),
        (Outcome.RUNNING, None, True, ["cannot tell whether it still runs: your role may not read Leases"]),
        (Outcome.SUCCEEDED, None, True, []),
    ],
)  # fmt: skip
def test_status_says_first_whether_anybody_is_at_work(
    outcome: Outcome, lock: Holder | None, hidden: bool, head: list[str]
) -> None:
    lines = list(format_state(state(outcome, lock, lock_hidden=hidden)))
    assert lines[: lines.index(f"revision 2 of shop in ns: {outcome}")] == head


def test_log_of_an_attempt_begins_with_the_line_that_tells_where_its_end_does_not_have_it() -> None:
    failed = Attempt(number=1, started=AT, duration_s=1.0, exit_code=1, excerpt=("no table",), log_tail=("a", "b"))
    _, *lines = format_log(StepLog(id="web/migrations/schema", revision=2, attempts=(failed,)))
    assert lines == ["  | no table", "  ...", "  | a", "  | b"]
