"""What is in a Secret's value: a document's entries, a URL's password, what is in base64, lines."""

import binascii
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import msgspec

from ks_universal.engine.masking.rules import is_ordinary, is_password_key, is_words, looks_random

_DEEPEST = 4
"""JSON in base64 in JSON: no deeper."""
_URL = r"://[^\s/@:'\"]*:(?P<password>[^\s/@'\"]+)@"
_GO_DSN = r"(?:^|[\s'\"])(?>(?:[^\s='\"]*+=)*?[\w.\-]++:)(?P<password>[^\s'\"]+)@(?:(?:tcp|unix)\(|/)"
_LOGINS = (_URL, _GO_DSN)
"""What has a password in it: `scheme://user:password@host`, `user:password@tcp(host)/database`. Each word is tried from
its beginning only, for a long one that has many (`=a:=a:`) would be gone through again from each."""
_KEY = r"(?P<key>[A-Za-z_][\w.\-]{0,60}+)[\"']?[ \t]*+(?:=>|:=|[:=>])[ \t]*+"
_PAIR = (
    rf"(?:^|[\s{{\[,;&?\"'(<:/]){_KEY}"
    r"(?:\"(?P<double>(?:[^\"\\\n]|\\.){0,9999}+)\"|'(?P<single>(?:[^'\\\n]|\\.|''){0,9999}+)'|(?P<bare>[^\s,;&}<\"'][^\s,;&}<]*+))"
)
"""`key: value`, `key=value` and their like, in YAML, JSON, ini, properties, shells, DSNs, queries, XML."""
_WHOLE = rf"[ \t]*(?:- |export )?[\"']?{_KEY}(?P<rest>[^\"'\s].*)"
"""A line that is one pair, whose value has spaces."""
_OPENS = re.compile(rf"(?P<indent>[ \t]*)(?:- )*[\"']?{_KEY}[|>]?[-+1-9]*[ \t]*(?:#.*)?")
"""A line whose value, a text of several lines or a list, is in the lines after it."""
_PROSE = r"\s+[\w.\-]++(?!=)"
"""What goes on like a sentence."""
_ITEM = re.compile(r"^(?:- +)+")
_ARMOUR = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_LINE = 16
"""Characters of a line with spaces that is hidden as a whole: `set -eu` is in every script."""
_WORD_LINE = 8


class Part(NamedTuple):
    """Something that may be a secret, and the key that says what it is; `is_document`: it has parts of its own."""

    key: str
    text: str
    is_document: bool = False


def find_parts(key: str, value: str, depth: int = 0) -> Iterator[Part]:
    """Find what is in a value, the value itself included."""
    text = value.strip()
    yield Part(key, text, is_document="\n" in text or text[:1] in ("{", "["))
    if depth < _DEEPEST:
        yield from _look_inside(key, text, depth)


def _look_inside(key: str, text: str, depth: int) -> Iterator[Part]:
    if text[:1] in ("{", "[") and (document := _parse_json(text)) is not None:
        for name, leaf in _walk(key, document):
            yield from find_parts(name, leaf, depth + 1)
        return
    if (decoded := _decode_base64(text)) is not None:
        yield from find_parts(key, decoded, depth + 1)
    lines = text.splitlines()
    if len(lines) == 1:
        yield from _look_into_line(None, text, depth)
        return
    for its_key, line in _assign_keys(key, lines):
        yield from _look_into_line(its_key, line, depth)


def _assign_keys(key: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give each line of a document with the key of the block or list that it is in, or the document's own."""
    open_key, depth = key, -1
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if indent < depth or (indent == depth and line[indent : indent + 2] not in ("- ", "")):
            open_key, depth = key, -1
        yield open_key, line
        if (opens := _OPENS.fullmatch(line)) is not None:
            open_key, depth = opens["key"], indent


def _look_into_line(key: str | None, line: str, depth: int) -> Iterator[Part]:
    """Look for pairs and passwords in a line; one without pairs is a part itself where it is one of several."""
    if _BASE64.fullmatch(line):
        yield from () if key is None else (Part(key, line),)
        return
    for login in _LOGINS:
        yield from (Part("password", match["password"]) for match in _compile(login).finditer(line))
    pairs = list(_find_pairs(line))
    for name, value in pairs:
        yield from find_parts(name, value, depth + 1)
    words = [word for word in re.split(r"[\s\"'`,;=:()\[\]{}<>|@]+", line) if word]
    if len(words) > 1:
        yield from (Part("", word) for word in words if looks_random(word))
    item = _ITEM.sub("", line.strip()).strip("'\"")
    if key is not None and not pairs and _is_telling(key, item):
        yield Part(key, item)


def _is_telling(key: str, line: str) -> bool:
    """Tell whether a line without pairs is to be judged as a whole: `set -eu` is in every script."""
    if _ARMOUR.fullmatch(line):
        return False
    words = line.split()
    if is_password_key(key):
        return len(line) >= _WORD_LINE or not all(map(is_ordinary, words))
    is_code = all(is_ordinary(word.strip("-\"'`$;&|()[]{}")) for word in words)
    return len(words) == 1 or (len(line) >= _LINE and not is_code)


def _find_pairs(line: str) -> Iterator[tuple[str, str]]:
    whole = _compile(_WHOLE).fullmatch(line)
    if whole is not None:
        rest, comment, _ = whole["rest"].partition(" #")
        yield whole["key"], whole["rest"]
        if comment:
            yield whole["key"], rest.rstrip()
    settings = [setting.partition("=") for setting in line.split(";") if setting.strip()]
    if len(settings) > 1 and all(equals for _, equals, _ in settings):  # as ADO.NET and ODBC have them: with spaces
        yield from ((name, value.strip("'\" ")) for name, _, value in settings)
    for match in _compile(_PAIR).finditer(line):
        quoted = match["double"] if match["double"] is not None else match["single"]
        value = match["bare"] if quoted is None else quoted
        if quoted is not None or not (is_words(value) and _compile(_PROSE).match(line, match.end())):
            yield match["key"], value


def _walk(key: str, document: Any) -> Iterator[tuple[str, str]]:
    """Give the texts of a document with the keys that they have, or those of the lists that they are in."""
    match document:
        case str():
            yield key, document
        case dict():
            for name, value in document.items():
                yield from _walk(str(name), value)
        case list():
            for value in document:
                yield from _walk(key, value)
        case int() if not isinstance(document, bool):
            yield key, str(document)
        case _:
            pass


def _parse_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _decode_base64(text: str) -> str | None:
    """Decode a text that is the base64 of a text; None: it is none."""
    if not _BASE64.fullmatch(text):
        return None
    padded = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        decoded = binascii.a2b_base64(padded + "=" * (-len(padded) % 4)).decode()
    except ValueError:
        return None
    return decoded if decoded.strip().replace("\n", "").isprintable() and decoded.strip() else None


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
