"""`ks-universal rollback`: a release as it was in an earlier revision."""

from typing import TYPE_CHECKING, Any

import click

from ks_universal.cli.cluster import Cluster, change_cluster, open_view, takes_cluster, takes_run
from ks_universal.targets.accounts import name_user

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.target import KubernetesTarget


@click.command()
@click.argument("name")
@click.argument("revision", type=click.IntRange(min=1), required=False)
@takes_cluster
@click.option("--migrate-down", is_flag=True, help="Undo the later migrations first: run their 'rollback' steps.")
@takes_run
def command(
    name: str, revision: int | None, cluster: Cluster, *, output: str, migrate_down: bool, yes: bool, **given: Any
) -> int:
    """Bring the release NAME back to REVISION, or to the last version that came up before the latest.

    Where the latest run is a rollback that did not succeed, this continues it.
    """
    from ks_universal.api import cluster as api
    from ks_universal.cli.confirmation import Confirmation
    from ks_universal.cli.exit_status import exit_code_of_run
    from ks_universal.targets.kubernetes.target import Options

    view = open_view(output, "is back")

    async def work(target: "KubernetesTarget") -> int:
        done = await api.rollback(
            target,
            view,
            by=name_user(),
            revision=revision,
            migrate_down=migrate_down,
            wait_for_lock=given["wait_for_lock"],
            lock_wait_s=given["lock_wait_s"],
            approve=Confirmation(view, migrate="never", force=True, yes=yes),
        )
        return exit_code_of_run(done.outcome)

    options = Options(take_ownership=given["take_ownership"])
    return change_cluster(cluster, name, work, view=view, options=options, timeout_s=given["timeout_s"])
