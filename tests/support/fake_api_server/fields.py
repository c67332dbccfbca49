"""Who owns which field of an object (`managedFields`), and what follows for what is applied and updated.

A path is as `fieldsV1` has it: ("f:spec", 'k:{"name":"main"}', "f:image"); "." is the item of a list itself. After
structured-merge-diff (kubernetes.io/docs/reference/using-api/server-side-apply), without its schema: which lists have
keys is in a table, and what an item's key defaults to is not known.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Path = tuple[str, ...]

_KEYS = {
    "containers": ("name",),
    "initContainers": ("name",),
    "volumes": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "volumeMounts": ("mountPath",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}
"""The lists whose items have keys; all others are exchanged as a whole."""
_SERVERS_OWN = frozenset(
    ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
)


class FieldConflict(Exception):  # noqa: N818 - named by what it is to the API
    """Fields of an object that others have, with other values: pairs of a manager and a path."""

    def __init__(self, pairs: list[tuple[str, Path]]) -> None:
        super().__init__(str(pairs))
        self.pairs = pairs


def apply(live: Json, body: Json, manager: str, *, force: bool, time: str) -> Json:
    """Give what becomes of `live` when a manager applies `body` to it. Raises FieldConflict."""
    wanted = set(list_fields(body))
    owned = read_owners(live)
    others = {key: fields for key, fields in owned.items() if key != (manager, "Apply", "")}
    clashes = [
        (key[0], path)
        for key, fields in others.items()
        for path in sorted(fields & wanted)
        if path[-1] != "." and read(live, path) != read(body, path)
    ]
    if clashes and not force:
        raise FieldConflict(clashes)
    lost = {path for _, path in clashes}
    kept = {key: fields - lost for key, fields in others.items()}
    theirs = {path for fields in kept.values() for path in fields}
    merged = _merge(live, body)
    for path in sorted(owned.get((manager, "Apply", ""), set()) - wanted, key=len, reverse=True):
        if not any(_is_of(path, other) for other in theirs):
            _remove(merged, path)
    return write_owners(merged, {**kept, (manager, "Apply", ""): wanted}, live, time)


def update(live: Json, body: Json, manager: str, *, time: str) -> Json:
    """Give `body` with its owners: what is other than in `live` is the manager's, and nobody else's."""
    found = set(list_fields(body))
    changed = {path for path in found | set(list_fields(live)) if read(live, path) != read(body, path)}
    owned = {key: fields - changed for key, fields in read_owners(body).items()}
    own = (manager, "Update", "")
    return write_owners(body, {**owned, own: owned.get(own, set()) | (changed & found)}, live, time)


def list_fields(body: Json) -> Iterator[Path]:
    """List the leaves of an object, and its items that have keys; not what the server itself writes."""
    metadata = {key: value for key, value in body.get("metadata", {}).items() if key not in _SERVERS_OWN}
    content = {key: value for key, value in body.items() if key not in {"apiVersion", "kind", "metadata", "status"}}
    if metadata:
        yield from _list(metadata, ("f:metadata",))
    if content:
        yield from _list(content, ())


def _list(value: Any, path: Path) -> Iterator[Path]:
    keys = _KEYS.get(path[-1][2:], ()) if path else ()
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _list(item, (*path, f"f:{key}"))
    elif isinstance(value, list) and value and keys:
        for item in value:
            here = (*path, _write_key(item, keys))
            yield (*here, ".")
            yield from _list(item, here)
    else:
        yield path


def read(body: Any, path: Path) -> Any:
    """Read a field; None where there is none."""
    for part in path:
        if part == ".":
            return body is not None
        body = _find_item(body, part) if part.startswith("k:") else (body or {}).get(part[2:])
    return body


def read_owners(body: Json) -> dict[tuple[str, str, str], set[Path]]:
    """Read who owns which fields, by manager, operation and subresource."""
    entries = body["metadata"].get("managedFields") or []
    return {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): set(_flatten(entry["fieldsV1"], ()))
        for entry in entries
    }


def write_owners(body: Json, owned: dict[tuple[str, str, str], set[Path]], before: Json, time: str) -> Json:
    """Give an object with these owners; an entry whose fields are those of before keeps its time."""
    entries = before["metadata"].get("managedFields") or []
    known = {(entry["manager"], entry["operation"], entry.get("subresource", "")): entry for entry in entries}
    entries = []
    for key, fields in owned.items():
        if fields:
            entry = {"manager": key[0], "operation": key[1], "apiVersion": body["apiVersion"], "time": time}
            entry |= {"fieldsType": "FieldsV1", "fieldsV1": _nest(fields)}
            entry |= {"subresource": key[2]} if key[2] else {}
            same = key in known and known[key]["fieldsV1"] == entry["fieldsV1"]
            entries.append({**entry, "time": known[key].get("time", time)} if same else entry)
    return {**body, "metadata": {**body["metadata"], "managedFields": entries}}


def _merge(live: Any, body: Any, name: str = "") -> Any:
    if isinstance(live, dict) and isinstance(body, dict):
        return {**live, **{key: _merge(live.get(key), value, key) for key, value in body.items()}}
    keys = _KEYS.get(name)
    if keys and isinstance(live, list) and isinstance(body, list):
        named = [_write_key(item, keys) for item in body]
        items = [_merge(_find_item(live, key), item) for key, item in zip(named, body, strict=True)]
        return [*items, *(item for item in live if _write_key(item, keys) not in named)]
    return copy.deepcopy(body)


def _remove(body: Json, path: Path) -> None:
    """Remove a field, and the maps that are empty then: Go leaves those out."""
    *way, last = path[:-1] if path[-1] == "." else path
    parent = read(body, tuple(way))
    if isinstance(parent, list):
        parent[:] = [item for item in parent if item is not _find_item(parent, last)]
    elif isinstance(parent, dict):
        parent.pop(last[2:], None)
    if way and parent in ({}, []):
        _remove(body, tuple(way))


def _is_of(path: Path, other: Path) -> bool:
    """Tell whether another's field is this one, or in this item."""
    whole = path[:-1] if path[-1] == "." else path
    return other[: len(whole)] == whole


def _write_key(item: Json, keys: tuple[str, ...]) -> str:
    return "k:" + json.dumps({key: item[key] for key in keys}, separators=(",", ":"), sort_keys=True)


def read_key(part: str) -> Json:
    """Read the key of an item: `k:{"name":"main"}`."""
    found: Json = json.loads(part[2:])
    return found


def _find_item(items: Any, part: str) -> Any:
    wanted = read_key(part).items()
    return next((item for item in items or () if wanted <= item.items()), None)


def _nest(fields: set[Path]) -> Json:
    tree: Json = {}
    for path in sorted(fields):
        here = tree
        for part in path:
            here = here.setdefault(part, {})
    return tree


def _flatten(tree: Json, path: Path) -> Iterator[Path]:
    for part, below in tree.items():
        if below:
            yield from _flatten(below, (*path, part))
        else:
            yield (*path, part)
