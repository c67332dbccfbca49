import asyncio
import json
import subprocess

import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted, Waited
from ks_universal.engine.target import MigrationFailed
from ks_universal.model.format.migrations import Retry
from ks_universal.plan.records import Attempt
from ks_universal.plan.steps import Migrate
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, JOB, POD
from support.cluster_release import Events, Json, api, apply, config, migrate, new_session, sh


def run(namespace: str, step: Migrate) -> tuple[tuple[Attempt, ...] | MigrationFailed, Events]:
    async def main() -> tuple[tuple[Attempt, ...] | MigrationFailed, Events]:
        async with new_session(namespace) as (session, events):
            try:
                return await session.migrate(step, events.append), events
            except MigrationFailed as failure:
                return failure, events

    return asyncio.run(main())


def kubectl(namespace: str, *arguments: str) -> str:
    done = subprocess.run(["kubectl", "-n", namespace, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def attempts(events: Events) -> list[Attempt]:
    return [event.attempt for event in events.of(AttemptEnded)]


def test_a_migration_that_succeeds_tells_its_log_and_how_it_ended(namespace: str) -> None:
    result, events = run(namespace, migrate(sh("echo one; echo two")))
    assert isinstance(result, tuple)
    assert [attempt.exit_code for attempt in result] == [0]
    assert events.lines() == ["one", "two"]
    assert result[0].log_tail == ("one", "two")


def test_stand_still_kubectl_shows_log_and_description_after_success_and_after_failure(namespace: str) -> None:
    run(namespace, migrate(sh("echo it worked"), name="good-migrations"))
    run(namespace, migrate(sh("echo it broke; exit 3"), name="bad-migrations"))
    assert kubectl(namespace, "logs", "job/good-migrations") == "it worked\n"
    assert kubectl(namespace, "logs", "job/bad-migrations") == "it broke\n"
    assert "1 Succeeded" in kubectl(namespace, "describe", "job/good-migrations")
    assert "1 Failed" in kubectl(namespace, "describe", "job/bad-migrations")


def test_exact_retries_no_retry_is_one_attempt(namespace: str) -> None:
    failure, events = run(namespace, migrate(sh("echo broken; exit 3"), retries=0))
    assert isinstance(failure, MigrationFailed)
    assert [attempt.exit_code for attempt in attempts(events)] == [3]
    assert failure.causes[0].message == "main ended with exit code 3"


def test_exact_retries_one_retry_is_two_attempts_and_the_first_failure_is_kept(namespace: str) -> None:
    failure, events = run(namespace, migrate(sh("echo I am $HOSTNAME; exit 3"), retries=1))
    assert isinstance(failure, MigrationFailed)
    assert [attempt.number for attempt in attempts(events)] == [1, 2]
    assert [event.retry_in_s for event in events.of(AttemptEnded)] == [10.0, None]
    first, second = attempts(events)
    assert first.log_tail != second.log_tail


def test_the_cause_is_found_in_the_whole_log_and_kept_with_its_neighbours(namespace: str) -> None:
    line = "PG::LockNotAvailable: ERROR:  canceling statement due to lock timeout"
    failure, events = run(namespace, migrate(sh(f'echo "rake aborted!"; echo "{line}"; seq 200; exit 1')))
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["database/lock-timeout", "process/exit-code"]
    (attempt,) = attempts(events)
    assert attempt.excerpt == ("rake aborted!", line, "1", "2", "3")
    assert attempt.log_tail[0] == "151"


def test_what_a_migration_waited_for_comes_before_its_timeout(namespace: str) -> None:
    step = migrate(sh("echo 'Waiting for changelog lock....'; sleep 100"), timeout_s=2)
    failure, _ = run(namespace, step)
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["migrations/lock-awaited", "migrations/timeout"]


SYNTAX = 'ERROR:  syntax error at or near "TABEL"'


def test_exact_retries_what_no_retry_can_mend_ends_them_where_the_values_say_so(namespace: str) -> None:
    script = f"echo '{SYNTAX}'; exit 1"
    failure, events = run(namespace, migrate(sh(script), retries=3, retry=Retry.PASSING))
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["database/syntax-error", "process/exit-code"]
    (ended,) = events.of(AttemptEnded)
    assert ended.retry_in_s is None
    assert "database/syntax-error does not pass by itself" in str(ended.attempt.reason)
    assert "the next attempt" not in [event.waits_for for event in events.of(Waited)]
    job = json.loads(kubectl(namespace, "get", "job", "app-migrations", "-o", "json"))
    assert [c["reason"] for c in job["status"]["conditions"] if c["type"] == "Failed"] == ["BackoffLimitExceeded"]
    assert len(kubectl(namespace, "get", "pods", "-o", "name").split()) == 1


def test_exact_retries_what_may_pass_is_tried_again_where_only_that_is(namespace: str) -> None:
    script = "[ $(cat /tries/n | wc -l) = 1 ] || exit 0; echo 'could not connect: Connection refused'; exit 1"
    count = f"mkdir -p /tries; echo x >> /tries/n; {script}"
    tries = {"name": "tries", "hostPath": {"path": f"/var/tmp/ksu-effects/{namespace}", "type": "DirectoryOrCreate"}}
    container = sh(count, volumeMounts=[{"name": "tries", "mountPath": "/tries"}])
    result, events = run(namespace, migrate(container, retries=2, retry=Retry.PASSING, volumes=[tries]))
    assert isinstance(result, tuple)
    assert [attempt.exit_code for attempt in attempts(events)] == [1, 0]


def test_exact_retries_a_later_failure_that_no_retry_can_mend_ends_them_too(namespace: str) -> None:
    script = f"mkdir -p /tries; echo x >> /tries/n; [ $(cat /tries/n | wc -l) = 1 ] && exit 1; echo '{SYNTAX}'; exit 1"
    tries = {"name": "tries", "hostPath": {"path": f"/var/tmp/ksu-effects/{namespace}", "type": "DirectoryOrCreate"}}
    container = sh(script, volumeMounts=[{"name": "tries", "mountPath": "/tries"}])
    failure, events = run(namespace, migrate(container, retries=3, retry=Retry.PASSING, volumes=[tries]))
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["process/exit-code", "database/syntax-error"]
    assert len(attempts(events)) == 2


def test_exact_retries_a_fatal_exit_code_ends_them(namespace: str) -> None:
    failure, events = run(namespace, migrate(sh("exit 42"), retries=3, fatal=(42,)))
    assert [event.attempt.reason for event in events.of(AttemptEnded)] == ["one of fatalExitCodes: no retry"]
    assert "the next attempt" not in [event.waits_for for event in events.of(Waited)]
    assert isinstance(failure, MigrationFailed)
    assert [attempt.exit_code for attempt in attempts(events)] == [42]


def test_the_job_owns_its_staged_configuration(namespace: str) -> None:
    mounted = sh("cat /c/text", volumeMounts=[{"name": "c", "mountPath": "/c"}])
    volume = {"name": "c", "configMap": {"name": "app-staged"}}
    step = migrate(mounted, volumes=[volume], staged=(config("app-staged", text="hello"),))
    _, events = run(namespace, step)
    assert events.lines() == ["hello"]

    async def look() -> tuple[Json | None, Json | None]:
        async with api(namespace) as client:
            return await client.get(CONFIG_MAP, "app-staged"), await client.get(JOB, "app-migrations")

    staged, job = asyncio.run(look())
    assert staged is not None
    assert job is not None
    assert staged["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]


def test_real_stop_a_cancelled_migration_has_no_job_and_no_pod_when_it_returns(namespace: str) -> None:
    async def main() -> tuple[Events, list[Json], Json | None]:
        async with new_session(namespace) as (session, events), api(namespace) as client:
            step = migrate(sh("trap 'echo stopping; exit 1' TERM; echo at work; while :; do sleep 0.1; done"))
            task = asyncio.create_task(session.migrate(step, events.append))
            while "at work" not in events.lines():
                await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            return events, (await client.list(POD)).items, await client.get(JOB, "app-migrations")

    events, pods, job = asyncio.run(main())
    assert pods == []
    assert job is None
    assert attempts(events)[0].log_tail[0] == "at work"
    assert events.of(Waited)[-1].waits_for == "its pod to terminate"


def test_a_timeout_ends_the_migration_and_says_what_it_waited_for(namespace: str) -> None:
    waiting = sh("while :; do echo waiting for db; sleep 1; done", "wait-for-db")
    failure, events = run(namespace, migrate(waiting, sh("echo never"), timeout_s=3))
    assert isinstance(failure, MigrationFailed)
    (ended,) = events.of(AttemptEnded)
    assert (ended.attempt.reason, ended.retry_in_s) == ("timeout", None)
    timeout = next(cause for cause in failure.causes if cause.code == "migrations/timeout")
    assert "init container wait-for-db did not finish, last saying: waiting for db" in timeout.message
    assert any(event.waits_for == "init container wait-for-db" for event in events.of(Waited))


@pytest.mark.parametrize("answer", ["exit 0", "exit 1", ":"])
def test_gate_a_migration_that_is_told_to_stop_at_its_timeout_has_failed_whatever_it_ends_with(
    namespace: str, answer: str
) -> None:
    step = migrate(sh(f"trap 'echo bye; {answer}' TERM; echo at work; while :; do sleep 0.1; done"), timeout_s=3)
    failure, events = run(namespace, step)
    assert isinstance(failure, MigrationFailed)
    assert [cause.code for cause in failure.causes] == ["migrations/timeout"]
    assert [attempt.reason for attempt in attempts(events)] == ["timeout"]
    assert any("to terminate" in event.waits_for for event in events.of(Waited))
    assert events.lines() == ["at work", "bye"]


@pytest.mark.parametrize("ended", [False, True])
def test_resume_a_job_of_the_same_digest_is_taken_up(namespace: str, *, ended: bool) -> None:
    step = migrate(sh("echo began; sleep 2; echo ended"))

    async def main() -> tuple[Events, list[Json]]:
        async with (
            new_session(namespace) as (first, before),
            new_session(namespace) as (second, after),
            api(namespace) as client,
        ):
            task = asyncio.create_task(first.migrate(step, before.append))
            while ("ended" if ended else "began") not in before.lines():
                await asyncio.sleep(0.05)
            await second.migrate(step, after.append)
            await task
            return after, (await client.list(POD)).items

    events, pods = asyncio.run(main())
    assert len(pods) == 1
    assert events.of(AttemptStarted)[0].resumed
    assert events.lines() == ["began", "ended"]


def test_one_at_a_time_a_job_of_another_digest_is_really_stopped_first(namespace: str) -> None:
    slow = migrate(sh("trap 'sleep 1; echo stopped; exit 1' TERM; echo old; while :; do sleep 0.1; done"))

    async def main() -> tuple[list[str], list[Json]]:
        async with (
            new_session(namespace) as (first, before),
            new_session(namespace) as (second, after),
            api(namespace) as client,
        ):
            task = asyncio.create_task(first.migrate(slow, before.append))
            while "old" not in before.lines():
                await asyncio.sleep(0.05)
            await second.migrate(migrate(sh("echo new"), digest="d2"), after.append)
            await asyncio.wait([task])
            assert isinstance(task.exception(), MigrationFailed)
            return after.lines(), (await client.list(POD)).items

    lines, pods = asyncio.run(main())
    assert lines == ["new"]
    assert len(pods) == 1


def test_a_deployed_secret_reaches_the_migration(namespace: str) -> None:
    async def main() -> Events:
        async with new_session(namespace) as (session, events):
            secret = config("db", "Secret", PASSWORD="hunter2")
            await session.apply(apply(secret), events.append)
            read = sh("echo ${#PASSWORD}", envFrom=[{"secretRef": {"name": "db"}}])
            await session.migrate(migrate(read), events.append)
            return events

    assert asyncio.run(main()).lines() == ["7"]
