"""The Jobs of the values in runs, on the memory target."""

import asyncio
from typing import Any

import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted, LogWritten, RunEnded, StepFailed, StepSkipped
from ks_universal.plan.records import JobRecord, JobState, Outcome, Revision
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.testing.world import Try, World
from support.releases import Events, app, deploy, interrupt, kill, list_stopped, render_values, secret

SEED, STEP = ObjectRef("Job", "ns", "seed"), "Job/seed"


def release(*, tag: str = "1", **words: Any) -> Rendered:
    job = {"backoffLimit": 0, "containers": {"main": {"image": "a", "imageTag": tag}}, **words}
    values = {"deployments": {"web": app("one")}, "jobs": {"seed": job}}
    return render_values({**values, "configs": {"db": secret(PASSWORD="correct-horse")}})


def told(events: Events) -> JobState:
    state: JobState
    (state,) = events.of(RunEnded)[-1].jobs
    return state


def record(revision: Revision) -> JobRecord:
    found = revision.jobs["ns/seed"]
    assert isinstance(found, JobRecord)
    return found


def test_jobs_one_that_failed_without_anybody_waiting_is_in_the_end_and_in_the_record_and_runs_again() -> None:
    world = World()
    world.scripts[STEP] = (Try(lines=("no correct-horse",), exit_code=7),)
    revision, events = deploy(release(), world)
    assert revision.outcome is Outcome.SUCCEEDED
    assert (told(events).record, told(events).record.outcome) == (record(revision), Outcome.FAILED)
    (attempt,) = record(revision).attempts
    assert (attempt.exit_code, attempt.log_tail) == (7, ("no ***",))
    del world.scripts[STEP]
    revision, events = deploy(release(), world)
    assert (record(revision).revision, record(revision).outcome) == (2, Outcome.SUCCEEDED)
    deploy(release(), world)
    assert world.count("job-ran")[STEP] == 2


def test_jobs_wait_fails_the_run_after_the_migrations_with_the_cause_and_what_it_said() -> None:
    world = World()
    world.scripts[STEP] = (Try(lines=("FATAL: password authentication failed for user correct-horse",), exit_code=1),)
    revision, events = deploy(release(wait=True), world)
    assert revision.outcome is Outcome.ROLLOUT_FAILED
    (failed,) = events.of(StepFailed)
    assert (failed.step, [cause.code for cause in failed.causes]) == (
        STEP,
        ["database/authentication-failed", "process/exit-code"],
    )
    assert [event.line for event in events.of(LogWritten) if event.source == STEP] == [
        "FATAL: password authentication failed for user ***"
    ]
    assert "correct-horse" not in str(revision) + str(list(events))
    assert record(revision).outcome is Outcome.FAILED
    assert revision.runs == {"web": 1}


def test_jobs_wait_retries_within_the_backoff_limit() -> None:
    world = World()
    world.scripts[STEP] = (Try(exit_code=1), Try(exit_code=0))
    revision, events = deploy(release(wait=True, backoffLimit=1), world)
    assert revision.outcome is Outcome.SUCCEEDED
    assert [event.attempt.exit_code for event in events.of(AttemptEnded) if event.step == STEP] == [1, 0]


def test_jobs_one_to_which_the_run_did_not_come_is_told_and_not_noted_as_run() -> None:
    world = World()
    world.scripts["web/migrations/one"] = (Try(exit_code=1),)
    revision, events = deploy(release(), world)
    assert (revision.jobs, revision.jobs_not_run) == ({}, (SEED,))
    assert told(events).record.outcome is Outcome.PENDING


def test_jobs_what_left_the_values_is_removed_only_when_those_that_are_awaited_have_succeeded() -> None:
    world = World()
    deploy(release(), world)
    world.scripts[STEP] = (Try(exit_code=1),)
    without = render_values(
        {
            "deployments": {"web": app("one")},
            "jobs": {"seed": {"wait": True, "backoffLimit": 0, "containers": {"main": {"image": "b"}}}},
        }
    )
    _, events = deploy(without, world)
    assert ObjectRef("Secret", "ns", "db") in world.objects
    assert events.steps(StepSkipped) == ["delete Secret/db"]


@pytest.mark.parametrize("code", [0, 1])
def test_resume_a_run_killed_at_any_moment_ends_with_a_job_that_has_ended_as_in_an_undisturbed_one(code: int) -> None:
    def make() -> World:
        world = World()
        world.scripts[STEP] = (Try(exit_code=code, pause=lambda: asyncio.sleep(0)),)
        return world

    for at, world in list_stopped(lambda world, at: kill(world, release(wait=True), at), make):
        revision, _ = deploy(release(wait=True), world)
        assert revision.outcome is (Outcome.ROLLOUT_FAILED if code else Outcome.SUCCEEDED), at
        assert world.count("applied")[STEP] == 1, at
        if not code:
            assert (world.count("job-ran")[STEP], record(revision).outcome) == (1, Outcome.SUCCEEDED), at


def test_jobs_long_lines_of_one_are_cut_in_the_record_after_they_were_masked() -> None:
    world = World()
    world.scripts[STEP] = (Try(lines=("correct-horse" * 10_000,), exit_code=1),)
    revision, _ = deploy(release(wait=True), world)
    (attempt,) = record(revision).attempts
    (line,) = attempt.log_tail
    assert line.startswith("***")
    assert len(line) < 10_000
    assert "horse" not in line


def test_jobs_an_interrupted_run_leaves_one_that_it_waits_for_and_the_next_takes_it_up() -> None:
    world = World()
    world.scripts[STEP] = (Try(pause=lambda: asyncio.sleep(0)),)
    _, events = deploy(release(wait=True), World())
    at = next(
        number for number, event in enumerate(events, 1) if isinstance(event, AttemptStarted) and event.step == STEP
    )
    assert interrupt(world, release(wait=True), at)
    latest = world.revisions[max(world.revisions)]
    assert (latest.outcome, record(latest).outcome) == (Outcome.INTERRUPTED, Outcome.RUNNING)
    assert world.count("job-ran") == {}
    revision, _ = deploy(release(wait=True), world)
    assert revision.outcome is Outcome.SUCCEEDED
    assert (world.count("job-ran")[STEP], world.count("applied")["Job/seed"]) == (1, 1)


def test_stand_still_what_would_not_have_changed_is_marked_among_what_did_not_start() -> None:
    world = World()
    values: dict[str, Any] = {"deployments": {"web": app("one", configs=["c"]), "other": app(configs=["c"])}}
    first = render_values({**values, "configs": {"c": {"type": "configMap", "data": {"A": "1"}}}})
    deploy(first, world)
    world.scripts["web/migrations/one"] = (Try(exit_code=1),)
    second = render_values({**values, "configs": {"c": {"type": "configMap", "data": {"A": "2"}}}})
    _, events = deploy(second, world)
    skipped = {event.step: event.unchanged for event in events.of(StepSkipped)}
    assert skipped["ConfigMap/c"] is False
    assert {step for step, unchanged in skipped.items() if unchanged} <= {"other/rollout", "web/rollout"}
