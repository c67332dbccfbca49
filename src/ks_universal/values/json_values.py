"""The JSON of `--set-json` as nodes. Apart from its caller because few runs need a JSON parser."""

import json
import math
from functools import partial
from typing import Any

from ks_universal.values.malformed import MalformedError
from ks_universal.values.nodes import Mapping, Node, Scalar, Sequence, Written

_MAX_DEPTH = 100
_HINT = "a text needs double quotes, and in a shell the whole needs single quotes"


class _Number(str):
    """A number with its characters as written."""


class _Object(tuple[tuple[str, Any], ...]):
    """The entries of an object in order, repeated keys included."""


def read_json(text: str, start: int, at: Written) -> tuple[Node, int]:
    """Read one JSON value from `start` on and give where it ends; nothing before a comma or the end is null.

    Raises:
        MalformedError: There is no JSON, a key is repeated, or it cannot be text or is nested too deep.
    """
    while text[start : start + 1].isspace():
        start += 1
    if text[start : start + 1] in (",", ""):
        return Scalar("null", plain=True, at=at), start
    decoder = json.JSONDecoder(
        object_pairs_hook=_Object,
        parse_int=partial(_read_number, start),
        parse_float=partial(_read_number, start),
        parse_constant=partial(_refuse_constant, start),
    )
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise MalformedError(error.pos, f"this is not JSON: {error.msg}", _HINT) from None
    except RecursionError:
        raise MalformedError(start, "the JSON is nested too deep") from None
    while text[end : end + 1].isspace():
        end += 1
    return _build(value, at, 0), end


def _read_number(column: int, text: str) -> _Number:
    if math.isinf(float(text)):
        raise MalformedError(column, "a number is too large")
    return _Number(text)


def _refuse_constant(column: int, constant: str) -> None:
    raise MalformedError(column, f"{constant} is not JSON")


def _build(value: Any, at: Written, depth: int) -> Node:
    if depth > _MAX_DEPTH:
        raise MalformedError(at.column, "the JSON is nested too deep")
    if isinstance(value, _Object):
        return _build_map(value, at, depth)
    if isinstance(value, list):
        return Sequence([_build(item, at, depth + 1) for item in value], at)
    if isinstance(value, str):
        _check_unicode(value, at)
        return Scalar(value, plain=isinstance(value, _Number), at=at)
    return Scalar({None: "null", True: "true", False: "false"}[value], plain=True, at=at)


def _build_map(pairs: _Object, at: Written, depth: int) -> Mapping:
    entries: dict[str, Node] = {}
    for key, value in pairs:
        _check_unicode(key, at)
        if key in entries:
            raise MalformedError(at.column, f"the key '{key}' is written twice in one object")
        entries[key] = node = _build(value, at, depth + 1)
        node.key_at = at
    return Mapping(entries, at)


def _check_unicode(text: str, at: Written) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedError(at.column, "half of a surrogate pair is not text") from None
