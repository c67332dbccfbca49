"""`ks-universal history`: the runs of a release, from its record in the cluster."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal import Revision, list_jobs
from ks_universal.cli.cluster import Cluster, read_from_cluster, takes_cluster
from ks_universal.cli.show.console import show_problems, write_result
from ks_universal.cli.show.job_lines import format_recorded_job
from ks_universal.cli.show.record_lines import format_history, format_revision

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget


@click.command()
@click.argument("name")
@takes_cluster
@click.option("--show", type=click.IntRange(min=1), metavar="REVISION", help="All that is known of one run.")
def command(name: str, cluster: Cluster, *, output: str, show: int | None) -> int:
    """List the runs of the release NAME, the oldest first: when, by whom, how they ended, which migrations ran."""
    from ks_universal import read_history

    async def work(target: "KubernetesTarget") -> int:
        history = await read_history(target, show)
        show_problems(history.problems)
        if output == "json":
            write_result(msgspec.json.format(msgspec.json.encode(history.revisions)).decode() + "\n")
            return 0
        lines = format_history(history.revisions) if show is None else _format_whole(history.revisions[0])
        write_result("".join(f"{line}\n" for line in lines))
        return 0

    return read_from_cluster(cluster, name, work)


def _format_whole(revision: Revision) -> Iterator[str]:
    yield from format_revision(revision)
    yield from (f"  {format_recorded_job(ref, record)}" for ref, record in list_jobs(revision).items())
