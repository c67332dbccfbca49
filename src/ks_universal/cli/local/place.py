"""`--local`: a command reads the release that `up` runs from this folder, and not one of a cluster."""

import functools
from collections.abc import Callable
from typing import Any

import click
import msgspec

from ks_universal import KsUniversalError
from ks_universal.cli.cluster import Cluster, takes_cluster
from ks_universal.cli.show.console import say

_HELP = "The release that 'ks-universal up' runs, or ran, from this folder, and not one of a cluster."


def takes_place(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what `takes_cluster` does, and `--local`, with which `cluster` is None."""

    @functools.wraps(function)
    def wrapper(name: str, cluster: Cluster, *, local: bool, **given: Any) -> Any:
        if local:
            _refuse_cluster(cluster)
            return function(name=name, cluster=None, **given)
        try:
            return function(name=name, cluster=cluster, **given)
        except KsUniversalError:
            _tell_of_local(name)
            raise

    return takes_cluster(click.option("--local", is_flag=True, help=_HELP)(wrapper))


def _refuse_cluster(cluster: Cluster) -> None:
    given = [field for field, value in msgspec.structs.asdict(cluster).items() if value is not None]
    if given:
        raise click.UsageError(f"--local is this folder, and --{given[0]} a cluster: give one of them.")


def _tell_of_local(name: str) -> None:
    """Say that a release of that name is here, where the cluster was asked for it in vain."""
    from ks_universal import is_local_release

    if is_local_release(name):
        say(f"{name} was run from this folder, too: --local is for that one")
