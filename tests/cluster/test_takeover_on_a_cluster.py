"""A release of Helm's, made by a chart that has the ks-universal chart's names and selectors, is taken over."""

import subprocess
from pathlib import Path

import pytest

from ks_universal.engine.events import RunStarted
from ks_universal.errors import InputError
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import POD
from support.cluster_release import RELEASE
from support.deploying import deploy, items, kubectl, write

ROOT = Path(__file__).parents[2]
CHART = ROOT / "benchmarks" / "chart"
VALUES = """
configs:
  settings: {type: configMap, data: {COLOUR: red}}
deployments:
  my-app:
    replicas: 2
    autoCreateService: true
    migrations: {enabled: true, args: ["-c", "echo migrating to $COLOUR"], backoffLimit: 0}
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp & wait"]
        ports: {http: {containerPort: 8080, servicePort: 80}}
        envFrom: [{type: configMap, configName: settings}]
"""


def application_pods(namespace: str) -> dict[str, str]:
    """The application's pods: name to uid."""
    pods = [pod["metadata"] for pod in items(namespace, POD) if "deletionTimestamp" not in pod["metadata"]]
    return {meta["name"]: meta["uid"] for meta in pods if "migrations" not in meta["name"]}


def test_a_release_of_helms_is_taken_over_without_restarting_its_pods(
    namespace: str, tmp_path: Path, helm: str
) -> None:
    install = [helm, "install", RELEASE, str(CHART), "-n", namespace, "-f", write(tmp_path, VALUES), "--wait"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    before = application_pods(namespace)
    assert len(before) == 2
    with pytest.raises(InputError) as refused:
        deploy(namespace, VALUES, tmp_path)
    assert {problem.code for problem in refused.value.problems} == {"kubernetes/foreign-object"}
    for take_ownership in (True, False):
        revision, events = deploy(namespace, VALUES, tmp_path, take_ownership=take_ownership)
        assert revision.outcome is Outcome.SUCCEEDED
        assert application_pods(namespace) == before
        warned = {problem.code for event in events.of(RunStarted) for problem in event.warnings}
        assert ("kubernetes/helm-release" in warned) is take_ownership
    labels = kubectl(namespace, "get", "deployment/my-app", "-o", "jsonpath={.metadata.labels}")
    assert '"app.kubernetes.io/managed-by":"ks-universal"' in labels
    blue = VALUES.replace("red", "blue")
    assert deploy(namespace, blue, tmp_path)[0].outcome is Outcome.SUCCEEDED
    assert not before.keys() & application_pods(namespace).keys()
    changed = VALUES.replace("red", "blue").replace("replicas: 2", "replicas: 1").replace("-p 8080 ", "-p 8081 ")
    assert deploy(namespace, changed, tmp_path)[0].outcome is Outcome.SUCCEEDED
    assert len(application_pods(namespace)) == 1


def test_helm_leaves_what_was_taken_over_and_forgets_its_release_as_the_warning_says(
    namespace: str, tmp_path: Path, helm: str
) -> None:
    install = [helm, "install", RELEASE, str(CHART), "-n", namespace, "-f", write(tmp_path, VALUES), "--wait"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    _, events = deploy(namespace, VALUES, tmp_path, take_ownership=True)
    (hint,) = (p.hint for e in events.of(RunStarted) for p in e.warnings if p.code == "kubernetes/helm-release")
    assert hint is not None
    kubectl(namespace, *hint.partition(": kubectl ")[2].split())
    assert subprocess.run([helm, "list", "-q", "-n", namespace], check=True, capture_output=True).stdout == b""
    assert len(application_pods(namespace)) == 2
