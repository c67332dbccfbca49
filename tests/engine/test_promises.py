"""What a deploy promises (each test's name begins with the promise), on the memory target."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ks_universal.diagnostics import Problem, Severity
from ks_universal.engine.events import (
    AttemptEnded,
    AttemptStarted,
    LockAwaited,
    LogWritten,
    ObjectChanged,
    RunEnded,
    RunStarted,
    StepFailed,
    StepSkipped,
    StepStarted,
    StepSucceeded,
)
from ks_universal.engine.run import MIGRATIONS_AT_ONCE, run
from ks_universal.errors import InputError, LockedError, TargetError
from ks_universal.plan.records import Outcome, Revision
from ks_universal.plan.selection import MigratePolicy
from ks_universal.plan.steps import Apply
from ks_universal.resources.objects import ObjectRef, Rendered
from ks_universal.testing.memory import MemorySession, MemoryTarget
from ks_universal.testing.world import Pause, Try, World
from support.releases import Events, app, config, deploy, kill, list_stopped, release, render_values, secret

CONFIGS = {"settings": config(HOST="db"), "db": secret(PASSWORD="correct-horse")}
NEW_CONFIGS = {"settings": config(HOST="other"), "db": secret(PASSWORD="battery-staple")}


def web(*steps: Any, **more: Any) -> dict[str, Any]:
    return app(*(steps or ("schema", "data")), configs=["settings"], secrets=["db"], **more)


FIRST = release(CONFIGS, web=web())
SECOND = release(NEW_CONFIGS, web=web(tag="2.0"))


def deployed(rendered: Rendered = FIRST) -> World:
    """A world in which a release was deployed; its history begins anew."""
    world = World()
    revision, _ = deploy(rendered, world)
    assert revision.outcome is Outcome.SUCCEEDED
    world.history.clear()
    return world


def fail(world: World, step: str, *lines: str, exit_code: int = 1) -> None:
    world.scripts[step] = (Try(lines=lines, exit_code=exit_code),)


def outcomes(revision: Revision) -> dict[str, Outcome]:
    return {step.id: step.outcome for step in revision.steps}


async def until(condition: Callable[[], bool]) -> None:
    """Let the others work until something holds."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


# order


def test_order_each_step_starts_after_all_that_it_needs_has_succeeded() -> None:
    _, events = deploy(FIRST, World())
    told = [(type(event), event.step) for event in events.of(StepStarted, StepSucceeded)]
    assert told.index((StepStarted, "web/migrations/data")) > told.index((StepSucceeded, "web/migrations/schema"))
    assert told.index((StepStarted, "Secret/db")) > told.index((StepSucceeded, "web/migrations/data"))
    assert told[-2:] == [(StepStarted, "web/rollout"), (StepSucceeded, "web/rollout")]


def test_order_independent_applications_migrate_side_by_side() -> None:
    world = World()

    def meet(other: str) -> Pause:
        return lambda: until(lambda: world.count("attempt-started")[other] > 0)

    world.scripts["a/migrations/one"] = (Try(pause=meet("b/migrations/one")),)
    world.scripts["b/migrations/one"] = (Try(pause=meet("a/migrations/one")),)
    revision, _ = deploy(release(a=app("one"), b=app("one")), world)
    assert revision.outcome is Outcome.SUCCEEDED


def contracting(tag: str) -> Rendered:
    """An application with a step that comes after its new version."""
    return release(web=app("expand", {"name": "contract", "args": ["x"], "phase": "post"}, tag=tag))


def test_order_a_migration_of_the_post_phase_waits_for_the_last_old_pod() -> None:
    world = deployed(contracting("1.0"))
    world.old_pods["web"] = lambda: until(lambda: world.count("rolled-out")["web/rollout"] == 1)
    revision, events = deploy(contracting("2.0"), world)
    history = [(change.what, change.ref) for change in world.history]
    assert history.index(("old-pods-gone", "web")) < history.index(("attempt-started", "web/migrations/contract"))
    assert [event.stopping for event in events.of(StepSucceeded) if event.step == "web/rollout"] == [1]
    assert (revision.outcome, events.of(RunEnded)[0].stopping) == (Outcome.SUCCEEDED, {})


def test_a_deploy_ends_when_the_new_version_serves_and_says_how_many_old_pods_are_still_stopping() -> None:
    world = deployed()
    world.old_pods["web"] = asyncio.Event().wait  # for good
    revision, events = deploy(SECOND, world)
    assert (revision.outcome, events.of(RunEnded)[0].stopping) == (Outcome.SUCCEEDED, {"web": 1})
    again, _ = deploy(SECOND, world)
    assert again.outcome is Outcome.SUCCEEDED


LATEST = release(
    web=app("expand", {"name": "contract", "args": ["x"], "phase": "post"}, tag="latest"), worker=app(tag="latest")
)


def test_order_pods_get_the_image_that_the_migration_really_had() -> None:
    world = deployed(LATEST)
    world.scripts["web/migrations/expand"] = (
        Try(exit_code=1, image_ids={"app:latest": "sha256:1"}),
        Try(image_ids={"app:latest": "sha256:2"}),
    )
    retrying = release(
        web=app("expand", tag="latest")
        | {"migrations": {"enabled": True, "args": ["up"], "steps": [{"name": "expand"}]}},
        worker=app(tag="latest"),
    )
    revision, _ = deploy(retrying, world)
    assert revision.outcome is Outcome.SUCCEEDED
    assert world.image_ids == {
        "web/rollout": {"app:latest": "sha256:2"},
        "worker/rollout": {"app:latest": "sha256:2"},
    }


def test_order_the_target_finds_out_which_image_only_a_post_migration_runs() -> None:
    post = release(web=app({"name": "contract", "args": ["x"], "phase": "post"}, tag="latest"))
    world = deployed(post)
    deploy(post, world)
    assert world.image_ids == {"web/rollout": {"app:latest": ""}}


def test_a_run_whose_rollout_failed_tells_of_no_old_pods_that_are_stopping() -> None:
    world = deployed()
    world.old_pods["web"] = asyncio.Event().wait
    world.broken["web/rollout"] = Problem("test/broken", "it does not come up")
    _, events = deploy(SECOND, world)
    assert events.of(RunEnded)[0].stopping == {}


# gate, stand still


@pytest.mark.parametrize("step", ["web/migrations/schema", "web/migrations/data"])
def test_gate_and_stand_still_a_failed_migration_leaves_all_that_the_application_uses(step: str) -> None:
    world = deployed()
    before = dict(world.objects)
    fail(world, step)
    revision, events = deploy(SECOND, world)
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert world.objects == before
    assert not events.of(ObjectChanged)
    assert events.of(RunEnded)[0].runs == {"web": 1}


def test_gate_and_stand_still_a_failed_migration_leaves_all_deployments_that_wait_for_it() -> None:
    def build(tag: str) -> Rendered:
        configs = {"c": config(TAG=tag), "own": secret(TAG=tag)}
        web, worker = app("one", tag=tag, configs=["c"]), app(tag=tag, secrets=["own"], autoCreateService=True)
        return release(configs, web=web, worker=worker, docs=app(tag=tag, waitForMigrations=False))

    world = World()
    deploy(build("1.0"), world)
    before = dict(world.objects)
    fail(world, "web/migrations/one")
    revision, events = deploy(build("2.0"), world)
    changed = {ref.name for ref, body in world.objects.items() if body != before[ref]}
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert changed == {"docs"}
    assert events.of(RunEnded)[0].runs == {"web": 1, "worker": 1, "docs": 2}


def test_order_a_post_migration_waits_for_the_rollouts_of_all_who_wait_for_its_application() -> None:
    contract = {"name": "contract", "args": ["x"], "phase": "post"}
    world = World()
    world.broken["worker/rollout"] = Problem("test/broken", "it does not come up")
    revision, _ = deploy(release(web=app("expand", contract), worker=app()), world)
    assert outcomes(revision) == {
        "web/migrations/expand": Outcome.SUCCEEDED,
        "web/migrations/contract": Outcome.SKIPPED,
    }


def test_gate_configuration_changes_only_after_all_migrations_have_succeeded() -> None:
    world = deployed()
    deploy(SECOND, world)
    history = [(change.what, change.ref) for change in world.history]
    last = history.index(("attempt-ended", "web/migrations/data"))
    assert min(i for i, (what, _) in enumerate(history) if what == "applied") > last
    assert ("applied", "Secret/db") in history


def test_order_so_many_migrations_run_side_by_side_and_no_more() -> None:
    revision, events = deploy(release(**{f"app-{number}": app("one") for number in range(60)}), World())
    running = most = 0
    for event in events.of(AttemptStarted, AttemptEnded):
        running += 1 if isinstance(event, AttemptStarted) else -1
        most = max(most, running)
    assert revision.outcome is Outcome.SUCCEEDED
    assert most == MIGRATIONS_AT_ONCE


def test_stand_still_the_others_go_on_and_what_needs_the_failed_one_is_skipped() -> None:
    world = World()
    fail(world, "a/migrations/one")
    rendered = release(a=app("one", "two"), b=app("one", depends_on=["a"]), c=app("one"))
    revision, events = deploy(rendered, world)
    assert world.count("rolled-out") == {"c/rollout": 1}
    assert {(e.step, e.because) for e in events.of(StepSkipped)} == {
        (step, "a/migrations/one") for step in ("a/migrations/two", "a/rollout", "b/migrations/one", "b/rollout")
    }
    assert outcomes(revision) == {
        "a/migrations/one": Outcome.MIGRATION_FAILED,
        "a/migrations/two": Outcome.SKIPPED,
        "b/migrations/one": Outcome.SKIPPED,
        "c/migrations/one": Outcome.SUCCEEDED,
    }
    assert revision.runs == {"c": 1}
    assert events.of(RunEnded)[0].runs == {"a": None, "b": None, "c": 1}


def test_a_failed_rollout_is_told_apart_from_a_failed_migration() -> None:
    world = deployed()
    world.broken["web/rollout"] = Problem("test/broken", "it does not come up")
    revision, events = deploy(SECOND, world)
    assert revision.outcome is Outcome.ROLLOUT_FAILED
    assert [(f.step, f.causes[0].code) for f in revision.failures] == [("web/rollout", "test/broken")]
    assert [(e.step, e.outcome) for e in events.of(StepFailed)] == [("web/rollout", Outcome.ROLLOUT_FAILED)]
    assert events.of(RunEnded)[0].runs == {"web": 1}


def test_a_failed_migration_tells_more_than_a_rollout_that_failed_before_it() -> None:
    world = World()
    world.broken["a/rollout"] = Problem("test/broken", "it does not come up")
    world.scripts["b/migrations/one"] = (
        Try(exit_code=1, pause=lambda: until(lambda: ObjectRef("Deployment", "ns", "a") in world.objects)),
    )
    revision, _ = deploy(release(a=app(waitForMigrations=False), b=app("one")), world)
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert {failure.step for failure in revision.failures} == {"a/rollout", "b/migrations/one"}


def test_what_was_rolled_out_once_but_is_not_live_any_more_does_not_run() -> None:
    world = deployed()
    del world.objects[ObjectRef("Deployment", "ns", "web")]
    fail(world, "web/migrations/schema")
    _, events = deploy(SECOND, world)
    assert events.of(RunEnded)[0].runs == {"web": None}


# when


def with_job(**container: str) -> Rendered:
    jobs = {"seed": {"containers": {"main": {"image": "a", "imageTag": "1", **container}}}}
    return render_values({"deployments": {"web": app("one")}, "jobs": jobs})


def test_d30_a_job_of_the_values_runs_once_also_when_its_ttl_has_removed_it() -> None:
    world, job = World(), ObjectRef("Job", "ns", "seed")
    deploy(with_job(), world)
    del world.objects[job]
    revision, _ = deploy(with_job(), world)
    assert job not in world.objects
    assert world.count("applied")["Job/seed"] == 1
    assert list(revision.jobs) == ["ns/seed"]
    deploy(with_job(imageTag="2"), world)
    assert world.count("applied")["Job/seed"] == 2


def test_d30_a_job_that_left_the_values_and_returns_runs_again() -> None:
    world = World()
    for rendered in (with_job(), release(web=app("one")), with_job()):
        deploy(rendered, world)
    assert world.count("applied")["Job/seed"] == 2


def test_d30_a_job_whose_migration_failed_is_not_noted_as_run() -> None:
    world = World()
    fail(world, "web/migrations/one")
    revision, _ = deploy(with_job(), world)
    assert revision.jobs == {}


def test_when_nothing_changed_no_migration_runs_and_nothing_changes() -> None:
    world = deployed()
    revision, events = deploy(FIRST, world)
    assert revision.outcome is Outcome.SUCCEEDED
    assert not events.of(AttemptStarted)
    assert {event.change for event in events.of(ObjectChanged)} == {"unchanged"}


def test_when_the_last_run_failed_all_its_steps_run_again() -> None:
    world = deployed()
    fail(world, "web/migrations/data")
    deploy(SECOND, world)
    del world.scripts["web/migrations/data"]
    revision, events = deploy(SECOND, world)
    assert revision.number == 3
    assert events.steps(AttemptStarted) == ["web/migrations/schema", "web/migrations/data"]


def test_when_the_rollout_failed_the_migrations_run_again() -> None:
    world = deployed()
    world.broken["web/rollout"] = Problem("test/broken", "it does not come up")
    deploy(SECOND, world)
    world.broken.clear()
    assert len(deploy(SECOND, world)[1].of(AttemptStarted)) == 2


def test_when_only_the_application_changed_no_migration_runs_also_after_its_rollout_failed() -> None:
    world = deployed()
    scaled = release(CONFIGS, web=web(replicas=3))
    world.broken["web/rollout"] = Problem("test/broken", "it does not come up")
    assert deploy(scaled, world)[0].outcome is Outcome.ROLLOUT_FAILED
    world.broken.clear()
    for rendered in (scaled, FIRST, scaled):
        revision, events = deploy(rendered, world)
        assert (revision.outcome, events.of(AttemptStarted)) == (Outcome.SUCCEEDED, [])
    assert deploy(SECOND, world)[1].of(AttemptStarted)


def test_when_only_the_application_changed_a_kill_does_not_make_its_migrations_run() -> None:
    scaled = release(CONFIGS, web=web(replicas=3))
    for at, world in list_stopped(lambda world, at: kill(world, scaled, at), deployed):
        assert not deploy(FIRST, world)[1].of(AttemptStarted), at


def test_when_an_image_alone_counts_other_changes_run_nothing_and_are_not_made_up_for() -> None:
    def build(colour: str, **more: Any) -> Rendered:
        built = web(**more)
        migrations = built["migrations"] | {"when": "image"}
        return release(CONFIGS | {"settings": config(HOST=colour)}, web=built | {"migrations": migrations})

    world = deployed(build("red"))
    for rendered in (build("blue"), build("blue"), build("green")):
        assert not deploy(rendered, world)[1].of(AttemptStarted)
    assert len(deploy(build("green", tag="2.0"), world)[1].of(AttemptStarted)) == 2


def test_when_always_is_written_migrations_run_in_each_deploy() -> None:
    built = web()
    rendered = release(CONFIGS, web=built | {"migrations": built["migrations"] | {"when": "always"}})
    world = deployed(rendered)
    assert len(deploy(rendered, world)[1].of(AttemptStarted)) == 2
    assert not deploy(rendered, world, migrate=MigratePolicy.NEVER)[1].of(AttemptStarted)


def test_a_run_says_whose_pods_keep_a_configuration_that_changes() -> None:
    def build(host: str) -> Rendered:
        return release({"settings": config(HOST=host)}, web=app(configs=["settings"], restartOnConfigChange="never"))

    _, events = deploy(build("other"), deployed(build("db")))
    note = "  web reads ConfigMap/settings and is not restarted (restartOnConfigChange: needed restarts it)"
    assert events.of(RunStarted)[0].plan[-1] == note


def test_when_another_application_changed_only_that_one_migrates() -> None:
    world = deployed(release(a=app("one"), b=app("one")))
    _, events = deploy(release(a=app("one"), b=app("one", tag="2.0")), world)
    assert events.steps(AttemptStarted) == ["b/migrations/one"]


def test_when_a_failure_elsewhere_kept_an_application_from_starting_it_has_not_changed() -> None:
    def build(tag: str) -> Rendered:
        return release(a=app("one", tag=tag), b=app("one", tag=tag, depends_on=["a"]))

    world = deployed(build("1.0"))
    fail(world, "a/migrations/one")
    deploy(build("2.0"), world)
    world.scripts.clear()
    _, events = deploy(build("1.0"), world)
    assert events.steps(AttemptStarted) == ["a/migrations/one"]


def test_when_migrations_were_left_out_the_next_run_makes_up_for_it() -> None:
    world = deployed()
    _, events = deploy(SECOND, world, migrate=MigratePolicy.NEVER)
    assert not events.of(AttemptStarted)
    assert world.count("rolled-out") == {"web/rollout": 1}
    assert len(deploy(SECOND, world)[1].of(AttemptStarted)) == 2


def test_when_the_last_migration_failed_it_cannot_be_left_out_without_force() -> None:
    world = deployed()
    fail(world, "web/migrations/data")
    deploy(SECOND, world)
    with pytest.raises(InputError) as refused:
        deploy(SECOND, world, migrate=MigratePolicy.NEVER)
    assert [problem.code for problem in refused.value.problems] == ["plan/migrations-unfinished"]
    assert len(world.revisions) == 2
    revision, _ = deploy(SECOND, world, migrate=MigratePolicy.NEVER, force=True)
    assert revision.outcome is Outcome.SUCCEEDED


# one at a time


def test_one_at_a_time_a_second_run_waits_and_says_for_whom() -> None:
    world, events = World(), Events()
    world.scripts["web/migrations/schema"] = (Try(pause=lambda: until(lambda: bool(events.of(LockAwaited)))),)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(run(FIRST, MemoryTarget(world, name="ann"), Events(), by="ann"))
            await until(lambda: world.holder is not None)
            group.create_task(run(SECOND, MemoryTarget(world), events, by="bob"))

    asyncio.run(main())
    assert [event.holder for event in events.of(LockAwaited)] == ["ann"]
    assert [(r.by, r.outcome) for r in world.revisions.values()] == [(by, Outcome.SUCCEEDED) for by in ("ann", "bob")]
    assert max(world.most_at_once.values()) == 1


def test_one_at_a_time_without_waiting_the_second_run_is_told_who_works() -> None:
    world = World()

    async def main() -> None:
        async with MemoryTarget(world, name="ann").lock(Events(), wait=True):
            await run(FIRST, MemoryTarget(world), Events(), by="bob", wait_for_lock=False)

    with pytest.raises(LockedError) as refused:
        asyncio.run(main())
    assert refused.value.holder == "ann"
    assert not world.revisions


# real stop


def cancel_during(world: World, step: str, rendered: Rendered) -> Events:
    """Run a release, and cancel the run when a migration step's attempt has begun."""
    events = Events()
    world.scripts[step] = (Try(pause=asyncio.Event().wait),)

    async def main() -> None:
        task = asyncio.create_task(run(rendered, MemoryTarget(world), events, by="tests"))
        await until(lambda: step in events.steps(AttemptStarted))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    del world.scripts[step]
    return events


def test_real_stop_nothing_runs_on_and_the_record_says_so_before_the_lock_is_given_back() -> None:
    world = World()
    events = cancel_during(world, "web/migrations/data", FIRST)
    assert [change.what for change in world.history[-2:]] == ["attempt-stopped", "saved"]
    assert not any(job.running for job in world.jobs.values())
    assert world.holder is None
    assert world.revisions[1].outcome is Outcome.INTERRUPTED
    assert outcomes(world.revisions[1]) == {
        "web/migrations/schema": Outcome.SUCCEEDED,
        "web/migrations/data": Outcome.INTERRUPTED,
    }
    assert events[-1] == msgspec.structs.replace(events.of(RunEnded)[0], outcome=Outcome.INTERRUPTED)


def test_real_stop_a_run_that_was_stopped_is_continued_under_its_number() -> None:
    world = World()
    cancel_during(world, "web/migrations/data", FIRST)
    revision, events = deploy(FIRST, world)
    assert (revision.number, revision.outcome) == (1, Outcome.SUCCEEDED)
    assert [(e.step, e.number, e.resumed) for e in events.of(AttemptStarted)] == [("web/migrations/data", 1, False)]
    assert outcomes(revision) == dict.fromkeys(("web/migrations/schema", "web/migrations/data"), Outcome.SUCCEEDED)


def test_real_stop_with_other_values_a_new_revision_begins_with_all_steps() -> None:
    world = World()
    cancel_during(world, "web/migrations/data", FIRST)
    revision, events = deploy(SECOND, world)
    assert revision.number == 2
    assert events.steps(AttemptStarted) == ["web/migrations/schema", "web/migrations/data"]


def test_real_stop_a_migration_that_exceeds_its_timeout_is_ended_and_not_tried_again() -> None:
    world = World()
    step = {"name": "slow", "args": ["x"], "timeout": "1s", "backoffLimit": 3}
    world.scripts["web/migrations/slow"] = (Try(pause=asyncio.Event().wait),)
    rendered = release(web=app(step))
    migrations = tuple(msgspec.structs.replace(m, timeout_s=0.01) for m in rendered.migrations)
    revision, _ = deploy(msgspec.structs.replace(rendered, migrations=migrations), world)
    (record,) = revision.steps
    assert [(a.exit_code, a.causes[0].code) for a in record.attempts] == [(None, "migrations/timeout")]
    assert revision.outcome is Outcome.MIGRATION_FAILED


# exact retries


@pytest.mark.parametrize(("retries", "failures", "attempts"), [(0, 9, 1), (1, 9, 2), (3, 9, 4), (3, 2, 3), (0, 0, 1)])
def test_exact_retries_are_those_after_the_first_attempt(retries: int, failures: int, attempts: int) -> None:
    world = World()
    world.scripts["web/migrations/one"] = (*(Try(exit_code=1) for _ in range(failures)), Try())
    revision, events = deploy(release(web=app({"name": "one", "args": ["x"], "backoffLimit": retries})), world)
    assert [e.number for e in events.of(AttemptStarted)] == list(range(1, attempts + 1))
    assert [e.retry_in_s is None for e in events.of(AttemptEnded)] == [False] * (attempts - 1) + [True]
    assert (revision.outcome is Outcome.SUCCEEDED) is (failures <= retries)
    assert [a.exit_code for a in revision.steps[0].attempts] == [1] * min(failures, attempts) + [0] * (
        failures < attempts
    )


def test_exact_retries_none_after_a_fatal_exit_code() -> None:
    world = World()
    fail(world, "web/migrations/one", exit_code=42)
    step = {"name": "one", "args": ["x"], "backoffLimit": 5, "fatalExitCodes": [42]}
    assert len(deploy(release(web=app(step)), world)[1].of(AttemptStarted)) == 1


@pytest.mark.parametrize(("retry", "attempts"), [("all", 3), ("passing", 1)])
def test_exact_retries_what_no_retry_can_mend_ends_them_where_the_values_say_so(retry: str, attempts: int) -> None:
    world = World()
    fail(world, "web/migrations/one", 'ERROR:  syntax error at or near "TABEL"')
    step = {"name": "one", "args": ["x"], "backoffLimit": 2, "retry": retry}
    assert len(deploy(release(web=app(step)), world)[1].of(AttemptStarted)) == attempts


def test_exact_retries_what_may_pass_is_tried_again_where_only_that_is() -> None:
    world = World()
    refused = "psycopg.OperationalError: connection failed: Connection refused"
    world.scripts["web/migrations/one"] = (Try(lines=(refused,), exit_code=1), Try())
    step = {"name": "one", "args": ["x"], "backoffLimit": 2, "retry": "passing"}
    revision, events = deploy(release(web=app(step)), world)
    assert (revision.outcome, len(events.of(AttemptStarted))) == (Outcome.SUCCEEDED, 2)


def test_exact_retries_the_first_failure_is_shown_first() -> None:
    world = World()
    lock = "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout"
    world.scripts["web/migrations/one"] = (Try(lines=(lock,), exit_code=1), Try(lines=("later",), exit_code=1))
    revision, events = deploy(release(web=app({"name": "one", "args": ["x"], "backoffLimit": 1})), world)
    assert events.of(StepFailed)[0].causes[0].code == "database/lock-timeout"
    assert revision.failures[0].causes == events.of(StepFailed)[0].causes


# no leaks


@pytest.mark.parametrize("exit_code", [0, 1])
def test_no_leaks_neither_events_nor_the_record_hold_a_secret(exit_code: int) -> None:
    world = deployed()  # its live secret, which the old pods know, is masked, too
    encoded = b64encode(b"battery-staple").decode()
    words = f"psycopg.OperationalError: connection to postgres://u:battery-staple@db failed {encoded} correct-horse"
    fail(world, "web/migrations/schema", words, exit_code=exit_code)
    revision, events = deploy(SECOND, world)
    told = msgspec.json.encode([list(events), revision]).decode() + repr(events) + repr(revision)
    assert "***" in told
    assert [word for word in ("battery-staple", "correct-horse", encoded) if word in told] == []
    assert events.of(LogWritten)


# a record


def test_a_record_keeps_the_beginning_of_endless_lines_with_secrets_masked_before_they_are_cut() -> None:
    world = World()
    endless = "x" * 1995 + "battery-staple" + "y" * 1_000_000
    fail(world, "web/migrations/schema", endless)
    revision, events = deploy(SECOND, world)
    (kept,) = revision.steps[0].attempts[0].log_tail
    assert kept == "x" * 1995 + "***" + "yy …"
    assert [event.attempt.log_tail for event in events.of(AttemptEnded)] == [(kept,)]
    assert events.of(LogWritten)[0].line.endswith("y" * 1_000_000)


def test_a_record_keeps_the_line_that_tells_with_secrets_masked_before_it_is_cut() -> None:
    world = World()
    told = "ERROR: deadlock detected ".ljust(1995, "x")
    fail(world, "web/migrations/schema", f"{told}battery-stapleyyyy", *map(str, range(60)))
    revision, _ = deploy(SECOND, world)
    assert revision.steps[0].attempts[0].excerpt == (f"{told}***yy …", "0", "1", "2")


def test_a_record_says_who_when_what_and_how_it_ended() -> None:
    world = World()
    world.scripts["web/migrations/schema"] = (Try(lines=("half",), exit_code=1), Try(lines=("whole",)))
    step = {"name": "schema", "args": ["upgrade"], "command": ["alembic"], "backoffLimit": 1}
    revision, _ = deploy(release(CONFIGS, web=web(step)), world)
    assert revision == world.revisions[1]
    assert (revision.by, revision.outcome) == ("tests", Outcome.SUCCEEDED)
    assert revision.ended is not None
    assert revision.started <= revision.ended
    (record,) = revision.steps
    assert (record.image, record.command) == ("app:1.0", ("alembic", "upgrade"))
    assert [(a.number, a.exit_code, a.log_tail) for a in record.attempts] == [(1, 1, ("half",)), (2, 0, ("whole",))]
    assert revision.digests == revision.planned
    assert {str(ref) for ref in revision.objects} == {
        "ConfigMap/settings",
        "Secret/db",
        "Deployment/web",
        "Job/web-migrations-schema",
    }


def test_nothing_orphaned_what_left_the_values_is_deleted_and_what_failed_runs_made_too() -> None:
    world = deployed()
    fail(world, "new/migrations/one")
    more = release(CONFIGS, web=web(), new=app("one", autoCreateServiceAccount=True))
    revision, _ = deploy(more, world)
    assert ObjectRef("ServiceAccount", "ns", "new") in revision.objects
    assert ObjectRef("Deployment", "ns", "new") not in revision.objects
    revision, _ = deploy(FIRST, world)
    assert world.count("deleted") == {"ServiceAccount/new": 1}
    assert {ref.kind for ref in revision.objects} == {"ConfigMap", "Secret", "Deployment", "Job"}


KEEP = {"annotations": {"helm.sh/resource-policy": "keep"}}


def test_what_asks_to_be_kept_stays_the_releases_and_comes_back_as_it_is() -> None:
    world = World()
    kept = {**CONFIGS, "key": {**secret(K="precious"), **KEEP}}
    deploy(release(kept, web=web()), world)
    for _ in range(2):
        revision, _ = deploy(FIRST, world)
        assert ObjectRef("Secret", "ns", "key") in revision.objects
    _, events = deploy(release(kept, web=web()), world)
    assert [e.change for e in events.of(ObjectChanged) if str(e.identity) == "Secret/key"] == ["unchanged"]
    assert world.count("deleted") == {}


# what is wrong before or beside the steps


def test_what_the_check_finds_is_raised_and_nothing_was_changed() -> None:
    world = World()
    world.problems = (Problem("test/impossible", "it cannot work"),)
    with pytest.raises(InputError) as refused:
        deploy(FIRST, world)
    assert refused.value.problems == world.problems
    assert world.history == []
    assert world.holder is None


def test_warnings_of_the_check_are_told_at_the_start() -> None:
    world = World()
    world.problems = (Problem("test/risky", "it may not work", severity=Severity.WARNING),)
    revision, events = deploy(FIRST, world)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.of(RunStarted)[0].warnings == world.problems


def test_a_slow_record_is_written_in_order_and_once_for_all_who_wait() -> None:
    world = World()
    known: list[int] = []

    class Slow(MemorySession):
        """Takes its time to save, and remembers which rollouts each record knew."""

        async def save(self, revision: Revision) -> None:
            known.append(len(revision.runs))
            for _ in range(50):
                await asyncio.sleep(0)
            await super().save(revision)

    target = MemoryTarget(world, session=Slow)
    rendered = release(**{f"app{number}": app() for number in range(20)})
    revision = asyncio.run(run(rendered, target, Events(), by="tests"))
    assert known == [0, 1, 20, 20]
    assert world.revisions[1] == revision


def api_error(error: Exception) -> tuple[World, Callable[[], Revision]]:
    """A world that refuses one object, or has a bug there."""
    world = World()

    class Refusing(MemorySession):
        async def apply(self, step: Apply, emit: Any) -> tuple[Any, ...]:
            if step.id == "ServiceAccount/a":
                raise error
            return await super().apply(step, emit)

    target = MemoryTarget(world, session=Refusing)
    rendered = release(a=app("one", autoCreateServiceAccount=True), b=app("one"))
    return world, lambda: asyncio.run(run(rendered, target, Events(), by="tests"))


def test_what_the_world_refuses_fails_the_step_and_the_others_go_on() -> None:
    world, start = api_error(TargetError(Problem("test/refused", "no")))
    revision = start()
    assert revision.outcome is Outcome.FAILED
    assert [failure.causes[0].code for failure in revision.failures] == ["test/refused"]
    assert world.count("rolled-out") == {"b/rollout": 1}


def test_a_bug_keeps_its_traceback_and_leaves_neither_lock_nor_a_running_record() -> None:
    world, start = api_error(ZeroDivisionError("bug"))
    with pytest.raises(ExceptionGroup) as raised:
        start()
    assert raised.group_contains(ZeroDivisionError, match="bug")
    assert world.holder is None
    assert world.revisions[1].outcome is Outcome.INTERRUPTED


class _Forgetful(MemorySession):
    """A session in which nothing can be recorded any more once a migration has ended."""

    async def save(self, revision: Revision) -> None:
        if any(step.has_ended for step in revision.steps):
            raise TargetError(Problem("test/full", "no space left"))
        await super().save(revision)


def test_a_record_that_cannot_be_written_is_told_and_turns_no_success_into_a_failure() -> None:
    world, events = World(), Events()
    revision = asyncio.run(
        run(release(a=app("one"), b=app()), MemoryTarget(world, session=_Forgetful), events, by="tests")
    )
    (end,) = events.of(RunEnded)
    assert revision.outcome is end.outcome is Outcome.SUCCEEDED
    assert world.count("rolled-out") == {"a/rollout": 1, "b/rollout": 1}
    assert (end.unwritten.code, "no space left" in end.unwritten.message) == ("record/unwritten", True)
