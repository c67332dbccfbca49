"""A release in which order matters, and looks at what tools of GitOps make of it on a cluster."""

import json
import subprocess
from datetime import datetime
from typing import Any

Json = dict[str, Any]

IMAGES = {"v1": "busybox", "v2": "docker.io/library/busybox"}
"""The same image under two names: another version has another one."""
SERVING = "trap 'exit 0' TERM; sleep 86400 & wait"
WAIT_S = 120
TIMES = ("startTime", "completionTime")
MIGRATIONS = {"shop-migrations-schema", "shop-migrations-data"}
V1 = ("busybox:local", "v1 {{ raw }} secret-v1", "busybox:local", "v1")
V2 = ("docker.io/library/busybox:local", "v2 {{ raw }} secret-v2", "docker.io/library/busybox:local", "v2")
"""What `Cluster.look` sees of the two versions."""


def build_values(version: str, *, fails: bool = False, seed: str = "one") -> Json:
    """The values of a version. Its migrations have two steps, the first of which fails where that is asked for.

    In v1 pods read a ConfigMap that no other version has, and one has an account of its own.
    """
    schema = 'echo "schema for $GREETING with $PASSWORD"; ' + ("exit 7" if fails else "sleep 2")
    image = {"image": IMAGES.get(version, "busybox"), "imageTag": "local"}

    def serve(config: str) -> Json:
        return {**image, "command": ["sh", "-c", SERVING], "envFrom": [{"type": "configMap", "configName": config}]}

    shop = serve("settings")
    shop["envFrom"] = [*shop["envFrom"], {"type": "secret", "configName": "database"}]
    if version == "v1":
        shop["envFrom"].append({"type": "configMap", "configName": "old"})
    shop["ports"] = {"http": {"containerPort": 8080, "servicePort": 80}}
    steps = [
        {"name": "schema", "command": ["sh", "-c", schema]},
        {"name": "data", "command": ["sh", "-c", 'echo "data for $GREETING"']},
    ]
    return {
        "configs": {
            "settings": {"type": "configMap", "data": {"GREETING": f"{version} {{{{ raw }}}}"}},
            "work": {"type": "configMap", "data": {"GREETING": version}},
            "database": {"type": "secret", "data": {"PASSWORD": f"secret-{version}"}},
            **({"old": {"type": "configMap", "data": {"OLD": "old"}}} if version == "v1" else {}),
        },
        "deployments": {
            "shop": {
                "autoCreateService": True,
                "autoCreateServiceAccount": True,
                "migrations": {"enabled": True, "backoffLimit": 0, "timeout": "2m", "steps": steps},
                "containers": {"main": shop},
            },
            "worker": {"autoCreateServiceAccount": version == "v1", "containers": {"main": serve("work")}},
        },
        "jobs": {
            "seed": {
                "ttlSecondsAfterFinished": 1,
                "containers": {"main": {"image": "busybox", "imageTag": "local", "command": ["echo", seed]}},
            }
        },
    }


class Cluster:
    """What is in a namespace, as kubectl tells it."""

    def __init__(self, kubectl: str, kubeconfig: str, namespace: str) -> None:
        self._argv = [kubectl, "--kubeconfig", kubeconfig, "-n", namespace]

    def run(self, *arguments: str) -> str:
        ended = subprocess.run([*self._argv, *arguments], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def list_all(self, kind: str) -> dict[str, Json]:
        """List the objects of a kind, but for those that each namespace has, by name."""
        items = json.loads(self.run("get", kind, "-o", "json", "--show-managed-fields"))["items"]
        return {i["metadata"]["name"]: i for i in items if i["metadata"]["name"] not in ("default", "kube-root-ca.crt")}

    def read_uids(self, kind: str) -> dict[str, str]:
        """Read the uids of the objects of a kind: another one tells that it was made anew."""
        return {name: body["metadata"]["uid"] for name, body in self.list_all(kind).items()}

    def find_seed(self) -> str:
        """Find the one Job of the values that there is."""
        (name,) = (name for name in self.list_all("job") if name.startswith("seed"))
        return name

    def look(self) -> tuple[str, str, str, str]:
        """Look at both Deployments: which image its pod has, and what it has been told."""
        return (*self._look("shop"), *self._look("worker"))

    def _look(self, name: str) -> tuple[str, str]:
        self.run("rollout", "status", f"deployment/{name}", f"--timeout={WAIT_S}s")
        pod = self._find_pod(name)
        told = self.run("exec", pod["metadata"]["name"], "--", "sh", "-c", "echo $GREETING $PASSWORD")
        return pod["spec"]["containers"][0]["image"], told.strip()

    def _find_pod(self, name: str) -> Json:
        """Find the pod of a Deployment; one that is ending is another version's."""
        for pod in self.list_all("pod").values():
            is_its = pod["metadata"]["labels"].get("app.kubernetes.io/component") == name
            if is_its and "deletionTimestamp" not in pod["metadata"]:
                return pod
        raise AssertionError(f"{name} has no pod")

    def restart(self) -> None:
        """Delete the pods of both Deployments, as draining a node does."""
        self.run("delete", "pod", "-l", "app.kubernetes.io/component in (shop, worker)", "--wait")

    def read_order(self) -> list[datetime]:
        """Read the times at which the steps of the migrations began and ended, and the Deployments were changed."""
        jobs, deployments = self.list_all("job"), self.list_all("deployment")
        times = [jobs[f"shop-migrations-{s}"]["status"][t] for s in ("schema", "data") for t in TIMES]
        changed = [
            max(f["time"] for f in d["metadata"]["managedFields"] if "subresource" not in f)
            for d in deployments.values()
        ]
        return [datetime.fromisoformat(text) for text in (*times, min(changed))]
