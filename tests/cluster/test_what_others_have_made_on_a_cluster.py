"""A Deployment and a Secret that others have made: the one is taken over with its selector, the other is only named."""

from pathlib import Path

from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import DEPLOYMENT, POD
from support.deploying import deploy, items, kubectl

OLD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: old, component: server}}
  template:
    metadata: {labels: {app: old, component: server}}
    spec:
      containers:
        - {name: main, image: "busybox:local", command: [sh, -c, "trap 'exit 0' TERM; sleep 1000 & wait"]}
"""
VALUES = """
configs:
  theirs: {type: secret, external: true, keys: [USER]}
deployments:
  web:
    selector: {matchLabels: {app: old, component: server}}
    labels: {app: old}
    podLabels: {component: server}
    autoCreateService: true
    volumes: [{name: tmp, emptyDir: {}}]
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "trap 'exit 0' TERM; sleep 1000 & wait"]
        ports: {http: {containerPort: 8080}}
        env: [{name: SERVICES, value: all}, {name: DEPLOYED, value: '{{ now | unixEpoch }}'}]
        envFrom: [{type: secret, configName: theirs}]
        volumeMounts: [{name: tmp, mountPath: /data}]
    migrations:
      enabled: true
      command: [sh, -c]
      args: ['test -z "${SERVICES+set}" && test ! -e /data && test -n "$USER" && echo migrated']
      env: [{name: SERVICES, value: null}]
      volumes: [{name: tmp, emptyDir: null}]
"""


def test_a_release_takes_over_what_others_have_made_with_its_selector_and_migrates_with_what_it_wants(
    namespace: str, tmp_path: Path
) -> None:
    kubectl(namespace, "create", "secret", "generic", "theirs", "--from-literal=USER=somebody")
    kubectl(namespace, "apply", "-f", "-", text=OLD)
    made = items(namespace, DEPLOYMENT)[0]["metadata"]["uid"]
    revision, events = deploy(namespace, VALUES, tmp_path, take_ownership=True)
    assert (revision.outcome, events.lines()) == (Outcome.SUCCEEDED, ["migrated"])
    assert items(namespace, DEPLOYMENT)[0]["metadata"]["uid"] == made
    selector = {"app": "old", "component": "server"}
    assert "app=old,component=server" in kubectl(namespace, "get", "service", "web", "-o", "wide")
    labels = {pod["metadata"]["name"]: pod["metadata"]["labels"] for pod in items(namespace, POD)}
    selected = {name for name, found in labels.items() if selector.items() <= found.items()}
    assert {name for name in labels if name.startswith("web-migrations")} == labels.keys() - selected
    revision, events = deploy(namespace, VALUES, tmp_path)
    assert (revision.outcome, events.lines()) == (Outcome.SUCCEEDED, []), "the time alone has changed"
