"""Which pods run on with what they have read, though their configuration changes."""

from collections.abc import Iterable, Iterator, Mapping

from ks_universal.json_types import Json
from ks_universal.plan.changes import Change, ObjectChange
from ks_universal.plan.release import pod_of
from ks_universal.plan.steps import Plan, RollOut
from ks_universal.resources.objects import ObjectRef, object_ref
from ks_universal.resources.references import Reference, read_content, read_restart_references

_CONTENT = frozenset(("binaryData", "data", "stringData"))


def find_unnoticed(plan: Plan, changes: Iterable[ObjectChange]) -> Iterator[str]:
    """Say of each workload whose pods stay which configuration changes that they read.

    `changes` are those of the plan's objects, as the target found them. Where nobody knows whether the pods stay,
    nothing is said.
    """
    known = {change.identity: change for change in changes}
    for step in plan.steps:
        if isinstance(step, RollOut) and _keeps_pods(step, known):
            changed = list(_find_changed(step.body, known))
            if changed:
                yield _describe(step, changed)


def _keeps_pods(step: RollOut, known: Mapping[ObjectRef, ObjectChange]) -> bool:
    change = known.get(object_ref(step.body))
    if change is None or change.refused or step.body["spec"].get("replicas") == 0:
        return False
    is_kept = all(field.path[:2] != ("spec", "template") for field in change.fields)
    return change.change in (Change.CHANGED, Change.UNCHANGED) and is_kept


def _find_changed(workload: Json, known: Mapping[ObjectRef, ObjectChange]) -> Iterator[Reference]:
    """Find the configuration of which something changes that the pods read."""
    namespace = object_ref(workload).namespace
    for (kind, name), keys in read_content(pod_of(workload)).items():
        change = known.get(ObjectRef(kind, namespace, name))
        if change is not None and change.change is Change.CHANGED and _touches(change, keys):
            yield kind, name


def _touches(change: ObjectChange, keys: frozenset[str] | None) -> bool:
    content = [field.path for field in change.fields if field.path[0] in _CONTENT]
    return any(keys is None or len(path) == 1 or path[1] in keys for path in content)


def _describe(step: RollOut, changed: list[Reference]) -> str:
    names = " and ".join(f"{kind}/{name}" for kind, name in changed)
    unseen = not set(changed).isdisjoint(read_restart_references(pod_of(step.body)))
    how, remedy = ("", "needed") if unseen else (" as files", "always")
    return f"{step.application} reads {names}{how} and is not restarted (restartOnConfigChange: {remedy} restarts it)"
