"""What `status`, `history` and `logs` show of a release of this machine."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from ks_universal.cli import INTERRUPTED
from ks_universal.cli.show.console import show_problems, write_json, write_result
from ks_universal.cli.show.job_lines import format_job, list_problem_lines
from ks_universal.cli.show.record_lines import format_revision

if TYPE_CHECKING:
    from ks_universal import History, LiveApplication, LocalReleaseState, LogWritten


def show_status(name: str, output: str) -> int:
    """Show what runs."""
    from ks_universal import read_local_status

    state = read_local_status(name)
    show_problems(state.problems)
    if output == "json":
        write_json(state)
    else:
        write_result("".join(f"{line}\n" for line in format_state(state)))
    return 0


def read_history(name: str, number: int | None) -> "History":
    """Read the runs, or one of them."""
    from ks_universal import read_local_history

    return read_local_history(name, number)


def show_logs(name: str, source: str | None, output: str, *, follow: bool) -> int:
    """Show what containers have said, and with `follow` what they say, until the release is stopped."""
    from ks_universal import follow_local_logs, read_local_logs

    def write(line: "LogWritten") -> None:
        named = msgspec.json.encode(line).decode() if output == "json" else f"{line.source} | {line.line}"
        write_result(f"{named}\n")

    if not follow:
        for line in read_local_logs(name, source):
            write(line)
        return 0
    try:
        asyncio.run(follow_local_logs(name, write, source))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def format_state(state: "LocalReleaseState") -> Iterator[str]:
    """Say who runs the release, how its last run ended, and what runs."""
    by = {"process": "as processes"}.get(state.engine, f"in {state.engine}")
    yield f"run {by} by {state.lock}" if state.engine else "nothing of it runs"
    yield from format_revision(state.latest)
    for job in state.jobs:
        yield format_job(job)
        yield from (f"  {line}" for line in list_problem_lines(job))
    for application in state.applications:
        yield from _format_application(application)


def _format_application(application: "LiveApplication") -> Iterator[str]:
    yield f"{application.application}: {int(application.is_ready)} of {application.wanted} ready"
    for container in application.containers:
        ready = "" if container.is_ready else "; not ready"
        ended = f"; restarts: {container.restarts}, last exit code {container.last_exit}" if container.restarts else ""
        yield f"  {container.name}: {container.image or 'no image'}{ready}{ended}"
    yield from (f"  {service}: {address}" for service, address in application.addresses.items())
