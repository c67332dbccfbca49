"""Texts that match a pattern: a regular expression or LIKE becomes one set of characters for each position."""

import re
import string

_LOWER, _DIGITS = string.ascii_lowercase, string.digits
_ANY = _LOWER + _DIGITS
_CLASSES = {"d": _DIGITS, "w": _ANY, "s": " ", "D": _LOWER, "W": "-", "S": _ANY}
_POSIX = {
    "alpha": _LOWER, "digit": _DIGITS, "alnum": _ANY, "upper": string.ascii_uppercase, "lower": _LOWER, "space": " ",
    "xdigit": "0123456789abcdef", "punct": "-", "blank": " ", "word": _ANY, "print": _ANY, "graph": _ANY,
}  # fmt: skip
_PRINTABLE = _LOWER + string.ascii_uppercase + _DIGITS + " -_.,:/#@+"
_MAX_SLOTS = 200

Slots = list[str]


def slots_of_like(pattern: str, *, run: int) -> Slots:
    """Return the characters for each position of a text that is LIKE the pattern; `%` stands for `run` letters."""
    slots: Slots = []
    for found in re.finditer(r"\\(.)|(.)", pattern, re.DOTALL):
        char = found[1] or found[2]
        slots += [char] if found[1] else {"%": [_LOWER] * run, "_": [_LOWER]}.get(char, [char])
    return slots


def slots_of_regex(pattern: str, *, run: int) -> Slots | None:
    """Return the characters for each position of a text that matches; `+` and `*` stand for `run` of them.

    Of alternatives the first is taken. None for what is not understood (looking ahead, references back).
    """
    parser = _Parser(re.sub(r"^(?:\*\*\*:|\(\?[a-z]+\))", "", pattern), run)
    try:
        slots = parser.alternatives()
    except (IndexError, ValueError, KeyError):
        return None
    return slots if parser.at == len(parser.text) and len(slots) <= _MAX_SLOTS else None


class _Parser:
    """Reads a regular expression from left to right."""

    def __init__(self, text: str, run: int) -> None:
        self.text, self.run, self.at = text, run, 0

    def alternatives(self) -> Slots:
        first = self._sequence()
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            self._sequence()
        return first

    def _sequence(self) -> Slots:
        slots: Slots = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            atom = self._atom()
            slots += atom * self._times()
        return slots

    def _atom(self) -> Slots:
        char = self._next()
        if char in "^$":
            return []
        if char == "(":
            if self.text.startswith("?:", self.at):
                self.at += 2
            elif self.text.startswith("?", self.at):
                raise ValueError(self.text)
            slots = self.alternatives()
            if self._next() != ")":
                raise ValueError(self.text)
            return slots
        if char == "[":
            return [self._class()]
        if char == "\\":
            return self._escaped()
        return [_ANY if char == "." else char]

    def _escaped(self) -> Slots:
        char = self._next()
        if char in "mMyYAZ":
            return []
        if char.isdigit():
            raise ValueError(self.text)
        return [_CLASSES.get(char, {"t": "\t", "n": "\n"}.get(char, char))]

    def _class(self) -> str:
        negated = self.text[self.at] == "^"
        self.at += negated
        chars = ""
        while not chars or self.text[self.at] != "]":
            if self.text.startswith("[:", self.at):
                end = self.text.index(":]", self.at)
                chars += _POSIX[self.text[self.at + 2 : end]]
                self.at = end + 2
                continue
            char = self._next()
            if char == "\\":
                chars += self._escaped()[0]
            elif self.text[self.at] == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                last = self._next()
                chars += "".join(map(chr, range(ord(char), min(ord(last), ord(char) + 200) + 1)))
            else:
                chars += char
        self.at += 1
        if negated:
            chars = "".join(char for char in _PRINTABLE if char not in chars)
        return "".join(dict.fromkeys(chars))

    def _times(self) -> int:
        char = self.text[self.at : self.at + 1]
        if char in ("+", "*"):
            self.at += 1
            times = self.run
        elif char == "?":
            self.at += 1
            return 1
        elif found := re.match(r"\{(\d+)(,?)(\d*)\}", self.text[self.at :]):
            self.at += found.end()
            low, high = int(found[1]), int(found[3] or (1000 if found[2] else found[1]))
            times = min(max(low, self.run), high)
        else:
            return 1
        self.at += self.text[self.at : self.at + 1] == "?"
        return times

    def _next(self) -> str:
        self.at += 1
        return self.text[self.at - 1]
