"""Deploys values as a program of its own, which tests may kill: `cluster_driver.py NAMESPACE VALUES LEASE_S`.

Writes each event as a line of JSON. Interrupted by SIGINT or SIGTERM it stops what it runs.
"""

import asyncio
import signal
import sys

import msgspec

from ks_universal.api.values import load, render
from ks_universal.engine.events import Event
from ks_universal.engine.run import run
from ks_universal.errors import KsUniversalError
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget


def show(event: Event) -> None:
    sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
    sys.stdout.flush()


async def deploy(namespace: str, values: str, lease_s: int) -> None:
    task = asyncio.current_task()
    assert task is not None
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    rendered = render(load([values]), "shop", namespace)
    target = KubernetesTarget(Client(connect(), namespace), "shop", ClusterOptions(lease_s=lease_s))
    try:
        await run(rendered, target, show, by="tests")
    finally:
        await target.close()


if __name__ == "__main__":
    try:
        asyncio.run(deploy(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    except KsUniversalError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except asyncio.CancelledError:
        sys.exit(130)
