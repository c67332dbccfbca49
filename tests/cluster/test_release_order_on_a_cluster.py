"""A release of several deployments on one database, seen from outside on a cluster: who waits for whose migrations."""

from pathlib import Path

from ks_universal.engine.events import RunEnded
from ks_universal.plan.records import Outcome
from ks_universal.targets.kubernetes.api.kinds import POD
from support.deploying import deploy, items, kubectl

EFFECTS = Path("/var/tmp/ksu-effects")


def build(namespace: str, version: str, *, migration: str = "true") -> str:
    """Values whose containers leave their marks in a folder of the node: `2 worker up`, `1 worker gone`."""

    def pods(name: str) -> str:
        gone = f"echo {version} {name} gone >>/effects/order; exit 0"
        serve = f"trap '{gone}' TERM; echo {version} {name} up >>/effects/order; touch /tmp/up; sleep 600 & wait"
        return f"""
    containers:
      main:
        image: busybox
        imageTag: local
        command: [sh, -c, "{serve}"]
        env: [{{name: VERSION, value: "{version}"}}]
        envFrom: [{{type: configMap, configName: {name}}}]
        readinessProbe: {{exec: {{command: [cat, /tmp/up]}}, periodSeconds: 1}}
        volumeMounts: [{{name: effects, mountPath: /effects}}]
"""

    def mark(name: str, script: str = "true") -> str:
        return f'command: [sh, -c, "echo {version} {name} >>/effects/order; {script}"]'

    configs = "".join(
        f"  {n}: {{data: {{V: '{version}'}}}}\n" for n in ("web", "worker", "scheduler", "pooler", "docs")
    )
    return f"""
configs:
{configs}
deploymentsGeneral:
  replicas: 1
  volumes:
    - {{name: effects, hostPath: {{path: {EFFECTS}/{namespace}, type: DirectoryOrCreate}}}}
deployments:
  scheduler:
    dependsOn: [worker]
    {pods("scheduler").strip()}
  worker:
    {pods("worker").strip()}
  web:
    migrations:
      enabled: true
      backoffLimit: 0
      dependsOn: [pooler]
      steps:
        - name: expand
          {mark("expand", migration)}
        - name: contract
          phase: post
          dependsOn: [worker]
          {mark("contract")}
    {pods("web").strip()}
  pooler:
    {pods("pooler").strip()}
  docs:
    waitForMigrations: false
    {pods("docs").strip()}
"""


def marks(namespace: str) -> list[str]:
    """The marks in their order."""
    return (EFFECTS / namespace / "order").read_text().splitlines()


def versions(namespace: str) -> dict[str, set[str]]:
    """Application to the versions that its pods run and that its ConfigMap says."""
    found: dict[str, set[str]] = {}
    for pod in items(namespace, POD):
        name = pod["metadata"]["labels"]["app.kubernetes.io/name"]
        if "deletionTimestamp" not in pod["metadata"] and "migrations" not in name:
            found.setdefault(name, set()).add(pod["spec"]["containers"][0]["env"][0]["value"])
    for name, known in found.items():
        known.add(kubectl(namespace, "get", "configmap", name, "-o", "jsonpath={.data.V}"))
    return found


def test_order_a_release_is_one_thing(namespace: str, tmp_path: Path) -> None:
    for version in ("1", "2"):
        assert deploy(namespace, build(namespace, version), tmp_path)[0].outcome is Outcome.SUCCEEDED
    found = marks(namespace)
    for version in ("1", "2"):
        at = {mark.removeprefix(f"{version} "): n for n, mark in enumerate(found) if mark.startswith(version)}
        assert at["pooler up"] < at["expand"] < min(at["web up"], at["worker up"])
        assert at["worker up"] < at["scheduler up"]
        assert at["contract"] > max(at["web up"], at["worker up"], at["scheduler up"])
    old = [found.index(f"1 {name} gone") for name in ("web", "worker", "scheduler")]
    assert max(old) < found.index("2 contract")


def test_gate_and_stand_still_a_failed_migration_leaves_every_deployment_that_waits_for_it(
    namespace: str, tmp_path: Path
) -> None:
    deploy(namespace, build(namespace, "1"), tmp_path)
    revision, events = deploy(namespace, build(namespace, "2", migration="exit 1"), tmp_path)
    assert revision.outcome is Outcome.MIGRATION_FAILED
    assert events.of(RunEnded)[0].runs == {"scheduler": 1, "worker": 1, "web": 1, "pooler": 2, "docs": 2}
    still, moved = {"1"}, {"2"}
    assert versions(namespace) == {
        "scheduler": still,
        "worker": still,
        "web": still,
        "pooler": moved,
        "docs": moved,
    }
    assert not {"2 worker up", "2 scheduler up", "2 web up", "2 contract"} & set(marks(namespace))
    assert deploy(namespace, build(namespace, "3"), tmp_path)[0].outcome is Outcome.SUCCEEDED
    assert set().union(*versions(namespace).values()) == {"3"}
