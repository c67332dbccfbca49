"""Tells when values files change. Their folders are watched: editors and Kubernetes replace files by renaming."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.targets.local.postgres.binaries import INSTALL_HINT

_DEBOUNCE_MS = 400
_STEP_MS = 50

Stamps = tuple[tuple[int, int, int] | None, ...]


class FileWatch:
    """A change within `watching` is noticed, whether anybody waits at that time or not."""

    def __init__(self, files: Sequence[str]) -> None:
        """Begin to watch; an event loop runs. Raises TargetError where the package that watches is missing."""
        try:
            from watchfiles import awatch
        except ImportError:
            problem = Problem("local/watch", "--watch needs the package watchfiles", hint=INSTALL_HINT)
            raise TargetError(problem) from None
        names = {path.name for file in files for path in _places(file)}
        folders = {path.parent for file in files for path in _places(file) if path.parent.is_dir()}
        self._files = tuple(files)
        self._changes = awatch(
            *sorted(folders),
            watch_filter=lambda _, path: Path(path).name in names,
            recursive=False,
            debounce=_DEBOUNCE_MS,
            step=_STEP_MS,
        )
        self._next = asyncio.ensure_future(anext(self._changes))

    def read_stamps(self) -> Stamps:
        """Tell what the files are now, to compare: inode, size in bytes, time of change in ns; None for no file."""
        return tuple(_read_stamp(Path(file)) for file in self._files)

    async def wait(self) -> None:
        """Return after the next change."""
        await asyncio.wait([self._next])
        self._next.result()
        self._next = asyncio.ensure_future(anext(self._changes))

    async def close(self) -> None:
        """Watch no longer."""
        self._next.cancel()
        await asyncio.wait([self._next])
        with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
            await self._changes.aclose()


@contextlib.asynccontextmanager
async def watching(files: Sequence[str]) -> AsyncIterator[FileWatch]:
    """Watch files within the block."""
    watch = FileWatch(files)
    await asyncio.sleep(0)  # the watch begins with the task's first step
    try:
        yield watch
    finally:
        await watch.close()


def _places(file: str) -> set[Path]:
    path = Path(file)
    return {path.absolute(), path.resolve()}


def _read_stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
