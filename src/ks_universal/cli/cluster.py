"""What the commands that talk to a cluster share: their options, and the run of one call on a target."""

import asyncio
import functools
import gc
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ks_universal.cli.exit_status import INTERRUPTED, exit_code_for, exit_code_of_run, list_problems
from ks_universal.cli.interruption import Interruption
from ks_universal.cli.show.event_view import JsonView, TextView, View
from ks_universal.cli.show.report import RunReport
from ks_universal.diagnostics import Problem
from ks_universal.errors import KsUniversalError, LockedError, TargetError
from ks_universal.model.kubernetes.durations import parse_duration

if TYPE_CHECKING:
    from ks_universal.targets.kubernetes.target import KubernetesTarget, Options


class Cluster(msgspec.Struct, frozen=True):
    """Where a release is; None: as the kubeconfig says."""

    namespace: str | None
    context: str | None
    kubeconfig: str | None

    def open(self, release: str, options: "Options | None" = None) -> "KubernetesTarget":
        """Give the target; see `open_cluster`."""
        from ks_universal.api.cluster import open_cluster

        return open_cluster(
            release, namespace=self.namespace, context=self.context, kubeconfig=self.kubeconfig, options=options
        )

    def find_namespace(self) -> str:
        """Give the namespace that the release will be in: what expressions read before there is a target."""
        if self.namespace is not None:
            return self.namespace
        from ks_universal.targets.kubernetes.api.connection import find_namespace

        return find_namespace(self.kubeconfig, self.context)


class FormatOrFile(click.Choice[str]):
    """A format of the output, or else a file, which is known by a `.` or `/` in its name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take a file as it is; an error of usage where it is neither."""
        return value if "." in value or "/" in value else super().convert(value, param, ctx)


FORMATS = ("text", "json")


def takes_cluster(function: Callable[..., Any], *, or_file: bool = False) -> Callable[..., Any]:
    """Give a command `-n`, `--context`, `--kubeconfig` (as the argument `cluster`) and `-o` (as `output`).

    With `or_file`, `-o` takes the name of a file, too.
    With `-o json` what is wrong is on standard output, too, where the program that reads it looks.
    """

    @functools.wraps(function)
    def wrapper(namespace: str | None, context: str | None, kubeconfig: str | None, **given: Any) -> Any:
        try:
            return function(cluster=Cluster(namespace, context, kubeconfig), **given)
        except KsUniversalError as error:
            if given["output"] != "json":
                raise
            open_view("json").show(list_problems(error))
            return exit_code_for(error)

    options = (
        click.option("-n", "--namespace", help="The namespace; without it the context's."),
        click.option("--context", help="The context of the kubeconfig; without it the current one."),
        click.option("--kubeconfig", metavar="FILE", help="The kubeconfig; without it KUBECONFIG or ~/.kube/config."),
        click.option(
            "-o",
            "--output",
            type=FormatOrFile(FORMATS) if or_file else click.Choice(FORMATS),
            metavar="[text|json|FILE]" if or_file else None,
            default="text",
            show_default=True,
            help="Text for people, or JSON on standard output" + (", or a file as with --out." if or_file else "."),
        ),
    )
    return functools.reduce(lambda command, option: option(command), reversed(options), wrapper)


class Duration(click.ParamType[float]):
    """A duration as in the values: `300` (seconds), `90s`, `10m`, `1h30m`; gives seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text; an error of usage where it is none."""
        seconds = value if isinstance(value, float) else parse_duration(str(value))
        if seconds is None:
            self.fail(f"{value!r} is no duration; write 300 (seconds), 90s, 10m or 1h30m", param, ctx)
        return float(seconds)


Work = Callable[["KubernetesTarget"], Awaitable[int]]


def read_from_cluster(cluster: Cluster, release: str, work: Work, options: "Options | None" = None) -> int:
    """Do what changes nothing, and return its exit status; Ctrl-C ends it at once."""

    async def main() -> int:
        target = cluster.open(release, options)
        try:
            return await work(target)
        finally:
            await target.close()

    try:
        return asyncio.run(main())
    except KeyboardInterrupt:
        return INTERRUPTED


def change_cluster(
    cluster: Cluster, release: str, work: Work, *, view: View, options: "Options", timeout_s: float | None = None
) -> int:
    """Do what changes the release, and return its exit status.

    At the first signal, or when the time is over, it is cancelled: what runs is really stopped before this returns.
    """
    gc.enable()  # this may run for hours

    async def main() -> int:
        target = cluster.open(release, options)
        try:
            return await _run_interruptibly(work(target), view, timeout_s)
        finally:
            await target.close()

    try:
        return asyncio.run(main())
    finally:
        view.close()


async def _run_interruptibly(work: Awaitable[int], view: View, timeout_s: float | None) -> int:
    task = asyncio.ensure_future(_limit(work, view, timeout_s))
    interruption = Interruption(
        view.say,
        stops="stops this run; what serves on the cluster serves on",
        waits="waits for the pods of its migrations to be gone; only then is the lock given back",
    )
    with interruption.cancelling(task):
        await asyncio.wait([task])
    if task.cancelled():
        view.say(_say_stopped(view.report))
        return INTERRUPTED
    error = task.exception()
    if not isinstance(error, TargetError) or not view.report.has_begun:
        return task.result()
    view.show(list_problems(error))
    return INTERRUPTED if interruption.requested else exit_code_of_run(view.report.stopped)


def _say_stopped(report: RunReport) -> str:
    if not report.has_begun:
        return "is stopped before anything had begun"
    if report.may_run_on:
        return "is stopped, but not all of its migrations: see above"
    return "is stopped: no pod of its migrations runs any more"


async def _limit(work: Awaitable[int], view: View, timeout_s: float | None) -> int:
    """Do the work in the given time; the exit status of one that is not done by then is that of what it was at."""
    try:
        async with asyncio.timeout(timeout_s):
            return await work
    except TimeoutError:
        if not view.report.has_begun and view.report.awaited is not None:
            raise LockedError(view.report.awaited.release, view.report.awaited.holder) from None
        message = f"it did not end within the {timeout_s:g} s of --timeout, and was stopped"
        hint = "run it again with more time: what has succeeded is not done again"
        view.show([Problem("run/timeout", message, hint=hint)])
        return exit_code_of_run(view.report.stopped)


def open_view(output: str, succeeded: str = "is up") -> View:
    """Give what shows events; `succeeded` is the report's verdict on a run that did."""
    return JsonView() if output == "json" else TextView(RunReport(succeeded, goes_on=True))


def takes_run(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--yes`, `--timeout`, `--wait-lock`, `--no-wait-lock` and `--take-ownership`."""
    options = (
        click.option("--yes", is_flag=True, help="Don't ask; without a terminal nothing is asked in any case."),
        click.option(
            "--timeout",
            "timeout_s",
            type=Duration(),
            help="Stop when it has not ended in this time: 300 (seconds), 90s, 10m.",
        ),
        click.option(
            "--wait-lock",
            "lock_wait_s",
            type=Duration(),
            help="How long to wait while another run works on the release; without it as long as that takes.",
        ),
        click.option(
            "--no-wait-lock",
            "wait_for_lock",
            flag_value=False,
            default=True,
            type=bool,
            help="Exit 5 at once while another run works on the release.",
        ),
        click.option(
            "--take-ownership", is_flag=True, help="Take objects and fields over that others have made or manage."
        ),
    )
    return functools.reduce(lambda command, option: option(command), reversed(options), function)
