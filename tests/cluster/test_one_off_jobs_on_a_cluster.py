import asyncio
import signal
from pathlib import Path

import pytest

from ks_universal.api.cluster import preview
from ks_universal.api.values import load
from ks_universal.cli import run
from ks_universal.engine.events import AttemptStarted, Event, RunEnded, Waited
from ks_universal.plan.records import JobState, Outcome, Revision
from ks_universal.targets.kubernetes.api.kinds import JOB, POD
from ks_universal.targets.kubernetes.observed.pods import condition, owner
from support.cluster_release import Events, release, wait_until
from support.deploying import deploy, get, items, kubectl, start, write

VALUES = """
deployments:
  my-app:
    replicas: 0
    migrations: {enabled: true, args: ["-c", "echo migrated"], backoffLimit: 0}
    containers: {main: {image: busybox, imageTag: local, command: [sh]}}
jobs:
  seed:
    backoffLimit: 0
    restartPolicy: Never
    terminationGracePeriodSeconds: 1
    containers: {main: {image: busybox, imageTag: local, command: [sh, -c, "SCRIPT"]}}
"""


def values(script: str, **more: int) -> str:
    extra = "".join(f"    {key}: {value}\n" for key, value in more.items())
    return VALUES.replace("SCRIPT", script) + extra


def uid(namespace: str) -> str | None:
    job = get(namespace, JOB, "seed")
    return None if job is None else str(job["metadata"]["uid"])


def succeeds(namespace: str) -> bool:
    job = get(namespace, JOB, "seed")
    return job is not None and condition(job, "Complete").get("status") == "True"


def test_d30_a_job_is_left_when_unchanged_and_replaced_when_it_runs_something_else(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, values("exec sleep 300"), tmp_path)
    first = uid(namespace)
    assert first is not None
    deploy(namespace, values("exec sleep 300"), tmp_path)
    assert uid(namespace) == first
    deploy(namespace, values("exec sleep 300", activeDeadlineSeconds=200), tmp_path)
    assert uid(namespace) == first
    revision, _ = deploy(namespace, values("echo seeded"), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert uid(namespace) not in (None, first)
    assert first not in [owner(pod)[2] for pod in items(namespace, POD)]
    wait_until(lambda: succeeds(namespace))
    assert kubectl(namespace, "logs", "job/seed") == "seeded\n"


def test_d30_a_job_that_its_ttl_removed_runs_again_only_when_it_runs_something_else(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, values("echo seeded", ttlSecondsAfterFinished=0), tmp_path)
    wait_until(lambda: uid(namespace) is None)
    revision, _ = deploy(namespace, values("echo seeded", ttlSecondsAfterFinished=0), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert uid(namespace) is None
    deploy(namespace, values("echo again"), tmp_path)
    assert uid(namespace) is not None


def test_d30_jobs_wait_for_migrations_and_do_not_start_when_one_failed(namespace: str, tmp_path: Path) -> None:
    revision, _ = deploy(namespace, values("echo seeded").replace("echo migrated", "exit 3"), tmp_path)
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert uid(namespace) is None


def test_d30_a_plan_shows_what_a_replaced_job_runs_and_nothing_that_the_cluster_made(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, values("echo seeded"), tmp_path)
    changed = load([write(tmp_path, values("echo again"))])

    async def look() -> list[tuple[str | int, ...]]:
        async with release(namespace) as (target, _):
            shown = await preview(changed, target)
            assert shown.problems == ()
            (change,) = (change for change in shown.changes if str(change.identity) == "Job/seed")
            return [field.path for field in change.fields]

    paths = asyncio.run(look())
    assert ("spec", "template", "spec", "containers", 0, "command", 2) in paths
    assert all(path[:2] == ("metadata", "annotations") or "command" in path for path in paths)


# how they ended


def waiting(script: str, **more: int) -> str:
    return values(script, **more).replace("  seed:\n", "  seed:\n    wait: true\n")


def ended(events: Events) -> JobState:
    """What the end of the run says of the Job."""
    (state,) = events.of(RunEnded)[-1].jobs
    return state


def codes(revision: Revision) -> list[str]:
    return [cause.code for failure in revision.failures for cause in failure.causes]


def call(*words: str) -> int:
    return run([*words])


def test_jobs_one_that_failed_is_seen_by_status_and_logs_and_runs_again(
    namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = values("echo the smoke test failed; exit 7")
    revision, events = deploy(namespace, failing, tmp_path)
    assert (revision.outcome, ended(events).identity.name) == (Outcome.SUCCEEDED, "seed")
    first = uid(namespace)
    wait_until(lambda: has_failed(namespace))
    assert call("status", "shop", "-n", namespace) == 0
    assert "job seed: failed with exit code 7 at " in capsys.readouterr().out
    assert call("logs", "shop", "seed", "-n", namespace) == 0
    assert capsys.readouterr().out.splitlines() == [
        "revision 1, Job/seed, attempt 1: exit code 7 after 0.0 s",
        "  | the smoke test failed",
    ]
    assert call("plan", "shop", "-f", write(tmp_path, failing), "-n", namespace) == 0
    assert "> Job/seed runs: it failed in revision 1" in capsys.readouterr().out
    deploy(namespace, failing, tmp_path)
    assert uid(namespace) not in (None, first)


def has_failed(namespace: str) -> bool:
    job = get(namespace, JOB, "seed")
    return job is not None and condition(job, "Failed").get("status") == "True"


def test_jobs_one_that_ended_before_the_deploy_did_is_in_its_report_and_in_the_record(
    namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = (
        values("echo no password; exit 4")
        .replace("replicas: 0", "replicas: 1")
        .replace(
            "command: [sh]}",
            'command: [sh, -c, "sleep 300"], startupProbe: {exec: {command: [sleep, "4"]}, timeoutSeconds: 9}}',
        )
    )
    status = call("deploy", "shop", "-f", write(tmp_path, slow), "-n", namespace)
    out = capsys.readouterr().out
    assert status == 0
    assert "shop, revision 1: is up" in out
    report = out.partition("shop, revision 1: is up")[2]
    assert "job seed: failed with exit code 4 at " in report
    assert "    | no password" in report
    kubectl(namespace, "delete", "job", "seed")  # the record knows it still
    assert call("logs", "shop", "seed", "-n", namespace) == 0
    assert "  | no password" in capsys.readouterr().out
    deploy(namespace, slow, tmp_path)
    assert uid(namespace) is not None


def test_jobs_logs_follow_one_that_runs(namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = values("echo with $PASSWORD; sleep 3; echo done").replace(
        "jobs:", "configs: {db: {type: secret, data: {PASSWORD: correct-horse}}}\njobs:"
    )
    deploy(
        namespace,
        secret.replace(
            "imageTag: local, command: [sh, -c",
            "imageTag: local, envFrom: [{type: secret, configName: db}], command: [sh, -c",
        ),
        tmp_path,
    )
    assert call("logs", "shop", "-f", "-n", namespace) == 0
    assert capsys.readouterr().out.splitlines() == ["with ***", "done"]


# waiting for their end


def test_jobs_wait_fails_the_deploy_with_the_cause_and_the_next_deploy_runs_it_again(
    namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "FATAL: password authentication failed for user shop"
    status = call("deploy", "shop", "-f", write(tmp_path, waiting(f"echo {line}; exit 3")), "-n", namespace)
    out = capsys.readouterr().out
    assert status == 4
    assert f"Job/seed          | {line}\n" in out
    report = out.partition("shop, revision 1: ")[2].splitlines()
    assert report[0].startswith("the new version is up, but a job failed")
    assert report[2:4] == [
        "failed step: Job/seed",
        f"  error[database/authentication-failed]: the database refused the user name or password: {line}",
    ]
    assert "job seed: failed with exit code 3 at " in "".join(report)
    revision, events = deploy(namespace, waiting("echo fine"), tmp_path)
    assert (revision.outcome, ended(events).record.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    done = uid(namespace)
    revision, _ = deploy(namespace, waiting("echo fine"), tmp_path)
    assert (revision.outcome, uid(namespace)) == (Outcome.SUCCEEDED, done)


@pytest.mark.parametrize(("code", "outcome"), [(0, Outcome.SUCCEEDED), (5, Outcome.ROLLOUT_FAILED)])
def test_jobs_wait_knows_the_end_of_one_that_goes_as_soon_as_it_ends(
    namespace: str, tmp_path: Path, code: int, outcome: Outcome
) -> None:
    revision, events = deploy(namespace, waiting(f"exit {code}", ttlSecondsAfterFinished=0), tmp_path)
    assert revision.outcome is outcome
    assert [attempt.exit_code for attempt in ended(events).record.attempts] == [code]
    wait_until(lambda: uid(namespace) is None)
    revision, events = deploy(namespace, waiting(f"exit {code}", ttlSecondsAfterFinished=0), tmp_path)
    assert revision.outcome is outcome
    assert bool(events.of(AttemptStarted)) is (code != 0)


def test_jobs_wait_retries_as_its_backoff_limit_says(namespace: str, tmp_path: Path) -> None:
    revision, events = deploy(
        namespace, waiting("exit 5").replace("backoffLimit: 0\n    restart", "backoffLimit: 1\n    restart"), tmp_path
    )
    assert revision.outcome is Outcome.ROLLOUT_FAILED
    assert [attempt.exit_code for attempt in ended(events).record.attempts] == [5, 5]


def test_jobs_wait_for_one_whose_containers_are_started_again_in_their_pod(namespace: str, tmp_path: Path) -> None:
    again = waiting("echo lock timeout; exit 5").replace("restartPolicy: Never", "restartPolicy: OnFailure")
    revision, events = deploy(
        namespace, again.replace("backoffLimit: 0\n    restart", "backoffLimit: 1\n    restart"), tmp_path
    )
    assert revision.outcome is Outcome.ROLLOUT_FAILED
    assert "process/exit-code" in codes(revision)
    assert "main ended with exit code 5" in str(revision.failures)
    assert events.lines().count("lock timeout") >= 1


def test_jobs_wait_for_all_completions(namespace: str, tmp_path: Path) -> None:
    revision, events = deploy(namespace, waiting("echo part", completions=3, parallelism=2), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.lines().count("part") == 3


def test_jobs_wait_ends_with_the_deadline_of_the_job(namespace: str, tmp_path: Path) -> None:
    revision, _ = deploy(namespace, waiting("exec sleep 300", activeDeadlineSeconds=4), tmp_path)
    assert revision.outcome is Outcome.ROLLOUT_FAILED
    assert codes(revision)[-1] == "jobs/timeout"


def test_jobs_wait_names_what_keeps_one_from_its_work_and_leaves_it_to_the_cluster(
    namespace: str, tmp_path: Path
) -> None:
    missing = waiting("echo fine").replace("imageTag: local, command: [sh, -c", "imageTag: nope, command: [sh, -c")
    revision, events = deploy(namespace, missing, tmp_path)
    assert (revision.outcome, codes(revision)) == (Outcome.ROLLOUT_FAILED, ["kubernetes/image"])
    assert ended(events).record.outcome is Outcome.RUNNING
    first = uid(namespace)
    revision, _ = deploy(namespace, missing, tmp_path)
    assert (codes(revision), uid(namespace)) == (["kubernetes/image"], first)


def test_jobs_one_whose_pods_are_refused_is_named_without_waiting_too(
    namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl(namespace, "create", "quota", "none", "--hard=pods=0")
    without = values("echo fine").replace("enabled: true", "enabled: false")
    deploy(namespace, without, tmp_path)
    wait_until(lambda: "kubernetes/quota" in status_of(namespace, capsys))
    revision, _ = deploy(namespace, without.replace("  seed:\n", "  seed:\n    wait: true\n"), tmp_path)
    assert codes(revision) == ["kubernetes/quota"]


def status_of(namespace: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert call("status", "shop", "-n", namespace) == 0
    return capsys.readouterr().out


def test_jobs_wait_says_that_a_suspended_one_waits_for_somebody(namespace: str, tmp_path: Path) -> None:
    def begin(event: Event) -> None:
        if isinstance(event, Waited) and "suspended" in event.waits_for:
            kubectl(namespace, "patch", "job", "seed", "-p", '{"spec": {"suspend": false}}')

    suspended = waiting("echo fine").replace(
        "    backoffLimit: 0\n    restart", "    suspend: true\n    backoffLimit: 0\n    restart"
    )
    revision, _ = deploy(namespace, suspended, tmp_path, disturb=begin)
    assert revision.outcome is Outcome.SUCCEEDED


def test_jobs_wait_one_that_somebody_deletes_is_a_failure(namespace: str, tmp_path: Path) -> None:
    def delete(event: Event) -> None:
        if isinstance(event, AttemptStarted) and event.step == "Job/seed":
            kubectl(namespace, "delete", "job", "seed", "--wait=false")

    revision, _ = deploy(namespace, waiting("exec sleep 300"), tmp_path, disturb=delete)
    assert "kubernetes/job-deleted" in codes(revision)
    revision, _ = deploy(namespace, waiting("exec sleep 300").replace("exec sleep 300", "echo fine"), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_jobs_wait_one_goes_on_without_the_program_and_is_taken_up_by_the_next_deploy(
    namespace: str, tmp_path: Path, how: signal.Signals
) -> None:
    slow = waiting("echo begun; sleep 8; echo done")
    process = start(namespace, slow, tmp_path)
    assert process.stdout is not None
    assert any("begun" in line for line in process.stdout)
    first = uid(namespace)
    process.send_signal(how)
    process.communicate()
    revision, events = deploy(namespace, slow, tmp_path)
    assert (revision.outcome, uid(namespace)) == (Outcome.SUCCEEDED, first)
    assert [event.resumed for event in events.of(AttemptStarted)] == [True]
    assert events.lines() == ["begun", "done"]


def test_jobs_wait_that_runs_out_of_time_says_that_the_job_goes_on(
    namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, waiting("echo begun; sleep 60"))
    assert call("deploy", "shop", "-f", path, "-n", namespace, "--timeout", "8s") == 4
    out = capsys.readouterr().out
    assert "no longer watched: Job/seed\n  the cluster goes on with it" in out
    job = get(namespace, JOB, "seed")
    assert job is not None
    assert job["status"]["active"] == 1


# once in the life of a release


def test_jobs_install_runs_once_whatever_the_tag_and_again_only_when_it_failed(
    namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def install(script: str) -> str:
        return values(script).replace("  seed:\n", "  seed:\n    when: install\n")

    deploy(namespace, install("exit 1"), tmp_path)
    wait_until(lambda: has_failed(namespace))
    failed = uid(namespace)
    deploy(namespace, install("echo made"), tmp_path)
    wait_until(lambda: succeeds(namespace))
    made = uid(namespace)
    assert made != failed
    deploy(namespace, install("echo made by another tag"), tmp_path)
    assert uid(namespace) == made
    assert call("plan", "shop", "-f", write(tmp_path, install("echo other")), "-n", namespace) == 0
    assert ". Job/seed does not run: it ran in revision 2, and 'when: install'" in capsys.readouterr().out
    kubectl(namespace, "delete", "job", "seed")
    deploy(namespace, install("echo made by another tag"), tmp_path)
    assert uid(namespace) is None


# what did not begin


def test_stand_still_objects_that_would_not_have_changed_are_not_said_to_be_not_started(
    namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = "{changed: {ports: [{port: PORT}], SELECTOR}, steady: {ports: [{port: 80}], SELECTOR}}"
    more = (
        values("echo seeded")
        + "services: "
        + services.replace("SELECTOR", "selector: {app.kubernetes.io/name: my-app}")
    )
    deploy(namespace, more.replace("PORT", "80"), tmp_path)
    wait_until(lambda: succeeds(namespace))
    broken = write(tmp_path, more.replace("PORT", "81").replace("echo migrated", "exit 3"))
    assert call("deploy", "shop", "-f", broken, "-n", namespace) == 3
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("not started: "))
    assert line == "not started: Service/changed"
