"""Objects that are being deleted: wanted again, on their way out with the release, and held up by finalizers."""

import asyncio
from pathlib import Path

import pytest

from ks_universal.api.cluster import open_cluster, preview
from ks_universal.api.values import load
from ks_universal.diagnostics import Severity
from ks_universal.engine.events import AttemptStarted, Event, ObjectChanged, StepSucceeded, Waited
from ks_universal.errors import InputError
from ks_universal.plan.records import Outcome
from ks_universal.plan.saved import Preview
from ks_universal.targets.kubernetes.api.kinds import CONFIG_MAP, DEPLOYMENT, Kind
from support.deploying import deploy, get, kubectl, write

SERVICE = Kind("v1", "Service", "services")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
HOLD = "example.com/hold"
CONTAINERS = """
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"]
"""
APP = f"""
deployments:
  my-app:
    replicas: 1
{CONTAINERS}
"""
MORE = f"""
configs:
  settings: {{type: configMap, data: {{A: b}}}}
  read: {{type: configMap, data: {{A: b}}}}
services: {{lb: {{selector: {{app.kubernetes.io/name: my-app}}, ports: [{{port: 80}}]}}}}
{APP}
  gone:
    replicas: 1
{CONTAINERS.rstrip()}
        envFrom: [{{type: configMap, configName: read}}]
"""
READS = f"""
configs: {{settings: {{type: configMap, data: {{A: b}}}}}}
{APP.rstrip()}
        envFrom: [{{type: configMap, configName: settings}}]
    migrations: {{enabled: true, command: [sh, -c, "sleep 2"], backoffLimit: 0}}
"""
DATA = f"""
persistentVolumeClaims: {{data: {{accessModes: [ReadWriteOnce], size: 1Gi}}}}
{APP.rstrip()}
        volumeMounts: [{{name: data, mountPath: /data}}]
    volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]
"""


def hold(namespace: str, *names: str) -> None:
    """Give objects (`service/lb`) a finalizer, as the controllers of load balancers do."""
    for name in names:
        kubectl(namespace, "patch", name, "--type=merge", "-p", f'{{"metadata":{{"finalizers":["{HOLD}"]}}}}')


def let_go(namespace: str, *names: str) -> None:
    for name in names:
        kubectl(namespace, "patch", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def plan(namespace: str, values: str, folder: Path) -> Preview:
    async def main() -> Preview:
        target = open_cluster("shop", namespace=namespace)
        try:
            return await preview(load([write(folder, values)]), target)
        finally:
            await target.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "name"), [(SERVICE, "lb"), (DEPLOYMENT, "gone"), (CONFIG_MAP, "settings")], ids=lambda each: str(each)
)
def test_an_object_that_is_being_deleted_is_made_anew_when_it_is_gone(
    namespace: str, tmp_path: Path, kind: Kind, name: str
) -> None:
    deploy(namespace, MORE, tmp_path)
    ref = f"{kind.kind}/{name}"
    hold(namespace, ref)
    kubectl(namespace, "delete", ref, "--wait=false")
    old = get(namespace, kind, name)
    preview = plan(namespace, MORE, tmp_path)
    assert [(str(c.identity), c.change) for c in preview.changes if c.change != "unchanged"] == [(ref, "created")]
    assert [(p.code, p.severity) for p in preview.problems] == [("kubernetes/terminating", Severity.WARNING)]

    def disturb(event: Event) -> None:
        if isinstance(event, Waited) and event.waits_for == f"{ref} to be gone (finalizers: {HOLD})":
            let_go(namespace, ref)

    revision, events = deploy(namespace, MORE, tmp_path, disturb=disturb)
    assert revision.outcome is Outcome.SUCCEEDED
    assert [e.change for e in events.of(ObjectChanged) if str(e.identity) == ref] == ["created"]
    new = get(namespace, kind, name)
    assert old is not None
    assert new is not None
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert "deletionTimestamp" not in new["metadata"]


def test_a_deployment_that_ends_with_its_pods_is_made_anew_when_they_have_ended(namespace: str, tmp_path: Path) -> None:
    slow = APP.replace("trap 'exit 0' TERM; sleep 600 & wait", "trap '' TERM; sleep 600").replace(
        "replicas: 1", "replicas: 1\n    terminationGracePeriodSeconds: 6"
    )
    deploy(namespace, slow, tmp_path)
    kubectl(namespace, "delete", "deployment/my-app", "--cascade=foreground", "--wait=false")
    revision, _ = deploy(namespace, slow, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    deployment = get(namespace, DEPLOYMENT, "my-app")
    assert deployment is not None
    assert "deletionTimestamp" not in deployment["metadata"]
    assert deployment["status"]["readyReplicas"] == 1


def test_what_somebody_deletes_in_the_middle_is_made_anew_too(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, READS, tmp_path)
    hold(namespace, "configmap/settings")

    def disturb(event: Event) -> None:
        if isinstance(event, AttemptStarted):
            kubectl(namespace, "delete", "configmap/settings", "--wait=false")
        if isinstance(event, Waited) and event.waits_for.startswith("ConfigMap/settings to be gone"):
            let_go(namespace, "configmap/settings")

    revision, _ = deploy(namespace, READS.replace("A: b", "A: c"), tmp_path, disturb=disturb)
    assert revision.outcome is Outcome.SUCCEEDED
    settings = get(namespace, CONFIG_MAP, "settings")
    assert settings is not None
    assert "deletionTimestamp" not in settings["metadata"]
    assert settings["data"] == {"A": "c"}


def test_a_claim_that_is_being_deleted_is_an_error_before_its_last_pod_ends(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, DATA, tmp_path)
    kubectl(namespace, "delete", "pvc/data", "--wait=false")
    with pytest.raises(InputError) as caught:
        deploy(namespace, DATA.replace("600", "601"), tmp_path)
    (problem,) = caught.value.problems
    assert problem.code == "kubernetes/terminating"
    assert "PersistentVolumeClaim/data is being deleted (finalizers: kubernetes.io/pvc-protection)" in problem.message
    deployment = get(namespace, DEPLOYMENT, "my-app")
    assert deployment is not None
    assert deployment["metadata"]["generation"] == 1
    # One that leaves the values would have been kept.
    leaving = plan(namespace, APP, tmp_path)
    assert ("PersistentVolumeClaim/data", "deleted") in [(str(c.identity), c.change) for c in leaving.changes]
    assert [(p.code, p.severity) for p in leaving.problems] == [("kubernetes/terminating", Severity.WARNING)]


def test_a_deletion_that_hangs_holds_up_only_what_its_pods_use_and_has_an_end(namespace: str, tmp_path: Path) -> None:
    deploy(namespace, MORE, tmp_path)
    hold(namespace, "deployment/gone")
    revision, events = deploy(namespace, APP, tmp_path, removal_s=4)
    assert revision.outcome is Outcome.FAILED
    done = {event.step for event in events.of(StepSucceeded)}
    assert {"delete Service/lb", "delete ConfigMap/settings"} <= done
    assert "delete ConfigMap/read" not in done
    (failure,) = revision.failures
    assert failure.step == "delete Deployment/gone"
    (cause,) = failure.causes
    assert cause.code == "kubernetes/finalizer"
    assert HOLD in cause.message
    let_go(namespace, "deployment/gone")
    revision, _ = deploy(namespace, APP, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert get(namespace, DEPLOYMENT, "gone") is None
    assert get(namespace, CONFIG_MAP, "read") is None
