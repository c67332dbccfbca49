"""Functions on regular expressions of Go's syntax, each within the time that patterns may take."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from time import process_time
from typing import TYPE_CHECKING

from ks_universal.values.expressions.errors import ExpressionError
from ks_universal.values.expressions.functions.signature import Function, bounded, function, timed

if TYPE_CHECKING:
    from regex import Match, Pattern

_LONGEST_S = 0.5
_LONGEST_OF_ALL_S = 5.0
_PLACEHOLDER = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")
_ESCAPED = re.compile(r"([\\.+*?()|\[\]{}^$])")
_ADVICE = "parts like (a+)+ or (.*,)* match one text in many ways, and all are tried: repeat once, as in a+ or [^,]*"


class PatternTime:
    """The processor's time that the patterns of one run may still take.

    Go's patterns take time in proportion to the text, whatever they are; those of `regex` go back and try again. The
    time decides whether there is a finding, and never what is found.
    """

    def __init__(self) -> None:
        self._left_s = _LONGEST_OF_ALL_S
        self._end_s = 0.0

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Stop searches that ask for the time that is left. Raises ExpressionError."""
        start_s = process_time()
        self._end_s = start_s + min(_LONGEST_S, self._left_s)
        try:
            yield
        except TimeoutError:
            if self._left_s <= _LONGEST_S:
                raise ExpressionError("all regular expressions together take too long", hint=_ADVICE) from None
            raise ExpressionError("this regular expression takes too long", hint=_ADVICE) from None
        except MemoryError:
            raise ExpressionError("this regular expression takes too much memory", hint=_ADVICE) from None
        finally:
            self._left_s -= process_time() - start_s

    def left_s(self) -> float:
        """Give the time that is left. Raises TimeoutError if there is none."""
        left_s = self._end_s - process_time()
        if left_s <= 0:
            raise TimeoutError
        return left_s


class _Searcher:
    """A pattern that goes through one text, as Go's does."""

    def __init__(self, time: PatternTime, pattern: str, text: str) -> None:
        self._time = time
        self._text = text
        self._pattern, self._groups = _compile(pattern)

    def find(self, start: int = 0) -> "Match[str] | None":
        return self._pattern.search(self._text, start, timeout=self._time.left_s())

    def find_all(self) -> Iterator["Match[str]"]:
        """Find one after the other; an empty one right behind another does not count."""
        start, before = 0, -1
        while start <= len(self._text) and (found := self.find(start)):
            if found.start() < found.end() or found.start() != before:
                yield found
            before = found.end()
            start = before if before > start else start + 1

    def replace_all(self, write: Callable[["Match[str]"], str]) -> str:
        parts: list[str] = []
        end = length = 0
        for match in self.find_all():
            parts += self._text[end : match.start()], write(match)
            length = bounded(length + len(parts[-1]))
            end = match.end()
        return "".join((*parts, self._text[end:]))

    def expand(self, match: "Match[str]", placeholder: re.Match[str]) -> str:
        """Fill in `$1` or `${name}`; a group that does not exist, or that took no part, is empty."""
        name: str | None = placeholder[1] or placeholder[2]
        if name is None:
            return "$"
        is_number = name.isdecimal() and name.isascii() and (name == "0" or name[0] != "0")
        number = int(name[:9]) if is_number else self._groups.get(name, -1)
        return (match[number] or "") if 0 <= number <= self._pattern.groups else ""


@lru_cache(maxsize=256)
def _compile(pattern: str) -> "tuple[Pattern[str], dict[str, int]]":
    import regex

    from ks_universal.values.expressions.functions.go_patterns import translate

    text, groups = translate(pattern)
    try:
        return regex.compile(text, regex.VERSION0, cache_pattern=False), groups
    except (regex.error, RecursionError, OverflowError) as error:
        raise ExpressionError("this is no regular expression") from error


def _match(time: PatternTime, pattern: str, text: str) -> bool:
    with time.limited():
        return _Searcher(time, pattern, text).find() is not None


def _find(time: PatternTime, pattern: str, text: str) -> str:
    with time.limited():
        found = _Searcher(time, pattern, text).find()
        return found.group() if found else ""


def _find_all(time: PatternTime, pattern: str, text: str, count: int) -> list[str]:
    with time.limited():
        found = _Searcher(time, pattern, text).find_all()
        return [match.group() for match in islice(found, count if count >= 0 else None)]


def _replace_all(time: PatternTime, pattern: str, text: str, replacement: str) -> str:
    with time.limited():
        searcher = _Searcher(time, pattern, text)
        return searcher.replace_all(
            lambda match: _PLACEHOLDER.sub(lambda placeholder: searcher.expand(match, placeholder), replacement)
        )


def _replace_all_literal(time: PatternTime, pattern: str, text: str, replacement: str) -> str:
    with time.limited():
        return _Searcher(time, pattern, text).replace_all(lambda _: replacement)


def _split(time: PatternTime, pattern: str, text: str, count: int) -> list[str]:
    if count == 0:
        return []
    if pattern and not text:
        return [""]
    parts: list[str] = []
    begin = end = 0
    with time.limited():
        for match in _Searcher(time, pattern, text).find_all():
            if 0 < count <= len(parts) + 1:
                break
            end = match.start()
            if match.end():
                parts.append(text[begin:end])
            begin = match.end()
    return parts if end == len(text) else [*parts, text[begin:]]


PATTERNS: dict[str, Function] = {
    "regexFind": timed(_find, "text text"),
    "regexFindAll": timed(_find_all, "text text int"),
    "regexMatch": timed(_match, "text text"),
    "regexQuoteMeta": function(lambda text: _ESCAPED.sub(r"\\\1", text), "text"),
    "regexReplaceAll": timed(_replace_all, "text text text"),
    "regexReplaceAllLiteral": timed(_replace_all_literal, "text text text"),
    "regexSplit": timed(_split, "text text int"),
}
