from pathlib import Path

from ks_universal.engine.events import AttemptStarted, ObjectChanged, StepStarted, StepSucceeded
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB, SECRET
from support.cluster_release import Events
from support.deploying import deploy, get, items, kubectl

SERVE = "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"
APP = f"""
configs:
  settings:
    type: configMap
    data:
      COLOUR: red
  db:
    type: secret
    data:
      PASSWORD: correct-horse
deployments:
  my-app:
    replicas: 1
    migrations:
      enabled: true
      args: ["-c", "echo migrating $COLOUR with $PASSWORD"]
      backoffLimit: 0
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "{SERVE}"]
        readinessProbe: {{exec: {{command: ["true"]}}, periodSeconds: 1}}
        envFrom:
          - {{type: configMap, configName: settings}}
          - {{type: secret, configName: db}}
"""
BLUE = APP.replace("COLOUR: red", "COLOUR: blue")
BROKEN = BLUE.replace("echo migrating $COLOUR with $PASSWORD", "echo broken; exit 3")


def started(events: Events) -> list[str]:
    return [event.step for event in events.of(StepStarted)]


def test_order_what_a_migration_needs_comes_first_and_the_application_last(namespace: str, tmp_path: Path) -> None:
    revision, events = deploy(namespace, APP, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert [step.outcome for step in revision.steps] == [Outcome.SUCCEEDED]
    done = [event.step for event in events.of(StepSucceeded)]
    assert done.index("my-app/migrations") < done.index("my-app/rollout")
    deployment = get(namespace, DEPLOYMENT, "my-app")
    assert deployment is not None
    assert deployment["status"]["readyReplicas"] == 1


def test_gate_nothing_of_the_running_application_changes_when_its_migration_fails(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, APP, tmp_path)
    before = [get(namespace, kind, name) for kind, name in ((DEPLOYMENT, "my-app"), (CONFIG_MAP, "settings"))]
    revision, _ = deploy(namespace, BROKEN, tmp_path)
    after = [get(namespace, kind, name) for kind, name in ((DEPLOYMENT, "my-app"), (CONFIG_MAP, "settings"))]
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert [body["spec"] if body and "spec" in body else body for body in after] == [
        body["spec"] if body and "spec" in body else body for body in before
    ]


def test_gate_the_migration_reads_the_new_configuration_before_the_application(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, APP, tmp_path)
    revision, events = deploy(namespace, BLUE, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert events.lines() == ["migrating blue with ***"]
    steps = started(events)
    assert steps.index("my-app/migrations") < steps.index("ConfigMap/settings")


def test_stand_still_log_and_description_of_the_failed_job_stay(namespace: str, tmp_path: Path) -> None:
    revision, _ = deploy(namespace, BROKEN, tmp_path)
    assert kubectl(namespace, "logs", "job/my-app-migrations") == "broken\n"
    assert "1 Failed" in kubectl(namespace, "describe", "job/my-app-migrations")
    assert revision.failures[0].step == "my-app/migrations"


def test_when_an_unchanged_deploy_changes_and_migrates_nothing(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, APP, tmp_path)
    revision, events = deploy(namespace, APP, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert {event.change for event in events.of(ObjectChanged)} == {"unchanged"}
    assert not events.of(AttemptStarted)


def test_a_record_is_kept_for_those_who_only_read(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, APP, tmp_path)
    shown = get(namespace, CONFIG_MAP, "ks-universal.shop.v1")
    kept = get(namespace, SECRET, "ks-universal.shop.v1")
    assert shown is not None
    assert kept is not None
    assert '"outcome": "succeeded"' in shown["data"]["revision.json"]
    assert "migrating red with ***" in shown["data"]["revision.json"]
    assert kept["type"] == "ks-universal.io/revision"


def test_no_leaks_no_value_of_a_secret_stands_in_events_or_readable_objects(namespace: str, tmp_path: Path) -> None:
    revision, events = deploy(namespace, APP, tmp_path)
    texts = [
        repr(events),
        repr(revision),
        kubectl(namespace, "get", "configmaps,jobs,deployments,events", "-o", "yaml"),
    ]
    assert [("correct-horse" in text, "Y29ycmVjdC1ob3JzZQ" in text) for text in texts] == [(False, False)] * 3


def test_nothing_orphaned_what_left_the_values_leaves_the_cluster(namespace: str, tmp_path: Path) -> None:
    other = APP.replace("my-app:", "other:")
    deploy(namespace, APP, tmp_path)
    kubectl(namespace, "create", "configmap", "a-stranger", "--from-literal=a=b")
    deploy(namespace, other, tmp_path)
    assert [item["metadata"]["name"] for item in items(namespace, DEPLOYMENT)] == ["other"]
    assert [item["metadata"]["name"] for item in items(namespace, JOB)] == ["other-migrations"]
    assert get(namespace, CONFIG_MAP, "a-stranger") is not None
