"""`ks-universal controller`: carries out the Releases of a cluster."""

import asyncio
import gc
import os
from typing import TYPE_CHECKING

import click

from ks_universal import remove_controls
from ks_universal.cli.interruption import Interruption
from ks_universal.cli.show.console import say

if TYPE_CHECKING:
    from ks_universal import ControllerOptions


class _Group(click.Group):
    """Imports what prints manifests when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return ["account", "manifests"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - see above
        from ks_universal.cli.commands import controller_manifests

        return {"account": controller_manifests.account, "manifests": controller_manifests.manifests}.get(cmd_name)


@click.group(cls=_Group, invoke_without_command=True)
@click.option(
    "-n",
    "--namespace",
    "namespaces",
    multiple=True,
    help="A namespace whose releases it carries out; can be repeated; without it all.",
)
@click.option("--context", help="The context of the kubeconfig; without it the current one.")
@click.option(
    "--kubeconfig", metavar="FILE", help="The kubeconfig; without it KUBECONFIG, ~/.kube/config or the pod's account."
)
@click.option(
    "--concurrency",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="How many releases it works on side by side.",
)
@click.option(
    "--default-service-account",
    "account",
    metavar="NAME",
    default="default",
    show_default=True,
    help="By whose rights it carries out a release that names no account; one of the release's namespace.",
)
@click.option(
    "--health-port", type=click.IntRange(1, 65535), help="Answer probes there: /healthz and /readyz; without it none."
)
@click.pass_context
def command(  # noqa: PLR0913 - one for each option
    ctx: click.Context,
    *,
    namespaces: tuple[str, ...],
    context: str | None,
    kubeconfig: str | None,
    concurrency: int,
    account: str,
    health_port: int | None,
) -> int:
    """Carry out the Release objects of a cluster, as 'deploy' would; of several controllers one works.

    'manifests' prints what installs it, 'account' what it needs in a namespace that has releases.

    POD_NAMESPACE says where its Lease is (without it: in the context's namespace), POD_NAME which pod it is.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    from ks_universal import ControllerOptions

    options = ControllerOptions(
        namespaces=namespaces,
        own_namespace=os.environ.get("POD_NAMESPACE", ""),
        pod=os.environ.get("POD_NAME", ""),
        concurrency=concurrency,
        default_account=account,
        health_port=health_port,
    )
    gc.enable()  # it runs for months
    return asyncio.run(_run(options, kubeconfig, context))


def _tell(text: str) -> None:
    """Write a line of the log: one, whatever others have said in what it quotes."""
    say(remove_controls(text).replace("\n", " | "))


async def _run(options: "ControllerOptions", kubeconfig: str | None, context: str | None) -> int:
    from ks_universal import run_controller

    task = asyncio.ensure_future(run_controller(options, _tell, kubeconfig=kubeconfig, context=context))
    interruption = Interruption(
        say,
        stops="ends; what runs in the cluster runs on, and the next controller takes it up",
        waits="gives its locks back",
    )
    with interruption.cancelling(task):
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return 0
