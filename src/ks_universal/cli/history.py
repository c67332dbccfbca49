"""`ks-universal history`: the runs of a release, from its record in the cluster."""

from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal.cli.cluster import Cluster, read_from_cluster, takes_cluster
from ks_universal.cli.console import show_problems, write_result

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.target import KubernetesTarget


@click.command()
@click.argument("name")
@takes_cluster
@click.option("--show", type=click.IntRange(min=1), metavar="REVISION", help="All that is known of one run.")
def command(name: str, cluster: Cluster, *, output: str, show: int | None) -> int:
    """List the runs of the release NAME, the oldest first: when, by whom, how they ended, which migrations ran."""
    from ks_universal.api.cluster import read_revisions
    from ks_universal.cli.record_lines import format_history, format_revision

    async def work(target: "KubernetesTarget") -> int:
        revisions = await read_revisions(target, show)
        show_problems(target.record_problems)
        if output == "json":
            write_result(msgspec.json.format(msgspec.json.encode(revisions)).decode() + "\n")
            return 0
        lines = format_history(revisions) if show is None else format_revision(revisions[0])
        write_result("".join(f"{line}\n" for line in lines))
        return 0

    return read_from_cluster(cluster, name, work)
