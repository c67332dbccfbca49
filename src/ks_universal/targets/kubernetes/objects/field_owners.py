"""Who owns a field of an object on the server (`metadata.managedFields`), and how that is corrected.

Server-side apply goes by owners: a field that we own and no longer name is removed, and what has a default is set back
to it; a default that the server filled in has no owner, and stays whatever else changes. Where that is not what is
meant, the owner is corrected first. No value changes by it, so that a kill in between does no harm.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ks_universal.json_types import Json
from ks_universal.targets.kubernetes.api.client import FIELD_MANAGER, Client
from ks_universal.targets.kubernetes.api.errors import ApiError
from ks_universal.targets.kubernetes.api.kinds import Kind

Managers = list[Json]


_NO_CHANGE = ("/f:kubectl.kubernetes.io/restartedAt", "/.")
"""The annotation of `kubectl rollout restart`, which starts the same pods anew; and that a map is there at all."""


class Named(msgspec.Struct, frozen=True):
    """The element of a list that has a name: `Named("data")` is that of `[{"name": "data"}, {"name": "tmp"}]`."""

    name: str

    def __str__(self) -> str:
        return f'[name="{self.name}"]'


Path = tuple[str | Named, ...]
"""Where a field is: `("spec", "strategy", "type")`."""


def read_field(body: Any, path: Path) -> Any:
    """Read a field; None where there is none."""
    for key in path:
        if isinstance(key, Named):
            body = next((item for item in body or () if item.get("name") == key.name), None)
        else:
            body = (body or {}).get(key)
    return body


def write_field(body: Json, path: Path, value: Any) -> Json:
    """Copy an object with a field set, which is there or whose parent is; None removes it."""
    changed = copy.deepcopy(body)
    *way, last = path
    parent = read_field(changed, tuple(way))
    if isinstance(last, Named):
        index = next(n for n, item in enumerate(parent) if item.get("name") == last.name)
        parent[index] = value
    elif value is None:
        parent.pop(last, None)
    else:
        parent[last] = value
    return changed


def format_path(path: Path) -> str:
    """Write a path as the API server does: `spec.template.spec.volumes[name="data"].emptyDir`."""
    return "".join(str(key) if isinstance(key, Named) else f".{key}" for key in path).lstrip(".")


def find_owners(live: Json, path: Path) -> Iterator[Json]:
    """Find the entries of those who own a field, or a part of it."""
    for entry in live["metadata"].get("managedFields") or ():
        if _find(entry.get("fieldsV1", {}), path) is not None:
            yield entry


def find_changers(live: Json, path: Path) -> dict[str, tuple[str, ...]]:
    """Find who has changed a part of an object since we applied it: managers to the fields that only they have."""
    ours = {field for entry in find_owners(live, path) if is_ours(entry) for field in _walk(entry, path)}
    changed: dict[str, tuple[str, ...]] = {}
    for entry in find_owners(live, path):
        theirs = tuple(field for field in _walk(entry, path) if field not in ours and not field.endswith(_NO_CHANGE))
        if theirs and entry["manager"] != FIELD_MANAGER:
            changed[entry["manager"]] = theirs
    return changed


def _walk(entry: Json, path: Path) -> Iterator[str]:
    """List the fields of an entry below a path, as the server writes them: `f:containers/k:{"name":"main"}/f:image`."""
    open_ = [("", _find(entry["fieldsV1"], path) or {})]
    while open_:
        name, fields = open_.pop()
        if not fields:
            yield name
        open_ += [(f"{name}/{key}".lstrip("/"), below) for key, below in fields.items()]


def is_ours(entry: Json) -> bool:
    """Tell whether an entry is of what this program applies."""
    return entry["manager"] == FIELD_MANAGER and entry["operation"] == "Apply" and "subresource" not in entry


def disown(managers: Managers, path: Path) -> Managers:
    """Copy the entries so that nobody owns a field any more."""
    without = copy.deepcopy(managers)
    for entry in without:
        parent = _find(entry.get("fieldsV1", {}), path[:-1])
        if parent is not None:
            parent.pop(_key(path[-1]), None)
    return without


def take(managers: Managers, path: Path, live: Json) -> Managers:
    """Copy the entries so that we own a field with all that is in it, and nobody else does."""
    return _give(disown(managers, path), path, _fields_of(read_field(live, path)), live)


def gather(managers: Managers, path: Path, live: Json) -> Managers:
    """Copy the entries so that we own all that anybody owns below a field; what is of a subresource stays."""
    gathered = copy.deepcopy(managers)
    theirs: Json = {}
    for entry in gathered:
        parent = None if is_ours(entry) or "subresource" in entry else _find(entry.get("fieldsV1", {}), path[:-1])
        _merge(theirs, (parent or {}).pop(_key(path[-1]), {}))
    return _give(gathered, path, theirs, live) if theirs else managers


def _give(managers: Managers, path: Path, fields: Json, live: Json) -> Managers:
    """Add fields to our entry, which is made where there is none."""
    ours = next(filter(is_ours, managers), None)
    if ours is None:
        ours = {"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": live["apiVersion"]}
        ours |= {"fieldsType": "FieldsV1", "fieldsV1": {}}
        managers.append(ours)
    parent = ours["fieldsV1"]
    for key in path:
        parent = parent.setdefault(_key(key), {})
    _merge(parent, fields)
    return managers


def _merge(fields: Json, others: Json) -> None:
    for key, below in others.items():
        _merge(fields.setdefault(key, {}), below)


async def correct_owners(client: Client, kind: Kind, live: Json, correct: Callable[[Json], Managers]) -> Json:
    """Have the server note other owners than it does; `correct` says which. Gives the object as it then is."""
    managers = live["metadata"].get("managedFields") or []
    corrected = correct(live)
    if corrected == managers:
        return live
    metadata = live["metadata"]
    patch = {"metadata": {"managedFields": corrected, "resourceVersion": metadata["resourceVersion"]}}
    try:
        return await client.patch(kind, metadata["name"], patch)
    except ApiError as error:
        if error.code not in (404, 409):
            raise
    # Somebody wrote meanwhile: what he manages now must stay his.
    moved_on = await client.get(kind, metadata["name"])
    return live if moved_on is None else await correct_owners(client, kind, moved_on, correct)


def _find(fields: Json, path: Path) -> Json | None:
    for key in path:
        found = fields.get(_key(key))
        if found is None:
            return None
        fields = found
    return fields


def _key(key: str | Named) -> str:
    return f"k:{msgspec.json.encode({'name': key.name}).decode()}" if isinstance(key, Named) else f"f:{key}"


def _fields_of(value: Any) -> Json:
    return {f"f:{key}": _fields_of(item) for key, item in value.items()} if isinstance(value, dict) else {}
