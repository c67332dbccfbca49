"""`ks-universal logs`: what the migrations and Jobs of a release said, also when their pods are gone."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
import msgspec

from ks_universal.cli.cluster import Cluster, read_from_cluster
from ks_universal.cli.local.place import takes_place
from ks_universal.cli.show.console import say, show_problems, write_result

if TYPE_CHECKING:
    from ks_universal import KubernetesTarget


@click.command()
@click.argument("name")
@click.argument("step", required=False)
@takes_place
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Only this attempt.")
@click.option("-f", "--follow", is_flag=True, help="Follow the migrations and jobs that run now, to their end.")
def command(
    name: str, step: str | None, cluster: Cluster | None, *, output: str, attempt: int | None, follow: bool
) -> int:
    """Print the last lines of the migrations and jobs that ran last for the release NAME: all, or those of STEP.

    With --local: all that the applications, migrations and jobs have said since 'up' began, or those of STEP.
    """
    if cluster is None:
        if attempt is not None:
            raise click.UsageError("--attempt is for releases of clusters; 'history --show' tells of attempts here.")
        from ks_universal.cli.local.reading import show_logs

        return show_logs(name, step, output, follow=follow)
    from ks_universal import find_running, follow_logs, read_logs
    from ks_universal.cli.show.record_lines import format_log

    async def work(target: "KubernetesTarget") -> int:
        if follow and (running := await find_running(target, step)).ids:
            show_problems(running.problems)
            await follow_logs(target, running, _choose_writer(output, len(running.ids)))
            return 0
        logs = await read_logs(target, step, attempt)
        show_problems(logs.problems)
        if output == "json":
            entries = [{"step": log.id, "attempts": log.attempts} for log in logs.ended]
            write_result(msgspec.json.format(msgspec.json.encode(entries)).decode() + "\n")
            return 0
        write_result("".join(f"{line}\n" for log in logs.ended for line in format_log(log)))
        for each in logs.running:
            say(f"{each} of revision {logs.revision} has not ended: -f follows it")
        return 0

    return read_from_cluster(cluster, name, work)


def _choose_writer(output: str, count: int) -> Callable[[str, str], None]:
    return _write_event if output == "json" else _write_line if count == 1 else _write_named


def _write_line(step: str, line: str) -> None:  # noqa: ARG001 - as the others
    write_result(f"{line}\n")


def _write_named(step: str, line: str) -> None:
    write_result(f"{step} | {line}\n")


def _write_event(step: str, line: str) -> None:
    from ks_universal import LogWritten

    write_result(msgspec.json.encode(LogWritten(source=step, line=line)).decode() + "\n")
