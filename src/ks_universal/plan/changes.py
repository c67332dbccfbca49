"""What a plan changes, field by field, as values; nothing of a Secret is in them."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from ks_universal.json_types import Json
from ks_universal.metadata_keys import APPLIED
from ks_universal.plan.steps import Apply, Plan, RollOut, RunJob
from ks_universal.resources.masking import MASK, mask_secrets
from ks_universal.resources.objects import ObjectRef, object_ref

Path = tuple[str | int, ...]

_MASKED_CHANGE = f"{MASK} (changed)"
_BOOKKEEPING = frozenset(("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"))
_BOOKKEEPING_ANNOTATIONS = frozenset(
    (APPLIED, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation")
)


class Operation(StrEnum):
    """What happens to a field."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class Change(StrEnum):
    """What becomes of an object. KEPT: it left the values, and stays."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    KEPT = "kept"


def name_change(before: Json | None, *, same: bool) -> Change:
    """Name what applying an object does to the one `before`, which it leaves the `same` or not; None: there is none."""
    if before is None:
        return Change.CREATED
    return Change.UNCHANGED if same else Change.CHANGED


class FieldChange(NamedTuple):
    """A change of one field; `old` is None for an added one, `new` for a removed one."""

    operation: Operation
    path: Path
    old: Any
    new: Any


class ObjectChange(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an object; where it is CHANGED, `fields` say what.

    `refused`: it was to become so, and the target refuses that; nobody knows the fields then. `kept_by`: the annotation
    by which it is kept; empty for a claim that is kept because it holds data.
    """

    identity: ObjectRef
    change: Change
    fields: tuple[FieldChange, ...] = ()
    refused: bool = False
    kept_by: str = ""


def compare_plan(plan: Plan, live: Mapping[ObjectRef, Json]) -> tuple[ObjectChange, ...]:
    """Compare the objects that a plan applies with the live ones, where nothing is added to those that are applied."""
    steps = (step for step in plan.steps if isinstance(step, Apply | RollOut))
    return tuple(_compare_step(step, live.get(object_ref(step.body))) for step in steps)


def find_unchanged(plan: Plan, changes: Iterable[ObjectChange]) -> frozenset[str]:
    """Find the steps that make nothing else of their object than it is. `changes` are those of the plan's objects."""
    same = {change.identity for change in changes if change.change is Change.UNCHANGED}
    steps = (step for step in plan.steps if isinstance(step, Apply | RollOut))
    return frozenset(step.id for step in steps if object_ref(step.body) in same)


def compare_objects(ref: ObjectRef, old: Json | None, new: Json) -> ObjectChange:
    """Compare an object as it is (None: there is none) with what it is going to be; Secrets are masked first."""
    if old is None:
        return ObjectChange(identity=ref, change=Change.CREATED)
    fields = tuple(diff(*mask_pair(strip(old), strip(new))))
    return ObjectChange(identity=ref, change=name_change(old, same=not fields), fields=fields)


def _compare_step(step: Apply | RollOut, live: Json | None) -> ObjectChange:
    if isinstance(step, RunJob) and step.again:
        return ObjectChange(identity=object_ref(step.body), change=Change.CHANGED)
    return compare_objects(object_ref(step.body), live, step.body)


def diff(old: Any, new: Any, path: Path = ()) -> Iterator[FieldChange]:
    """Compare two JSON values, maps key by key, lists element by element.

    Example: `{"a": 1, "b": [1]}` and `{"a": 2, "b": []}` give `(replace, ("a",), 1, 2), (remove, ("b", 0), 1, None)`.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _diff_entry(old, new, key, path)
    elif isinstance(old, list) and isinstance(new, list):
        before, after = dict(enumerate(old)), dict(enumerate(new))
        for index in range(max(len(old), len(new))):
            yield from _diff_entry(before, after, index, path)
    elif old != new:
        yield FieldChange(Operation.REPLACE, path, old, new)


def _diff_entry(old: dict[Any, Any], new: dict[Any, Any], key: str | int, path: Path) -> Iterator[FieldChange]:
    here = (*path, key)
    if key not in new:
        yield FieldChange(Operation.REMOVE, here, old[key], None)
    elif key not in old:
        yield FieldChange(Operation.ADD, here, None, new[key])
    else:
        yield from diff(old[key], new[key], here)


def strip(body: Json) -> Json:
    """Copy an object without what the API server writes of its own accord."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in _BOOKKEEPING}
    annotations = metadata.pop("annotations", None) or {}
    kept = {key: value for key, value in annotations.items() if key not in _BOOKKEEPING_ANNOTATIONS}
    if kept:
        metadata["annotations"] = kept
    return {**{key: value for key, value in body.items() if key != "status"}, "metadata": metadata}


def mask_pair(old: Json, new: Json) -> tuple[Json, Json]:
    """Mask two states of an object so that a Secret's value that changes is still seen to."""
    masked_old, masked_new = mask_secrets(old), mask_secrets(new)
    for field in ("data", "stringData"):
        values = old.get(field) or {}
        changed = {
            key: _MASKED_CHANGE
            for key, value in (new.get(field) or {}).items()
            if key in values and values[key] != value
        }
        if changed and masked_new is not new:
            masked_new = {**masked_new, field: {**masked_new[field], **changed}}
    return masked_old, masked_new
