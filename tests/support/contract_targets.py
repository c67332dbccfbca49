"""The places that the contract is held against: each makes targets in one world, and steps that behave as told."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any, Protocol

from ks_universal.diagnostics import Problem
from ks_universal.engine.target import Target
from ks_universal.metadata_keys import JOB_DIGEST
from ks_universal.model.format.local import Local
from ks_universal.model.format.migrations import Phase
from ks_universal.plan.steps import AwaitOldPods, Migrate, RollOut, RunJob
from ks_universal.resources.objects import Migration, object_ref
from ks_universal.targets.containers import ContainerTarget
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget
from ks_universal.targets.local import LocalTarget
from ks_universal.testing.memory import MemoryTarget
from ks_universal.testing.world import Try, World
from support.fake_api_server import FakeApiServer, Program

Json = dict[str, Any]
IMAGE = "docker.io/library/busybox:1.37"
STEP, ROLLOUT, JOB = "web/migrations", "web/rollout", "Job/seed"
LABELS = {"app.kubernetes.io/managed-by": "ks-universal", "app.kubernetes.io/instance": "demo"}


class Place(Protocol):
    """Somewhere to run a release."""

    namespace: str

    def open(self) -> Target:
        """Give a target, as another process would."""

    def script(self, *codes: int | None) -> Json:
        """Give the PodSpec of a run whose attempts say `try N` and end with these codes; None: one never ends."""

    def serve(self, *, broken: bool = False, version: str = "1") -> Json:
        """Give the PodSpec of a version of an application that comes up, or does not."""


class Memory:
    """The memory target."""

    namespace = "ns"

    def __init__(self) -> None:
        self._world = World()

    def open(self) -> Target:
        return MemoryTarget(self._world)

    def script(self, *codes: int | None) -> Json:
        self._world.scripts[STEP] = self._world.scripts[JOB] = tuple(
            Try(lines=(f"try {number}",), exit_code=code or 0, pause=asyncio.Event().wait if code is None else None)
            for number, code in enumerate(codes, start=1)
        )
        return {"containers": [{"name": "main", "image": "app:1", "args": [repr(codes)]}]}

    def serve(self, *, broken: bool = False, version: str = "1") -> Json:
        self._world.broken = {ROLLOUT: Problem("test/broken", "it does not come up")} if broken else {}
        return {"containers": [{"name": "main", "image": "app:1", "args": [repr(broken), version]}]}


class Here:
    """This machine; each target has its own descriptor of the lock, as another process would."""

    namespace = "ns"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> Target:
        state = self._folder / ".ks-universal" / "demo"
        return LocalTarget("demo", "ns", Local(), directory=self._folder, state=state, retry_delay_s=0.01)

    def script(self, *codes: int | None) -> Json:
        program = (
            f"import pathlib, sys, time; f = pathlib.Path({str(self._folder / 'tries')!r}); f.touch();"
            f"n = len(f.read_text()); f.write_text('x' * (n + 1)); print('try', n + 1, flush=True);"
            f"codes = {codes!r}; code = codes[min(n, len(codes) - 1)];"
            "time.sleep(1000) if code is None else sys.exit(code)"
        )
        (self._folder / "tries").unlink(missing_ok=True)
        return {"containers": [{"name": "main", "image": "app:1", "command": [sys.executable, "-c", program]}]}

    def serve(self, *, broken: bool = False, version: str = "1") -> Json:
        script = f"echo {version}; " + ("exit 1" if broken else "trap 'exit 0' TERM; while :; do sleep 0.05; done")
        return {"containers": [{"name": "main", "image": "app:1", "command": ["sh", "-c", script]}]}


class Containers:
    """Containers of an engine; the tries are counted in a folder that they share."""

    namespace = "ns"

    def __init__(self, folder: Path, engine: str) -> None:
        self._folder = folder
        self._engine = engine

    def open(self) -> Target:
        state = self._folder / ".ks-universal" / "demo"
        place = {"directory": self._folder, "state": state}
        return ContainerTarget("demo", "ns", Local(), **place, retry_delay_s=0.01, engine=self._engine)

    def script(self, *codes: int | None) -> Json:
        tries = self._folder / "tries"
        shutil.rmtree(tries, ignore_errors=True)
        tries.mkdir()
        ends = " ".join("x" if code is None else str(code) for code in codes)
        choose = f"set -- {ends}; shift $((n < $# ? n - 1 : $# - 1))"
        stop = "trap 'exit 1' TERM; while :; do sleep 0.1; done"
        program = f"echo x >> /tries/n; n=$(wc -l < /tries/n); echo try $n; {choose}; [ $1 = x ] || exit $1; {stop}"
        main = {"name": "main", "image": IMAGE, "command": ["sh", "-c", program]}
        mounts = [{"name": "tries", "mountPath": "/tries"}]
        volumes = [{"name": "tries", "hostPath": {"path": str(tries)}}]
        return {"containers": [{**main, "volumeMounts": mounts}], "volumes": volumes}

    def serve(self, *, broken: bool = False, version: str = "1") -> Json:
        script = f"echo {version}; " + ("exit 1" if broken else "trap 'exit 0' TERM; while :; do sleep 0.05; done")
        return {"containers": [{"name": "main", "image": IMAGE, "command": ["sh", "-c", script]}]}


class Cluster:
    """A namespace of a Kubernetes cluster; the tries of a migration are counted on its node."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def open(self) -> Target:
        return KubernetesTarget(Client(connect(), self.namespace), "demo", ClusterOptions(lease_s=3))

    def script(self, *codes: int | None) -> Json:
        ends = " ".join("x" if code is None else str(code) for code in codes)
        stop = "trap 'exit 1' TERM; while :; do sleep 0.1; done"
        count = f"f=/tries/of-{'-'.join(ends.split())}; echo x >> $f; n=$(wc -l < $f); echo try $n"
        choose = f"set -- {ends}; shift $((n < $# ? n - 1 : $# - 1))"
        program = f"{count}; {choose}; [ $1 = x ] || exit $1; {stop}"
        tries = {"path": f"/var/tmp/ksu-effects/{self.namespace}", "type": "DirectoryOrCreate"}
        mounts = [{"name": "tries", "mountPath": "/tries"}]
        main = {"name": "main", "image": "busybox:local", "command": ["sh", "-c", program], "volumeMounts": mounts}
        return {"restartPolicy": "Never", "containers": [main], "volumes": [{"name": "tries", "hostPath": tries}]}

    def serve(self, *, broken: bool = False, version: str = "1") -> Json:
        script = f"echo {version}; " + ("exit 1" if broken else "trap 'exit 0' TERM; while :; do sleep 0.05; done")
        probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 1, "periodSeconds": 1}
        main = {"name": "main", "image": "busybox:local", "command": ["sh", "-c", script], "readinessProbe": probe}
        return {"containers": [main]}


class FakeCluster:
    """An API server in memory, with its controllers and a node that runs what it is told."""

    namespace = "ns"

    def __init__(self, server: FakeApiServer) -> None:
        self._server = server

    def open(self) -> KubernetesTarget:
        connection = connect(str(self._server.kubeconfig))
        return KubernetesTarget(Client(connection, self.namespace), "demo", ClusterOptions(lease_s=3))

    def script(self, *codes: int | None) -> Json:
        runs = [Program((f"try {number}",), code) for number, code in enumerate(codes, start=1)]
        for job in ("web-migrations", "seed"):
            self._server.kubelet.run(job, *runs)
        return {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app:1", "args": [repr(codes)]}]}

    def serve(self, *, broken: bool = False, version: str = "1") -> Json:
        self._server.kubelet.run("web", Program(exit_code=1 if broken else None))
        probe = {"exec": {"command": ["true"]}}
        return {"containers": [{"name": "main", "image": "app:1", "args": [version], "readinessProbe": probe}]}


def migrate(place: Place, pod: Json, *, retries: int = 0, digest: str = "d1", fatal: tuple[int, ...] = ()) -> Migrate:
    rules = [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": list(fatal)}}] if fatal else []
    body = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(place, "web-migrations"),
        "spec": {
            "backoffLimit": retries,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": rules},
            "template": _template(pod),
        },
    }
    migration = Migration(
        application="web", step=None, phase=Phase.PRE, body=body, retries=retries, fatal_exit_codes=fatal
    )
    return Migrate(id=STEP, application="web", migration=migration, digest=digest, why="test")


def run_job(place: Place, pod: Json, *, retries: int = 0, digest: str = "d1", again: bool = False) -> RunJob:
    """A step that runs a Job of the values and waits for its end."""
    pod = {"restartPolicy": "Never", **pod}
    about = {**metadata(place, "seed"), "annotations": {JOB_DIGEST: digest}}
    spec = {"backoffLimit": retries, "template": _template(pod)}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": about, "spec": spec}
    return RunJob(id=JOB, body=body, why="test", again=again, awaits_end=True)


def roll_out(place: Place, pod: Json) -> RollOut:
    spec = {
        "replicas": 1,
        "progressDeadlineSeconds": 2 if isinstance(place, Here) else 60,
        "selector": {"matchLabels": {"app": "web"}},
        "template": _template(pod),
    }
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(place, "web"), "spec": spec}
    return RollOut(id=ROLLOUT, application="web", body=body)


def await_old_pods(rollout: RollOut) -> AwaitOldPods:
    return AwaitOldPods(id="web/old-pods", application="web", identity=object_ref(rollout.body))


def metadata(place: Place, name: str) -> Json:
    """The metadata of an object of the release."""
    return {"name": name, "namespace": place.namespace, "labels": LABELS}


def _template(pod: Json) -> Json:
    return {"metadata": {"labels": {**LABELS, "app": "web"}}, "spec": pod}
