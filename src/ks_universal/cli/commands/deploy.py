"""`ks-universal deploy`: a release on a cluster, from the plan to the last old pod's end."""

from typing import TYPE_CHECKING, Any

import click

from ks_universal.cli.cluster import Cluster, Limits, change_cluster, open_view, takes_cluster, takes_run
from ks_universal.cli.options import Source, takes_values

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget, Revision


@click.command()
@click.argument("name")
@takes_values
@takes_cluster
@click.option(
    "--plan", "plan_file", metavar="FILE", help="Do what this plan of 'ks-universal plan --out' says, or nothing."
)
@click.option("--create-namespace", is_flag=True, help="Create the namespace where it does not exist.")
@click.option(
    "--no-rollout-wait", is_flag=True, help="Return when the new version is applied, and not when it is ready."
)
@click.option(
    "--migrate",
    type=click.Choice(["auto", "always", "never"]),
    help="Whether migrations run; auto (the default): where something that they run with changed.",
)
@click.option(
    "--force", is_flag=True, help="With '--migrate never': also after migrations that failed or were stopped."
)
@click.option(
    "--history-max",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many revisions the record keeps.",
)
@takes_run
def command(name: str, source: Source, cluster: Cluster, *, output: str, limits: Limits, **given: Any) -> int:
    """Deploy the release NAME to a cluster: the migrations first, then the applications, each watched to its end."""
    from ks_universal import ClusterOptions, deploy, read_plan
    from ks_universal.cli.confirmation import Confirmation

    saved = read_plan(given["plan_file"], name) if given["plan_file"] else None
    if saved and (given["migrate"] or given["force"]):
        raise click.UsageError("--plan says already which migrations run; leave --migrate and --force out.")
    values = source.load_valid(name, cluster.find_namespace(), saved.now_s if saved else None)
    view = open_view(output)
    view.show(values.problems)

    async def change(target: "KubernetesTarget") -> "Revision":
        return await deploy(
            values,
            target,
            view,
            migrate=given["migrate"] or "auto",
            force=given["force"],
            plan=saved,
            approve=Confirmation(view, ask=not given["yes"] and saved is None),
            **limits,
        )

    options = ClusterOptions(
        take_ownership=given["take_ownership"],
        create_namespace=given["create_namespace"],
        await_rollout=not given["no_rollout_wait"],
        history_max=given["history_max"],
    )
    return change_cluster(cluster, name, change, view=view, options=options, telling=given["telling"])
