"""Python tracebacks without the frames of libraries: what is left is the error and the way to it through own code."""

import re
from collections.abc import Iterable, Iterator

_FRAME = re.compile(r'^(?P<indent>\s+)File "(?P<file>[^"]+)", line \d+')
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib/python3[^/]*/|^<(?!string>|stdin>)|/bin/[^/]+$")


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
    """Tell whether what is left of an excerpt, when it is folded, stands among lines that are."""
    excerpt = tuple(excerpt)
    return set(excerpt).intersection(fold_tracebacks(excerpt)).issubset(lines)
