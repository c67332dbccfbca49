"""`ks-universal uninstall`: removes a release from a cluster."""

from typing import TYPE_CHECKING, Any

import click

from ks_universal.cli.cluster import Cluster, change_cluster, open_view, takes_cluster, takes_run
from ks_universal.targets.accounts import name_user

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.target import KubernetesTarget


@click.command()
@click.argument("name")
@takes_cluster
@click.option("--delete-data", is_flag=True, help="Remove the PersistentVolumeClaims, too, and what they hold.")
@takes_run
def command(name: str, cluster: Cluster, *, output: str, delete_data: bool, yes: bool, **given: Any) -> int:
    """Remove everything of the release NAME, and nothing else; its data stays without --delete-data."""
    from ks_universal.api import cluster as api
    from ks_universal.cli.confirmation import Confirmation
    from ks_universal.cli.exit_status import exit_code_of_run
    from ks_universal.targets.kubernetes.target import Options

    view = open_view(output, "is removed")

    async def work(target: "KubernetesTarget") -> int:
        done = await api.uninstall(
            target,
            view,
            by=name_user(),
            wait_for_lock=given["wait_for_lock"],
            lock_wait_s=given["lock_wait_s"],
            approve=Confirmation(view, migrate="never", force=True, yes=yes),
        )
        return exit_code_of_run(done.outcome)

    options = Options(delete_data=delete_data, take_ownership=given["take_ownership"])
    return change_cluster(cluster, name, work, view=view, options=options, timeout_s=given["timeout_s"])
