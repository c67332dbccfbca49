"""`ks-universal status`: what runs of a release, what ran, and who runs it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal import Outcome
from ks_universal.cli.cluster import Cluster, read_from_cluster
from ks_universal.cli.local.place import takes_place
from ks_universal.cli.show.console import show_problems, write_result
from ks_universal.cli.show.event_lines import ROLLED_OUT, format_left, format_stopping
from ks_universal.cli.show.job_lines import format_job, list_problem_lines
from ks_universal.cli.show.record_lines import format_revision

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget, ReleaseState, Workload


@click.command()
@click.argument("name")
@takes_place
def command(name: str, cluster: Cluster | None, *, output: str) -> int:
    """Say what runs of the release NAME, how its last run ended and why; a read-only role is enough."""
    if cluster is None:
        from ks_universal.cli.local.reading import show_status

        return show_status(name, output)
    from ks_universal import read_status

    async def work(target: "KubernetesTarget") -> int:
        state = await read_status(target)
        show_problems(state.problems)
        if output == "json":
            write_result(msgspec.json.format(msgspec.json.encode(state)).decode() + "\n")
        else:
            write_result("".join(f"{line}\n" for line in format_state(state)))
        return 0

    return read_from_cluster(cluster, name, work)


def format_state(state: "ReleaseState") -> Iterator[str]:
    """Say who has the lock, how the last run ended, and what runs."""
    if state.lock is not None:
        dead = ", who is dead: the next run does not wait for it" if state.lock.left_s == 0 else ""
        yield f"locked by {state.lock}{dead}"
    if state.latest.outcome is Outcome.RUNNING and state.lock_hidden:
        yield "cannot tell whether it still runs: your role may not read Leases"
    if state.latest.outcome is Outcome.ABANDONED:
        yield "the last run was killed; what it calls running may still run"
        yield "  the same command again takes that up and goes on; another one stops it first"
    yield from format_revision(state.latest)
    for job in state.jobs:
        yield format_job(job)
        yield from (f"  {line}" for line in list_problem_lines(job))
    missing = state.latest.runs.keys() - {workload.name for workload in state.workloads}
    kinds = {ref.name: ref.kind for ref in state.latest.objects if ref.kind in ROLLED_OUT}
    for application in sorted(missing):
        yield f"{application}: its {kinds.get(application, 'Deployment')} is not there"
    for workload in state.workloads:
        yield from _format_workload(workload)


def _format_workload(workload: "Workload") -> Iterator[str]:
    waits = f"; waits for {workload.waits_for}" if workload.waits_for else ""
    stopping = f"; {format_stopping(workload.stopping)}" if workload.stopping else ""
    paused = "; paused" if workload.paused else ""
    left = f"; {format_left(workload.left)}" if workload.left else ""
    yield f"{workload.name}: {workload.ready} of {workload.wanted} ready{paused}{waits}{stopping}{left}"
    yield from (f"  {container}: {image}" for container, image in workload.images.items())
    yield from (f"  {line}" for problem in workload.problems for line in str(problem).splitlines())
