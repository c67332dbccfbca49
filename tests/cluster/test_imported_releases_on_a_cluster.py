"""The release of a chart with labels of its own becomes a release of this program: import, take over, forget Helm."""

import subprocess
from pathlib import Path

from ks_universal import import_manifests
from ks_universal.engine.events import ObjectChanged, RunStarted
from ks_universal.plan.changes import Change
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import POD
from support.cluster_release import RELEASE
from support.deploying import deploy, items, kubectl

CHART = Path(__file__).parents[1] / "data" / "charts" / "guestbook"


def pods_of(namespace: str, role: str) -> set[tuple[str, str]]:
    """The pods of a role that are not being stopped, by name and uid."""
    pods = [pod["metadata"] for pod in items(namespace, POD)]
    return {
        (meta["name"], meta["uid"])
        for meta in pods
        if meta["labels"].get("role") == role and "deletionTimestamp" not in meta
    }


def read_template(namespace: str, deployment: str, field: str) -> str:
    return kubectl(namespace, "get", f"deployment/{deployment}", "-o", f"jsonpath={{.spec.template.{field}}}")


def test_an_imported_release_is_taken_over_and_helm_forgets_it(namespace: str, tmp_path: Path, helm: str) -> None:
    def run_helm(*arguments: str) -> str:
        done = subprocess.run([helm, *arguments, "-n", namespace], check=True, capture_output=True, text=True)
        return done.stdout

    run_helm("install", RELEASE, str(CHART), "--wait")
    web, worker = pods_of(namespace, "web"), pods_of(namespace, "worker")
    assert (len(web), len(worker)) == (2, 1)
    manifests = run_helm("get", "manifest", RELEASE) + run_helm("get", "hooks", RELEASE)
    values = import_manifests(["-"], stdin=lambda: manifests, namespace=namespace).text
    assert "migrations:" in values

    revision, events = deploy(namespace, values, tmp_path, take_ownership=True)
    assert revision.outcome is Outcome.SUCCEEDED
    assert {step.id for step in revision.steps if "migrations" in step.id} == {"guestbook-web/migrations"}
    # What differs in names alone runs on; what waited for a Job that is no more does not wait for it any longer.
    assert pods_of(namespace, "web") == web
    assert not pods_of(namespace, "worker") & worker
    assert read_template(namespace, "guestbook-worker", "spec.initContainers") == ""
    hints = [p.hint for e in events.of(RunStarted) for p in e.warnings if p.code == "kubernetes/helm-release"]
    assert len(hints) == 1

    kubectl(namespace, *str(hints[0]).partition(": kubectl ")[2].split())
    assert run_helm("list", "-q") == ""
    worker = pods_of(namespace, "worker")
    revision, events = deploy(namespace, values, tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert {event.change for event in events.of(ObjectChanged)} <= {Change.UNCHANGED}
    assert (pods_of(namespace, "web"), pods_of(namespace, "worker")) == (web, worker)

    revision, _ = deploy(namespace, values.replace("GREETING: hello", "GREETING: welcome"), tmp_path)
    assert revision.outcome is Outcome.SUCCEEDED
    assert not pods_of(namespace, "web") & web
    assert len(pods_of(namespace, "web")) == 2
    # With the change, all that was the chart's has left the pods.
    labels = read_template(namespace, "guestbook-web", "metadata")
    assert "checksum" not in labels
    assert "helm.sh/chart" not in labels
    assert read_template(namespace, "guestbook-web", "spec.nodeSelector") == ""
