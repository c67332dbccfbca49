"""Stops a release that another process runs here, and what a killed one left behind."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.events import Emit
from ks_universal.errors import StoppedError
from ks_universal.model.format.local import LocalPostgres
from ks_universal.targets.local.attempts import job_folders
from ks_universal.targets.local.lock import FileLock, read_holder
from ks_universal.targets.local.postgres.server import PostgresServer
from ks_universal.targets.local.process_host import stop_attempts
from ks_universal.targets.local.processes.leftovers import stop_leftovers
from ks_universal.targets.local.processes.process_table import Entry, find_daemons, is_running
from ks_universal.targets.local.state import StateFolder

_EXIT_S = 5.0
_LOOK_AGAIN_S = 0.02
StopRest = Callable[[StateFolder], Awaitable[bool]]
"""Stops what a killed run has left; gives whether there was anything."""


async def stop_release(
    release: str, emit: Emit, state: Path, stops: Sequence[StopRest], *, forget: bool = False
) -> bool:
    """Ask the process that holds the release to end, wait until it has, and stop what is left of an earlier one.

    `stops` are for each way of running it. Returns whether a process held it or anything was left. Its record stays,
    unless `forget` asks for the folder to be removed with all that is in it.
    """
    folder = StateFolder(state)
    folder.refuse_links()
    if not (folder.path if forget else folder.path / "lock").exists():
        return False
    folder.stop_waiting()
    lock = FileLock(folder.path / "lock", release, runs=False)
    try:
        holders = await _take_over(lock, folder.path / "lock", emit)
    except StoppedError:  # another `down` was first, and has removed the folder
        return False
    try:
        for holder in holders:
            await _await_exit(holder)
        found = [await run_to_completion(_call(stop, folder)) for stop in stops]
        if forget:
            folder.remove_all()
        return any(found) or bool(holders)
    finally:
        lock.release()


async def _take_over(lock: FileLock, path: Path, emit: Emit) -> list[Entry]:
    """Take the lock; whoever gets it before us is told to end. Returns all who were."""
    told: list[Entry] = []
    taking = asyncio.ensure_future(lock.acquire(emit, wait=True))
    try:
        while not taking.done():
            holder = read_holder(path)
            if holder is not None and holder not in told:
                told.append(holder)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(holder.pid, signal.SIGTERM)
            await asyncio.wait([taking], timeout=_LOOK_AGAIN_S)
        await taking
        lock.write_holder()
    finally:
        taking.cancel()
    return told


async def _await_exit(holder: Entry) -> None:
    """Wait for the process that gave the lock back: `up` has only its exit left, another program may live on."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_EXIT_S):
            while is_running(holder):
                await asyncio.sleep(_LOOK_AGAIN_S)


async def _call(stop: StopRest, folder: StateFolder) -> bool:
    return await stop(folder)


async def stop_processes(folder: StateFolder) -> bool:
    """Stop the processes that a killed run left, and its PostgreSQL; returns whether there was anything."""
    entries = folder.folder("processes")
    found = any(entries.iterdir()) or bool(find_daemons(entries))
    await stop_leftovers(entries)
    for jobs in job_folders(folder):
        await stop_attempts(jobs)
    await PostgresServer(LocalPostgres(), folder.path / "postgres").stop()
    return found
