"""The folder of a migration's attempts: what has been tried, and whether the record knows it already.

attempts/<job>/run.json         of which step and digest the attempts are, and when the first began
attempts/<job>/settled          the record has the outcome: the next run begins anew
attempts/<job>/<n>/<container>  what the host keeps of it: slots (processes/durable.py), or log and end (containers/)
"""

import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from ks_universal.targets.local.state import StateFolder, list_folders, write_durably

_log = logging.getLogger(__name__)


class Run(msgspec.Struct, frozen=True):
    """What the attempts in a folder are of. `started` is seconds since the epoch."""

    step: str
    digest: str
    started: float


class JobFolder:
    """The attempts of one Job."""

    def __init__(self, path: Path) -> None:
        """Take the Job's folder, which need not exist."""
        self.path = path

    def read(self) -> Run | None:
        """Return what an unsettled run of attempts is of; None when the next run begins anew."""
        try:
            content = (self.path / "run.json").read_bytes()
        except OSError:
            return None
        if (self.path / "settled").exists():
            return None
        try:
            return msgspec.json.decode(content, type=Run)
        except msgspec.MsgspecError:  # of what the attempts are nobody can tell
            return None

    def settle(self) -> None:
        """Mark the attempts as done with; their logs stay until the next run."""
        if self.path.exists():
            write_durably(self.path / "settled", b"")

    @property
    def job(self) -> str:
        """The Job's name."""
        return self.path.name

    def attempt(self, number: int) -> Path:
        """Return the folder of an attempt."""
        return self.path / str(number)

    def attempts(self) -> list[int]:
        """Return the numbers of the attempts that have begun."""
        return sorted(int(folder.name) for folder in list_folders(self.path) if folder.name.isdecimal())


def job_folders(state: StateFolder) -> list[JobFolder]:
    """Return the folders of all Jobs that ever ran here."""
    return [JobFolder(path) for path in list_folders(state.path / "attempts")]


async def open_run(
    state: StateFolder, job: str, *, step: str, digest: str, stop: Callable[[JobFolder], Awaitable[None]]
) -> tuple[JobFolder, Run]:
    """Return the Job's unsettled run of this digest, or begin a new one; what is left of another is stopped first."""
    jobs = JobFolder(state.path / "attempts" / job)
    run = jobs.read()
    if run is not None and run.digest == digest:
        _log.info("%s goes on with the run of it that an earlier process began", step)
        return jobs, run
    await stop(jobs)
    state.remove(f"attempts/{job}")
    run = Run(step, digest, time.time())
    write_durably(state.folder(f"attempts/{job}") / "run.json", msgspec.json.encode(run))
    return jobs, run


def settle_recorded(state: StateFolder, outcomes: dict[str, str]) -> None:
    """Settle the Jobs whose outcome is now in the record; `outcomes` are digests by step id."""
    for jobs in job_folders(state):
        run = jobs.read()
        if run is not None and outcomes.get(run.step) == run.digest:
            jobs.settle()
