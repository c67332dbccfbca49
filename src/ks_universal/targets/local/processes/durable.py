"""A process that outlives this program: its output and exit status go to files, so that the next run can take it up.

Each start has a slot, a folder of its own: `started/` (made by the process itself, as its first act), `entry` (see
process_table.py), `log`, and `exit` once the command has ended. Whoever makes `started/` decides: when the next run
makes it, a process that was asked for and had not begun yet never will. So no two of a kind ever run at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.engine.log_lines import decode_line
from ks_universal.errors import TargetError
from ks_universal.targets.local.hosting import Ending
from ks_universal.targets.local.processes.process_table import ENTRY, Entry, is_running, read_entry
from ks_universal.targets.local.processes.processes import Process, ProcessRequest, start, stop_started
from ks_universal.targets.local.state import FREE_THE_DISK, list_folders, make_private

_log = logging.getLogger(__name__)

_SHIM = (
    'folder=${0%/*}\ncommand -p mkdir "$folder/started" 2>/dev/null || exit 125\n'
    + ENTRY
    + """\
{ "$@" 2>&1 </dev/null; status=$?
  { echo "$status" >"$folder/exit.new" && command -p mv -f "$folder/exit.new" "$folder/exit"; } 2>/dev/null
  echo "$status" >&2
} | { trap '' PIPE HUP INT TERM; command -p tee "$folder/log" 2>/dev/null; }
"""
)
"""What `sh` runs around the command. The shell's own standard error is free (the command's goes with its output), so
it tells us of the end; when we are gone, `tee` writes on to the log alone."""

_LOOK_AGAIN_S = 0.1
_OUTPUT_GRACE_S = 1.0
_ENTRY_GRACE_S = 2.0


class DurableProcess:
    """A process in its slot: one of ours, or one that an earlier run of this program began."""

    def __init__(self, slot: Path, *, resumed: bool) -> None:
        """Take the slot; `resumed` when the process began before this program did."""
        self.slot = slot
        self.resumed = resumed

    async def follow(self, on_line: Callable[[str], None]) -> Ending:
        """Wait for the end, giving each line of output to `on_line`; then nothing of its group is left."""
        offset = 0
        entry = await self._await_entry()
        while True:
            ended = (self.slot / "exit").exists() or entry is None or not is_running(entry)
            offset = _read_log(self.slot / "log", offset, on_line, final=ended)
            if ended:
                await self.stop(0)
                return self._ending()
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def stop(self, grace_s: float) -> None:
        """End it, its group and its daemons (SIGTERM, grace, SIGKILL); fine when they have ended."""
        await self._await_entry()
        await stop_started(self.slot / "entry", grace_s)

    @property
    def has_ended(self) -> bool:
        """Tell whether its exit status is known."""
        return (self.slot / "exit").exists()

    async def _await_entry(self) -> Entry | None:
        """Read the entry, which follows `started/` within milliseconds, unless the process was killed in between."""
        deadline = asyncio.get_running_loop().time() + _ENTRY_GRACE_S
        while (entry := read_entry(self.slot / "entry")) is None and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_LOOK_AGAIN_S / 10)
        return entry

    def _ending(self) -> Ending:
        started = (self.slot / "started").stat().st_mtime
        exit_file = self.slot / "exit"
        last = next((f for f in (exit_file, self.slot / "log") if f.exists()), self.slot / "started")
        duration_s = max(0.0, last.stat().st_mtime - started)
        return Ending(_read_status(exit_file), datetime.fromtimestamp(started, UTC), duration_s)


class _OwnProcess(DurableProcess):
    """One that this program has started: its lines and its end come through pipes, at once."""

    def __init__(self, slot: Path, process: Process) -> None:
        super().__init__(slot, resumed=False)
        self._process = process

    async def follow(self, on_line: Callable[[str], None]) -> Ending:
        """See above. The command's end is the end: what it left in the background is stopped."""
        pump = asyncio.create_task(_pump(self._process, on_line))
        try:
            said = await self._process.read_status()
            if not (self.slot / "entry").exists():
                message = f"{self.slot}: nothing could be written there, so the migration was not started"
                raise TargetError(Problem("local/disk", message, hint=FREE_THE_DISK))
            # The last lines are on their way, unless something in the background keeps the output open.
            await asyncio.wait([pump], timeout=_OUTPUT_GRACE_S)
            await self.stop(0)
            ending = self._ending()
            if ending.status is None and said.isdecimal():  # the disk did not take it: it is full, say
                ending = msgspec.structs.replace(ending, status=int(said))
            _log.info("process %d ended with exit code %s", self._process.pid, ending.status)
            return ending
        finally:
            pump.cancel()
            self._process.close()

    async def stop(self, grace_s: float) -> None:
        """See above; the shell is reaped."""
        await self._process.stop(grace_s)


async def _pump(process: Process, on_line: Callable[[str], None]) -> None:
    async for line in process.lines():
        on_line(line)


async def start_durably(request: ProcessRequest, folder: Path) -> DurableProcess:
    """Start the request in a new slot of `folder`."""
    slot = make_private(folder / f"{len(_slots(folder)) + 1:03d}")
    process = await start(request, slot / "entry", shell=_SHIM)
    _log.info("process %d is started for %s", process.pid, slot)
    return _OwnProcess(slot, process)


def take_up(folder: Path) -> DurableProcess | None:
    """Return what an earlier run began last in `folder`, ended or not; None when nothing has begun, nor ever will."""
    slots = _slots(folder)
    if not slots:
        return None
    try:
        (slots[-1] / "started").mkdir()
    except FileExistsError:
        void = (slots[-1] / "void").exists()
        return None if void else DurableProcess(slots[-1], resumed=True)
    (slots[-1] / "void").touch()
    return None


def _read_status(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _slots(folder: Path) -> list[Path]:
    return [slot for slot in list_folders(folder) if slot.name.isdecimal()]


def _read_log(log: Path, offset: int, on_line: Callable[[str], None], *, final: bool) -> int:
    """Give the lines from `offset` on, an unfinished last one only when `final`; return where the rest begins."""
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n") and not final:
                break
            on_line(decode_line(line.rstrip(b"\n")))
            offset += len(line)
    return offset
