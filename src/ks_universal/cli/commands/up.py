"""`ks-universal up`: the release on this machine, in the foreground."""

import gc
from typing import Any

import click

from ks_universal.cli.options import Source, takes_values

_FORMATS = ("text", "json")
_ENGINES = ("process", "podman", "docker")
_POLICIES = ("auto", "always", "never")


@click.command()
@click.argument("name")
@takes_values
@click.option("-n", "--namespace", default="", help="The namespace of the objects.")
@click.option("--watch", is_flag=True, help="Take up changes of the values files.")
@click.option("--until-ready", is_flag=True, help="Return when all is ready, and leave it running (see 'down').")
@click.option(
    "-o", "--output", type=click.Choice(_FORMATS), default="text", show_default=True, help="JSON: one line an event."
)
@click.option(
    "--retry-delay",
    "retry_delay_s",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="The pause before a migration's first retry; each further one is twice as long.",
)
@click.option(
    "--engine",
    type=click.Choice(_ENGINES),
    help="What runs the containers: processes, as 'local.images' says, or an engine with the images themselves "
    "(default: processes where 'local.images' has all images, else the engine that is here).",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Begin anew: forget the record, wipe the data: the embedded PostgreSQL's, that of claims.",
)
@click.option(
    "--migrate", type=click.Choice(_POLICIES), default="auto", show_default=True, help="Whether migrations run."
)
@click.option(
    "--rehearse", is_flag=True, help="Rehearse the migrations of each version first, on what those before it have made."
)
@click.option(
    "--force", is_flag=True, help="With '--migrate never': also after migrations that failed or were stopped."
)
@click.option(
    "--wait-lock/--no-wait-lock",
    "wait_for_lock",
    default=True,
    show_default=True,
    help="Wait while another run works on the release, or exit 5.",
)
@click.option(
    "--run",
    "job",
    metavar="JOB",
    help="Run a job or cron job of a release that is up, and exit as it does; one that is not is brought up for it.",
)
def command(source: Source, *, until_ready: bool, output: str, **given: Any) -> int:
    """Run the release NAME on this machine: the migrations first, then the applications; Ctrl-C stops all."""
    import asyncio

    from ks_universal.cli.local.background import run_in_background
    from ks_universal.cli.local.foreground import Request, run_in_foreground
    from ks_universal.cli.show.event_view import JsonView, TextView

    gc.enable()  # this may run for days
    _refuse_contradictions(source, given)
    request = Request(source=source, **given)
    view = JsonView() if output == "json" else TextView()
    try:
        return asyncio.run((run_in_background if until_ready else run_in_foreground)(request, view))
    finally:
        view.close()


def _refuse_contradictions(source: Source, given: dict[str, Any]) -> None:
    if given["watch"] and "-" in source.list_files():
        raise click.UsageError("--watch cannot watch standard input. Give a file: -f values.yaml")
    if given["watch"] and given["job"] is not None:
        raise click.UsageError("--run ends with its job, and --watch goes on: give one of them.")
    if given["fresh"] and given["migrate"] == "never":
        raise click.UsageError("--fresh begins with an empty database, which '--migrate never' would leave so.")
