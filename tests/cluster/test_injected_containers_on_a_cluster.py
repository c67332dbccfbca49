"""Migrations in pods into which the cluster puts a container that never ends, as a service mesh does."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ks_universal.engine.events import AttemptEnded, AttemptStarted, ObjectChanged, RunEnded, Waited
from ks_universal.engine.target import MigrationFailed
from ks_universal.plan.records import Attempt, JobRecord, Outcome, StepRecord
from ks_universal.plan.steps import Migrate
from ks_universal.resources.objects import ObjectRef
from ks_universal.targets.kubernetes.api.kinds import JOB, POD
from ks_universal.targets.kubernetes.migration import attempts, injected, job_watch
from ks_universal.targets.kubernetes.migration.injected import has_been_ended
from ks_universal.targets.kubernetes.observed.pods import is_finished
from support.cluster_release import Events, Json, migrate, new_session, release, sh, wait_until
from support.deploying import deploy, items, kubectl

PROXY: Json = {"name": "mesh-proxy", "image": "pause:local"}
UNKIND = sh("trap 'exit 1' TERM; while :; do sleep 0.1; done", "mesh-proxy")
SOON_DONE = sh("sleep 3", "mesh-proxy")
BROKEN = sh("sleep 1; exit 4", "mesh-proxy")
MIGRATION = """
deployments:
  app:
    replicas: 0
    migrations: {enabled: true, args: ["-c", "echo migrated"], backoffLimit: 1}
    containers: {main: {image: busybox, imageTag: local, command: [sh]}}
"""


class Killed(BaseException):
    """What no `except` of the program takes."""


@pytest.fixture
def mesh(namespace: str) -> Iterator[str]:
    """The namespace, into whose pods a container is put."""
    yield namespace
    kinds = "mutatingadmissionpolicies,mutatingadmissionpolicybindings"
    kubectl(namespace, "delete", kinds, namespace, "--ignore-not-found")


def inject(namespace: str, container: Json) -> None:
    """Have the cluster put a container into each pod of a namespace; returns when it does."""
    selected = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    added = f"Object.spec.containers{{{', '.join(f'{key}: {json.dumps(each)}' for key, each in container.items())}}}"
    expression = f'[JSONPatch{{op: "add", path: "/spec/containers/-", value: {added}}}]'
    mutations = [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}]
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": namespace}}
    policy = {
        **head,
        "kind": "MutatingAdmissionPolicy",
        "spec": {
            "matchConstraints": {**selected, "resourceRules": [rule]},
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": mutations,
        },
    }
    binding = {
        **head,
        "kind": "MutatingAdmissionPolicyBinding",
        "spec": {"policyName": namespace, "matchResources": selected},
    }
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [policy, binding]})
    kubectl(namespace, "apply", "-f", "-", text=text)
    tried = ("run", "tried", "--image=busybox:local", "--dry-run=server", "-o", "json")
    wait_until(lambda: "mesh-proxy" in kubectl(namespace, *tried))


def run(namespace: str, step: Migrate) -> tuple[tuple[Attempt, ...], Events, MigrationFailed | None]:
    async def main() -> tuple[Events, MigrationFailed | None]:
        async with new_session(namespace) as (session, events):
            try:
                await session.migrate(step, events.append)
            except MigrationFailed as failure:
                return events, failure
            return events, None

    events, failure = asyncio.run(main())
    return tuple(event.attempt for event in events.of(AttemptEnded)), events, failure


def pods_of_it(namespace: str) -> list[Json]:
    return [pod for pod in items(namespace, POD) if not is_finished(pod)]


@pytest.mark.parametrize("container", [PROXY, UNKIND], ids=["ends with 0 when told to", "ends with 1"])
def test_a_migration_that_ended_with_0_has_succeeded_whatever_was_injected(mesh: str, container: Json) -> None:
    inject(mesh, container)
    (attempt,), events, failure = run(mesh, migrate(sh("echo migrated; sleep 2"), retries=2))
    assert failure is None
    assert attempt.exit_code == 0
    assert attempt.duration_s is not None
    assert 1 < attempt.duration_s < 5
    assert events.lines() == ["migrated"]
    (warning,) = attempt.causes
    assert (warning.code, str(warning.severity)) == ("kubernetes/injected-container", "warning")
    assert "mesh-proxy" in warning.message
    assert "migrations.labels" in (warning.hint or "")
    assert pods_of_it(mesh) == []
    (job,) = items(mesh, JOB)  # which stays, and makes no other pod
    assert has_been_ended(job)
    assert job["spec"]["suspend"]
    assert len(events.of(AttemptStarted)) == 1


def test_what_was_injected_and_ends_by_itself_is_let_to(mesh: str) -> None:
    inject(mesh, SOON_DONE)
    (attempt,), events, failure = run(mesh, migrate(sh("echo migrated")))
    assert (failure, attempt.exit_code, attempt.causes) == (None, 0, ())
    assert "what the cluster has put into its pod to end" in [event.waits_for for event in events.of(Waited)]
    kubectl(mesh, "wait", "job/app-migrations", "--for=condition=Complete", "--timeout=20s")


def test_a_migration_is_not_repeated_because_what_was_injected_failed(mesh: str) -> None:
    inject(mesh, BROKEN)
    (attempt,), _, failure = run(mesh, migrate(sh("echo migrated; sleep 3"), retries=3))
    assert (failure, attempt.exit_code) == (None, 0)
    (job,) = items(mesh, JOB)
    assert job["spec"]["suspend"]
    assert pods_of_it(mesh) == []


def test_exact_retries_where_what_was_injected_keeps_the_failed_pods(
    mesh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_FIRST_PAUSE_S", 1.0)
    inject(mesh, PROXY)
    tried, events, failure = run(mesh, migrate(sh("echo tried; exit 3"), retries=2))
    assert [attempt.exit_code for attempt in tried] == [3, 3, 3]
    assert [attempt.number for attempt in tried] == [1, 2, 3]
    assert events.lines() == ["tried"] * 3
    assert failure is not None
    codes = [cause.code for cause in failure.causes]
    assert codes[:2] == ["process/exit-code", "kubernetes/injected-container"]
    assert pods_of_it(mesh) == []
    kubectl(mesh, "wait", "job/app-migrations", "--for=condition=Failed", "--timeout=20s")


def test_a_fatal_exit_code_is_so_in_a_mesh_too(mesh: str) -> None:
    inject(mesh, PROXY)
    tried, _, failure = run(mesh, migrate(sh("exit 7"), retries=2, fatal=(7,)))
    assert [attempt.exit_code for attempt in tried] == [7]
    assert failure is not None


def test_resume_finds_that_a_migration_had_succeeded_that_was_stopped_for_what_was_injected(mesh: str) -> None:
    inject(mesh, UNKIND)
    step = migrate(sh("echo migrated"), retries=2)
    run(mesh, step)
    _, events, failure = run(mesh, step)  # of the same revision, which nobody has recorded
    assert (failure, events.lines()) == (None, [])
    assert pods_of_it(mesh) == []


JOBS = """
jobs:
  seed:
    wait: true
    backoffLimit: 2
    restartPolicy: {policy}
    terminationGracePeriodSeconds: 1
    containers: {{main: {{image: busybox, imageTag: local, command: [sh, -c, "{script}"]}}}}
"""


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_job_that_ended_with_0_has_succeeded_whatever_was_injected(mesh: str, tmp_path: Path, policy: str) -> None:
    inject(mesh, UNKIND)
    values = JOBS.format(policy=policy, script="echo seeded")
    revision, events = deploy(mesh, values, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED, revision.failures
    (job,) = revision.jobs.values()
    assert isinstance(job, JobRecord)
    assert (job.outcome, [attempt.exit_code for attempt in job.attempts]) == (Outcome.SUCCEEDED, [0])
    (ended,) = events.of(AttemptEnded)
    assert [cause.code for cause in ended.attempt.causes] == ["kubernetes/injected-container"]
    (before,) = items(mesh, JOB)
    again, events = deploy(mesh, values, tmp_path)
    assert (again.outcome, events.of(AttemptStarted), pods_of_it(mesh)) == (Outcome.SUCCEEDED, [], [])
    assert [change.change for change in events.of(ObjectChanged)] == ["unchanged"]
    (after,) = items(mesh, JOB)
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    (state,) = events.of(RunEnded)[0].jobs
    assert (state.record.outcome, state.waits_for, state.problems) == (Outcome.SUCCEEDED, "", ())


def test_a_job_of_several_pods_whose_first_does_not_end_fails_with_what_keeps_it(mesh: str, tmp_path: Path) -> None:
    inject(mesh, PROXY)
    values = JOBS.format(policy="Never", script="echo seeded") + "    completions: 2\n"
    revision, _ = deploy(mesh, values, tmp_path)
    (failure,) = revision.failures
    (cause,) = failure.causes
    assert (cause.code, str(cause.severity)) == ("kubernetes/injected-container", "error")
    assert "so that no other begins: mesh-proxy runs on in it" in cause.message


@pytest.mark.parametrize("kind", ["migration", "job"])
def test_resume_a_run_killed_when_it_had_stopped_what_was_injected_records_the_attempt(
    mesh: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill when the Job has been suspended: what it did is known only there."""
    inject(mesh, UNKIND)
    values = JOBS.format(policy="Never", script="echo seeded") if kind == "job" else MIGRATION

    async def stop_and_die(*arguments: Any) -> None:
        await stop(*arguments)
        raise Killed

    stop = injected.stop_succeeded
    monkeypatch.setattr(job_watch, "stop_succeeded", stop_and_die)
    with pytest.raises(BaseExceptionGroup) as caught:
        deploy(mesh, values, tmp_path)
    assert caught.group_contains(Killed, depth=1)
    monkeypatch.setattr(job_watch, "stop_succeeded", stop)
    wait_until(lambda: pods_of_it(mesh) == [])
    revision, events = deploy(mesh, values, tmp_path)
    assert (revision.outcome, events.lines()) == (Outcome.SUCCEEDED, [])
    (record,) = revision.jobs.values() if kind == "job" else revision.steps
    assert isinstance(record, JobRecord | StepRecord)
    (attempt,) = record.attempts
    assert (record.outcome, attempt.exit_code) == (Outcome.SUCCEEDED, 0)
    assert list(attempt.image_ids) == ["busybox:local"]
    assert [cause.code for cause in attempt.causes] == ["kubernetes/injected-container"]


def test_who_looks_on_reads_the_container_that_migrates_and_not_what_was_injected(mesh: str) -> None:
    inject(mesh, sh("trap 'exit 0' TERM; while :; do echo noise; sleep 0.2; done", "mesh-proxy"))
    lines: list[str] = []

    async def main() -> None:
        async with new_session(mesh) as (session, events), release(mesh) as (looker, _):
            running = asyncio.create_task(session.migrate(migrate(sh("echo one; sleep 4; echo two")), events.append))
            while not events.of(AttemptStarted):
                await asyncio.sleep(0.1)
            async with asyncio.timeout(60):
                assert await looker.follow_log(ObjectRef("Job", mesh, "app-migrations"), lines.append)
                await running

    asyncio.run(main())
    assert lines == ["one", "two"]
