"""A deploy beside what changes the number of pods: an autoscaler, and `kubectl scale`."""

from pathlib import Path
from typing import Any

from ks_universal.engine.events import Event, ObjectChanged
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT
from support.cluster_release import wait_until
from support.deploying import deploy, get, kubectl

Json = dict[str, Any]

SCALED = """
deployments:
  my-app:
    hpa:
      minReplicas: 2
      maxReplicas: 4
      metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh]
        args: ["-c", "trap 'exit 0' TERM; mkdir /tmp/v1; httpd -f -p 8080 -h /tmp & wait"]
        resources: {requests: {cpu: 10m}}
        readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
"""


def read(namespace: str) -> Json:
    deployment = get(namespace, DEPLOYMENT, "my-app")
    assert deployment is not None
    return deployment


def test_an_autoscaler_that_scales_in_the_middle_of_a_rollout_is_let_do_so(namespace: str, tmp_path: Path) -> None:
    first, _ = deploy(namespace, SCALED, tmp_path)
    assert first.outcome is Outcome.SUCCEEDED
    # There are no metrics here; that there are at least two pods the autoscaler sees to without.
    wait_until(lambda: read(namespace)["spec"]["replicas"] == 2, within_s=60)

    def scale(event: Event) -> None:
        if isinstance(event, ObjectChanged) and event.identity.kind == "Deployment":
            # Refused where the deploy has set the number back.
            kubectl(namespace, "scale", "deployment", "my-app", "--current-replicas=2", "--replicas=4")

    second, _ = deploy(namespace, SCALED.replace("v1", "v2"), tmp_path, disturb=scale)
    assert second.outcome is Outcome.SUCCEEDED
    deployment = read(namespace)
    assert deployment["spec"]["replicas"] == 4
    assert deployment["status"]["updatedReplicas"] == deployment["status"]["readyReplicas"] == 4
    assert deployment["status"]["replicas"] == 4
