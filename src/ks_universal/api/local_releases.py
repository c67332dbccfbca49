"""A release of this machine as other programs see it than the one that runs it."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from ks_universal.api.local import STATE, find_state
from ks_universal.api.values import Values, require_application
from ks_universal.diagnostics import Problem, has_errors
from ks_universal.engine.events import Emit, LogWritten
from ks_universal.errors import InputError
from ks_universal.plan.one_off_jobs import list_jobs
from ks_universal.plan.records import History, JobState, Outcome, Revision, mark_abandoned
from ks_universal.targets.local import LocalTarget
from ks_universal.targets.local.jobs_on_request import JobEnd
from ks_universal.targets.local.live import LiveApplication, is_run, read_live, read_lock
from ks_universal.targets.local.log_file import LogReader
from ks_universal.targets.local.state import StateFolder

_LOOK_AGAIN_S = 0.2


class LocalReleaseState(msgspec.Struct, frozen=True, kw_only=True):
    """How a release of this machine is. `lock`: who runs it, since when; empty where nobody does, and nothing runs."""

    release: str
    namespace: str
    latest: Revision
    engine: str
    lock: str
    applications: tuple[LiveApplication, ...]
    jobs: tuple[JobState, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What could not be read of the record."""

    @property
    def addresses(self) -> dict[str, str]:
        """Where this machine reaches the Services, by `SERVICE:PORT`."""
        return {name: text for application in self.applications for name, text in application.addresses.items()}


def is_local_release(release: str, *, state: Path | None = None) -> bool:
    """Tell whether `up` has run a release of that name from this folder."""
    return (state or STATE / release).joinpath("revisions").is_dir()


def read_local_history(release: str, number: int | None = None, *, state: Path | None = None) -> History:
    """Read the runs of a release of this machine, or only the one of a number; nothing is changed.

    `state` as for `open_local`. A run that was killed is ABANDONED. Raises InputError where there is no such run.
    """
    folder = _open(release, state)
    revisions, problems = folder.read_revisions()
    if not revisions or has_errors(problems):
        raise InputError(problems or [_no_record(release)])
    chosen = tuple(
        each for each in mark_abandoned(revisions, is_dead=not is_run(folder)) if number in (None, each.number)
    )
    if not chosen:
        kept = ", ".join(str(revision.number) for revision in revisions)
        message = f"the record does not hold revision {number}; it holds: {kept}"
        raise InputError([Problem("release/no-revision", message)])
    return History(chosen, problems)


def read_local_status(release: str, *, state: Path | None = None) -> LocalReleaseState:
    """Read what runs of a release of this machine, and how its last run ended. Raises InputError for no record."""
    history = read_local_history(release, state=state)
    folder, latest = _open(release, state), history.revisions[-1]
    live = read_live(folder)
    return LocalReleaseState(
        release=release,
        namespace=latest.namespace,
        latest=latest,
        engine="" if live is None else live.engine,
        lock=read_lock(folder),
        applications=() if live is None else live.applications,
        jobs=tuple(JobState(identity=ref, record=record) for ref, record in list_jobs(latest).items()),
        problems=history.problems,
    )


async def run_local_job(values: Values, target: LocalTarget, job: str, emit: Emit) -> JobEnd:
    """Run a job or cron job of the target's release, which is up, once, and return how it ended.

    This or another program may run the release, in the target's engine; its objects are taken, and `local` of the
    values. Who is cancelled has the job stopped. Raises InputError where the release has no such job.
    """
    target.configure(require_application(values, target.release, target.namespace).local)
    return await target.run_job(job, emit)


async def await_local_release(release: str, *, state: Path | None = None) -> LocalReleaseState:
    """Wait until the run that brings a release up has ended; return how it is. Raises InputError where it is not up."""
    folder = _open(release, state)
    while is_run(folder):
        revisions, _ = folder.read_revisions()
        if revisions and read_live(folder) is not None and revisions[-1].outcome is not Outcome.RUNNING:
            if revisions[-1].outcome is Outcome.SUCCEEDED:
                return read_local_status(release, state=state)
            break
        await asyncio.sleep(_LOOK_AGAIN_S)
    hint = f"see 'ks-universal status {release} --local'"
    raise InputError([Problem("release/not-up", f"{release} is not up, so its jobs are not run", hint=hint)])


def is_run_locally(release: str, *, state: Path | None = None) -> bool:
    """Tell whether a program runs the release from this folder, or is about to."""
    return is_run(_open(release, state))


def read_local_logs(release: str, source: str | None = None, *, state: Path | None = None) -> Iterator[LogWritten]:
    """Yield what containers of a release of this machine have said since `up` began, the oldest line first.

    `source` is an application, a migration step or a Job, or one of its containers. Raises InputError where nothing was
    said.
    """
    lines = list(LogReader(_open(release, state)).read())
    chosen = list(_choose(lines, source))
    if not chosen:
        raise InputError([_find_nothing(lines, source)])
    yield from chosen


async def follow_local_logs(
    release: str, take: Callable[[LogWritten], None], source: str | None = None, *, state: Path | None = None
) -> None:
    """Give to `take` what `read_local_logs` yields, and what is said from then on, until the release is stopped."""
    folder = _open(release, state)
    reader = LogReader(folder)
    while True:
        goes_on = is_run(folder)
        for line in _choose(reader.read(), source):
            take(line)
        if not goes_on:
            return
        await asyncio.sleep(_LOOK_AGAIN_S)


def _open(release: str, state: Path | None) -> StateFolder:
    folder = StateFolder(find_state(release, state))
    folder.refuse_links()
    return folder


def _choose(lines: Iterable[LogWritten], source: str | None) -> Iterator[LogWritten]:
    for line in lines:
        names = (line.source, line.step or line.source)
        if source is None or any(name == source or name.startswith(f"{source}/") for name in names):
            yield line


def _find_nothing(lines: Iterable[LogWritten], source: str | None) -> Problem:
    if source is None:
        return Problem("release/no-logs", "nothing of this release has said anything since it was started last")
    said = ", ".join(dict.fromkeys(line.source for line in lines))
    hint = f"there are: {said}" if said else "there is nothing of others"
    return Problem("release/no-logs", f"{source} has said nothing since the release was started last", hint=hint)


def _no_record(release: str) -> Problem:
    hint = "releases of this machine are told by the folder in which 'up' was started: run this there"
    return Problem("release/unknown", f"there is no release {release} of this machine in {STATE}", hint=hint)
