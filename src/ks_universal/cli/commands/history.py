"""`ks-universal history`: the runs of a release, from its record in the cluster."""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ks_universal import History, Revision, list_jobs
from ks_universal.cli.cluster import Cluster, read_from_cluster
from ks_universal.cli.local.place import takes_place
from ks_universal.cli.show.console import show_problems, write_json, write_result
from ks_universal.cli.show.job_lines import format_recorded_job
from ks_universal.cli.show.record_lines import format_history, format_revision

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget


@click.command()
@click.argument("name")
@takes_place
@click.option("--show", type=click.IntRange(min=1), metavar="REVISION", help="All that is known of one run.")
@click.option(
    "--diff",
    "compared",
    type=click.IntRange(min=1),
    nargs=2,
    metavar="OLD NEW",
    help="What the objects of two revisions differ in.",
)
def command(
    name: str, cluster: Cluster | None, *, output: str, show: int | None, compared: tuple[int, int] | None
) -> int:
    """List the runs of the release NAME, the oldest first: when, how they ended, images, migrations, by whom."""
    if compared is not None and show is not None:
        raise click.UsageError("--diff compares two revisions, and --show says all of one: leave one of them out")
    if cluster is None:
        if compared is not None:
            raise click.UsageError("--diff is for releases of clusters: here the record keeps no objects of revisions")
        from ks_universal.cli.local.reading import read_history as read_here

        return _show(read_here(name, show), output, show)
    from ks_universal import read_history

    if compared is not None:
        return read_from_cluster(cluster, name, functools.partial(_compare, *compared, output=output))

    async def work(target: "KubernetesTarget") -> int:
        return _show(await read_history(target, show), output, show)

    return read_from_cluster(cluster, name, work)


async def _compare(old: int, new: int, target: "KubernetesTarget", *, output: str) -> int:
    from ks_universal import compare_revisions
    from ks_universal.cli.show.plan_lines import format_changes

    changes = await compare_revisions(target, old, new)
    if output == "json":
        write_json(changes)
    else:
        lines = list(format_changes(changes, target.namespace)) or ["  nothing"]
        write_result("".join(f"{line}\n" for line in (f"from revision {old} to {new} of {target.release}:", *lines)))
    return 0


def _show(history: History, output: str, number: int | None) -> int:
    show_problems(history.problems)
    if output == "json":
        write_json(history.revisions)
        return 0
    lines = format_history(history.revisions) if number is None else _format_whole(history.revisions[0])
    write_result("".join(f"{line}\n" for line in lines))
    return 0


def _format_whole(revision: Revision) -> Iterator[str]:
    yield from format_revision(revision)
    yield from (f"  {format_recorded_job(ref, record)}" for ref, record in list_jobs(revision).items())
