"""The report of a run, as the tired reader gets it."""

from datetime import UTC, datetime

import msgspec
import pytest

from ks_universal.cli.show.event_lines import format_attempt, format_duration, format_event
from ks_universal.cli.show.event_view import TextView
from ks_universal.cli.show.report import RunReport
from ks_universal.diagnostics import Problem, Severity
from ks_universal.engine.events import (
    AttemptEnded,
    LogWritten,
    RunEnded,
    RunStarted,
    StepFailed,
    StepKind,
    StepPaused,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StopFailed,
    Waited,
)
from ks_universal.plan.records import Attempt, JobRecord, JobState, Outcome
from ks_universal.resources.objects import ObjectRef

STEP = "shop/migrate/schema"
CAUSE = Problem("database/not-null-violation", "the column sku has no value", hint="give it a default")


def attempt(number: int, exit_code: int, *causes: Problem) -> Attempt:
    started = datetime(2026, 1, 1, tzinfo=UTC)
    tail = (f"line of attempt {number}",)
    return Attempt(number=number, started=started, duration_s=0.81, exit_code=exit_code, causes=causes, log_tail=tail)


def ended(outcome: Outcome, runs: dict[str, int | None]) -> RunEnded:
    return RunEnded(release="shop", revision=2, outcome=outcome, duration_s=3.2, runs=runs)


def test_it_says_how_many_old_pods_are_still_stopping() -> None:
    end = msgspec.structs.replace(ended(Outcome.SUCCEEDED, {"shop": 2, "api": 2}), stopping={"shop": 1, "api": 2})
    assert list(RunReport().lines(end))[1:] == [
        "shop: 1 old pod is still stopping",
        "api: 2 old pods are still stopping",
    ]


@pytest.mark.parametrize(
    ("runs", "head", "rest"),
    [
        ({"web": 1}, "is applied, and paused: the old version serves", []),
        ({"web": None}, "is applied, and paused: nothing of it serves yet", []),
        ({"web": 1, "api": 2}, "is up, but for what is paused", ["api: revision 2 serves on"]),
    ],
)
def test_what_is_paused_is_not_up(runs: dict[str, int | None], head: str, rest: list[str]) -> None:
    report = RunReport()
    report.take(StepStarted(step="web/rollout", kind=StepKind("rollout"), application="web"))
    report.take(StepPaused(step="web/rollout"))
    report.take(StepSkipped(step="web/migrations/contract", kind=StepKind("migrate"), because="web/rollout"))
    lines = list(report.lines(ended(Outcome.SUCCEEDED, runs)))
    assert lines[0] == f"shop, revision 2: {head} (after 3.2 s)"
    assert "not started: web/migrations/contract" in lines
    now = "nothing of it serves yet" if runs["web"] is None else "the old version serves"
    assert lines[-1 - len(rest) :] == [f"web: is applied, and paused: {now}", *rest]


def test_an_attempt_that_never_started_has_no_duration() -> None:
    never = msgspec.structs.replace(attempt(1, 128), duration_s=None, reason="StartError")
    assert format_attempt(never, never.reason) == "attempt 1: never started (StartError)"
    assert format_attempt(never, None) == "attempt 1: never started"
    assert b'"duration_s":null' in msgspec.json.encode(never)


def test_a_sidecar_that_crashed_speaks_before_the_migration() -> None:
    report = RunReport()
    failed = msgspec.structs.replace(attempt(1, 1, CAUSE), sidecar_tails={"proxy": ("no credentials found",)})
    report.take(AttemptEnded(step=STEP, attempt=failed))
    report.take(StepFailed(step=STEP, causes=(CAUSE,), outcome=Outcome.MIGRATION_FAILED))
    lines = list(report.lines(ended(Outcome.MIGRATION_FAILED, {})))
    at = lines.index("  last lines of sidecar proxy:")
    assert lines[at + 1] == "    | no credentials found"
    assert lines.index("  last lines of attempt 1:") > at


def test_what_is_to_be_known_of_a_migration_that_succeeded_is_said() -> None:
    report = RunReport()
    report.take(AttemptEnded(step=STEP, attempt=attempt(1, 0, CAUSE)))
    lines = list(report.lines(ended(Outcome.SUCCEEDED, {"shop": 2})))
    assert lines[1:3] == ["", f"{STEP} succeeded, but:"]
    assert CAUSE.message in lines[3]


def test_a_run_that_ended_while_it_waited_for_old_pods_was_a_rollout_whose_new_version_serves() -> None:
    report = RunReport(goes_on=True)
    report.take(StepStarted(step="shop/old-pods", kind=StepKind("awaitoldpods")))
    lines = list(report.lines(ended(Outcome.INTERRUPTED, {"shop": 2})))
    assert report.progress.outcome_if_stopped is Outcome.ROLLOUT_FAILED
    assert "no longer watched: shop/old-pods" in lines
    assert lines[-1] == "shop: revision 2 serves on"


def test_that_nobody_waited_for_old_pods_is_not_told() -> None:
    report = RunReport()
    report.take(StepSkipped(step="shop/migrations/contract", kind=StepKind("migrate"), because=STEP))
    report.take(StepSkipped(step="shop/old-pods", kind=StepKind("awaitoldpods"), because=STEP))
    assert "not started: shop/migrations/contract" in list(report.lines(ended(Outcome.MIGRATION_FAILED, {"shop": 1})))


def test_old_pods_are_told_of_where_they_are_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    view = TextView()
    for step in ("idle/old-pods", "slow/old-pods"):
        view(StepStarted(step=step, kind=StepKind("awaitoldpods")))
    view(Waited(step="slow/old-pods", waits_for="1 old pod to end"))
    for step in ("idle/old-pods", "slow/old-pods"):
        view(StepSucceeded(step=step, duration_s=0.0))
    shown = capsys.readouterr().out
    assert ("slow/old-pods" in shown, "idle/old-pods" in shown) == (True, False)


def failed_run() -> RunReport:
    report = RunReport()
    later = Problem("database/already-exists", "the column sku exists")
    report.take(AttemptEnded(step=STEP, attempt=attempt(1, 1, CAUSE), retry_in_s=1.0))
    report.take(AttemptEnded(step=STEP, attempt=attempt(2, 1, later)))
    report.take(StepFailed(step=STEP, causes=(CAUSE,), outcome=Outcome.MIGRATION_FAILED))
    return report


def test_the_first_failure_comes_first_with_its_cause_hint_and_log() -> None:
    lines = list(failed_run().lines(ended(Outcome.MIGRATION_FAILED, {"shop": 1})))
    assert lines == [
        "shop, revision 2: a migration failed (after 3.2 s)",
        "",
        "failed step: shop/migrate/schema",
        "  error[database/not-null-violation]: the column sku has no value",
        "    hint: give it a default",
        "  and in attempt 2:",
        "  error[database/already-exists]: the column sku exists",
        "  retries could not help: database/not-null-violation does not pass by itself"
        " ('retry: passing' leaves them out)",
        "  attempt 1: exit code 1 after 0.8 s",
        "  attempt 2: exit code 1 after 0.8 s",
        "  last lines of attempt 1:",
        "    | line of attempt 1",
        "",
        "shop: revision 1 serves on",
    ]


def told(*, excerpt: tuple[str, ...], tail: tuple[str, ...]) -> list[str]:
    report = RunReport()
    ending = msgspec.structs.replace(attempt(1, 1, CAUSE), excerpt=excerpt, log_tail=tail)
    report.take(AttemptEnded(step=STEP, attempt=ending))
    report.take(StepFailed(step=STEP, causes=(CAUSE,), outcome=Outcome.MIGRATION_FAILED))
    lines = list(report.lines(ended(Outcome.MIGRATION_FAILED, {})))
    return lines[lines.index("  attempt 1: exit code 1 after 0.8 s") + 1 : -1]


def test_the_line_that_tells_is_shown_with_its_neighbours_where_the_last_lines_do_not_have_it() -> None:
    tail = tuple(f"frame {number}" for number in range(50))
    lines = told(excerpt=("rake aborted!", "PG::Error: no"), tail=tail)
    assert lines[:3] == ["  where the log of attempt 1 tells it:", "    | rake aborted!", "    | PG::Error: no"]
    assert lines[3] == "  last lines of attempt 1:"


def test_what_only_a_later_attempt_found_is_said_once() -> None:
    report = RunReport()
    dirty = Problem("migrations/dirty", "a failed migration is in the record", hint="flyway repair")
    report.take(AttemptEnded(step=STEP, attempt=attempt(1, 1, CAUSE)))
    for number in (2, 3):
        again = msgspec.structs.replace(attempt(number, 1, dirty), reason=dirty.message)
        report.take(AttemptEnded(step=STEP, attempt=again))
    report.take(StepFailed(step=STEP, causes=(CAUSE, dirty), outcome=Outcome.MIGRATION_FAILED))
    lines = list(report.lines(ended(Outcome.MIGRATION_FAILED, {})))
    at = lines.index("  and in attempt 2:")
    assert lines[at + 1 : at + 3] == [f"  error[migrations/dirty]: {dirty.message}", "    hint: flyway repair"]
    assert "\n".join(lines).count(dirty.message) == 1


def test_the_line_that_tells_is_shown_once() -> None:
    excerpt = ('  File "/venv/lib/python3.11/site-packages/a.py", line 1, in run', "    go()", "ValueError: no")
    assert told(excerpt=excerpt, tail=("Traceback", *excerpt))[0] == "  last lines of attempt 1:"


def test_what_does_not_run_is_said() -> None:
    lines = list(failed_run().lines(ended(Outcome.MIGRATION_FAILED, {"shop": None})))
    assert lines[-1] == "shop: nothing of it runs"


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("migrate", "the new version did not come up; migrations that come after it did not run"),
        ("apply", "the new version did not come up"),
    ],
)
def test_migrations_that_did_not_run_are_not_said_to_have_succeeded(kind: str, verdict: str) -> None:
    report = RunReport()
    report.take(StepFailed(step="database/rollout", causes=(CAUSE,), outcome=Outcome.ROLLOUT_FAILED))
    report.take(StepSkipped(step="next", kind=StepKind(kind), because="database/rollout"))
    assert next(report.lines(ended(Outcome.ROLLOUT_FAILED, {}))) == f"shop, revision 2: {verdict} (after 3.2 s)"


@pytest.mark.parametrize(
    ("kinds", "failed", "verdict"),
    [
        (["migrate", "rollout"], "rollout", "the migrations succeeded, but the new version did not come up"),
        (["apply", "rollout"], "rollout", "the new version did not come up"),
        (["migrate", "runjob"], "runjob", "the new version is up, but a job failed"),
        (["awaitoldpods"], "awaitoldpods", "the new version is up, but pods of the version before do not end"),
    ],
)
def test_only_migrations_that_this_run_has_run_are_said_to_have_succeeded(
    kinds: list[str], failed: str, verdict: str
) -> None:
    report = RunReport()
    for kind in kinds:
        report.take(StepStarted(step=kind, kind=StepKind(kind)))
        if kind != failed:
            report.take(StepSucceeded(step=kind, duration_s=0.1))
    report.take(StepFailed(step=failed, causes=(CAUSE,), outcome=Outcome.ROLLOUT_FAILED))
    assert next(report.lines(ended(Outcome.ROLLOUT_FAILED, {}))) == f"shop, revision 2: {verdict} (after 3.2 s)"


def test_what_serves_beside_a_rollout_that_failed_is_what_was_seen() -> None:
    report = RunReport()
    seen = Problem("kubernetes/serving", "nothing of the version before serves", severity=Severity.WARNING)
    causes = (Problem("kubernetes/crash-loop", "it ended 4 times"), seen)
    report.take(StepStarted(step="a rollout", kind=StepKind("rollout"), application="shop"))
    report.take(StepFailed(step="a rollout", causes=causes, outcome=Outcome.ROLLOUT_FAILED))
    lines = list(report.lines(ended(Outcome.ROLLOUT_FAILED, {"shop": 1, "web": 1})))
    assert lines[-2:] == ["shop: nothing of the version before serves", "web: revision 1 serves on"]


def test_an_attempt_that_was_ended_from_outside_is_not_the_first_failure() -> None:
    report = RunReport()
    report.take(AttemptEnded(step=STEP, attempt=msgspec.structs.replace(attempt(1, 143), reason="disrupted")))
    report.take(AttemptEnded(step=STEP, attempt=attempt(2, 1, CAUSE)))
    report.take(StepFailed(step=STEP, causes=(CAUSE,), outcome=Outcome.MIGRATION_FAILED))
    lines = list(report.lines(ended(Outcome.MIGRATION_FAILED, {"shop": 1})))
    assert "    | line of attempt 2" in lines
    assert "    | line of attempt 1" not in lines


def stopped_run(*kinds: str) -> RunReport:
    report = RunReport(goes_on=True)
    report.take(StepStarted(step="ConfigMap/settings", kind=StepKind("apply")))
    report.take(StepSucceeded(step="ConfigMap/settings", duration_s=0.1))
    for kind in kinds:
        report.take(StepStarted(step=f"shop/{kind}", kind=StepKind(kind), application="shop"))
    return report


def test_what_was_stopped_is_named_with_its_last_words() -> None:
    report = stopped_run("migrate")
    stopped = msgspec.structs.replace(attempt(1, 1), exit_code=None, reason="stopped")
    report.take(AttemptEnded(step="shop/migrate", attempt=stopped))
    assert list(report.lines(ended(Outcome.INTERRUPTED, {"shop": 1}))) == [
        "shop, revision 2: was interrupted (after 3.2 s)",
        "",
        "stopped: shop/migrate",
        "  attempt 1: did not end by itself after 0.8 s (stopped)",
        "  last lines of attempt 1:",
        "    | line of attempt 1",
        "  it is gone; a statement that it had sent may still be running in its database (pg_stat_activity shows it)",
        "",
        "shop: revision 1 serves on",
    ]


@pytest.mark.parametrize(
    ("before", "now"), [(1, "on its way to revision 2 from revision 1"), (None, "on its way to revision 2")]
)
def test_a_rollout_is_not_said_to_be_stopped(before: int | None, now: str) -> None:
    assert list(stopped_run("rollout").lines(ended(Outcome.INTERRUPTED, {"shop": before, "web": 1}))) == [
        "shop, revision 2: was interrupted (after 3.2 s)",
        "",
        "no longer watched: shop/rollout",
        "  the cluster goes on with it; 'ks-universal status' shows how far it is, 'rollback' goes back",
        "",
        f"shop: {now}",
        "web: revision 1 serves on",
    ]


def test_what_could_not_be_stopped_is_not_said_to_be() -> None:
    report = stopped_run("migrate")
    report.take(StopFailed(step="shop/migrate", cause=Problem("migrations/not-stopped", "it may run on")))
    assert list(report.lines(ended(Outcome.INTERRUPTED, {"shop": 1}))) == [
        "shop, revision 2: was interrupted (after 3.2 s)",
        "",
        "NOT stopped: shop/migrate",
        "  error[migrations/not-stopped]: it may run on",
        "",
        "shop: revision 1 serves on",
    ]


@pytest.mark.parametrize(
    ("kinds", "outcome"),
    [
        (["rollout", "migrate"], Outcome.MIGRATION_FAILED),
        (["rollout", "apply"], Outcome.ROLLOUT_FAILED),
        (["delete"], Outcome.FAILED),
        ([], Outcome.FAILED),
    ],
)
def test_what_a_stop_means_is_said_by_what_was_at_work(kinds: list[str], outcome: Outcome) -> None:
    assert stopped_run(*kinds).progress.outcome_if_stopped is outcome


def test_a_new_run_forgets_the_failures_of_the_one_before() -> None:
    report = failed_run()
    report.take(RunStarted(release="shop", revision=3, steps=()))
    lines = list(report.lines(ended(Outcome.SUCCEEDED, {"shop": 3})))
    assert lines == ["shop, revision 2: is up (after 3.2 s)"]


def test_an_attempt_that_is_retried_says_when() -> None:
    line = format_event(AttemptEnded(step=STEP, attempt=attempt(1, 1), retry_in_s=2.0))
    assert line is not None
    assert (line.source, line.text) == (STEP, "attempt 1: exit code 1 after 0.8 s; the next one in 2.0 s")


def test_durations_are_written_as_people_say_them() -> None:
    assert [format_duration(seconds) for seconds in (0.04, 59.94, 60, 125.4)] == [
        "0.0 s", "59.9 s", "1 min 0 s", "2 min 5 s"
    ]  # fmt: skip


EXIT = Problem("process/exit-code", "main ended with exit code 7")


def job(outcome: Outcome, *attempts: Attempt, is_there: bool = True, ttl_s: int | None = None) -> JobState:
    ended_at = None if outcome is Outcome.RUNNING else datetime(2026, 1, 1, 5, tzinfo=UTC)
    record = JobRecord(digest="d", revision=1, outcome=outcome, ended=ended_at, attempts=attempts, ttl_s=ttl_s)
    problems = tuple(cause for each in attempts for cause in each.causes)
    return JobState(identity=ObjectRef("Job", "ns", "seed"), record=record, is_there=is_there, problems=problems)


def told_of(state: JobState, outcome: Outcome = Outcome.SUCCEEDED, report: RunReport | None = None) -> list[str]:
    end = msgspec.structs.replace(ended(outcome, {}), jobs=(state,))
    return list((report or RunReport()).lines(end))


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (job(Outcome.RUNNING), "job seed: running"),
        (msgspec.structs.replace(job(Outcome.RUNNING), waits_for="a node"), "job seed: waits for a node"),
        (job(Outcome.SUCCEEDED), "job seed: succeeded at 2026-01-01 05:00:00Z"),
        (
            job(Outcome.SUCCEEDED, is_there=False, ttl_s=9),
            "job seed: succeeded at 2026-01-01 05:00:00Z; its ttlSecondsAfterFinished of 9 s has removed it",
        ),
        (
            job(Outcome.RUNNING, is_there=False),
            "job seed: ran in revision 1; it has been deleted since; nobody saw how it ended",
        ),
        (job(Outcome.PENDING), "job seed: not run"),
    ],
)
def test_jobs_it_says_how_each_is(state: JobState, line: str) -> None:
    assert told_of(state)[1:] == ["", line]


def test_jobs_of_one_that_failed_and_nobody_waited_for_it_says_why() -> None:
    assert told_of(job(Outcome.FAILED, attempt(1, 7, EXIT)))[2:] == [
        "job seed: failed with exit code 7 at 2026-01-01 05:00:00Z; the next deploy runs it again",
        "  error[process/exit-code]: main ended with exit code 7",
        "  attempt 1: exit code 7 after 0.8 s",
        "  last lines of attempt 1:",
        "    | line of attempt 1",
    ]


def test_jobs_of_one_that_failed_the_run_it_says_why_once_and_that_the_version_is_up() -> None:
    report = RunReport()
    report.take(StepStarted(step="Job/seed", kind=StepKind("runjob")))
    report.take(AttemptEnded(step="Job/seed", attempt=attempt(1, 7, EXIT)))
    report.take(StepFailed(step="Job/seed", causes=(EXIT,), outcome=Outcome.ROLLOUT_FAILED))
    lines = told_of(job(Outcome.FAILED, attempt(1, 7, EXIT)), Outcome.ROLLOUT_FAILED, report)
    assert lines[0] == "shop, revision 2: the new version is up, but a job failed (after 3.2 s)"
    assert sum("exit code 7 after" in line for line in lines) == 1


def test_jobs_one_that_a_run_waited_for_when_it_was_stopped_goes_on() -> None:
    report = RunReport(goes_on=True)
    report.take(StepStarted(step="Job/seed", kind=StepKind("runjob")))
    lines = told_of(job(Outcome.RUNNING), Outcome.INTERRUPTED, report)
    assert report.progress.outcome_if_stopped is Outcome.ROLLOUT_FAILED
    assert "no longer watched: Job/seed" in lines


def test_stand_still_what_would_not_have_changed_is_not_said_to_be_not_started() -> None:
    report = failed_run()
    report.take(StepSkipped(step="Service/a", kind=StepKind("apply"), because=STEP, unchanged=True))
    report.take(StepSkipped(step="Service/b", kind=StepKind("apply"), because=STEP))
    assert "not started: Service/b" in list(report.lines(ended(Outcome.MIGRATION_FAILED, {})))


def test_only_what_is_said_beside_a_step_is_folded(capsys: pytest.CaptureFixture[str]) -> None:
    view = TextView()
    view(RunStarted(release="shop", revision=1, steps=("web/migrations",)))
    for _ in range(20):
        view(LogWritten(source="web/migrations", line="applied one"))
        view(LogWritten(source="web/migrations/wait", line="waiting for db", step="web/migrations"))
    shown = capsys.readouterr().out
    assert shown.count("applied one") == 20
    assert shown.count("waiting for db") < 10
    assert "lines like these left out" in shown
