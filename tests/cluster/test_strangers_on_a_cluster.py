"""Objects of others that have the names that the program needs for itself: found before anything changes, and left."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ks_universal.api.values import load, render
from ks_universal.cli import run
from ks_universal.engine.events import Event, RunEnded, StepStarted
from ks_universal.plan.build import build_plan
from ks_universal.plan.records import Outcome, State
from ks_universal.plan.steps import Migrate
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB, LEASE, SECRET, Kind
from support.cluster_release import RELEASE
from support.deploying import deploy, get, items, kubectl, write
from support.shell import Outcome as Told

Ksu = Callable[..., Told]
VALUES = """
configs:
  settings: {{type: configMap, data: {{COLOUR: {colour}}}}}
deployments:
  app:
    replicas: 0
    migrations: {{enabled: true, args: ["-c", "echo $COLOUR"], backoffLimit: 0, rollback: {{args: ["-c", "true"]}}}}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        envFrom: [{{type: configMap, configName: settings}}]
"""
RED, BLUE = VALUES.format(colour="red"), VALUES.format(colour="blue")
LOCK = "ks-universal.shop"
LEASE_OF_OURS = "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: %s}, spec: {holderIdentity: x}}"


@pytest.fixture
def ksu(namespace: str, capfd: pytest.CaptureFixture[str]) -> Ksu:
    def invoke(*arguments: str) -> Told:
        status = run([*arguments, "-n", namespace])
        captured = capfd.readouterr()
        return Told(status, captured.out, captured.err)

    return invoke


def name_copy(namespace: str, values: str, folder: Path) -> str:
    """The name of the staged copy that the migration would read."""
    rendered = render(load([write(folder, values)]), RELEASE, namespace)
    (step,) = (step for step in build_plan(rendered, State()).steps if isinstance(step, Migrate))
    return str(step.staged[0]["metadata"]["name"])


def make(namespace: str, kind: Kind, name: str) -> None:
    """Make an object as its user would."""
    if kind is LEASE:
        kubectl(namespace, "create", "-f", "-", text=LEASE_OF_OURS % name)
    else:
        words = ("secret", "generic") if kind is SECRET else ("configmap",)
        kubectl(namespace, "create", *words, name, "--from-literal=theirs=1")


def see(namespace: str, kind: Kind, name: str) -> tuple[str, str]:
    live = get(namespace, kind, name)
    assert live is not None
    return live["metadata"]["uid"], live["metadata"]["resourceVersion"]


STRANGERS = {
    "ConfigMap of the record": (CONFIG_MAP, f"{LOCK}.v%d"),
    "Secret of the record": (SECRET, f"{LOCK}.v%d"),
    "Secret of the manifests": (SECRET, f"{LOCK}.v%d.manifests"),
    "Lease": (LEASE, LOCK),
    "staged copy": (CONFIG_MAP, ""),
}


@pytest.mark.parametrize("what", STRANGERS)
def test_nothing_orphaned_a_strangers_object_of_our_names_stops_a_first_deploy(
    ksu: Ksu, namespace: str, tmp_path: Path, what: str
) -> None:
    kind, pattern = STRANGERS[what]
    name = (pattern % 1 if "%" in pattern else pattern) or name_copy(namespace, RED, tmp_path)
    make(namespace, kind, name)
    before = see(namespace, kind, name)
    values = write(tmp_path, RED)
    for command in (
        ("plan", "shop", "-f", values),
        ("deploy", "shop", "-f", values, "--yes"),
        ("migrate", "shop", "-f", values, "--yes"),
        ("deploy", "shop", "-f", values, "--yes", "--take-ownership"),
    ):
        told = ksu(*command)
        text = told.out + told.err
        assert told.status == 1, text
        assert f"error[kubernetes/foreign-object]: {kind.kind}/{name} exists and was made by kubectl-create" in text
        assert "hint: rename it, or delete it if nobody needs it" in text
    assert see(namespace, kind, name) == before
    assert (get(namespace, CONFIG_MAP, "settings"), items(namespace, DEPLOYMENT), items(namespace, JOB)) == (
        None,
        [],
        [],
    )
    assert [each for each in items(namespace, SECRET) if each["type"] == "ks-universal.io/revision"] == []
    kubectl(namespace, "delete", kind.plural, name)
    assert ksu("deploy", "shop", "-f", values, "--yes").status == 0


@pytest.mark.parametrize("what", ["ConfigMap of the record", "Secret of the manifests", "Lease"])
def test_nothing_orphaned_a_strangers_object_of_our_names_stays_whatever_is_asked_of_the_release(
    ksu: Ksu, namespace: str, tmp_path: Path, what: str
) -> None:
    for values in (RED, BLUE):
        deploy(namespace, values, tmp_path)
    kind, pattern = STRANGERS[what]
    name = pattern % 3 if "%" in pattern else pattern
    if kind is LEASE:
        kubectl(namespace, "delete", "lease", LOCK)
    make(namespace, kind, name)
    before = see(namespace, kind, name)
    commands = [("rollback", "shop", "--yes"), ("uninstall", "shop", "--yes")]
    if kind is LEASE:
        commands.append(("unlock", "shop", "--force"))
    for command in commands:
        told = ksu(*command)
        assert (told.status, "error[kubernetes/foreign-object]" in told.out + told.err) == (1, True), told
    status = ksu("status", "shop")
    assert (status.status, "locked by" in status.out) == (0, False)
    assert see(namespace, kind, name) == before
    assert get(namespace, CONFIG_MAP, "settings") is not None
    kubectl(namespace, "delete", kind.plural, name)
    assert ksu("uninstall", "shop", "--yes").status == 0


def test_nothing_orphaned_pruning_and_uninstall_leave_copies_of_the_record_under_other_names(
    ksu: Ksu, namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, RED, tmp_path)
    for kind in (CONFIG_MAP, SECRET):
        backup = get(namespace, kind, f"{LOCK}.v1")
        assert backup is not None
        backup["metadata"] = {"name": f"backup.{LOCK}.v1", "labels": backup["metadata"]["labels"]}
        kubectl(namespace, "create", "-f", "-", text=json.dumps(backup))
    for values in (BLUE, RED, BLUE):
        deploy(namespace, values, tmp_path, history_max=1)
    assert get(namespace, SECRET, f"{LOCK}.v1") is None
    assert "1" not in [line.split()[0] for line in ksu("history", "shop").out.splitlines() if line.strip()]
    assert ksu("uninstall", "shop", "--yes").status == 0
    left = [item["metadata"]["name"] for kind in (CONFIG_MAP, SECRET) for item in items(namespace, kind)]
    assert sorted(left) == [f"backup.{LOCK}.v1", f"backup.{LOCK}.v1", "kube-root-ca.crt"]


@pytest.mark.parametrize("how", ["deleted", "labels taken away"])
def test_a_record_that_is_deleted_or_loses_its_labels_in_a_run_is_made_whole_by_it(
    namespace: str, tmp_path: Path, how: str
) -> None:
    def disturb(event: Event) -> None:
        if isinstance(event, StepStarted) and event.kind == "migrate":
            for kind in ("configmap", "secret"):
                if how == "deleted":
                    kubectl(namespace, "delete", kind, f"{LOCK}.v1")
                else:
                    kubectl(namespace, "label", kind, f"{LOCK}.v1", "ks-universal.io/release-")

    revision, _ = deploy(namespace, RED, tmp_path, disturb=disturb)
    assert revision.outcome is Outcome.SUCCEEDED
    for kind in (CONFIG_MAP, SECRET):
        live = get(namespace, kind, f"{LOCK}.v1")
        assert live is not None
        assert live["metadata"]["labels"]["ks-universal.io/release"] == "shop"
    assert deploy(namespace, RED, tmp_path)[0].number == 2


def test_nothing_orphaned_a_record_that_lost_its_labels_between_runs_is_left_and_named(
    ksu: Ksu, namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, RED, tmp_path)
    for kind in ("configmap", "secret"):
        kubectl(namespace, "label", kind, f"{LOCK}.v1", "ks-universal.io/release-")
    told = ksu("deploy", "shop", "-f", write(tmp_path, RED), "--yes")
    text = told.out + told.err
    assert told.status == 1
    for kind in ("ConfigMap", "Secret"):
        assert f"error[kubernetes/foreign-object]: {kind}/{LOCK}.v1 exists without the labels that it had" in text
    for kind in ("configmap", "secret"):
        kubectl(namespace, "label", kind, f"{LOCK}.v1", "ks-universal.io/release=shop")
    assert deploy(namespace, RED, tmp_path)[0].number == 2


@pytest.mark.parametrize(
    ("when", "outcome"), [("migrate", Outcome.FAILED), ("rollout", Outcome.SUCCEEDED)]
)  # what a migration is to do is recorded before it does it
def test_nothing_orphaned_what_takes_the_place_of_the_record_in_a_run_stays(
    namespace: str, tmp_path: Path, when: str, outcome: Outcome
) -> None:
    def disturb(event: Event) -> None:
        if isinstance(event, StepStarted) and event.kind == when:
            kubectl(namespace, "delete", "configmap", f"{LOCK}.v1")
            make(namespace, CONFIG_MAP, f"{LOCK}.v1")

    revision, events = deploy(namespace, RED, tmp_path, disturb=disturb)
    assert revision.outcome is outcome
    (ended,) = events.of(RunEnded)
    assert ended.unwritten is not None
    assert f"ConfigMap/{LOCK}.v1 exists and was made by kubectl-create" in ended.unwritten.message
    theirs = get(namespace, CONFIG_MAP, f"{LOCK}.v1")
    assert theirs is not None
    assert theirs["data"] == {"theirs": "1"}
    kubectl(namespace, "delete", "configmap", f"{LOCK}.v1")
    assert deploy(namespace, RED, tmp_path)[0].outcome is Outcome.SUCCEEDED


def test_nothing_orphaned_a_strangers_object_of_a_staged_copys_name_stays_also_when_it_comes_late(
    namespace: str, tmp_path: Path
) -> None:
    name = name_copy(namespace, RED, tmp_path)

    def disturb(event: Event) -> None:
        if isinstance(event, StepStarted) and event.kind == "migrate":
            make(namespace, CONFIG_MAP, name)

    revision, _ = deploy(namespace, RED, tmp_path, disturb=disturb)
    assert revision.outcome is Outcome.FAILED
    theirs = get(namespace, CONFIG_MAP, name)
    assert theirs is not None
    assert (theirs["data"], "ownerReferences" in theirs["metadata"]) == ({"theirs": "1"}, False)


def test_nothing_orphaned_a_strangers_job_of_a_migrations_name_is_not_replaced_also_when_it_comes_late(
    namespace: str, tmp_path: Path
) -> None:
    def disturb(event: Event) -> None:
        if isinstance(event, StepStarted) and event.kind == "migrate":
            kubectl(namespace, "create", "job", "app-migrations", "--image=busybox:local", "--", "true")

    revision, _ = deploy(namespace, RED, tmp_path, disturb=disturb)
    (failure,) = revision.failures
    assert [cause.code for cause in failure.causes] == ["kubernetes/foreign-object"]
    (job,) = items(namespace, JOB)
    assert job["spec"]["template"]["spec"]["containers"][0]["command"] == ["true"]


@pytest.mark.parametrize("manager", ["ks-universal", "kubectl-create"])
def test_a_lease_is_ours_by_its_field_manager_whoever_has_written_it_since(
    ksu: Ksu, namespace: str, tmp_path: Path, manager: str
) -> None:
    deploy(namespace, RED, tmp_path)
    lease = get(namespace, LEASE, LOCK)
    assert lease is not None
    assert [entry["manager"] for entry in lease["metadata"]["managedFields"]] == ["ks-universal"]
    kubectl(namespace, "annotate", "lease", LOCK, "seen=by-tests", f"--field-manager={manager}")
    assert ksu("deploy", "shop", "-f", write(tmp_path, BLUE), "--yes").status == 0
    assert ksu("uninstall", "shop", "--yes").status == 0
    assert get(namespace, LEASE, LOCK) is None
