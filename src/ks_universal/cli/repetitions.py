"""The same few lines again and again, as loops that wait for a database write them: shown once, then counted."""

from collections import deque
from collections.abc import Iterator

_LINES = 9
_DIFFERENT_LINES = 3
"""What one turn of such a loop writes at most."""
_FIRST_COUNT = 8


class RepetitionFold:
    """Takes the lines of one source as they come, and gives those to show."""

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
