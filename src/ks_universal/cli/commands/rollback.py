"""`ks-universal rollback`: a release as it was in an earlier revision."""

from typing import TYPE_CHECKING

import click

from ks_universal.cli.cluster import Cluster, Limits, change_cluster, open_view, takes_cluster, takes_run
from ks_universal.cli.show.telling import Telling

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget, Revision


@click.command()
@click.argument("name")
@click.argument("revision", type=click.IntRange(min=1), required=False)
@takes_cluster
@click.option("--migrate-down", is_flag=True, help="Undo the later migrations first: run their 'rollback' steps.")
@takes_run
def command(  # noqa: PLR0913 - one for each option
    name: str,
    revision: int | None,
    cluster: Cluster,
    *,
    output: str,
    limits: Limits,
    migrate_down: bool,
    yes: bool,
    take_ownership: bool,
    telling: Telling,
) -> int:
    """Bring the release NAME back to REVISION, or to the last version that came up before the latest.

    Where the latest run is a rollback that did not succeed, this continues it.
    """
    from ks_universal import ClusterOptions, rollback
    from ks_universal.cli.confirmation import Confirmation

    view = open_view(output, "is back")

    async def change(target: "KubernetesTarget") -> "Revision":
        approve = Confirmation(view, ask=not yes)
        return await rollback(target, view, revision=revision, migrate_down=migrate_down, approve=approve, **limits)

    options = ClusterOptions(take_ownership=take_ownership)
    return change_cluster(cluster, name, change, view=view, options=options, telling=telling)
