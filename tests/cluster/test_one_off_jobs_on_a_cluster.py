import asyncio
from pathlib import Path

from cluster_release import release, wait_until
from deploying import deploy, get, items, kubectl, write
from ks_universal.api.cluster import preview
from ks_universal.api.values import load
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.kinds import JOB, POD
from ks_universal.targets.kubernetes.pods import condition, owner

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
