"""Deploys many applications to the cluster of KUBECONFIG; reports the seconds, requests and memory of two deploys.

usage: many.py [APPLICATIONS [PODS]]     default: 300 applications, of which 140 have a pod

All migrations run, 50 at once. The node of `tests/cluster/node` takes 200 pods: the
applications beyond PODS have no replicas, so that of them only the API server knows.
"""

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
import uuid

import yaml

import ks_universal
from cluster import RELEASE, make_values
from ks_universal.engine.events import Event


def main(count: int, pods: int) -> int:
    """Deploy twice to a fresh namespace, each time in a process of its own."""
    namespace = f"bench-{uuid.uuid4().hex[:8]}"
    subprocess.run(["kubectl", "create", "namespace", namespace], check=True, stdout=subprocess.DEVNULL)
    values = make_values(count)
    for deployment in list(values["deployments"].values())[pods:]:
        deployment["replicas"] = 0
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            yaml.safe_dump(values, file)
            file.flush()
            for what in ("first deploy", "again, unchanged"):
                subprocess.run([sys.executable, __file__, "once", what, file.name, namespace], check=True)
    finally:
        subprocess.run(["kubectl", "delete", "namespace", namespace, "--wait=false"], check=True)
    return 0


def deploy_once(what: str, file: str, namespace: str) -> int:
    """Deploy as a program does, and print what it took."""
    began_s = time.perf_counter()
    outcome, requests, objects = asyncio.run(_deploy(file, namespace))
    took_s = time.perf_counter() - began_s
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {outcome} in {took_s:.1f} s, {requests} requests for {objects} objects, {peak_mib:.0f} MiB")
    return 0 if outcome == "succeeded" else 1


async def _deploy(file: str, namespace: str) -> tuple[str, int, int]:
    target = ks_universal.open_cluster(RELEASE, namespace=namespace)

    def ignore(event: Event) -> None:
        pass

    try:
        values = ks_universal.load([file], release=RELEASE, namespace=namespace)
        revision = await ks_universal.deploy(values, target, ignore, by="benchmark")
        for failure in revision.failures[:3]:
            print(failure)
        return revision.outcome.value, target.requests, len(revision.objects)
    finally:
        await target.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["once"]:
        sys.exit(deploy_once(*sys.argv[2:]))
    words = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(words + [300, 140][len(words) :])))
