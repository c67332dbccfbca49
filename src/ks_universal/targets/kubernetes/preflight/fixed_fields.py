"""What of a workload cannot change, by name, and what of it does not become the new version. Pure."""

from collections.abc import Iterator
from typing import Any

from ks_universal.diagnostics import Problem, Severity
from ks_universal.json_types import Json
from ks_universal.plan.changes import ObjectChange
from ks_universal.resources.objects import APP_SECTIONS
from ks_universal.targets.kubernetes.objects.ownership import contains
from ks_universal.targets.kubernetes.observed.readiness import count_held_back, replaces_on_delete

_REFUSED = "updates to statefulset spec for fields other than"
_FIXED: dict[str, Any] = {
    "serviceName": "",
    "podManagementPolicy": "OrderedReady",
    "selector": {},
    "volumeClaimTemplates": [],
}
"""The fields of a StatefulSet that nobody can change, with the default where they are not written."""


def name_fixed_fields(refused: Problem, live: Json, wanted: Json) -> Problem:
    """Say which field of a StatefulSet cannot change: the API server names those that can."""
    changed = list(_find_changed(live["spec"], wanted["spec"])) if _REFUSED in refused.message else []
    if not changed:
        return refused
    name = wanted["metadata"]["name"]
    keys = ", ".join(f"{APP_SECTIONS['StatefulSet']}.{name}.{field}" for field in changed)
    message = f"StatefulSet/{name}: {keys} cannot be changed while it is there"
    hint = (
        f"write what was there, or delete it and leave its pods and claims: kubectl delete statefulset {name}"
        " --cascade=orphan; the same deploy then takes them up"
    )
    if "volumeClaimTemplates" in changed:
        hint += "; claims that are there keep what they are: to enlarge one, edit it (kubectl edit pvc)"
    return Problem("kubernetes/immutable", message, hint=hint)


def _find_changed(live: Json, wanted: Json) -> Iterator[str]:
    for field, default in _FIXED.items():
        there, asked = live.get(field) or default, wanted.get(field) or default
        if not contains(there, asked):
            yield field


def warn_of_left_pods(marked: Json, change: ObjectChange) -> Problem | None:
    """Warn that pods stay of the version before, as the values have it, and that this run does not wait for them."""
    if not any(field.path[:2] == ("spec", "template") for field in change.fields):
        return None
    name = marked["metadata"]["name"]
    if replaces_on_delete(marked):
        message = f"{change.identity}: nobody replaces its pods (updateStrategy OnDelete), and this run waits for none"
        hint = "delete them one by one to have the new version (kubectl delete pod)"
    elif marked["kind"] == "StatefulSet" and count_held_back(marked):
        left = min(count_held_back(marked), marked["spec"].get("replicas", 1))
        keep = "1 of its pods keeps" if left == 1 else f"{left} of its pods keep"
        message = f"{change.identity}: {keep} the version before, which is below the partition; this run waits for none"
        hint = f"lower updateStrategy.rollingUpdate.partition of {name} to go on"
    else:
        return None
    hint += "; a migration of phase 'post' waits until none of the version before is left"
    return Problem("kubernetes/pods-left", message, hint=hint, severity=Severity.WARNING)
