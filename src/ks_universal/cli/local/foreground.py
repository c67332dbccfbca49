"""A release in the foreground, like `docker compose up`: its versions one after the other, until it is interrupted."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ks_universal import (
    FileWatch,
    FolderWatch,
    InputError,
    KsUniversalError,
    Outcome,
    Stamps,
    TargetError,
    Values,
    await_local_release,
    check_for_target,
    check_rehearsal,
    choose_engine,
    has_errors,
    is_run_locally,
    list_sources,
    open_local,
    read_local_status,
    rehearse_update,
    run_local_job,
    up,
    watch_folders,
    watching,
)
from ks_universal.cli import INTERRUPTED
from ks_universal.cli.interruption import Interruption
from ks_universal.cli.options import Source
from ks_universal.cli.show.event_view import View

if TYPE_CHECKING:
    from ks_universal import LocalTarget

_SETTLED_S = 0.1
PROCESS = "process"
REFUSED = 1
"""The exit status where the values, or this machine, do not allow what was asked for."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asks of `up`."""

    name: str
    source: Source
    namespace: str
    watch: bool
    retry_delay_s: float
    fresh: bool
    engine: str | None
    migrate: str
    force: bool
    wait_for_lock: bool
    rehearse: bool = False
    job: str | None = None


def show_addresses(release: str, view: View) -> None:
    """Say where this machine reaches the Services of a release that is up."""
    for service, address in read_local_status(release).addresses.items():
        view.say(f"{service} is {address}")


async def run_in_foreground(request: Request, view: View) -> int:
    """Run the release until it fails or is interrupted; returns the exit status, when nothing of it is left.

    With a job until that has ended; where another program runs the release, that serves on.
    """
    is_beside = request.job is not None and is_run_locally(request.name)
    interruption = Interruption(view.say, stops="stops the job" if is_beside else "stops everything")
    task = asyncio.ensure_future(_serve(request, view))
    with interruption.cancelling(task):
        await asyncio.wait([task])
    if not interruption.requested:
        return task.result()
    if not task.cancelled() and (error := task.exception()):
        raise error
    view.say("the job is stopped" if is_beside else "everything is stopped")
    return INTERRUPTED


async def _serve(request: Request, view: View) -> int:
    try:
        async with contextlib.AsyncExitStack() as stack:
            watch = await stack.enter_async_context(watching(request.source.list_files())) if request.watch else None
            foreground = _Foreground(request, view)
            stack.push_async_callback(foreground.close)
            return await foreground.serve(watch)
    except KsUniversalError as error:
        view.show(error.problems)
        return error.exit_status


class _Foreground:
    """The target lives as long as this; a version that fails leaves the one before in place."""

    def __init__(self, request: Request, view: View) -> None:
        self._request = request
        self._view = view
        self._target: LocalTarget | None = None
        self._values: Values | None = None
        self._served: Values | None = None
        self._status = REFUSED
        self._sources: FolderWatch | None = None
        self._folders: tuple[Path, ...] = ()
        self._has_new_sources = False

    async def serve(self, watch: FileWatch | None) -> int:
        """Run the first version, then what `watch` brings; without, return when the first one fails."""
        if self._request.job is not None:
            return await self._run_job(self._request.job)
        if watch is None:
            await self._take_version()
            return self._status if self._status else await asyncio.Event().wait()
        while True:
            seen = watch.read_stamps()
            await self._take_version()
            await self._await_change(watch, seen)

    async def _run_job(self, job: str) -> int:
        request = self._request
        if is_run_locally(request.name):
            engine = (await await_local_release(request.name)).engine
            self._request = msgspec.structs.replace(request, engine=engine)  # whatever was asked for
        else:
            await self._take_version()
            if self._status:
                return self._status
        values = self._values or request.source.load(request.name, request.namespace)
        end = await run_local_job(values, await self._open(values), job, self._view)
        self._view.show(end.problems)
        return end.exit_status

    async def close(self) -> None:
        """Stop all that runs."""
        if self._sources is not None:
            await self._sources.close()
        if self._target is not None:
            await self._target.close()

    async def _watch_sources(self, folders: tuple[Path, ...]) -> None:
        """Watch what images are made of, from before the first of them is."""
        if folders == self._folders:
            return
        if self._sources is not None:
            await self._sources.close()
        self._folders, self._sources = folders, await watch_folders(folders)

    async def _await_change(self, watch: FileWatch, seen: Stamps) -> None:
        """Return when the files have changed, or what images are made of."""
        files = asyncio.ensure_future(self._await_files(watch, seen))
        sources = [asyncio.ensure_future(self._sources.wait())] if self._sources is not None else []
        try:
            await asyncio.wait([files, *sources], return_when=asyncio.FIRST_COMPLETED)
            self._has_new_sources = any(wait.done() for wait in sources)
        finally:
            for wait in (files, *sources):
                wait.cancel()

    async def _await_files(self, watch: FileWatch, seen: Stamps) -> None:
        """Return when the files are no longer as `seen`, and not being written: a file half written is other values."""
        while (stamps := watch.read_stamps()) == seen:
            await watch.wait()
        before: Stamps = ()
        while stamps != before:
            await asyncio.sleep(_SETTLED_S)
            before, stamps = stamps, watch.read_stamps()

    async def _take_version(self) -> None:
        """Read the values, and run them unless they are the ones that run."""
        values = self._request.source.load(self._request.name, self._request.namespace)
        if values == self._values and self._status == 0 and not self._has_new_sources:
            return
        self._values = values
        if not has_errors(values.problems):
            self._view.show(values.problems)
        try:
            self._status = await self._run(values)
        except (InputError, TargetError) as error:
            self._status = REFUSED
            self._refuse(error)
        if self._request.watch:
            sources = " and of what images are made of" if self._sources is not None else ""
            self._view.say(f"waits for changes of the values{sources}")

    async def _run(self, values: Values) -> int:
        request = self._request
        target = await self._open(values)
        if request.watch:
            await self._watch_sources(list_sources(values, target))
        if request.rehearse:
            await self._rehearse(values)
        revision = await up(
            values,
            target,
            self._view,
            migrate=request.migrate,
            wait_for_lock=request.wait_for_lock,
            force=request.force,
        )
        if revision.outcome is Outcome.SUCCEEDED:
            self._served = values
            show_addresses(request.name, self._view)
        return revision.outcome.exit_status

    async def _rehearse(self, values: Values) -> None:
        """Show what the migrations of a version do to what the one before made. Raises InputError by its policy."""
        name, namespace = self._request.name, self._request.namespace
        rehearsal = await rehearse_update(
            values,
            self._served,
            name,
            namespace,
            directory=self._request.source.directory,
            say=lambda text: self._view.say(f"rehearses {text} ..."),
        )
        if rehearsal is not None:
            self._view.show_rehearsal(rehearsal)
            problems = check_rehearsal(values, rehearsal, name, namespace)
            if has_errors(problems):
                raise InputError(problems)

    async def _open(self, values: Values) -> "LocalTarget":
        if self._target is None:
            self._target = await self._open_target(values)
        self._view.show(check_for_target(values, self._target))
        return self._target

    async def _open_target(self, values: Values) -> "LocalTarget":
        request = self._request
        engine = request.engine or await choose_engine(values, request.name, request.namespace)
        if engine != request.engine and engine != PROCESS:
            self._view.say(f"the images run in {engine}; with --engine {PROCESS}, processes do")
        return open_local(
            values,
            request.name,
            request.namespace,
            directory=request.source.directory,
            retry_delay_s=request.retry_delay_s,
            fresh=request.fresh,
            engine=engine,
        )

    def _refuse(self, error: KsUniversalError) -> None:
        """Show what is wrong with a version; without --watch, or where no version could be right, it is the end."""
        problems = error.problems
        if not self._request.watch or any(problem.code == "request/name" for problem in problems):
            raise error
        self._view.show(problems)
