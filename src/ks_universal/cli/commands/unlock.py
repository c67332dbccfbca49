"""`ks-universal unlock`: who holds a release, and its end where that one is dead."""

from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal import LockedError, Problem
from ks_universal.cli.cluster import Cluster, open_view, read_from_cluster, takes_cluster
from ks_universal.cli.show.console import say, write_result

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget


@click.command()
@click.argument("name")
@takes_cluster
@click.option("--force", is_flag=True, help="Break the lock of a holder that may still be alive.")
def command(name: str, cluster: Cluster, *, output: str, force: bool) -> int:
    """Free the release NAME of a run that died. Exits 5, and says whose it is, while that run may be active."""
    from ks_universal import unlock

    async def work(target: "KubernetesTarget") -> int:
        try:
            holder = await unlock(target, force=force)
        except LockedError as error:
            hint = "'ks-universal status' says what it does; --force breaks the lock, and that run writes nothing more"
            open_view(output).show([Problem("release/locked", str(error), hint=hint)])
            return error.exit_status
        if output == "json":
            write_result(msgspec.json.encode({"release": name, "broken": holder}).decode() + "\n")
        elif holder is None:
            say(f"{name} is not locked")
        else:
            say(f"{name} is free; it was locked by {holder}")
        return 0

    return read_from_cluster(cluster, name, work)
