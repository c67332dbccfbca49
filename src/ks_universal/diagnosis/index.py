"""Which of many patterns match a line, found fast: most are only tried on lines that hold a word of theirs."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Generic, TypeVar

T = TypeVar("T")

_WORDS = re.compile(r"\w+", re.ASCII)
_COMMON = frozenset(
    ("database", "column", "connection", "error", "failed", "migration", "migrations", "table", "version")
)
"""What ordinary lines of migration tools are full of."""
_UNKNOWN = "\0"
"""What a part of a pattern becomes of which no one text is known that every match contains."""


def split_words(line: str) -> set[str]:
    """Give the words of a line: runs of ASCII letters, digits and underscores."""
    return set(_WORDS.findall(line))


def find_word(pattern: str) -> str | None:
    r"""Find a whole word, long and rare, that every match of a regular expression contains; None where none is sure.

    Example: `could not (?:write to|extend) file\b` gives `file`; `onnection refused` gives None, for either may be a
    part of a longer word.
    """
    plain, before = pattern, ""
    while plain != before:  # the innermost groups first
        before, plain = plain, re.sub(r"(?<!\\)\((?:[^()\\]|\\.)*\)[?*+]?", _UNKNOWN, plain)
    plain = re.sub(r"\[\^?\]?[^\]]*\][?*+]?|\\[dDwWsS][?*+]?|(?<!\\)\.[?*+]?", _UNKNOWN, plain)
    plain = re.sub(r"\w[?*+]|\\?\W[?*]|\\?.\{\d[\d,]*\}", _UNKNOWN, plain)
    plain = re.sub(r"\\[bAZ]|^\^", " ", plain).replace("\\", "")
    if "|" in plain:
        return None
    words = re.findall(rf"(?<=[^\w{_UNKNOWN}])\w+(?=[^\w{_UNKNOWN}])", plain, re.ASCII)
    return max(words, key=lambda word: (word not in _COMMON, len(word)), default=None)


class Index(Generic[T]):
    """Patterns, each with what it stands for. They are compiled when they are first tried."""

    def __init__(self, patterns: Iterable[tuple[str, T]]) -> None:
        """Sort the patterns by their words."""
        self._by_word: dict[str, list[tuple[str, T]]] = {}
        self._always: list[tuple[str, T]] = []
        for pattern, meaning in patterns:
            word = find_word(pattern)
            found = self._always if word is None else self._by_word.setdefault(word, [])
            found.append((pattern, meaning))

    def search(self, line: str, words: set[str]) -> Iterator[tuple[T, re.Match[str]]]:
        """Give the first match of each pattern in a line, in no order. `words` are those of the line."""
        for pattern, meaning in self._always:
            if match := _compile(pattern).search(line):
                yield meaning, match
        for word in words & self._by_word.keys():
            for pattern, meaning in self._by_word[word]:
                if match := _compile(pattern).search(line):
                    yield meaning, match


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
