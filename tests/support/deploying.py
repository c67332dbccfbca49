"""Deploys written values with the engine, and looks at what has become of them."""

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from ks_universal.api.values import load, render
from ks_universal.engine.events import Emit, Event
from ks_universal.engine.run import run
from ks_universal.plan.build import MigratePolicy
from ks_universal.plan.records import Revision
from ks_universal.targets.kubernetes.api.client import Client
from ks_universal.targets.kubernetes.api.connection import connect
from ks_universal.targets.kubernetes.api.kinds import Kind
from ks_universal.targets.kubernetes.target import ClusterOptions, KubernetesTarget
from support.cluster_release import LEASE_S, RELEASE, Events, api

Json = dict[str, Any]
HERE = Path(__file__).parent


def write(folder: Path, values: str) -> str:
    """Write values to a file of the folder; gives its path."""
    path = folder / "values.yaml"
    path.write_text(textwrap.dedent(values))
    return str(path)


def deploy(
    namespace: str,
    values: str,
    folder: Path,
    *,
    disturb: Emit | None = None,
    migrate: MigratePolicy = MigratePolicy.AUTO,
    force: bool = False,
    **options: Any,
) -> tuple[Revision, Events]:
    """Deploy values to their end. `disturb` is called with each event, too; `options` are the target's."""
    rendered = render(load([write(folder, values)]), RELEASE, namespace)
    events = Events()

    def emit(event: Event) -> None:
        events.append(event)
        if disturb is not None:
            disturb(event)

    async def main() -> Revision:
        target = KubernetesTarget(
            Client(connect(), namespace), RELEASE, ClusterOptions(**{"lease_s": LEASE_S, **options})
        )
        try:
            return await run(rendered, target, emit, by="tests", migrate=migrate, force=force)
        finally:
            await target.close()

    return asyncio.run(main()), events


def start(namespace: str, values: str, folder: Path) -> "subprocess.Popen[str]":
    """Begin to deploy values in a program of its own (cluster_driver.py)."""
    argv = [sys.executable, str(HERE / "cluster_driver.py"), namespace, write(folder, values), str(LEASE_S)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def get(namespace: str, kind: Kind, name: str) -> Json | None:
    async def main() -> Json | None:
        async with api(namespace) as client:
            return await client.get(kind, name)

    return asyncio.run(main())


def items(namespace: str, kind: Kind) -> list[Json]:
    async def main() -> list[Json]:
        async with api(namespace) as client:
            return (await client.list(kind)).items

    return asyncio.run(main())


def kubectl(namespace: str, *arguments: str, text: str | None = None) -> str:
    """Run kubectl to its success."""
    argv = ["kubectl", "-n", namespace, *arguments]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout
