"""What the commands that talk to a cluster share: their options, and the run of one call on a target."""

import asyncio
import functools
import gc
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypedDict

import click
import msgspec

from ks_universal import KsUniversalError, RunProgress, TargetError, TimedOutError, parse_duration
from ks_universal.cli import INTERRUPTED
from ks_universal.cli.interruption import Interruption
from ks_universal.cli.project import check_context
from ks_universal.cli.show.event_view import JsonView, TextView, View
from ks_universal.cli.show.report import RunReport
from ks_universal.cli.show.report_file import ReportFile
from ks_universal.cli.show.telling import Telling

if TYPE_CHECKING:
    from ks_universal import ClusterOptions, KubernetesTarget, Revision


class Cluster(msgspec.Struct, frozen=True):
    """Where a release is; None: as the kubeconfig says."""

    namespace: str | None
    context: str | None
    kubeconfig: str | None

    def open(self, release: str, options: "ClusterOptions | None" = None) -> "KubernetesTarget":
        """Give the target; see `open_cluster`."""
        from ks_universal import open_cluster

        return open_cluster(
            release, namespace=self.namespace, context=self.context, kubeconfig=self.kubeconfig, options=options
        )

    def find_namespace(self) -> str:
        """Give the namespace that the release will be in: what expressions read before there is a target."""
        if self.namespace is not None:
            return self.namespace
        from ks_universal import find_namespace

        return find_namespace(self.kubeconfig, self.context)


class FormatOrFile(click.Choice[str]):
    """A format of the output, or else a file, which is known by a `.` or `/` in its name."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take a file as it is; an error of usage where it is neither."""
        return value if "." in value or "/" in value else super().convert(value, param, ctx)


FORMATS = ("text", "json")
PLAN_FORMATS = (*FORMATS, "markdown")


def takes_cluster(function: Callable[..., Any], *, or_file: bool = False) -> Callable[..., Any]:
    """Give a command `-n`, `--context`, `--kubeconfig` (as the argument `cluster`) and `-o` (as `output`).

    With `or_file`, `-o` takes the name of a file, too.
    With `-o json` what is wrong is on standard output, too, where the program that reads it looks.
    """

    @functools.wraps(function)
    def wrapper(namespace: str | None, context: str | None, kubeconfig: str | None, **given: Any) -> Any:
        try:
            check_context(context, kubeconfig)
            return function(cluster=Cluster(namespace, context, kubeconfig), **given)
        except KsUniversalError as error:
            if given["output"] != "json":
                raise
            open_view("json").show(error.problems)
            return error.exit_status

    options = (
        click.option("-n", "--namespace", help="The namespace; without it the context's."),
        click.option("--context", help="The context of the kubeconfig; without it the current one."),
        click.option("--kubeconfig", metavar="FILE", help="The kubeconfig; without it KUBECONFIG or ~/.kube/config."),
        click.option(
            "-o",
            "--output",
            type=FormatOrFile(PLAN_FORMATS) if or_file else click.Choice(FORMATS),
            metavar=f"[{'|'.join(PLAN_FORMATS)}|FILE]" if or_file else None,
            default="text",
            show_default=True,
            help="Text for people, or JSON on standard output"
            + (", Markdown for a comment, or a file as with --out." if or_file else "."),
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
            self.fail(f"{value!r} is not a duration; write 300 (seconds), 90s, 10m or 1h30m", param, ctx)
        return float(seconds)


Work = Callable[["KubernetesTarget"], Awaitable[int]]


def read_from_cluster(cluster: Cluster, release: str, work: Work, options: "ClusterOptions | None" = None) -> int:
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


Change = Callable[["KubernetesTarget"], Awaitable["Revision"]]


def change_cluster(
    cluster: Cluster,
    release: str,
    change: Change,
    *,
    view: View,
    options: "ClusterOptions",
    telling: Telling = Telling(None, None),  # noqa: B008 - it never changes
) -> int:
    """Do what changes the release, and return its exit status; how it went is told by `telling`, too.

    At the first signal it is cancelled: what runs is really stopped before this returns.
    """
    gc.enable()  # this may run for hours
    recorder = view.report.recorder = telling.open()

    async def main() -> int:
        target = cluster.open(release, options)
        try:
            return await _run_interruptibly(change(target), view)
        finally:
            await target.close()

    try:
        return asyncio.run(main())
    except KsUniversalError as error:
        if recorder:
            recorder.problems = error.problems
        raise
    finally:
        view.close()
        telling.tell(release, view.report)


async def _run_interruptibly(run: Awaitable["Revision"], view: View) -> int:
    task = asyncio.ensure_future(run)
    interruption = Interruption(
        view.say,
        stops="stops this run; what serves on the cluster serves on",
        waits="waits for the pods of its migrations to be gone; only then is the lock given back",
    )
    with interruption.cancelling(task):
        await asyncio.wait([task])
    progress = view.report.progress
    if task.cancelled():
        view.say(_say_stopped(progress))
        return INTERRUPTED
    error = task.exception()
    if not isinstance(error, TargetError | TimedOutError) or not progress.has_begun:
        return task.result().outcome.exit_status
    view.show(error.problems)
    if view.report.recorder:
        view.report.recorder.problems = error.problems
    return INTERRUPTED if interruption.requested else error.exit_status


def _say_stopped(progress: RunProgress) -> str:
    if not progress.has_begun:
        return "is stopped before anything had begun"
    if progress.unstopped:
        return "is stopped, but not all of its migrations: see above"
    return "is stopped: no pod of its migrations runs any more"


def open_view(output: str, succeeded: str = "is up") -> View:
    """Give what shows events; `succeeded` is the report's verdict on a run that did."""
    return JsonView() if output == "json" else TextView(RunReport(succeeded, goes_on=True))


class Limits(TypedDict):
    """How long a run may wait for the lock, and take."""

    timeout_s: float | None
    lock_wait_s: float | None
    wait_for_lock: bool


def takes_run(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a run: `limits`, `telling`, and the others by their names."""

    @functools.wraps(function)
    def wrapper(
        timeout_s: float | None,
        lock_wait_s: float | None,
        report_file: str | None,
        webhook: str | None,
        *,
        wait_for_lock: bool,
        **given: Any,
    ) -> Any:
        limits = Limits(timeout_s=timeout_s, lock_wait_s=lock_wait_s, wait_for_lock=wait_for_lock)
        return function(limits=limits, telling=Telling(report_file, webhook), **given)

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
        click.option(
            "--report",
            "report_file",
            type=ReportFile(),
            metavar="FILE",
            help="Write how it went into FILE.html, FILE.md or FILE.json, or into $GITHUB_STEP_SUMMARY.",
        ),
        click.option(
            "--webhook", metavar="URL", help="Post how it ended to a chat, as Slack's incoming webhooks take it."
        ),
    )
    return functools.reduce(lambda command, option: option(command), reversed(options), wrapper)
