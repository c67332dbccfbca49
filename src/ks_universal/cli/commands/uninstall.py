"""`ks-universal uninstall`: removes a release from a cluster."""

from typing import TYPE_CHECKING

import click

from ks_universal.cli.cluster import Cluster, Limits, change_cluster, open_view, takes_cluster, takes_run
from ks_universal.cli.show.telling import Telling

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget, Revision


@click.command()
@click.argument("name")
@takes_cluster
@click.option("--delete-data", is_flag=True, help="Remove the PersistentVolumeClaims, too, and what they hold.")
@takes_run
def command(  # noqa: PLR0913 - one for each option
    name: str,
    cluster: Cluster,
    *,
    output: str,
    limits: Limits,
    delete_data: bool,
    yes: bool,
    take_ownership: bool,
    telling: Telling,
) -> int:
    """Remove everything of the release NAME, and nothing else; its data stays without --delete-data."""
    from ks_universal import ClusterOptions, uninstall
    from ks_universal.cli.confirmation import Confirmation

    view = open_view(output, "is removed")

    async def change(target: "KubernetesTarget") -> "Revision":
        return await uninstall(target, view, approve=Confirmation(view, ask=not yes), **limits)

    options = ClusterOptions(delete_data=delete_data, take_ownership=take_ownership)
    return change_cluster(cluster, name, change, view=view, options=options, telling=telling)
