"""Processes in a group of their own: start, output line by line, and a stop that leaves nothing behind."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from ks_universal.engine.cancellation import run_to_completion
from ks_universal.engine.log_lines import MAX_LINE_BYTES, cut_line, decode_line
from ks_universal.engine.masking import CUT
from ks_universal.targets.local.processes.process_table import (
    MARK,
    RUN,
    Entry,
    find_daemons,
    group_is_alive,
    group_is_ours,
    is_running,
    read_entry,
)

_log = logging.getLogger(__name__)

_CUT = CUT.encode()
_LOOK_AGAIN_S = 0.02


class ProcessRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: `argv` is found on the PATH of `env`, `directory` is absolute."""

    argv: tuple[str, ...]
    env: dict[str, str]
    directory: str

    def __repr__(self) -> str:
        return f"ProcessRequest({self.argv[:1]} in {self.directory})"  # the rest may hold Secrets' values


class Pipe(NamedTuple):
    """The reading end of a pipe; closing the transport closes it."""

    reader: asyncio.StreamReader
    transport: asyncio.BaseTransport


class Process:
    """A started process, its group and its daemons."""

    def __init__(self, process: asyncio.subprocess.Process, entry: Path, output: Pipe, status: Pipe) -> None:
        """Take the started process and its entry; the reading ends of its output and of the shell's words around it."""
        self._process = process
        self._entry = entry
        self._output = output
        self._status = status

    @property
    def pid(self) -> int:
        """The process id, which is its group's id, too."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether it has not been seen to end yet."""
        return self._process.returncode is None

    def lines(self) -> AsyncIterator[str]:
        """Yield the output, standard error included, until all that write to it have ended."""
        return read_lines(self._output.reader)

    async def read_status(self) -> str:
        """Wait for the line that the shell around the command says at its end; empty when it ended without a word."""
        return (await self._status.reader.readline()).decode().strip()

    async def wait(self) -> int:
        """Wait for the process; the status as a shell says it: 128 + N for one that signal N ended."""
        was_running = self.is_running
        ended = await self._process.wait()
        status = ended if ended >= 0 else 128 - ended
        if was_running:
            _log.debug("process %d ended with exit code %d", self.pid, status)
        return status

    async def stop(self, grace_s: float) -> None:
        """End all of it: SIGTERM, then after `grace_s` seconds SIGKILL. Returns when none of it is left."""
        await stop_family(self.pid, grace_s, self._entry)
        await self._process.wait()

    def close(self) -> None:
        """Stop reading from it."""
        self._output.transport.close()
        self._status.transport.close()


async def start(request: ProcessRequest, entry: Path, *, shell: str = RUN) -> Process:
    """Start the request in a session of its own, by way of `sh -c shell`, whose `$0` is `entry`.

    The shell writes its entry of the process table to that file before it becomes, or runs, the command.
    When cancelled, it leaves nothing behind.
    """
    spawning = asyncio.ensure_future(_spawn(request, entry, shell))
    try:
        process = await asyncio.shield(spawning)
    except asyncio.CancelledError:
        await run_to_completion(_undo(spawning))
        raise
    # Not its arguments, in which values of Secrets may be.
    _log.debug("started process %d: %s in %s", process.pid, request.argv[0], request.directory)
    return process


async def _undo(spawning: asyncio.Future[Process]) -> None:
    process = await spawning
    await process.stop(0)
    process.close()


async def _spawn(request: ProcessRequest, entry: Path, shell: str) -> Process:
    (output, output_end), (status, status_end) = os.pipe(), os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", shell, str(entry), *request.argv,
            stdin=asyncio.subprocess.DEVNULL, stdout=output_end, stderr=status_end,
            env={**request.env, MARK: str(entry)}, cwd=request.directory, start_new_session=True,
        )  # fmt: skip
    except BaseException:
        os.close(output)
        os.close(status)
        raise
    finally:
        os.close(output_end)
        os.close(status_end)
    return Process(process, entry, await _open_pipe(output), await _open_pipe(status))


async def _open_pipe(descriptor: int) -> Pipe:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    return Pipe(reader, transport)


async def read_lines(output: asyncio.StreamReader) -> AsyncIterator[str]:
    """Yield lines without their ends, bytes that are no UTF-8 as �.

    One longer than MAX_LINE_BYTES comes in pieces, marked where it was cut: what is to be masked may be cut, too.
    """
    rest = b""
    while chunk := await output.read(MAX_LINE_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            for piece in _split_line(line):
                yield decode_line(piece)
        *pieces, rest = _split_line(rest)
        for piece in pieces:
            yield decode_line(piece)
    if rest:
        yield decode_line(rest)


def _split_line(line: bytes) -> Iterator[bytes]:
    while len(line) > MAX_LINE_BYTES:
        piece = cut_line(line, MAX_LINE_BYTES - len(_CUT))
        yield piece + _CUT
        line = _CUT + line[len(piece) :]
    yield line


async def stop_started(file: Path, grace_s: float) -> None:
    """End what was started with the entry in `file`; see `stop_family`."""
    entry = read_entry(file)
    group = entry.pid if entry is not None and group_is_ours(entry, file) else None
    await stop_family(group, grace_s, file)


async def stop_family(pgid: int | None, grace_s: float, mark: Path | None = None) -> None:
    """End a process group, and the daemons that left it: what was started with an entry at `mark` or below.

    SIGTERM, after `grace_s` seconds SIGKILL, also for what they start meanwhile. Returns when none is left.
    """
    deadline, number = time.monotonic() + grace_s, signal.SIGTERM
    while True:
        group = pgid if pgid is not None and group_is_alive(pgid) else None
        daemons = find_daemons(mark, pgid) if mark else []
        if group is None and not daemons:
            return
        _signal(group, daemons, number)
        if not await _all_end(group, daemons, deadline):
            deadline, number = float("inf"), signal.SIGKILL


def _signal(group: int | None, daemons: list[Entry], number: signal.Signals) -> None:
    others = f" and what has left it: {', '.join(str(daemon.pid) for daemon in daemons)}" if daemons else ""
    _log.info("sending %s to process group %s%s", number.name, group, others)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group is not None:
            os.killpg(group, number)
    for daemon in daemons:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(daemon.pid, number)


async def _all_end(group: int | None, daemons: list[Entry], deadline: float) -> bool:
    """Look again and again: the system tells of the end of one's children, not of others'."""
    while (group is not None and group_is_alive(group)) or any(map(is_running, daemons)):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_LOOK_AGAIN_S)
    return True
