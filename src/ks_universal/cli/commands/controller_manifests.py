"""`ks-universal controller manifests` and `account`: what to apply, so that the controller runs and may do its work."""

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from ks_universal import Installation, Json, __version__, build_controller_manifests, build_release_account, write_yaml
from ks_universal.cli.show.console import write_result

_takes_output = click.option(
    "-o", "--output", type=click.Choice(("yaml", "json")), default="yaml", show_default=True, help="The format."
)


@click.command()
@click.option("--namespace", default="ksu-system", show_default=True, help="The namespace that the controller runs in.")
@click.option("--image", default=f"ks-universal:{__version__}", show_default=True, help="The controller's image.")
@click.option(
    "--watch-namespace",
    "watched",
    multiple=True,
    metavar="NAMESPACE",
    help="Carries out the releases of this namespace only, with Roles there instead of ClusterRoles; can be repeated.",
)
@click.option(
    "--replicas",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many pods; one works, the others take over when it is gone.",
)
@click.option(
    "--service-account",
    "accounts",
    multiple=True,
    default=("deployer",),
    show_default=True,
    metavar="NAME",
    help="By the rights of which ServiceAccounts, in the namespace of the release, it may act; can be repeated. "
    "The first is that of releases that name none.",
)
@_takes_output
def manifests(*, output: str, **given: Any) -> None:
    """Print what installs the controller: the kind Release, its namespace, its rights, its Deployment.

    Apply it with `kubectl apply --server-side -f -`. The controller itself may change nothing but releases: what it
    does for one it does as the ServiceAccount of that release (see `account`).
    """
    _write(build_controller_manifests(Installation(**given)), output)


@click.command()
@click.argument("namespace")
@click.option("--name", default="deployer", show_default=True, help="The ServiceAccount.")
@_takes_output
def account(namespace: str, name: str, output: str) -> None:
    """Print a ServiceAccount by whose rights the controller carries out the releases of NAMESPACE.

    It has them there and nowhere else. Roles and quotas it cannot make: where values have these, and for objects in
    other namespaces, `ks-universal rbac --service-account NAME` prints what else it needs.
    """
    _write(build_release_account(namespace, name), output)


def _write(objects: Sequence[Json], output: str) -> None:
    if output == "yaml":
        write_result(write_yaml(objects))
        return
    listing = {"apiVersion": "v1", "kind": "List", "items": objects}
    write_result(msgspec.json.format(msgspec.json.encode(listing)).decode() + "\n")
