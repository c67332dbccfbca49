"""Extra objects on a cluster: a kind of our own, and a controller that is played by the test."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ks_universal.api.cluster import open_cluster, uninstall
from ks_universal.engine.events import Event, ObjectChanged, StepFailed
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, JOB, Kind
from ks_universal.targets.kubernetes.cluster import ClusterOptions
from support.cluster_release import RELEASE, Events
from support.deploying import deploy, get, items, kubectl

pytestmark = pytest.mark.alone

Json = dict[str, Any]
DEFINITION = "keys.extra.example.com"
DEFINITIONS = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
STEP = "Key.extra.example.com/app"
VALUES = """
extraObjects:
  app:
    apiVersion: extra.example.com/v1
    kind: Key
    metadata: {annotations: {ks-universal.io/makes: Secret/app-key}}
    spec: {length: 32}
  definition:
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: keys.extra.example.com}
    spec:
      group: extra.example.com
      scope: Namespaced
      names: {kind: Key, plural: keys, singular: key}
      versions:
        - name: v1
          served: true
          storage: true
          subresources: {status: {}}
          schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
deployments:
  app:
    containers:
      main:
        image: docker.io/library/busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
        envFrom: [{type: secret, configName: app-key}]
    migrations: {enabled: true, backoffLimit: 0, command: [sh, -c, 'echo "key $PASSWORD"']}
"""


@pytest.fixture(autouse=True)
def definition() -> Iterator[None]:
    yield
    kubectl("default", "delete", "crd", DEFINITION, "--ignore-not-found")


class Controller:
    """Does its work when the object has been made or changed."""

    def __init__(self, namespace: str, secret: str | None, *conditions: Json) -> None:
        self.namespace, self.secret, self.conditions = namespace, secret, conditions

    def __call__(self, event: Event) -> None:
        if not isinstance(event, ObjectChanged) or event.step != STEP:
            return
        if self.secret is not None:
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-key"}}
            body["stringData"] = {"PASSWORD": self.secret}
            kubectl(self.namespace, "apply", "-f", "-", text=json.dumps(body))
        key = json.loads(kubectl(self.namespace, "get", "key", "app", "-o", "json"))
        seen = {"observedGeneration": key["metadata"]["generation"], "conditions": self.conditions}
        patch = json.dumps({"status": seen})
        kubectl(self.namespace, "patch", "key", "app", "--subresource=status", "--type=merge", "-p", patch)


def remove(namespace: str, *, delete_data: bool) -> None:
    async def main() -> None:
        target = open_cluster(RELEASE, namespace=namespace, options=ClusterOptions(delete_data=delete_data))
        try:
            await uninstall(target, lambda _: None)
        finally:
            await target.close()

    asyncio.run(main())


def logs(events: Events) -> list[str]:
    return [line for line in events.lines() if "key" in line]


def test_what_makes_a_secret_comes_first_and_is_followed(namespace: str, tmp_path: Path) -> None:
    stalled = {"type": "Stalled", "status": "True", "reason": "NoSuchKey", "message": "no key app in the vault"}
    failed, events = deploy(namespace, VALUES, tmp_path, disturb=Controller(namespace, None, stalled))
    assert failed.outcome is Outcome.ROLLOUT_FAILED
    (failure,) = (event for event in events if isinstance(event, StepFailed))
    assert (failure.step, failure.causes[0].code) == (STEP, "kubernetes/object-not-ready")
    assert "NoSuchKey: no key app in the vault" in failure.causes[0].message
    assert items(namespace, JOB) == []

    ready = {"type": "Ready", "status": "True"}
    done, events = deploy(namespace, VALUES, tmp_path, disturb=Controller(namespace, "correct-horse", ready))
    assert done.outcome is Outcome.SUCCEEDED
    assert logs(events) == ["key ***"]

    before = get(namespace, DEPLOYMENT, "app")
    changed = VALUES.replace("length: 32", "length: 64")
    done, events = deploy(namespace, changed, tmp_path, disturb=Controller(namespace, "battery-staple", ready))
    assert done.outcome is Outcome.SUCCEEDED
    assert logs(events) == ["key ***"]
    after = get(namespace, DEPLOYMENT, "app")
    assert before is not None
    assert after is not None
    assert before["spec"]["template"] != after["spec"]["template"]

    same, events = deploy(namespace, changed, tmp_path)
    assert same.outcome is Outcome.SUCCEEDED
    assert logs(events) == []

    remove(namespace, delete_data=False)
    assert get("default", DEFINITIONS, DEFINITION) is not None
    assert kubectl(namespace, "get", "keys", "-o", "name") == ""
    deploy(namespace, changed, tmp_path, disturb=Controller(namespace, "battery-staple", ready))
    remove(namespace, delete_data=True)
    assert get("default", DEFINITIONS, DEFINITION) is None
