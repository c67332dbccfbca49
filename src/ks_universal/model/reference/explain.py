"""Finds the key that a path names, and the words for what it takes; for `explain` and the docs."""

import re
from collections.abc import Iterator

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.model.conversion.findings import join_choices
from ks_universal.model.reference.description import (
    ROOT,
    Choice,
    FormatMap,
    Key,
    Kind,
    KubernetesMap,
    ListOf,
    MapOf,
    OrList,
    Plain,
    list_keys,
)
from ks_universal.suggestions import nearest

_PART = re.compile(r'\["(?P<quoted>[^"]*)"\]|\[(?P<index>[0-9*]*)\]|(?P<name>[^.\[\]]+)')
_IS_ITEM = re.compile(r"\*|[0-9]+").fullmatch
_ANYTHING = Plain("any")
_WHOLE = Key(ROOT, "The values of a release, by section.")
_MAX_PATHS = 3
_NAMES = {
    "int32": "whole number",
    "int64": "whole number",
    "bool": "true or false",
    "quantity": "amount",
    "int-or-text": "number or text",
    "yaml-text": "text",
    "any": "anything",
}


class Explained(msgspec.Struct, frozen=True):
    """A key and where it is: `deployments.*.migrations`, `*` for each name that the user chooses."""

    path: str
    key: Key


def find_key(path: str) -> Explained:
    """Find a key: `deployments.*.migrations.steps`, also by the names and indices of a certain file.

    Raises InputError for a path that nothing is at, naming the nearest key.
    """
    found, key = "", _WHOLE
    for part in _PART.finditer(path):
        kind = key.kind
        if isinstance(kind, ListOf):
            kind = kind.item
            if part["index"] is not None or _IS_ITEM(part["name"] or ""):
                found, key = f"{found}[]", _entry(kind, key)
                continue
            found = f"{found}[]"
        name = part["quoted"] or part["name"] or part["index"] or "*"
        if isinstance(kind, MapOf):
            found, key = f"{found}.*", _entry(kind.value, key)
            continue
        if kind == _ANYTHING:
            return Explained(f"{found}.*", key)
        keys = list_keys(kind) if isinstance(kind, FormatMap | KubernetesMap) else {}
        if name not in keys:
            raise InputError([_unknown(found, name, keys, find_paths(path))])
        found, key = f"{found}.{name}".lstrip("."), keys[name]
    return Explained(found, key)


def find_paths(end: str) -> tuple[str, ...]:
    """Find the keys whose path ends so: `deployments.*.migrations.retry` for `migrations.retry`; the highest first.

    Of a key that several sections share, such as this one, the first path of the highest.
    """
    paths = [each for each in _list_paths(ROOT, "", ()) if f".{each[0]}".endswith(f".{end}")] if end else []
    found: dict[tuple[Kind, str], str] = {}
    for path, kind, name in sorted(paths, key=lambda each: each[0].count(".")):
        found.setdefault((kind, name), path)
    return tuple(found.values())


def _list_paths(kind: Kind, path: str, above: tuple[Kind, ...]) -> Iterator[tuple[str, Kind, str]]:
    """List the paths of all keys, with the map that each is of and its name there."""
    while isinstance(kind, ListOf | MapOf):
        path, kind = (f"{path}[]", kind.item) if isinstance(kind, ListOf) else (f"{path}.*", kind.value)
    if isinstance(kind, FormatMap) and kind not in above:
        for name, key in list_keys(kind).items():
            below = f"{path}.{name}".lstrip(".")
            yield below, kind, name
            yield from _list_paths(key.kind, below, (*above, kind))


def find_inner(kind: Kind) -> FormatMap | KubernetesMap | None:
    """Give the map that lists and maps at a place hold in the end; None where they hold scalars."""
    while isinstance(kind, ListOf | MapOf):
        kind = kind.item if isinstance(kind, ListOf) else kind.value
    return kind if isinstance(kind, FormatMap | KubernetesMap) else None


def name_kind(kind: Kind, *, many: bool = False) -> str:
    """Say what a place takes: `list of texts`, `map from names to maps`, `pre or post`."""
    match kind:
        case Plain(name):
            return _count(_NAMES.get(name, name), many=many)
        case Choice(values):
            return join_choices(values)
        case ListOf(item):
            return f"{_count('list', many=many)} of {name_kind(item, many=True)}"
        case OrList(scalar, items):
            return f"{name_kind(scalar, many=many)}, or {name_kind(items, many=many)}"
        case MapOf(value):
            return f"{_count('map', many=many)} from names to {name_kind(value, many=True)}"
        case FormatMap() | KubernetesMap():
            return _count("map", many=many)


def name_default(key: Key) -> str | None:
    """Write a default as a user would; None where there is none to name."""
    if key.default is None:
        return None
    return str(key.default).lower() if isinstance(key.default, bool) else str(key.default)


def _count(noun: str, *, many: bool) -> str:
    return f"{noun}s" if many and noun not in ("anything", "true or false") else noun


def _entry(kind: Kind, parent: Key) -> Key:
    return Key(kind, parent.description, origin=parent.origin)


def _unknown(path: str, name: str, keys: dict[str, Key], elsewhere: tuple[str, ...]) -> Problem:
    near = nearest(name, keys)
    meant = [f"'{each}'" for each in ((f"{path}.{near}".lstrip("."),) if near else elsewhere[:_MAX_PATHS])]
    hint = "'ks-universal explain' lists the sections" if not path else f"see 'ks-universal explain {path}'"
    if meant:
        hint = f"did you mean {' or '.join(meant)}?"
    return Problem("request/unknown-key", f"{path or 'the top level'} has no key '{name}'", hint=hint)
