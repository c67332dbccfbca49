"""Images that move under their tag: pods follow their migrations, and nothing restarts where nothing moved."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ks_universal.cli import run
from ks_universal.engine.events import Event, ObjectChanged, StepStarted
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, JOB
from ks_universal.targets.kubernetes.objects.image_ids import read_note
from support.cluster_database import NODE, STATE
from support.cluster_release import Events, wait_until
from support.deploying import deploy, items, kubectl, start, write

Json = dict[str, Any]
Build = Callable[[str, str], None]

SERVE = "echo serves $(cat /version); trap 'exit 0' TERM; while :; do sleep 0.2; done"
BOTH = (
    "{name: expand, args: &args [-c, 'echo migrates with $(cat /version)']}, {name: contract, phase: post, args: *args}"
)
POST = "{name: contract, phase: post, args: [-c, 'echo migrates with $(cat /version)']}"


@pytest.fixture
def build(namespace: str, tmp_path: Path, make_image: object) -> Build:  # noqa: ARG001 - only where images are made
    """Makes an image of the test's own, of a version and under a tag."""
    root = tmp_path / "root"
    subprocess.run(["cp", "-a", str(STATE / "busybox"), str(root)], check=True)

    def make(version: str, tag: str) -> None:
        (root / "version").write_text(version + "\n")
        subprocess.run([str(NODE), "image", f"{namespace}:{tag}", str(root)], check=True)

    return make


def values(namespace: str, steps: str = BOTH, tag: str = "stable") -> str:
    """An application with these migration steps, and one without any, of the same image."""
    main = f"""
        image: {namespace}
        imageTag: {tag}
        imagePullPolicy: Always
        command: [sh]
        args: ["-c", "{SERVE}"]
        readinessProbe: {{exec: {{command: ["true"]}}, periodSeconds: 1}}
"""
    return f"""
deployments:
  web:
    migrations: {{enabled: true, backoffLimit: 0, steps: [{steps}]}}
    containers:
      main: {main}
  worker:
    containers:
      main: {main}
"""


def list_pods(namespace: str) -> dict[str, str]:
    """The pods of the applications that are not stopping: their names, and the ids of their images."""
    pods = json.loads(kubectl(namespace, "get", "pods", "-o", "json", "-l", "!batch.kubernetes.io/job-name"))["items"]
    staying = (pod for pod in pods if "deletionTimestamp" not in pod["metadata"])
    return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["imageID"] for pod in staying}


def read_serving(namespace: str) -> set[str]:
    return {kubectl(namespace, "logs", pod).strip() for pod in list_pods(namespace)}


def read_notes(namespace: str) -> set[str]:
    return {name for deployment in items(namespace, DEPLOYMENT) for name in read_note(deployment)}


def changes(events: Events) -> list[str]:
    return [event.change for event in events.of(ObjectChanged)]


def test_when_an_image_moves_all_pods_of_it_follow_before_the_post_migration_and_else_nothing_restarts(
    namespace: str, tmp_path: Path, build: Build
) -> None:
    build("one", "stable")
    deploy(namespace, values(namespace), tmp_path)
    first = list_pods(namespace)
    _, events = deploy(namespace, values(namespace), tmp_path)
    assert (changes(events), list_pods(namespace)) == (["unchanged"] * 2, first)
    assert read_notes(namespace) == set()

    build("two", "stable")
    seen: list[dict[str, str]] = []

    def look(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "web/migrations/contract":
            seen.append(list_pods(namespace))

    revision, events = deploy(namespace, values(namespace), tmp_path, disturb=look, lease_s=30)
    assert (revision.outcome, changes(events)) == (Outcome.SUCCEEDED, ["changed"] * 2)
    assert events.lines() == ["migrates with two"] * 2
    assert read_serving(namespace) == {"serves two"}
    second = list_pods(namespace)
    (pods,) = seen
    assert set(pods.values()) == set(second.values()) != set(first.values())

    _, events = deploy(namespace, values(namespace), tmp_path)
    assert (changes(events), list_pods(namespace)) == (["unchanged"] * 2, second)
    assert read_notes(namespace) == {f"{namespace}:stable"}


APART = """    waitForMigrations: false
    containers:"""
EARLY = "{name: expand, args: [-c, 'echo migrates with $(cat /version)'], dependsOn: [worker]}"


@pytest.mark.parametrize(
    ("steps", "worker"), [(POST, ""), (BOTH, "apart"), (EARLY, "")], ids=["post alone", "waits for none", "comes first"]
)
def test_when_an_image_moves_pods_follow_whose_rollout_comes_before_its_migrations_and_else_none_restarts(
    namespace: str, tmp_path: Path, build: Build, steps: str, worker: str
) -> None:
    text = values(namespace, steps)
    if worker == "apart":
        web, _, rest = text.rpartition("    containers:")
        text = web + APART + rest
    build("one", "stable")
    deploy(namespace, text, tmp_path)
    first = list_pods(namespace)
    _, events = deploy(namespace, text, tmp_path)
    assert (changes(events), list_pods(namespace)) == (["unchanged"] * 2, first)
    assert "migrates with one" in events.lines()
    build("two", "stable")
    revision, events = deploy(namespace, text, tmp_path, lease_s=30)
    assert (revision.outcome, read_serving(namespace)) == (Outcome.SUCCEEDED, {"serves two"})
    assert set(events.lines()) == {"migrates with two"}
    second = list_pods(namespace)
    _, events = deploy(namespace, text, tmp_path)
    assert (changes(events), list_pods(namespace)) == (["unchanged"] * 2, second)
    wait_until(lambda: [job for job in items(namespace, JOB) if "-image-" in job["metadata"]["name"]] == [])


def test_resume_a_deploy_killed_between_migration_and_rollout_moves_the_pods_when_it_goes_on(
    namespace: str, tmp_path: Path, build: Build
) -> None:
    build("one", "stable")
    deploy(namespace, values(namespace), tmp_path)
    build("two", "stable")
    process = start(namespace, values(namespace), tmp_path)
    assert process.stdout is not None
    assert any('"StepSucceeded"' in line and "web/migrations/expand" in line for line in process.stdout)
    process.kill()
    process.communicate()
    revision, events = deploy(namespace, values(namespace), tmp_path)
    assert (revision.number, revision.outcome) == (2, Outcome.SUCCEEDED)
    assert events.lines() == ["migrates with two"]  # the contract alone
    assert read_serving(namespace) == {"serves two"}


def test_the_plan_says_that_pods_may_restart_and_a_rollback_restarts_none_for_it(
    namespace: str, tmp_path: Path, build: Build, capfd: pytest.CaptureFixture[str]
) -> None:
    build("one", "stable")
    command = ["-f", write(tmp_path, values(namespace)), "-n", namespace]
    assert run(["deploy", "shop", *command]) == 0
    build("two", "stable")
    assert run(["deploy", "shop", *command]) == 0
    capfd.readouterr()
    assert run(["plan", "shop", *command]) == 0
    out = capfd.readouterr().out
    assert f"  . worker may restart: image {namespace}:stable may have moved under its tag\n" in out
    assert "0 to create, 0 to change, 0 to delete, 2 unchanged; 2 migrations to run" in out
    pods = list_pods(namespace)
    assert run(["rollback", "shop", "-n", namespace]) == 0
    assert list_pods(namespace) == pods
    build("three", "other")
    deploy(namespace, values(namespace, tag="other"), tmp_path)
    assert (read_serving(namespace), read_notes(namespace)) == ({"serves three"}, set())
