"""Helm's `--set` family: expressions such as `a.b=1,c[0]={x,y}` to assignments, by the rules of Helm's strvals.

A place in an expression is shown by the flag and the key, never by the value, which may be a password.
"""

import re
from collections.abc import Callable, Iterator

import msgspec

from ks_universal.diagnostics import Position, Problem
from ks_universal.values.malformed import MalformedError
from ks_universal.values.nodes import Node, Path, Scalar, Sequence, Written, position
from ks_universal.values.scalars import resolve

# In the order in which Helm lays them on top of each other; the last one wins.
OVERRIDE_FLAGS = ("--set-json", "--set", "--set-string", "--set-file", "--set-literal")
MAX_INDEX = 65536
MAX_PARTS = 60
_INT64 = range(-(2**63), 2**63)

ReadFile = Callable[[str, Position], str]
_MakeScalar = Callable[[str, Written], Scalar]
# As much of a malformed expression as is certainly no value.
_KEY = re.compile(r"[^=,{\s\"']*")


class Override(msgspec.Struct, frozen=True):
    """One flag of the command line: `flag` is one of OVERRIDE_FLAGS, `text` what follows it."""

    flag: str
    text: str


class Assignment(msgspec.Struct, frozen=True):
    """One value for one path; the empty path, from `--set-json '{…}'`, is a map to merge into the values."""

    path: Path
    value: Node
    at: Written


def parse_override(override: Override, read_file: ReadFile) -> tuple[list[Assignment], list[Problem]]:
    """Read an expression whole or not at all; `read_file` gives the texts that `--set-file` names."""
    text = override.text.encode("utf-8", "backslashreplace").decode()
    scanner = _Scanner(text, literal=override.flag == "--set-literal")
    try:
        if text != override.text:
            raise MalformedError(0, "the expression is not UTF-8 text")
        return list(_read_assignments(scanner, override.flag, read_file)), []
    except MalformedError as error:
        mark = Written(f"{override.flag} {_KEY.findall(text.lstrip())[0]}".strip(), 0, error.column)
        return [], [Problem("values/set", error.message, position(mark), error.hint)]


class _Scanner:
    """An expression and how far it has been read; `literal` knows no escapes and no commas."""

    def __init__(self, text: str, *, literal: bool) -> None:
        self.text = text
        self.at = 0
        self.literal = literal

    def peek(self) -> str:
        """Give the next character, or nothing at the end."""
        return self.text[self.at : self.at + 1]

    def take_until(self, stops: str) -> tuple[str, str]:
        """Take text up to one of `stops`, which is taken too and given back; at the end it is empty."""
        taken: list[str] = []
        while character := self.peek():
            self.at += 1
            if character in stops:
                return "".join(taken), character
            if character == "\\" and not self.literal:
                character = self.peek()
                self.at += 1
            taken.append(character)
        return "".join(taken), ""


def _read_assignments(scanner: _Scanner, flag: str, read_file: ReadFile) -> Iterator[Assignment]:
    if flag == "--set-json" and scanner.text.lstrip().startswith("{"):
        yield _read_whole_object(scanner.text)
        return
    while scanner.peek():
        start = scanner.at
        path = _read_path(scanner)
        name = f"{flag} {scanner.text[start : scanner.at - 1]}"
        key_at, at = Written(name, 0, start), Written(name, 0, scanner.at)
        value = _read_value(scanner, flag, at, read_file)
        value.key_at = key_at
        yield Assignment(path, value, key_at)


def _read_path(scanner: _Scanner) -> Path:
    """Read `a.b[0].c=`, the equals sign included."""
    path: list[str | int] = []
    stop = "."
    while stop != "=":
        start = scanner.at
        if stop == ".":
            key, stop = scanner.take_until("=[." if scanner.literal else "=[,.")
            _check_key(key, stop, start)
            path.append(key)
        elif stop == "[":
            path.append(_read_index(scanner))
            rest, stop = scanner.take_until("=[.")
            if rest or not stop:
                raise MalformedError(start, "after an index comes '=', '.' or another index")
        if len(path) > MAX_PARTS:
            raise MalformedError(start, f"the key is nested more than {MAX_PARTS} levels deep")
    return tuple(path)


def _check_key(key: str, stop: str, start: int) -> None:
    if stop in (",", ""):
        hint = "write KEY=VALUE; a comma within a value is written '\\,'"
        raise MalformedError(start, "a key without '=' and a value", hint)
    if not key:
        raise MalformedError(start, f"a key is missing before '{stop}'")


def _read_index(scanner: _Scanner) -> int:
    start = scanner.at
    digits, _ = scanner.take_until("]")
    if not (digits.isascii() and digits.isdigit()):
        raise MalformedError(start, "an index is a number from 0 on, in brackets")
    if len(digits) > len(str(MAX_INDEX)) or int(digits) > MAX_INDEX:
        raise MalformedError(start, f"an index is at most {MAX_INDEX}")
    return int(digits)


def _read_value(scanner: _Scanner, flag: str, at: Written, read_file: ReadFile) -> Node:
    if flag == "--set-literal":
        text, scanner.at = scanner.text[scanner.at :], len(scanner.text)
        return Scalar(text, plain=False, at=at)
    if flag == "--set-json":
        from ks_universal.values.json_values import read_json

        value, scanner.at = read_json(scanner.text, scanner.at, at)
        _expect_comma(scanner)
        return value
    make = _scalar_maker(flag, read_file)
    if scanner.peek() == "{":
        return _read_list(scanner, at, make)
    text, _ = scanner.take_until(",")
    return make(text, at)


def _scalar_maker(flag: str, read_file: ReadFile) -> _MakeScalar:
    if flag == "--set":
        return _typed
    if flag == "--set-string":
        return _text
    return lambda name, at: _text(read_file(name, position(at)), at)


def _read_list(scanner: _Scanner, at: Written, make: _MakeScalar) -> Sequence:
    scanner.at += 1
    items: list[Node] = []
    stop = ","
    while stop == ",":
        item_at = Written(at.name, 0, scanner.at)
        text, stop = scanner.take_until(",}")
        if not stop:
            raise MalformedError(at.column, "a list that starts with '{' must end with '}'")
        items.append(make(text, item_at))
    _expect_comma(scanner)
    return Sequence(items, at)


def _expect_comma(scanner: _Scanner) -> None:
    if scanner.peek() not in (",", ""):
        raise MalformedError(scanner.at, "a comma is missing before the next key")
    scanner.at += 1


def _read_whole_object(text: str) -> Assignment:
    from ks_universal.values.json_values import read_json

    at = Written("--set-json {…}")
    value, end = read_json(text, 0, at)
    if text[end:].strip():
        raise MalformedError(end, "there is more text after the JSON object")
    return Assignment((), value, at)


def _text(text: str, at: Written) -> Scalar:
    return Scalar(text, plain=False, at=at)


def _typed(text: str, at: Written) -> Scalar:
    """Make the scalar that means what Helm takes `text` for, with the characters as written where these mean it."""
    meaning = _helm_type(text)
    if isinstance(meaning, str):
        return Scalar(text, plain=False, at=at)
    written = Scalar(text, plain=True, at=at)
    if resolve(written) == meaning:
        return written
    canonical = "null" if meaning is None else str(meaning).lower()
    return Scalar(canonical, plain=True, at=at)


def _helm_type(text: str) -> bool | int | str | None:
    words: dict[str, bool | None] = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    unsigned = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    is_integer = unsigned.isascii() and unsigned.isdigit() and (text == "0" or not text.startswith("0"))
    return int(text) if is_integer and len(text) < 21 and int(text) in _INT64 else text
