"""Finds many texts in a line at once, also pieces of long ones; the time depends on the line and not on their number.

Each text is known by a few of its characters (a gram), which a line is looked through for. An Aho-Corasick automaton
would be the usual way: docs/decisions/0014 says why not.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cache
from itertools import islice
from typing import NamedTuple

from ks_universal.engine.masking.decoding import Span

SHORTEST = 4
"""Characters. What is shorter (`1`, `yes`) would mask half of every log and hide nothing that cannot be guessed."""
PIECE = 48
"""Characters of a longer text that are found without the rest of it: what tools that wrap lines leave together."""
CUT = "…"
"""What is where a line was cut: before and after it, a beginning or an end of a text is enough."""

_SMALL, _USUAL, _LARGE = 3, 6, 12
"""Characters of a gram, for texts of up to 8, up to PIECE, and more characters."""
_STEPS = {_SMALL: 2, _USUAL: 4, _LARGE: 3}
"""Not every place of a line is looked at, so that grams are kept for as many places of a text, one after the other."""
_PERIOD = PIECE - _LARGE - _STEPS[_LARGE] + 2
"""Long texts have a gram for each place of a line in each piece."""
_KEPT = 8
"""Places kept for one gram of long texts: those that repeat themselves are found by others."""
_FEW = 8
"""Grams that are looked for one by one: those of two or three texts."""
_SLICED = 2048
"""Characters of a line that is looked through the fast way."""
_LONGEST_CUT = 200
_LONGEST_ESCAPE = 6
_LOOK_BACK = 60

IN_URL = r"://[^\s/@:]*:"
"""What is in a URL before the password, which an `@` follows."""
NAMED_BEFORE = (
    r"(?:(?:^|(?<=[\s']))--?p(?:ass(?:word)?)?[= ]?'?"
    r"|(?i:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|key)\w*'?\s*"
    r"(?:[:=>]+\s*|\s(?:is|was|by|to)\s+)['(]?"
    r"|(?i:password|identified by)\s+')"
)
"""What a text says before it says a password; quotes are all `'`."""


class Where(IntEnum):
    """Where a text is found: anywhere, as a whole word, or only where what is before it names a password."""

    ANYWHERE = 0
    AS_WORD = 1
    AS_PASSWORD = 2


class _Needle(NamedTuple):
    text: str
    where: Where


_Place = tuple[_Needle, int]
"""Where a gram is in a text."""


class Needles:
    """The texts that are looked for."""

    def __init__(self) -> None:
        self._known: dict[str, _Needle] = {}
        self._short: dict[int, dict[str, list[_Place]]] = {}
        self._long = _LongTexts()
        self._ends: tuple[_Beginnings, _Beginnings] | None = None

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, text: str, where: Where) -> None:
        """Look for a text, too. Where one is added twice, it is found wherever either says."""
        before = self._known.get(text)
        if len(text) < SHORTEST or (before is not None and before.where <= where):
            return
        needle = _Needle(text, where)
        self._known[text] = needle
        if len(text) > PIECE:
            self._long.add(needle)
        else:
            self._add_short(needle)

    def find(self, line: str) -> Iterator[Span]:
        """Find them in a line; what is found may overlap."""
        for width, table in self._short.items():
            if hits := _find_grams(line, width, table):
                yield from _verify(line, ((at, width, place) for at in hits for place in table[line[at : at + width]]))
        if hits := _find_grams(line, _LARGE, self._long.places):
            yield from _verify(line, self._long.find(line, hits))

    def find_cut(self, line: str) -> Iterator[Span]:
        """Find their beginnings and ends where the line was cut."""
        if self._ends is None:
            texts = [needle.text for needle in self._known.values() if needle.where is not Where.AS_PASSWORD]
            self._ends = _Beginnings(texts), _Beginnings(text[::-1] for text in texts)
        beginnings, reversed_ends = self._ends
        yield from beginnings.find_before_cuts(line)
        for start, end in reversed_ends.find_before_cuts(line[::-1]):
            yield len(line) - end, len(line) - start

    def _add_short(self, needle: _Needle) -> None:
        """Know it by the grams that fewest others have."""
        width = _SMALL if len(needle.text) < _USUAL + _STEPS[_USUAL] - 1 else _USUAL
        table = self._short.setdefault(width, {})
        last = len(needle.text) - width - _STEPS[width] + 1
        offset = min((0, last // 2, last), key=lambda at: len(table.get(needle.text[at : at + width], ())))
        for at in range(offset, offset + _STEPS[width]):
            table.setdefault(needle.text[at : at + width], []).append((needle, at))


class _LongTexts:
    """Texts of which a piece is enough, as if they were one: a place is the number of characters before it.

    Numbers, because there are tens of thousands of places, and lists and tuples cost the garbage collector their time.
    """

    def __init__(self) -> None:
        self._needles: list[_Needle] = []
        self._begins: list[int] = []
        self._length = 0
        self.places: dict[str, int | list[int]] = {}

    def add(self, needle: _Needle) -> None:
        """Know a text by grams of each piece of it."""
        text, step = needle.text, _STEPS[_LARGE]
        begin, last = self._length, len(text) - _LARGE - step + 1
        starts = (*range(0, last, _PERIOD), last)
        grams = {text[at : at + _LARGE]: begin + at for start in starts for at in range(start, start + step)}
        if len(grams) == len(starts) * step and self.places.keys().isdisjoint(grams):
            self.places.update(grams)
        else:
            for start in starts:
                for at in range(start, start + step):
                    self._add_place(text[at : at + _LARGE], begin + at)
        self._needles.append(needle)
        self._begins.append(begin)
        self._length += len(text)

    def _add_place(self, gram: str, place: int) -> None:
        known = self.places.setdefault(gram, place)
        if isinstance(known, int):
            if known != place:
                self.places[gram] = [known, place]
        elif len(known) < _KEPT:
            known.append(place)

    def find(self, line: str, hits: Iterable[int]) -> Iterator[tuple[int, int, _Place]]:
        """Give what of a line may be a piece: where it is, how long it is at least, and of what."""
        for at in hits:
            places = self.places[line[at : at + _LARGE]]
            for place in (places,) if isinstance(places, int) else places:
                number = bisect_right(self._begins, place) - 1
                yield at, _LARGE, (self._needles[number], place - self._begins[number])


def _find_grams(line: str, width: int, table: Mapping[str, object]) -> list[int]:
    """Find where a line has grams of a table. Most have none, which is told fast."""
    count = (len(line) - width) // _STEPS[width] + 1
    if count <= 0 or (len(table) <= _FEW and not any(map(line.__contains__, table))):
        return []
    if len(line) <= _SLICED and table.keys().isdisjoint(map(line.__getitem__, _all_slices(width)[:count])):
        return []
    return [at for at in range(0, len(line) - width + 1, _STEPS[width]) if line[at : at + width] in table]


@cache
def _all_slices(width: int) -> tuple[slice, ...]:
    return tuple(slice(at, at + width) for at in range(0, _SLICED, _STEPS[width]))


class _Beginnings:
    """The beginnings of texts. Where one may begin in a line is known by its first characters."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._sorted = sorted(text[:_LONGEST_CUT] for text in texts)
        self._first = {text[:SHORTEST] for text in self._sorted}

    def find_before_cuts(self, line: str) -> Iterator[Span]:
        """Find the longest beginning before each cut.

        Its last characters may be what is left of an escape that was cut, too.
        """
        starts = [at for at in range(len(line) - SHORTEST + 1) if line[at : at + SHORTEST] in self._first]
        for match in re.finditer(CUT, line) if starts else ():
            window = max(0, match.start() - _LONGEST_CUT)
            end = window + len(line[window : match.start()].rstrip())
            near = starts[bisect_left(starts, window) : bisect_left(starts, end)]
            stops = range(end, end - _LONGEST_ESCAPE, -1)
            yield from islice(((at, stop) for stop in stops for at in near if self._has(line[at:stop])), 1)

    def _has(self, found: str) -> bool:
        number = bisect_left(self._sorted, found)
        is_one = number < len(self._sorted) and self._sorted[number].startswith(found)
        return is_one and len(found) >= SHORTEST


def _verify(line: str, found: Iterable[tuple[int, int, _Place]]) -> Iterator[Span]:
    covered: dict[str, int] = {}
    for at, width, (needle, offset) in found:
        if at + width <= covered.get(needle.text, 0):
            continue
        span = _match(line, at, needle, offset)
        if span is not None and _is_there(line, span, needle.where):
            covered[needle.text] = span[1]
            yield span


def _match(line: str, at: int, needle: _Needle, offset: int) -> Span | None:
    """Give what of the line agrees with the needle around a common gram; None: not enough of it."""
    text = needle.text
    if len(text) <= PIECE:
        begin = at - offset
        return (begin, begin + len(text)) if begin >= 0 and line.startswith(text, begin) else None
    ahead = _count_common(_take_after, (line, at), (text, offset))
    behind = _count_common(_take_before, (line, at), (text, offset))
    return (at - behind, at + ahead) if ahead + behind >= PIECE else None


def _count_common(take: Callable[[str, int, int], str], one: tuple[str, int], other: tuple[str, int]) -> int:
    """Count the characters that two texts have in common from a place of each, in time that depends on these alone.

    A line that repeats pieces of a value that repeats itself has thousands of places to compare.
    """
    length = PIECE
    while (found := take(*one, length)) == (wanted := take(*other, length)) and len(found) == length:
        length *= 2
    return count_equal(found, wanted)


def _take_after(text: str, at: int, length: int) -> str:
    return text[at : at + length]


def _take_before(text: str, at: int, length: int) -> str:
    return text[max(0, at - length) : at][::-1]


def count_equal(one: str, other: str) -> int:
    """Count the characters that two texts have in common from their beginnings."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _is_there(line: str, span: Span, where: Where) -> bool:
    if where is Where.ANYWHERE:
        return True
    start, end = span
    if line[end : end + 1].isalnum():
        return False
    if where is Where.AS_WORD and not line[max(0, start - 1) : start].isalnum():
        return True
    before = line[max(0, start - _LOOK_BACK) : start]
    return _ends_with(NAMED_BEFORE, before) or (line[end : end + 1] == "@" and _ends_with(IN_URL, before))


def _ends_with(pattern: str, text: str) -> bool:
    return _compile_end(pattern).search(text) is not None


@cache
def _compile_end(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{pattern}$")
