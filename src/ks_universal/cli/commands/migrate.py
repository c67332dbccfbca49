"""`ks-universal migrate`: only the migrations of a release."""

from typing import TYPE_CHECKING, Any

import click

from ks_universal.cli.cluster import Cluster, change_cluster, open_view, takes_cluster, takes_run
from ks_universal.cli.options import Source, takes_values
from ks_universal.targets.accounts import name_user

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.target import KubernetesTarget


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
def command(name: str, source: Source, cluster: Cluster, *, output: str, migrate: str, yes: bool, **given: Any) -> int:
    """Run the migrations of the release NAME, and nothing that comes after them: a 'deploy' of it follows."""
    from ks_universal.api import cluster as api
    from ks_universal.cli.confirmation import Confirmation
    from ks_universal.cli.exit_status import exit_code_of_run
    from ks_universal.targets.kubernetes.target import Options

    values = source.load_valid(name, cluster.find_namespace())
    view = open_view(output, "the migrations are done")
    view.show(values.problems)

    async def work(target: "KubernetesTarget") -> int:
        revision = await api.migrate(
            values,
            target,
            view,
            by=name_user(),
            migrate=migrate,
            wait_for_lock=given["wait_for_lock"],
            lock_wait_s=given["lock_wait_s"],
            approve=Confirmation(view, migrate=migrate, force=False, yes=yes),
        )
        return exit_code_of_run(revision.outcome)

    options = Options(take_ownership=given["take_ownership"])
    return change_cluster(cluster, name, work, view=view, options=options, timeout_s=given["timeout_s"])
