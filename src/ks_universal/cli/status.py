"""`ks-universal status`: what runs of a release, what ran, and who is at work on it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal.cli.cluster import Cluster, read_from_cluster, takes_cluster
from ks_universal.cli.console import write_result
from ks_universal.cli.record_lines import format_revision

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.state import ReleaseState
    from ks_universal.targets.kubernetes.target import KubernetesTarget
    from ks_universal.targets.kubernetes.workloads import Workload


@click.command()
@click.argument("name")
@takes_cluster
def command(name: str, cluster: Cluster, *, output: str) -> int:
    """Say what runs of the release NAME, how its last run ended and why; a read-only role is enough."""
    from ks_universal.api.cluster import read_status

    async def work(target: "KubernetesTarget") -> int:
        state = await read_status(target)
        if output == "json":
            write_result(msgspec.json.format(msgspec.json.encode(state)).decode() + "\n")
        else:
            write_result("".join(f"{line}\n" for line in _format(state)))
        return 0

    return read_from_cluster(cluster, name, work)


def _format(state: "ReleaseState") -> Iterator[str]:
    if state.lock is not None:
        dead = "; it is dead: 'ks-universal unlock' frees the release" if state.lock.left_s == 0 else ""
        yield f"locked by {state.lock}{dead}"
    yield from format_revision(state.latest)
    missing = state.latest.runs.keys() - {workload.name for workload in state.workloads}
    yield from (f"{application}: its Deployment is not there" for application in sorted(missing))
    for workload in state.workloads:
        yield from _format_workload(workload)


def _format_workload(workload: "Workload") -> Iterator[str]:
    waits = f"; waits for {workload.waits_for}" if workload.waits_for else ""
    yield f"{workload.name}: {workload.ready} of {workload.wanted} ready{waits}"
    yield from (f"  {container}: {image}" for container, image in workload.images.items())
    yield from (f"  {line}" for problem in workload.problems for line in str(problem).splitlines())
