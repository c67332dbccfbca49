"""`ks-universal plan`: what a deploy would do, by a dry run on the server."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ks_universal import Change
from ks_universal.cli.cluster import PLAN_FORMATS, Cluster, open_view, read_from_cluster, takes_cluster
from ks_universal.cli.options import Source, takes_values
from ks_universal.cli.rehearsing import read_before, takes_rehearsal
from ks_universal.cli.show.console import write_result

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget, Preview, RehearsalCommands, RehearsalSummary


@click.command()
@click.argument("name")
@takes_values
@functools.partial(takes_cluster, or_file=True)
@click.option("--out", "plan_file", metavar="FILE", help="Save the plan, for 'ks-universal deploy --plan FILE'.")
@click.option(
    "--migrate",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Whether migrations are to run.",
)
@click.option(
    "--force", is_flag=True, help="With '--migrate never': also after migrations that failed or were stopped."
)
@click.option("--take-ownership", is_flag=True, help="Plan to take over objects and fields of others.")
@click.option("--create-namespace", is_flag=True, help="Plan to create the namespace where it does not exist.")
@click.option("--exit-code", is_flag=True, help="Exit 2 where the deploy would change something or run a migration.")
@click.option("--rehearse", is_flag=True, help="Rehearse the migrations that run, and put the verdicts into the plan.")
@takes_rehearsal
def command(  # noqa: PLR0913 - one for each option
    name: str,
    source: Source,
    cluster: Cluster,
    *,
    output: str,
    plan_file: str | None,
    migrate: str,
    force: bool,
    take_ownership: bool,
    create_namespace: bool,
    exit_code: bool,
    rehearse: bool,
    before: dict[str, Any],
    how: dict[str, Any],
) -> int:
    """Show what 'deploy' would do to the release NAME: nothing is changed. Exits 1 where something is in the way."""
    from ks_universal import ClusterOptions, describe_plan, has_errors, list_rehearsed, preview, write_plan
    from ks_universal.cli.show.plan_lines import format_plan
    from ks_universal.cli.show.plan_markdown import write_plan_markdown

    if not rehearse and (before or how):
        raise click.UsageError("--base, --pg and their like are about a rehearsal; add --rehearse.")
    values = source.load_valid(name, cluster.find_namespace())
    if output not in PLAN_FORMATS:
        plan_file, output = output, "text"

    async def work(target: "KubernetesTarget") -> int:
        planned = await preview(values, target, migrate=migrate, force=force)
        if rehearse and planned.migrations and not _is_in_the_way(planned):
            release = list_rehearsed(values, name, target.namespace, directory=source.directory, folder=Path())
            held = await _rehearse(
                msgspec.structs.replace(release, **read_before(before, name, target.namespace, None)), how
            )
            planned = await preview(values, target, migrate=migrate, force=force, rehearsal=held)
        failed = has_errors(planned.problems)
        if plan_file and not _is_in_the_way(planned):
            write_plan(planned, plan_file)
        if output == "json":
            write_result(msgspec.json.format(msgspec.json.encode(describe_plan(planned))).decode() + "\n")
        elif output == "markdown":
            write_result(write_plan_markdown(planned))
        else:
            open_view(output).show_plan(planned, format_plan(planned))
        return 2 if exit_code and not failed and _does_something(planned) else int(failed)

    options = ClusterOptions(take_ownership=take_ownership, create_namespace=create_namespace)
    return read_from_cluster(cluster, name, work, options)


def _does_something(planned: "Preview") -> bool:
    changed = any(change.change not in (Change.UNCHANGED, Change.KEPT) for change in planned.changes)
    return changed or bool(planned.migrations or planned.jobs)


def _is_in_the_way(planned: "Preview") -> bool:
    """Tell whether there is more against a plan than what a policy says of its rehearsal, which others may look at."""
    from ks_universal import POLICY_CODES, has_errors

    return has_errors([problem for problem in planned.problems if problem.code not in POLICY_CODES])


async def _rehearse(commands: "RehearsalCommands", how: dict[str, Any]) -> "RehearsalSummary":
    from ks_universal import rehearse, summarize_rehearsal
    from ks_universal.cli.show.console import say

    return summarize_rehearsal(await rehearse(commands, say=lambda text: say(f"{text} ..."), **how))
