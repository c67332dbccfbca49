"""Tells when values files, and what images are made of, change.

The folders of files are watched: editors and Kubernetes replace files by renaming.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ks_universal.diagnostics import Problem
from ks_universal.errors import TargetError
from ks_universal.targets.local.postgres.binaries import INSTALL_HINT
from ks_universal.targets.local.sources import is_source

if TYPE_CHECKING:
    from watchfiles import Change

_DEBOUNCE_MS = 400
_STEP_MS = 50

Stamps = tuple[tuple[int, int, int] | None, ...]


class _Watch:
    """A change is noticed from the beginning to `close`, whether anybody waits at that time or not."""

    def __init__(self, folders: Iterable[Path], matches: Callable[["Change", str], bool], *, recursive: bool) -> None:
        try:
            from watchfiles import awatch
        except ImportError:
            problem = Problem("local/watch", "--watch needs the package watchfiles", hint=INSTALL_HINT)
            raise TargetError(problem) from None
        self._changes = awatch(
            *sorted(folders), watch_filter=matches, recursive=recursive, debounce=_DEBOUNCE_MS, step=_STEP_MS
        )
        self._next = asyncio.ensure_future(anext(self._changes))

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


class FileWatch(_Watch):
    """Tells when some files change."""

    def __init__(self, files: Sequence[str]) -> None:
        """Begin to watch; an event loop runs. Raises TargetError where the package that watches is missing."""
        names = {path.name for file in files for path in _places(file)}
        folders = {path.parent for file in files for path in _places(file) if path.parent.is_dir()}
        self._files = tuple(files)
        super().__init__(folders, lambda _, path: Path(path).name in names, recursive=False)

    def read_stamps(self) -> Stamps:
        """Tell what the files are now, to compare: inode, size in bytes, time of change in ns; None for no file."""
        return tuple(_read_stamp(Path(file)) for file in self._files)


class FolderWatch(_Watch):
    """Tells when files, or something in folders, change: not what editors, tools and releases here keep there."""

    def __init__(self, sources: Sequence[Path]) -> None:
        """Begin to watch those that are there; an event loop runs. Raises TargetError as FileWatch does."""
        folders = {path if path.is_dir() else path.parent for path in sources if path.exists()}

        def matches(_: "Change", path: str) -> bool:
            changed = Path(path)
            return any(changed.is_relative_to(source) and is_source(changed.relative_to(source)) for source in sources)

        super().__init__(folders, matches, recursive=True)


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


async def watch_folders(sources: Sequence[Path]) -> FolderWatch | None:
    """Begin to watch files and folders; None where none of them is there."""
    watch = FolderWatch(sources) if any(path.exists() for path in sources) else None
    await asyncio.sleep(0)  # see `watching`
    return watch
