"""Kubernetes Events about migrations: what `kubectl describe` and watchers of a namespace see of a deploy."""

from pathlib import Path

from ks_universal import cli
from ks_universal.targets.kubernetes.api.kinds import EVENT
from support.deploying import deploy, items, kubectl, write

APP = """
deployments:
  my-app:
    replicas: 1
    migrations:
      enabled: true
      backoffLimit: 0
      steps:
        - {name: schema, args: ["-c", "true"]}
        - {name: data, args: ["-c", "echo version-1"]}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
"""
BROKEN = APP.replace("echo version-1", "echo swordfish; exit 3")
SCHEMA = ["MigrationStarted", "MigrationSucceeded"]


def announced(namespace: str) -> list[tuple[str, str, str, str]]:
    """Type, reason, and kind and name of the object of each Event of ours, in the order of writing."""
    events = [item for item in items(namespace, EVENT) if item.get("source", {}).get("component") == "ks-universal"]
    return [
        (event["type"], event["reason"], event["involvedObject"]["kind"], event["involvedObject"]["name"])
        for event in sorted(events, key=lambda event: int(event["metadata"]["resourceVersion"]))
    ]


def on_deployment(*reasons: str) -> list[tuple[str, str, str, str]]:
    return [("Normal", reason, "Deployment", "my-app") for reason in reasons]


def test_a_first_deploy_writes_its_migrations_on_the_deployment_that_it_makes(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, APP, tmp_path)
    assert announced(namespace) == on_deployment(*SCHEMA, *SCHEMA)
    described = kubectl(namespace, "describe", "deployment", "my-app")
    assert "my-app/migrations/schema began" in described
    assert "my-app/migrations/data succeeded, 1 attempt(s)" in described


def test_a_failed_first_deploy_writes_on_the_job_of_the_migration_that_failed(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, BROKEN, tmp_path)
    job = ("Job", "my-app-migrations-data")
    assert announced(namespace) == [
        *(("Normal", reason, *job) for reason in (*SCHEMA, "MigrationStarted")),
        ("Warning", "MigrationFailed", *job),
    ]


def test_migrations_alone_are_written_on_their_job(namespace: str, tmp_path: Path) -> None:
    assert cli.run(["migrate", "shop", "-n", namespace, "--yes", "-f", write(tmp_path, APP)]) == 0
    reasons = [(reason, kind, name) for _, reason, kind, name in announced(namespace)]
    assert reasons == [(reason, "Job", "my-app-migrations-data") for reason in (*SCHEMA, *SCHEMA)]


def test_a_failure_beside_a_running_application_is_a_warning_on_its_deployment(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, APP, tmp_path)
    before = len(announced(namespace))
    deploy(namespace, BROKEN, tmp_path)
    assert announced(namespace)[before:] == [
        *on_deployment(*SCHEMA, "MigrationStarted"),
        ("Warning", "MigrationFailed", "Deployment", "my-app"),
    ]
    messages = kubectl(namespace, "get", "events", "-o", "jsonpath={.items[*].message}")
    assert "migrations/data failed: " in messages
    assert "swordfish" not in messages


def test_a_migration_that_is_stopped_is_a_warning(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, APP, tmp_path)
    slow = write(tmp_path, APP.replace("echo version-1", "trap 'exit 1' TERM; sleep 300 & wait"))
    assert cli.run(["deploy", "shop", "-f", slow, "-n", namespace, "--timeout", "8s"]) == 3
    assert announced(namespace)[4:] == [
        *on_deployment(*SCHEMA, "MigrationStarted"),
        ("Warning", "MigrationStopped", "Deployment", "my-app"),
    ]
