"""Fields that have to change hands before an object is applied, for applying goes by their owners.

Given away is `replicas`, to an autoscaler: to leave out what we own would set it back to its default, one pod. Taken is
`replicas` from an autoscaler that is gone, and what the API server has filled in and nobody owns, where it contradicts
what is wanted, since leaving it out leaves it there: `rollingUpdate` beside the strategy Recreate or OnDelete, the
`emptyDir` of a volume that had no source. Pure.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ks_universal.diagnostics import Problem
from ks_universal.json_types import Json
from ks_universal.resources.objects import APP_SECTIONS
from ks_universal.targets.kubernetes.api.errors import describe_managers
from ks_universal.targets.kubernetes.objects.field_owners import (
    Managers,
    Named,
    Path,
    disown,
    find_owners,
    format_path,
    is_ours,
    read_field,
    take,
    write_field,
)

TEMPLATES: dict[str, Path] = {
    **dict.fromkeys(APP_SECTIONS, ("spec", "template")),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where those workloads have their pods that can be changed; of a Job nothing can."""
REPLICAS: Path = ("spec", "replicas")
_SCALED = frozenset(("Deployment", "StatefulSet"))
_STRATEGIES = ((("spec", "strategy"), "Recreate"), (("spec", "updateStrategy"), "OnDelete"))
"""Where a workload says how its pods are replaced, and with which type it takes no `rollingUpdate`."""
_CONTROLLERS = "kube-controller-manager"
"""The manager as which autoscalers of Kubernetes write, by the subresource `scale`."""


class Crossing(msgspec.Struct, frozen=True):
    """A field that changes hands, and the whole that is exchanged by it (a volume, where the field is its source)."""

    field: Path
    whole: Path
    is_taken: bool

    def correct(self, live: Json) -> Managers:
        """Give the entries of the managers with the owner that the field is to have."""
        managers = live["metadata"].get("managedFields") or []
        if read_field(live, self.field) is None:
            return managers
        return take(managers, self.field, live) if self.is_taken else disown(managers, self.field)


def asks_who_scales(live: Json | None, body: Json) -> bool:
    """Tell whether it matters to applying an object if there is an autoscaler for it."""
    if live is None or body["kind"] not in _SCALED:
        return False
    owners = list(find_owners(live, REPLICAS))
    if read_field(body, REPLICAS) is None:
        return any(map(is_ours, owners))
    return read_field(body, REPLICAS) != read_field(live, REPLICAS) and any(map(_is_autoscaler, owners))


def find_crossings(live: Json | None, body: Json, *, is_scaled: bool) -> tuple[Crossing, ...]:
    """Find what changes hands when `body` is applied to what is there; `is_scaled`: an autoscaler has `replicas`."""
    if live is None or body["kind"] not in TEMPLATES:
        return ()
    found = list(_find_leftovers(live, body))
    if asks_who_scales(live, body) and (read_field(body, REPLICAS) is None) == is_scaled:
        found.append(Crossing(REPLICAS, REPLICAS, is_taken=not is_scaled))
    return tuple(found)


def find_conflict(live: Json, crossings: Iterable[Crossing]) -> Problem | None:
    """Say who else manages what is to be taken; what is ours, nobody's, or an autoscaler's that is gone is free."""
    fields: dict[str, list[str]] = {}
    for field in (crossing.field for crossing in crossings if crossing.is_taken):
        for entry in find_owners(live, field):
            if not is_ours(entry) and not (field == REPLICAS and _is_autoscaler(entry)):
                fields.setdefault(entry["manager"], []).append(format_path(field))
    return describe_managers(f"{live['kind']}/{live['metadata']['name']}", fields) if fields else None


def soften(live: Json | None, body: Json, crossings: Iterable[Crossing]) -> Json:
    """Give an object as it can be tried where nothing has changed hands yet: with the wholes that are there."""
    for crossing in crossings:
        body = write_field(body, crossing.whole, read_field(live, crossing.whole))
    return body


def harden(tried: Json, body: Json, crossings: Iterable[Crossing]) -> Json:
    """Give what came of a soft trial with the wholes that are wanted, as it will be."""
    for crossing in crossings:
        if crossing.is_taken:
            tried = write_field(tried, crossing.whole, read_field(body, crossing.whole))
    return tried


def _find_leftovers(live: Json, body: Json) -> Iterator[Crossing]:
    """Find what the API server filled in, and would leave beside what is wanted in its place."""
    managers = live["metadata"].get("managedFields") or []
    for crossing in _find_contradictions(live, body):
        if crossing.correct(live) != managers:  # else it is ours already, and goes by itself
            yield crossing


def _find_contradictions(live: Json, body: Json) -> Iterator[Crossing]:
    for place, kind in _STRATEGIES:
        limits = (*place, "rollingUpdate")
        if (read_field(body, place) or {}).get("type") == kind and read_field(live, limits) is not None:
            yield Crossing(limits, place, is_taken=True)
    volumes = (*TEMPLATES[body["kind"]], "spec", "volumes")
    for volume in read_field(body, volumes) or ():
        here = (*volumes, Named(volume["name"]))
        source = (*here, "emptyDir")
        if volume.keys() - {"name", "emptyDir"} and read_field(live, source) is not None:
            yield Crossing(source, here, is_taken=True)


def _is_autoscaler(entry: Json) -> bool:
    return (entry["manager"], entry.get("subresource")) == (_CONTROLLERS, "scale")
