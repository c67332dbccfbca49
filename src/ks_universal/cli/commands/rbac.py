"""`ks-universal rbac`: the smallest Role with which a deploy of these values works."""

from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal.cli.cluster import Cluster, read_from_cluster, takes_cluster
from ks_universal.cli.options import Source, takes_values
from ks_universal.cli.show.console import write_result

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget


@click.command()
@click.argument("name")
@takes_values
@takes_cluster
@click.option(
    "--service-account",
    default="ks-universal",
    show_default=True,
    metavar="[NAMESPACE:]NAME",
    help="Who gets the Role; without a namespace one of the release's.",
)
def command(name: str, source: Source, cluster: Cluster, *, output: str, service_account: str) -> int:
    """Print a Role, and its RoleBinding, that allows to deploy the release NAME and nothing that it does not need.

    Where objects of the release are in other namespaces, there is a Role in each of them, and a ClusterRole for those
    in none. What the release gives to its own accounts (roles, rbac) is in Roles named ...-granted: Kubernetes lets
    nobody grant rights that they do not have.
    """
    from ks_universal import build_roles, write_yaml

    values = source.load_valid(name, cluster.find_namespace())

    async def work(target: "KubernetesTarget") -> int:
        objects = await build_roles(values, target, service_account=service_account)
        if output == "json":
            listing = {"apiVersion": "v1", "kind": "List", "items": objects}
            write_result(msgspec.json.format(msgspec.json.encode(listing)).decode() + "\n")
        else:
            write_result(write_yaml(objects))
        return 0

    return read_from_cluster(cluster, name, work)
