"""Go's regular expressions (RE2's syntax) in the words of `regex`.

Every character is read, so that nothing gets through which only `regex` knows: look-around, references, possessive,
atomic, recursive and fuzzy parts, operations on sets.
"""

import re
import string
from functools import cache
from typing import NamedTuple, NoReturn

from ks_universal.values.expressions.errors import ExpressionError

MAX_LENGTH = 2_000
_MAX_DEPTH = 50
_MAX_REPEAT = 1000
"""Go's own limit, also for repeats in repeats together."""
_MAX_NESTED = 8
"""Repeats in each other: `regex` takes twice the time to read a pattern with each more."""

_REPEAT = re.compile(r"[*+?]|\{(0|[1-9][0-9]*)(?:,(0|[1-9][0-9]*)?)?\}")
_GROUP = re.compile(r"\((?:\?(?:P?<([0-9A-Za-z_]+)>|([imsU]*)(?:-([imsU]+))?([:)])))?")
_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|\Z)", re.DOTALL)
_CODE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]+)\}|(0[0-7]{0,2}|[1-7][0-7]{1,2})|([aftnrv])|([^0-9A-Za-z\x80-\U0010ffff]))"
)
_PROPERTY = re.compile(r"\\([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))")
_POSIX = re.compile(r"\[:(\^?)([^:\]]*):\]")
_CONTROLS = dict(zip("aftnrv", "\a\f\t\n\r\v", strict=True))

_WORD = "09AZ__az"
_PERL = {"d": "09", "s": "\t\n\f\r  ", "w": _WORD}
"""Classes are ranges: the first and the last character of each, one behind the other."""
_CLASSES = {
    "alnum": "09AZaz", "alpha": "AZaz", "ascii": "\0\x7f", "blank": "\t\t  ", "cntrl": "\0\x1f\x7f\x7f", "digit": "09",
    "graph": "!~", "lower": "az", "print": " ~", "punct": "!/:@[`{~", "space": "\t\r  ", "upper": "AZ", "word": _WORD,
    "xdigit": "09AFaf",
}  # fmt: skip
_IN_WORD = "[0-9A-Z_a-z]"
_BOUNDARY = f"(?:(?<={_IN_WORD})(?!{_IN_WORD})|(?<!{_IN_WORD})(?={_IN_WORD}))"
_PLACES = {"A": r"(?:\A)", "z": r"(?:\Z)", "b": _BOUNDARY, "B": f"(?!{_BOUNDARY})"}
_CATEGORIES = re.compile(r"[LMNPSZC]|L[lmotu]|M[cen]|N[dlo]|P[cdefios]|S[ckmo]|Z[lps]|C[cfo]")


class GoPattern(NamedTuple):
    """A pattern for `regex`, and the numbers of its named groups."""

    text: str
    groups: dict[str, int]


class _Level:
    """A group that is open: what it begins with, and what has been read of it."""

    def __init__(self, opening: str, flags: frozenset[str]) -> None:
        """`flags` are those that hold again behind the group."""
        self.opening = opening
        self.flags = flags
        self.parts: list[str] = []
        self.repeats = _Repeats(1, 0)
        self.last: _Repeats | None = None
        """Those of the last part; None where there is nothing that can be repeated."""

    def add(self, part: str, repeats: "_Repeats | None" = None) -> None:
        """Add what a repeat may follow."""
        self.parts.append(part)
        self.last = repeats or _Repeats(1, 0)
        self.count(self.last)

    def count(self, repeats: "_Repeats") -> None:
        """Remember the most of all parts."""
        self.repeats = _Repeats(max(self.repeats.times, repeats.times), max(self.repeats.depth, repeats.depth))


class _Repeats(NamedTuple):
    """How many `times` something is repeated at least, by repeats in repeats, and how deep these are."""

    times: int
    depth: int


def translate(pattern: str) -> GoPattern:
    """Give a pattern that finds what Go's finds. Raises ExpressionError where Go refuses it."""
    if len(pattern) > MAX_LENGTH:
        raise ExpressionError(f"a regular expression has at most {MAX_LENGTH:,} characters here")
    return _Translator(pattern).run()


class _Translator:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._flags: frozenset[str] = frozenset()
        self._levels = [_Level("", frozenset())]
        self._groups: dict[str, int] = {}
        self._count = 0

    def run(self) -> GoPattern:
        while self._at < len(self._pattern):
            self._read_part(self._pattern[self._at])
        if len(self._levels) > 1:
            _refuse("a ')' is missing")
        return GoPattern("".join(self._levels[0].parts), self._groups)

    def _read_part(self, character: str) -> None:
        level = self._levels[-1]
        if character == "(":
            self._open_group()
        elif character == ")":
            self._close_group()
        elif character == "[":
            level.add(self._read_set())
        elif character == "\\":
            self._read_escape(level)
        elif repeat := self._take(_REPEAT):
            self._repeat(level, repeat)
        else:
            self._at += 1
            if character == "|":
                level.parts.append("|")
                level.last = None
            else:
                level.add(self._read_plain(character))

    def _take(self, what: re.Pattern[str]) -> re.Match[str] | None:
        found = what.match(self._pattern, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def _read_plain(self, character: str) -> str:
        lines = "m" in self._flags
        if character == "^":
            return r"(?<![^\n])" if lines else _PLACES["A"]
        if character == "$":
            return r"(?![^\n])" if lines else _PLACES["z"]
        if character == ".":
            return "(?s:.)" if "s" in self._flags else r"[^\n]"
        return self._write_one(character)

    def _write_one(self, character: str) -> str:
        ranges = self._write_ranges(character * 2)
        return ranges if ranges == _literal(character) else f"[{ranges}]"

    def _write_ranges(self, ranges: str) -> str:
        """Write ranges for within brackets, in upper and lower case if case does not count.

        The flag of `regex` for that would reach other alternatives, too: `[^a-z]|(?i:x)` does not find an `A`.
        """
        pairs = list(zip(ranges[::2], ranges[1::2], strict=True))
        if "i" in self._flags:
            pairs += [(other, other) for first, last in pairs for other in _other_cases(first, last)]
        return "".join(
            _literal(first) if first == last else f"{_literal(first)}-{_literal(last)}" for first, last in pairs
        )

    def _open_group(self) -> None:
        found = self._take(_GROUP)
        if found is None or (found.group() == "(" and self._pattern.startswith("?", self._at)):
            hint = "look-around, references, atomic, possessive and recursive parts are not known to Helm either"
            raise ExpressionError("this regular expression is none of Go's", hint=hint)
        name, switched_on, switched_off, end = found.groups()
        before = self._flags
        if end is not None:
            self._flags = before.union(switched_on) - frozenset(switched_off or "")
        if end == ")":
            return
        if len(self._levels) > _MAX_DEPTH:
            _refuse("its groups are nested too deep")
        self._levels.append(_Level("(?:" if end else "(", before))
        if not end:
            self._count += 1
            if name in self._groups:
                _refuse("two groups have one name")
            if name is not None:
                self._groups[name] = self._count

    def _close_group(self) -> None:
        if len(self._levels) == 1:
            _refuse("a ')' closes nothing")
        self._at += 1
        level = self._levels.pop()
        self._flags = level.flags
        self._levels[-1].add(f"{level.opening}{''.join(level.parts)})", level.repeats)

    def _repeat(self, level: _Level, repeat: re.Match[str]) -> None:
        if level.last is None:
            _refuse("there is nothing to repeat, or a repeat is repeated")
        least, most = repeat.groups()
        times = level.last.times * max(1, int((most or least or "1")[:9]))
        if times > _MAX_REPEAT or (most and int(least[:9]) > int(most[:9])):
            _refuse(f"a part is repeated more than {_MAX_REPEAT:,} times, or at most less often than at least")
        if level.last.depth >= _MAX_NESTED:
            _refuse(f"more than {_MAX_NESTED} repeats are in each other")
        level.count(_Repeats(times, level.last.depth + 1))
        lazy = self._pattern.startswith("?", self._at)
        self._at += lazy
        level.parts.append(repeat.group() + "?" * (lazy is not ("U" in self._flags)))
        level.last = None

    def _read_escape(self, level: _Level) -> None:
        if quoted := self._take(_QUOTED):
            for character in quoted[1]:
                level.add(self._write_one(character))
            return
        letter = self._pattern[self._at + 1 : self._at + 2]
        if letter in _PLACES:
            self._at += 2
            level.add(_PLACES[letter])
        elif (found := self._read_named_class()) is not None:
            is_negative, inside = found
            level.add(f"[{'^' * is_negative}{inside}]")
        else:
            level.add(self._write_one(self._read_code()))

    def _read_named_class(self) -> tuple[bool, str] | None:
        r"""Read `\d`, `\pL` or `\p{Greek}`: whether it is what the class is not, and the class for within brackets."""
        letter = self._pattern[self._at + 1 : self._at + 2]
        if letter.lower() in _PERL:
            self._at += 2
            return letter.isupper(), self._write_ranges(_PERL[letter.lower()])
        found = self._take(_PROPERTY)
        if found is None:
            return None
        sign, turned, name, single = found.groups()
        name = name or single
        if "i" in self._flags:
            _refuse("'(?i)' and a Unicode class together have no meaning here")
        kind = "General_Category" if _CATEGORIES.fullmatch(name) else "Script"
        return (sign == "P") is not bool(turned), rf"\p{{{kind}={name}}}"

    def _read_code(self) -> str:
        """Read one character that is written with a backslash."""
        found = self._take(_CODE)
        if found is None:
            _refuse("a backslash before what is not an escape in Go")
        short, long, octal, control, itself = found.groups()
        if control or itself:
            return _CONTROLS[control] if control else itself
        code = int(octal, 8) if octal else int(short or long, 16)
        if code > 0x10FFFF:
            _refuse("there is no character of this number")
        return chr(code)

    def _read_set(self) -> str:
        """Read `[...]`: of what is in it, and of classes that are turned around in it, a character is one or none."""
        turned = self._pattern.startswith("^", self._at + 1)
        self._at += 1 + turned
        inside: list[str] = []
        outside: list[str] = []
        start = self._at
        while not self._pattern.startswith("]", self._at) or self._at == start:
            if found := self._read_class_in_set():
                (outside if found[0] else inside).append(found[1])
            else:
                inside.append(self._read_range())
        self._at += 1
        alternatives = [f"[{''.join(inside)}]"] if inside else []
        alternatives += [f"[^{other}]" for other in outside]
        if turned:
            return f"(?:(?!{'|'.join(alternatives)})(?s:.))" if outside else f"[^{''.join(inside)}]"
        return alternatives[0] if len(alternatives) == 1 else f"(?:{'|'.join(alternatives)})"

    def _read_class_in_set(self) -> tuple[bool, str] | None:
        if found := self._take(_POSIX):
            if found[2] not in _CLASSES:
                _refuse("there is no class of this name")
            return found[1] == "^", self._write_ranges(_CLASSES[found[2]])
        return self._read_named_class() if self._pattern.startswith("\\", self._at) else None

    def _read_range(self) -> str:
        first = last = self._read_one_of_set()
        if self._pattern.startswith("-", self._at) and not self._pattern.startswith("-]", self._at):
            self._at += 1
            last = self._read_one_of_set()
        if last < first:
            _refuse("a range in brackets ends before it begins")
        return self._write_ranges(first + last)

    def _read_one_of_set(self) -> str:
        if self._at >= len(self._pattern):
            _refuse("a ']' is missing")
        if self._pattern[self._at] == "\\":
            return self._read_code()
        self._at += 1
        return self._pattern[self._at - 1]


def _other_cases(first: str, last: str) -> set[str]:
    cases = _ascii_cases() if last.isascii() else _all_cases()
    return {other for one, others in cases.items() if first <= one <= last for other in others}


@cache
def _ascii_cases() -> dict[str, str]:
    letters = {letter: letter.swapcase() for letter in string.ascii_letters}
    # The long s and the sign of Kelvin are letters of other alphabets that are the same in capitals.
    return letters | dict.fromkeys("sS", "sS\u017f") | dict.fromkeys("kK", "kK\u212a")


@cache
def _all_cases() -> dict[str, str]:
    """Give the characters that are the same but for their case, by each of them (Unicode's simple case folding)."""
    groups: dict[str, str] = {}
    for character in map(chr, range(0x1F000)):
        folded = next((one for one in (character.casefold(), character.lower()) if len(one) == 1), character)
        groups[folded] = groups.get(folded, "") + character
    return {character: group for group in groups.values() if len(group) > 1 for character in group}


def _literal(character: str) -> str:
    return character if character.isalnum() or not character.isascii() else f"\\x{ord(character):02x}"


def _refuse(reason: str) -> NoReturn:
    raise ExpressionError(f"this is no regular expression: {reason}")
