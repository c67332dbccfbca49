"""`ks-universal migrate`: only the migrations of a release."""

from typing import TYPE_CHECKING

import click

from ks_universal.cli.cluster import Cluster, Limits, change_cluster, open_view, takes_cluster, takes_run
from ks_universal.cli.options import Source, takes_values
from ks_universal.cli.show.telling import Telling

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget, Revision


@click.command()
@click.argument("name")
@takes_values
@takes_cluster
@click.option(
    "--migrate",
    type=click.Choice(["auto", "always"]),
    default="auto",
    show_default=True,
    help="Whether migrations run: where something that they run with changed, or always.",
)
@takes_run
def command(  # noqa: PLR0913 - one for each option
    name: str,
    source: Source,
    cluster: Cluster,
    *,
    output: str,
    limits: Limits,
    migrate: str,
    yes: bool,
    take_ownership: bool,
    telling: Telling,
) -> int:
    """Run the migrations of the release NAME, and nothing that comes after them: a 'deploy' of it follows."""
    from ks_universal import ClusterOptions
    from ks_universal import migrate as run_migrations
    from ks_universal.cli.confirmation import Confirmation

    values = source.load_valid(name, cluster.find_namespace())
    view = open_view(output, "the migrations are done")
    view.show(values.problems)

    async def change(target: "KubernetesTarget") -> "Revision":
        approve = Confirmation(view, ask=not yes)
        return await run_migrations(values, target, view, migrate=migrate, approve=approve, **limits)

    options = ClusterOptions(take_ownership=take_ownership)
    return change_cluster(cluster, name, change, view=view, options=options, telling=telling)
