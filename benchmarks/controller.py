"""Measures the controller with many releases that all change at once, on the cluster of KUBECONFIG.

usage: controller.py [CONCURRENCY [RELEASES...]]     default: 16 at a time; 50, 100 and 200 releases

Each release is one application with a configuration and, from the change on, a migration of one second. Its Deployment
has no replicas: a node takes 110 pods. The controller runs on this machine, as a program of its own, and acts as a
ServiceAccount of the namespace; what it asks of the API server it logs itself. Nothing else should use the cluster.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).parents[1]
PROGRAM = str(ROOT / ".venv" / "bin" / "ks-universal")
Json = dict[str, Any]


class Sample(NamedTuple):
    """What a change of that many releases took, until the last one was ready; memory is what the process has then."""

    releases: int
    seconds: float
    cpu_s: float
    requests: int
    memory_mib: float
    load: float


def main(concurrency: int, counts: list[int]) -> int:
    """Measure and print; each number of releases in a namespace of its own, one after the other."""
    objects = json.loads(run(PROGRAM, "controller", "manifests", "-o", "json"))["items"]
    (kind,) = (each for each in objects if each["kind"] == "CustomResourceDefinition")
    kubectl("apply", "--server-side", "-f", "-", given=json.dumps(kind))
    print(f"{concurrency} side by side; {os.cpu_count()} processors")
    print("releases  seconds  a release  processor time  requests  a release  memory   load")
    for count in counts:
        each = measure(count, concurrency)
        print(
            f"{count:8}  {each.seconds:7.1f}  {each.seconds / count:7.2f} s  {each.cpu_s:12.1f} s"
            f"  {each.requests:8}  {each.requests / count:9.1f}  {each.memory_mib:4.0f} MiB  {each.load:4.1f}",
            flush=True,
        )
    return 0


def measure(count: int, concurrency: int) -> Sample:
    """Bring releases up without migrations, then change all of them."""
    with new_namespace() as namespace, tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        options = ["--namespace", namespace, "--concurrency", str(concurrency), "--default-service-account", "deployer"]
        argv = [PROGRAM, "controller", *options, "-vv", "--log-file", str(log)]
        with subprocess.Popen(
            argv, stderr=subprocess.DEVNULL, env={**os.environ, "POD_NAMESPACE": namespace}
        ) as process:
            try:
                change(namespace, count, 1)
                before, used = count_requests(log), psutil.Process(process.pid).cpu_times()
                started = time.monotonic()
                change(namespace, count, 2)
                seconds = time.monotonic() - started
                cpu, memory = psutil.Process(process.pid).cpu_times(), psutil.Process(process.pid).memory_info().rss
                requests = count_requests(log)
                show_kinds(requests - before)
                cpu_s = cpu.user + cpu.system - used.user - used.system
                total = (requests - before).total()
                return Sample(count, seconds, cpu_s, total, memory / 2**20, os.getloadavg()[0])
            finally:
                kubectl("delete", "releases", "--all", "-n", namespace)
                process.terminate()


def change(namespace: str, count: int, version: int) -> None:
    """Apply a version of all releases, and wait until the last one is ready."""
    items = [describe(namespace, f"app-{number:03}", version) for number in range(count)]
    listing = {"apiVersion": "v1", "kind": "List", "items": items}
    kubectl("apply", "--server-side", "-f", "-", given=json.dumps(listing))
    # Of the newest generation: kubectl looks at what a condition has observed.
    kubectl("wait", "releases", "--all", "--for=condition=Ready", "-n", namespace, "--timeout=60m")


def describe(namespace: str, name: str, version: int) -> Json:
    """Describe a release: one application, whose migration comes with the second version."""
    main = {
        "image": "docker.io/library/busybox",
        "imageTag": "local",
        "command": ["sleep", "100000"],
        "envFrom": [{"type": "configMap", "configName": f"{name}-settings"}],
    }
    values = {
        "configs": {f"{name}-settings": {"type": "configMap", "data": {"VERSION": str(version)}}},
        "deployments": {
            name: {
                "replicas": 0,
                "migrations": {"enabled": version > 1, "command": ["sleep", "1"]},
                "containers": {"main": main},
            }
        },
    }
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "ks-universal.io/v1alpha1",
        "kind": "Release",
        "metadata": metadata,
        "spec": {"values": values},
    }


def count_requests(log: Path) -> Counter[str]:
    """Count what the controller has asked the API server for so far, by method and kind."""
    found = re.findall(r"(GET|POST|PUT|PATCH|DELETE) (/apis?/\S*): \d{3} after", log.read_text())
    return Counter(f"{method} {name_kind(path)}" for method, path in found)


def name_kind(path: str) -> str:
    """Name the kind that a path is of, with the subresource."""
    parts = re.sub(r"\?.*", "", path).split("/namespaces/")[-1].split("/")
    return "/".join([parts[1], *parts[3:]]) if len(parts) > 1 else path


def show_kinds(requests: Counter[str]) -> None:
    """Print the most frequent ones."""
    print("  ", ", ".join(f"{kind} {number}" for kind, number in requests.most_common(12)), file=sys.stderr)


@contextmanager
def new_namespace() -> Iterator[str]:
    """A namespace with the account that releases are carried out by."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("apply", "--server-side", "-f", "-", given=run(PROGRAM, "controller", "account", name, "-o", "json"))
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Run kubectl to its success."""
    return run("kubectl", *arguments, given=given)


def run(*argv: str, given: str | None = None) -> str:
    """Run a program to its success, and give what it prints."""
    return subprocess.run(argv, input=given, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    chosen = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(chosen[0] if chosen else 16, chosen[1:] or [50, 100, 200]))
