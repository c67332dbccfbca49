"""Collects the secrets of a release's Secrets, in the forms that they are looked for."""

import binascii
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

from ks_universal.engine.masking.decoding import decode, decode_twice
from ks_universal.engine.masking.needles import IN_URL, NAMED_BEFORE, PIECE, SHORTEST, Needles, Where, count_equal
from ks_universal.engine.masking.parts import find_parts
from ks_universal.engine.masking.rules import is_name_key, is_password_key, is_words, judge, looks_random
from ks_universal.json_types import Json

Entry = tuple[str, str, bytes]
"""A value of a Secret: its key, the text that it is, and itself."""

ENCODED_PIECE = -(-PIECE * 8 // 6)
"""Characters of base64 that hold PIECE bytes, wherever these begin: such runs are decoded."""
_WRAPS = (64, 76)
"""Characters of a line of base64, as OpenSSL and base64(1) write them."""
_SHORTEST_LAST = 8
_ESCAPED = frozenset("0123456789abcdefABCDEFnrtvuUx")
"""Characters that may come second in an escape."""
_OPEN_END = re.compile(r"(?:\\++(?:u[0-9a-fA-F]{0,3}|x[0-9a-fA-F]?|[0-7]{1,2})?|%[0-9a-fA-F]?|&#?\w{0,9}|['\" ])+$")
"""The end of a text that may become an escape with what comes after it."""
_HALF_CHARACTERS = re.compile(r"^[\x80-\xbf]+|[\xc2-\xf4][\x80-\xbf]*$")
"""What may be taken for a part of one character of UTF-8 with what is beside it."""


class Secrets(NamedTuple):
    """What is looked for, and names that are no secrets although they hold one."""

    needles: Needles
    names: frozenset[str]


def collect(bodies: Iterable[Json], names: Iterable[str]) -> Secrets:
    """Take the secrets of those among the objects that are Secrets, by the rules of docs/secrets.md."""
    needles, objects = Needles(), list(bodies)
    entries = list(dict.fromkeys(entry for body in objects if body.get("kind") == "Secret" for entry in _entries(body)))
    plain = _Plain([body for body in objects if body.get("kind") != "Secret"], names, entries)
    found: dict[str, Where] = {}
    for key, text, value in entries:
        is_secret = False
        for part in find_parts(key, text):
            where = Where.ANYWHERE if part.is_document else judge(part.key, part.text, plain)
            if where is not None:
                is_secret = True
                found[part.text] = min(where, found.get(part.text, where))
        if is_secret:
            _add_base64(needles, value)
    for text, where in found.items():
        _add(needles, text, where)
    return Secrets(needles, plain.names)


def _entries(secret: Json) -> Iterator[Entry]:
    for key, encoded in (secret.get("data") or {}).items():
        try:
            value = binascii.a2b_base64(encoded or "")
        except ValueError:  # the API server refuses it, and may say what it was
            value = encoded.encode()
        yield key, value.decode(errors="surrogateescape"), value
    for key, text in (secret.get("stringData") or {}).items():
        yield key, text, text.encode()


def _add(needles: Needles, text: str, where: Where) -> None:
    """Look for a text as it is, and without escapes; short ones also in base64."""
    plain = decode(text).text
    stripped = plain.strip(" '")
    needles.add(stripped if len(stripped) >= SHORTEST else plain, where)
    if len(text) > PIECE:
        return
    halves = _HALF_CHARACTERS.sub("", stripped)
    for form in {text, decode_twice(stripped), _OPEN_END.sub("", stripped), decode_twice(halves)} - {stripped}:
        needles.add(form, where)
    for before in "\\%" if text[:1] in _ESCAPED else "":  # what comes before it may make an escape of its beginning
        kept = count_equal(decode(before + text).text[::-1], plain[::-1])
        needles.add(plain[len(plain) - kept :].strip(" '"), where)
    for form in _inside_base64(text.encode(errors="surrogateescape")):
        _add_encoded(needles, form)


def _add_base64(needles: Needles, value: bytes) -> None:
    """Look for the whole of a value in base64; of a long one for the last line, for a piece of the others is enough."""
    stripped = value.strip()
    for each in dict.fromkeys((value, stripped, stripped + b"\n")):
        encoded = binascii.b2a_base64(each, newline=False).decode()
        if len(each) <= PIECE:
            _add_encoded(needles, encoded)
            continue
        for wrap in _WRAPS:
            last = encoded[len(encoded) // wrap * wrap :]
            if _SHORTEST_LAST <= len(last) < ENCODED_PIECE:
                _add_encoded(needles, last)


def _inside_base64(value: bytes) -> Iterator[str]:
    """Give what base64 makes of a value inside of a longer text (`user:password`)."""
    for before, lost in ((0, 0), (1, 2), (2, 3)):  # bytes of what comes before; characters that hold bits of it
        encoded = binascii.b2a_base64(bytes(before) + value, newline=False).decode()
        yield encoded[lost:]  # at the end
        yield encoded[lost : (before + len(value)) * 8 // 6]  # in the middle


def _add_encoded(needles: Needles, form: str) -> None:
    if form.isalpha() and is_words(form):
        return
    needles.add(form.replace("+", " "), Where.ANYWHERE)
    if "+" in form or "/" in form:
        needles.add(form.replace("+", "-").replace("/", "_"), Where.ANYWHERE)


class _Plain:
    """What stands in plain: names, and words of the objects, but for those that follow a word for a password."""

    def __init__(self, bodies: list[Json], names: Iterable[str], entries: Iterable[Entry]) -> None:
        self._texts = [pair for body in bodies for pair in _walk("", body)]
        pairs = (*((key, text) for key, text, _ in entries), *self._texts)
        named = (text for key, text in pairs if is_name_key(key) and not looks_random(text))
        self.names = frozenset((*names, *named, *_list_names(self._texts)))

    def is_plain(self, text: str) -> bool:
        """Tell whether a text is words that are in plain text in an object."""
        return is_words(text) and text.lower() in self._words

    @cached_property
    def _words(self) -> frozenset[str]:
        passwords, words = (
            re.compile(rf"{NAMED_BEFORE}[^\s'\",;&@]+|{IN_URL}[^\s/@]+@"),
            re.compile(r"[a-z]+(?:[-_.][a-z]+)*"),
        )
        found: set[str] = set()
        for key, text in self._texts:
            if not is_password_key(key):
                found.update(words.findall(passwords.sub(" ", text).lower()))
        found.update(part for word in tuple(found) for part in re.split(r"[-_.]", word))
        return frozenset(found)


def _list_names(texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    for key, text in texts:
        if key in ("name", "namespace", "image"):
            yield text
        if key == "image":
            yield from re.split(r"[/:@]", text)


def _walk(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Give the texts of an object with their keys; that of a variable's value is its name."""
    match value:
        case str():
            yield key, value
        case {"name": str(name), "value": str(text)}:
            yield name, text
        case dict():
            for child_key, child in value.items():
                yield from _walk(child_key, child)
        case list():
            for child in value:
                yield from _walk(key, child)
        case _:
            pass
