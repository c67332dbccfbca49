"""`ks-universal list`: the releases of a namespace or a cluster."""

import asyncio

import click
import msgspec

from ks_universal.cli.cluster import Cluster, takes_cluster
from ks_universal.cli.show.console import say, show_problems, write_result
from ks_universal.cli.show.record_lines import format_releases


@click.command()
@takes_cluster
@click.option("-A", "--all-namespaces", is_flag=True, help="Those of all namespaces.")
def command(cluster: Cluster, *, output: str, all_namespaces: bool) -> int:
    """List the releases of a namespace: their latest run, its outcome, and the images; a read-only role is enough."""
    from ks_universal import list_releases

    places = {"namespace": cluster.namespace, "context": cluster.context, "kubeconfig": cluster.kubeconfig}
    found = asyncio.run(list_releases(**places, all_namespaces=all_namespaces))
    show_problems(found.problems)
    if output == "json":
        write_result(msgspec.json.format(msgspec.json.encode(found.revisions)).decode() + "\n")
    elif not found.revisions:
        say("there are no releases here")
    else:
        write_result("".join(f"{line}\n" for line in format_releases(found.revisions)))
    return 0
