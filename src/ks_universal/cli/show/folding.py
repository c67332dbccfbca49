"""Shortens output: repeated lines are shown once and counted, tracebacks lose the frames of libraries."""

import re
from collections import deque
from collections.abc import Iterable, Iterator

_LINES = 9
_DIFFERENT_LINES = 3
"""What one turn of such a loop writes at most."""
_FIRST_COUNT = 8
_FRAME = re.compile(r'^(?P<indent>\s+)File "(?P<file>[^"]+)", line \d+')
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib/python3[^/]*/|^<(?!string>|stdin>)|/bin/[^/]+$")


class RepetitionFold:
    """Takes the lines of one source as they come, and gives those to show.

    A line with another number is another line here: a counter that moves is shown. To tell that an init container waits
    is stuck is another question, for which numbers count for nothing (targets/kubernetes/observed/stuck_init.py).
    """

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=_LINES)
        self._left_out = 0

    def take(self, line: str) -> Iterator[str]:
        """Give the line; of those that only repeat others now and then their number, each time it has doubled."""
        is_new = line not in self._recent
        self._recent.append(line)
        if not is_new and len(self._recent) == _LINES and len(set(self._recent)) <= _DIFFERENT_LINES:
            self._left_out += 1
            if self._left_out >= _FIRST_COUNT and self._left_out.bit_count() == 1:
                yield f"... {self._left_out} lines like these left out"
            return
        if self._left_out:
            yield f"... {self._left_out} lines like these left out"
        self._left_out = 0
        yield line


class TracebackFold:
    """Takes the lines of one source as they come, and gives those to show."""

    def __init__(self) -> None:
        self._left_out = 0
        self._indent: str | None = None

    def take(self, line: str) -> Iterator[str]:
        """Give nothing for a line of a library's frame, and else how many frames were left out, then the line."""
        frame = _FRAME.match(line)
        if frame and _LIBRARY.search(frame["file"]):
            self._indent = frame["indent"]
            self._left_out += 1
            return
        if self._indent is not None and not frame and line.startswith(self._indent + " "):
            return
        yield from self.end()
        yield line

    def end(self) -> Iterator[str]:
        """Say how many frames were left out since the last line that was given."""
        if self._indent is not None:
            yield f"{self._indent}... {self._left_out} of libraries left out"
        self._indent, self._left_out = None, 0


def fold_tracebacks(lines: Iterable[str]) -> list[str]:
    """Leave the frames of libraries out."""
    fold = TracebackFold()
    return [shown for line in lines for shown in fold.take(line)] + list(fold.end())


def shows(lines: Iterable[str], excerpt: Iterable[str]) -> bool:
    """Tell whether what is left of an excerpt, when it is folded, is among lines that are."""
    excerpt = tuple(excerpt)
    return set(excerpt).intersection(fold_tracebacks(excerpt)).issubset(lines)
