"""One at a time: a file lock that the kernel gives back when its holder dies, however it dies."""

import asyncio
import contextlib
import fcntl
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from ks_universal.engine.events import Emit, LockAwaited
from ks_universal.errors import LockedError, StoppedError
from ks_universal.targets.accounts import name_account
from ks_universal.targets.local.processes.process_table import Entry, is_running, read_start
from ks_universal.targets.local.state import telling_of_disk

_log = logging.getLogger(__name__)

_DYING_S = 0.3


class FileLock:
    """Holds a release for this process, until `release` or death. Children don't inherit it.

    The file says who holds it, for people, and in two more lines the process id and what tells its start, if that is
    what runs the release.
    """

    def __init__(self, path: Path, release: str, *, runs: bool = True) -> None:
        """Take the lock file's path, whose folder exists, and the release's name for messages.

        `runs`: the holder runs the release, and ends when it gets SIGTERM.
        """
        self._path = path
        self._release = release
        self._runs = runs
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Tell whether this process holds the release."""
        return self._descriptor is not None

    async def acquire(self, emit: Emit, *, wait: bool) -> None:
        """Take the lock; it may be held by us already.

        Raises LockedError when another has it and `wait` is false, StoppedError when the release was removed meanwhile.
        Others see who holds it from `write_holder` on.
        """
        if self.held:
            return
        descriptor = self._open()
        if not _try(descriptor) and not await _wait_briefly(descriptor):
            holder = _first_line(self._path.read_text()) or "another process"
            hint = f"it runs here already: stop it with 'ks-universal down {self._release}', then run this again"
            if not wait:
                raise LockedError(self._release, holder, hint)
            _log.info("waiting for the lock %s: held by %s", self._path, holder)
            emit(LockAwaited(release=self._release, holder=holder, hint=hint if self._runs else ""))
            descriptor = self._open()
            await _wait(descriptor)
        if not self._is_in_place(descriptor):  # `down --fresh` removed it while we waited: others lock another file
            os.close(descriptor)
            raise StoppedError(self._release)
        self._descriptor = descriptor
        _log.info("took the lock %s", self._path)

    def write_holder(self) -> None:
        """Write into the file that this process holds the lock, as it must: `down` then ends it by a signal."""
        if self._descriptor is None:
            raise RuntimeError("the lock is not held")
        with telling_of_disk(self._path):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, _describe_holder(with_process=self._runs).encode(), 0)

    def _open(self) -> int:
        with telling_of_disk(self._path):
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def _is_in_place(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give the lock back; fine when it is not held."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
            _log.info("gave the lock back")


def read_holder(path: Path) -> Entry | None:
    """Return the process that runs the release, as the lock file says; None where there is none that lives."""
    try:
        _, pid, started = path.read_text().splitlines()
        holder = Entry(int(pid), started)
    except (OSError, ValueError):
        return None
    return holder if is_running(holder) else None


def _first_line(text: str) -> str:
    return text.partition("\n")[0].strip()


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _wait_briefly(descriptor: int) -> bool:
    """Wait for a holder that was killed while it started a child, which shares the lock until it becomes the command.

    Closes the descriptor when that fails.
    """
    try:
        async with asyncio.timeout(_DYING_S):
            await _wait(descriptor)
    except TimeoutError:
        return False
    return True


async def _wait(descriptor: int) -> None:
    """Wait until the lock is ours. Takes the descriptor over: closes it when cancelled.

    The kernel's wait cannot be interrupted from outside, so it has a thread of its own (a daemon: it never keeps the
    program alive); one that nobody waits for any more gives the lock back as soon as it gets it.
    """
    loop = asyncio.get_running_loop()
    locked = asyncio.Event()
    decision = threading.Lock()
    abandoned = handed_over = False

    def block() -> None:
        nonlocal handed_over
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with decision:
            if abandoned:
                os.close(descriptor)
                return
            handed_over = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: the program is about to end
            loop.call_soon_threadsafe(locked.set)

    threading.Thread(target=block, name="release lock", daemon=True).start()
    try:
        await locked.wait()
    except asyncio.CancelledError:
        with decision:
            abandoned = True
            if handed_over:
                os.close(descriptor)
        raise


def _describe_holder(*, with_process: bool) -> str:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]]).strip() or "python"
    pid = os.getpid()
    process = f"{pid}\n{read_start(pid)}\n" if with_process else ""
    return f"{name_account()}, process {pid}, since {since} ({command})\n{process}"
