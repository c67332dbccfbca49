"""What the containers of a release say, in a file of its folder, for `logs`: also when they are gone.

A line of the file is one of JSON. It has what `up` shows, so nothing in it is a Secret's value.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ks_universal.engine.events import Emit, Event, LogWritten
from ks_universal.targets.local.state import StateFolder

_log = logging.getLogger(__name__)

_FULL_BYTES = 10_000_000
"""Then the file is put aside, and the one that was put aside before is gone."""


def begin_log(state: StateFolder) -> None:
    """Forget what was said in runs before."""
    for path in _list_files(state):
        with contextlib.suppress(OSError):  # none, or no file: then nothing was said in it
            path.unlink()


def keep_lines(state: StateFolder, emit: Emit) -> Emit:
    """Give what passes events on, and keeps the lines among them."""

    def take(event: Event) -> None:
        if isinstance(event, LogWritten):
            _append(state, event)
        emit(event)

    return take


def _append(state: StateFolder, event: LogWritten) -> None:
    aside, path = _list_files(state)
    try:
        if path.exists() and path.stat().st_size > _FULL_BYTES:
            path.replace(aside)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(event) + b"\n")
        finally:
            os.close(descriptor)
    except OSError as error:  # a full disk, say: the line is shown all the same
        _log.warning("a line cannot be kept in %s: %s", path, error)


class LogReader:
    """Reads what is kept, and what comes while it is."""

    def __init__(self, state: StateFolder) -> None:
        """Begin with the oldest line."""
        self._state = state
        self._seen = 0
        self._file: int | None = None

    def read(self) -> Iterator[LogWritten]:
        """Yield the lines that were not read yet."""
        aside, path = _list_files(self._state)
        try:
            file = path.stat().st_ino
        except FileNotFoundError:
            return
        if file != self._file:  # what was read was put aside
            yield from self._read_on(aside)
            self._seen, self._file = 0, file
        yield from self._read_on(path)

    def _read_on(self, path: Path) -> Iterator[LogWritten]:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError), path.open("rb") as file:
            file.seek(self._seen)
            for line in file:
                if not line.endswith(b"\n"):  # it is just being written
                    return
                self._seen += len(line)
                yield from _decode(line)


def _decode(line: bytes) -> Iterator[LogWritten]:
    with contextlib.suppress(msgspec.MsgspecError):  # one that a kill has cut
        yield msgspec.json.decode(line, type=LogWritten)


def _list_files(state: StateFolder) -> tuple[Path, Path]:
    """Give the file that was put aside, and the one that is written."""
    return state.path / "log.1", state.path / "log"
