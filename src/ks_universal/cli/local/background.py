"""`up --until-ready`: starts `up` in a session of its own, and shows its events until all is ready."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ks_universal import (
    Event,
    FileWatch,
    Problem,
    RunEnded,
    Severity,
    is_run_locally,
    make_output_folder,
    tell_full_disk,
    watching,
)
from ks_universal.cli import INTERRUPTED
from ks_universal.cli.interruption import Interruption
from ks_universal.cli.local.detached import join_arguments
from ks_universal.cli.local.foreground import REFUSED, Request, run_in_foreground, show_addresses
from ks_universal.cli.log_options import list_given
from ks_universal.cli.show.event_view import View

_Process = subprocess.Popen[bytes]


async def run_in_background(request: Request, view: View) -> int:
    """Start the release; returns 0 when all is ready, and else the exit status when nothing of it is left."""
    if request.job is not None and is_run_locally(request.name):
        return await run_in_foreground(request, view)
    folder = make_output_folder(request.name)
    (folder / "events").touch()
    async with watching([str(folder / "events")]) as watch:
        process = _start(request, folder)
        follower = _Follower(process, folder, watch, view, refused_for_good=request.watch)
        status = await _follow_until_interrupted(follower, view)
    if status == 0:
        show_addresses(request.name, view)
        view.say(f"runs on; its output goes to {folder}; stop it with: ks-universal down {request.name}")
        return status if request.job is None else await run_in_foreground(request, view)
    _end(process)
    return status


async def _follow_until_interrupted(follower: "_Follower", view: View) -> int:
    task = asyncio.ensure_future(follower.follow())
    with Interruption(view.say).cancelling(task):
        await asyncio.wait([task])
    return INTERRUPTED if task.cancelled() else task.result()


def list_arguments(request: Request) -> list[str]:
    """Give the arguments of the `up` that runs in the background."""
    flags = {
        "--watch": request.watch,
        "--fresh": request.fresh,
        "--force": request.force,
        "--rehearse": request.rehearse,
    }
    return [
        "up",
        *request.source.list_arguments(),
        *(flag for flag, given in flags.items() if given),
        "--wait-lock" if request.wait_for_lock else "--no-wait-lock",
        f"--namespace={request.namespace}",
        f"--retry-delay={request.retry_delay_s}",
        f"--migrate={request.migrate}",
        *([f"--engine={request.engine}"] if request.engine else []),
        "--output=json",
        *list_given(),
        "--",
        request.name,
    ]


def _start(request: Request, folder: Path) -> _Process:
    stdin = None if "-" in request.source.list_files() else subprocess.DEVNULL
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "ks_universal.cli.local.detached", str(reading), request.name]
    with (folder / "events").open("wb") as events, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - this program
            command, stdin=stdin, stdout=events, stderr=errors, start_new_session=True, pass_fds=[reading]
        )
    os.close(reading)
    with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:  # one that has ended is heard of later
        pipe.write(join_arguments(list_arguments(request)))
    return process


class _Follower:
    """Reads what the other process writes, while it does."""

    def __init__(
        self, process: _Process, folder: Path, watch: FileWatch, view: View, *, refused_for_good: bool
    ) -> None:
        """Take the process; `refused_for_good`: it would wait for other values, and not end, after a finding."""
        self._process = process
        self._folder = folder
        self._watch = watch
        self._view = view
        self._refused_for_good = refused_for_good
        self._rest = b""
        self._has_shown = False

    async def follow(self) -> int:
        """Show what happens until the first run has ended; returns its exit status."""
        end = asyncio.ensure_future(_await_end(self._process))
        try:
            with (self._folder / "events").open("rb") as events:
                while True:
                    ended = end.done()
                    status = self._show_lines(events)
                    if status is not None:
                        return status
                    if ended:
                        return self._fail()
                    change = asyncio.ensure_future(self._watch.wait())
                    await asyncio.wait([change, end], return_when=asyncio.FIRST_COMPLETED)
                    change.cancel()
        finally:
            end.cancel()

    def _show_lines(self, events: BinaryIO) -> int | None:
        *lines, self._rest = (self._rest + events.read()).split(b"\n")
        statuses = [self._show(line) for line in lines]
        return next((status for status in statuses if status is not None), None)

    def _show(self, line: bytes) -> int | None:
        """Show a line of the other process; returns the exit status if the line decides it."""
        self._has_shown = True
        fields: dict[str, Any] = msgspec.json.decode(line)
        if fields["type"] == "Problem":
            problem = msgspec.convert(fields, Problem)
            self._view.show([problem])
            return REFUSED if self._refused_for_good and problem.severity is Severity.ERROR else None
        event: Event = msgspec.json.decode(line, type=Event)
        self._view(event)
        return event.outcome.exit_status if isinstance(event, RunEnded) else None

    def _fail(self) -> int:
        """It has ended before its first run had: what it said of that is all there is."""
        errors = self._folder / "errors"
        said = errors.read_text() if errors.exists() else ""  # `down --fresh` removes it
        sys.stderr.write(said)
        if self._rest or not (said or self._has_shown):
            self._view.show([tell_full_disk(self._folder)])
        return self._process.returncode or REFUSED


async def _await_end(process: _Process) -> None:
    """Wait for the end in a thread that does not keep this program alive."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def wait() -> None:
        process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Have the process end, which stops all that it runs."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    process.wait()
