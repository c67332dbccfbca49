"""The controller as pods of the project's own node, and releases that it is to carry out there."""

import asyncio
import fcntl
import hashlib
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ks_universal import Installation, build_controller_manifests, build_release_account
from ks_universal.targets.kubernetes.api.kinds import LEASE, Kind
from support.cluster_database import NODE, STATE
from support.cluster_release import api
from support.deploying import get, items, kubectl

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
EFFECTS = Path("/var/tmp/ksu-effects")
RELEASE = Kind("ks-universal.io/v1alpha1", "Release", "releases")
CONTROLLER = "ks-universal-controller"
PID = "/dev/shm/pid"


def make_controller_image() -> str:
    """Make the image of these sources as the Dockerfile does, of a wheel, but upon the node's own Python."""
    sources = sorted(path for path in (ROOT / "src").rglob("*") if path.is_file() and path.suffix != ".pyc")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [ROOT / "pyproject.toml", *sources])).hexdigest()
    reference = f"ks-universal-controller:{digest[:12]}"
    with (STATE / "images.lock").open("w") as lock, tempfile.TemporaryDirectory() as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = STATE / reference.replace(":", "-")
        if not made.exists():
            pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
            subprocess.run([*pip, "wheel", "-q", "--no-deps", "--wheel-dir", folder, str(ROOT)], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            app = Path(folder) / "app"
            app.mkdir()
            subprocess.run([str(NODE), "python-image", reference, str(app), str(wheel)], check=True)
            made.touch()
    return reference


class Controller:
    """An installation of the controller, as its manifests say, in a namespace of its own."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def list_pods(self) -> list[str]:
        """Name its pods that are not being deleted."""
        columns = "-o=jsonpath={range .items[*]}{.metadata.name} {.metadata.deletionTimestamp}{'\\n'}{end}"
        lines = kubectl(self.namespace, "get", "pods", columns).splitlines()
        return [line.split()[0] for line in lines if len(line.split()) == 1]

    def find_leader(self) -> str:
        """Name the pod that has the Lease, "" where none has."""
        lease = get(self.namespace, LEASE, CONTROLLER)
        holder = "" if lease is None else lease["spec"].get("holderIdentity") or ""
        return next((pod for pod in self.list_pods() if holder.startswith(pod)), "")

    def kill(self) -> None:
        """End its process (see `restarting`) as a fault would; it is started again at once."""
        (pod,) = self.list_pods()
        kubectl(self.namespace, "exec", pod, "--", "sh", "-c", f"kill -9 $(cat {PID})")

    def read_log(self) -> str:
        """Read what its pods have said."""
        argv = ["kubectl", "-n", self.namespace, "logs", f"deployment/{CONTROLLER}", "--all-pods", "--tail=60"]
        return subprocess.run(argv, capture_output=True, text=True).stdout


@contextmanager
def install(image: str, teams: Sequence[str], *arguments: str, **given: Any) -> Iterator[Controller]:
    """Run the controller for some namespaces, as which it may act as `deployer`; waits until it is ready."""
    namespace = f"ksu-{uuid.uuid4().hex[:8]}"
    restarting = given.pop("restarting", False)
    objects = build_controller_manifests(Installation(namespace=namespace, image=image, watched=tuple(teams), **given))
    (deployment,) = (each for each in objects if each["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["args"] += arguments
    if restarting:  # by a shell: the kubelet waits the longer the more often a container has ended
        again = f'trap exit TERM; while :; do {" ".join(container["command"])} "$@" & echo $! >{PID}; wait $!; done'
        container["command"] = ["sh", "-c", again, "controller"]
    accounts = [each for team in teams for each in build_release_account(team, "deployer")]
    try:
        apply([*objects, *accounts])
        kubectl(namespace, "rollout", "status", f"deployment/{CONTROLLER}", "--timeout=180s")
        yield Controller(namespace)
    finally:
        kubectl(namespace, "delete", "namespace", namespace, "--wait=false", "--ignore-not-found")


def apply(objects: Sequence[Json]) -> None:
    """Apply objects as kubectl does on a server."""
    listing = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    argv = ["kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-"]
    applied = subprocess.run(argv, input=json.dumps(listing), capture_output=True, text=True)
    assert applied.returncode == 0, applied.stderr


def describe_release(namespace: str, name: str, values: Json, **spec: Any) -> Json:
    """A Release as a user writes it."""
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "ks-universal.io/v1alpha1",
        "kind": "Release",
        "metadata": metadata,
        "spec": {"values": values, **spec},
    }


def describe_values(namespace: str, name: str, version: str, *, then: str = "sleep 1", replicas: int = 1) -> Json:
    """An application whose migration notes on the node when it begins and when it has succeeded."""
    note = f"/effects/{name}"
    script = f"echo {version} begin >>{note}; {then}; echo {version} end >>{note}"
    main = {
        "image": "busybox",
        "imageTag": "local",
        "command": ["sh"],
        "args": ["-c", "trap 'exit 0' TERM; sleep 100000 & wait"],
        "env": [{"name": "VERSION", "value": version}],
        "envFrom": [{"type": "configMap", "configName": f"{name}-settings"}],
    }
    migrations = {
        "enabled": True,
        "backoffLimit": 0,
        "args": ["-c", script],
        "volumeMounts": [{"name": "effects", "mountPath": "/effects"}],
    }
    effects = {"path": str(EFFECTS / namespace), "type": "DirectoryOrCreate"}
    app = {
        "replicas": replicas,
        "volumes": [{"name": "effects", "hostPath": effects}],
        "terminationGracePeriodSeconds": 2,
        "migrations": migrations,
        "containers": {"main": main},
    }
    settings = {"type": "configMap", "data": {"VERSION": version}}
    return {"configs": {f"{name}-settings": settings}, "deployments": {name: app}}


def read_effects(namespace: str, name: str) -> list[str]:
    """What the migrations of a release have noted: `v1 begin`, `v1 end`."""
    note = EFFECTS / namespace / name
    return note.read_text().splitlines() if note.exists() else []


def read_releases(namespace: str) -> dict[str, Json]:
    """The releases of a namespace by name."""
    return {each["metadata"]["name"]: each for each in items(namespace, RELEASE)}


def read_release(namespace: str, name: str) -> Json:
    """A release; {} where it is not there."""
    return get(namespace, RELEASE, name) or {}


def let_go(namespace: str) -> None:
    """Let all releases of a namespace go, when no controller is left that would."""

    async def main() -> None:
        async with api(namespace) as client:
            for each in (await client.list(RELEASE)).items:
                await client.patch(RELEASE, each["metadata"]["name"], {"metadata": {"finalizers": None}})

    asyncio.run(main())


def find_condition(release: Json, name: str) -> Json:
    """A condition that is about the newest generation; {} where there is none."""
    status = release.get("status") or {}
    if status.get("observedGeneration") != release.get("metadata", {}).get("generation"):
        return {}
    found: Json = next((each for each in status.get("conditions") or () if each["type"] == name), {})
    return found


def is_ready(release: Json) -> bool:
    """Tell whether all is as the newest spec wants it."""
    return bool(find_condition(release, "Ready").get("status") == "True")


def is_stalled(release: Json) -> bool:
    """Tell whether the newest spec has failed for good."""
    return bool(find_condition(release, "Stalled").get("status") == "True")


def await_release(namespace: str, name: str, is_so: Callable[[Json], bool], within_s: float = 180) -> Json:
    """Wait until a release is as it is to be."""
    ends_at = time.monotonic() + within_s
    while not is_so(release := read_release(namespace, name)):
        assert time.monotonic() < ends_at, f"it did not come to be within {within_s} s: {release.get('status')}"
        time.sleep(0.3)
    return release
