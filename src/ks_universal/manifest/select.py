"""Choosing objects by name, and writing them as JSON."""

import re
from collections.abc import Sequence

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.json_types import Json
from ks_universal.resources.objects import object_ref
from ks_universal.suggestions import nearest

_DIGEST = re.compile(r"-[0-9a-f]{8}$")


def select_objects(objects: Sequence[Json], wanted: Sequence[str]) -> tuple[Json, ...]:
    """Choose the objects called `KIND/NAME` (the kind in any case), in the order of `objects`; all where none is asked.

    A digest that a name ends in may be left out: `Job/my-app-migrations` is `Job/my-app-migrations-1a2b3c4d` as well.
    Raises InputError with a finding for each name that no object has.
    """
    if not wanted:
        return tuple(objects)
    names = [str(object_ref(body)) for body in objects]
    known = {_fold(name) for name in names}
    lasting = [_DIGEST.sub("", _fold(name)) for name in names]
    missing = [name for name in wanted if _fold(name) not in known.union(lasting)]
    if missing:
        raise InputError([_report_missing(name, names) for name in missing])
    chosen = {_fold(name) for name in wanted}
    # Where an object is called just so, no other is meant.
    without_digest = chosen - known
    return tuple(
        body
        for body, name, other in zip(objects, names, lasting, strict=True)
        if _fold(name) in chosen or other in without_digest
    )


def write_json(objects: Sequence[Json]) -> str:
    """Write objects as one `v1` List, as kubectl does; kubectl takes it back."""
    body = {"apiVersion": "v1", "kind": "List", "items": objects}
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"


def _fold(name: str) -> str:
    kind, slash, rest = name.partition("/")
    return kind.lower() + slash + rest


def _report_missing(name: str, names: list[str]) -> Problem:
    near = nearest(name, names)
    hint = f"did you mean {near!r}?" if near else f"the objects are: {', '.join(names)}"
    return Problem("request/unknown-object", f"these values make no {name!r}", hint=hint)
