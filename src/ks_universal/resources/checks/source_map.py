"""Where in the values a field of an object is written, for findings about objects.

Objects keep Kubernetes' names, and so do the values wherever they can: a field is looked for under its own path below
the keys that its object may be made from, the strongest first.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ks_universal.diagnostics import Position
from ks_universal.json_types import Json
from ks_universal.resources.migrations import POD_ONLY
from ks_universal.resources.objects import APP_SECTIONS, Migration, Rendered, Resource, find_template
from ks_universal.values.nodes import Mapping, Node, Path, Scalar, Sequence, find, locate

_SECTIONS = {
    "CronJob": "cronJobs",
    "HorizontalPodAutoscaler": "hpas",
    "Ingress": "ingresses",
    "Job": "jobs",
    "NetworkPolicy": "networkPolicies",
    "PersistentVolumeClaim": "persistentVolumeClaims",
    "ResourceQuota": "resourceQuotas",
    "Service": "services",
    "ServiceAccount": "serviceAccounts",
    "Role": "roles",
    "ClusterRole": "clusterRoles",
}
_COMPANIONS = {
    "HorizontalPodAutoscaler": ("hpa",),
    "Ingress": ("ingress",),
    "NetworkPolicy": ("migrations",),
    "PodDisruptionBudget": ("pdb", "pdbConfig"),
    "Service": ("serviceConfig",),
}
"""Keys of a workload that say what the objects beside it are."""

_CONTAINERS = ("containers", "initContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


class Field(msgspec.Struct, frozen=True):
    """Where a field is written in the values; one that is not written is where it belongs, and `where` is its parent.

    `key` is its path in the effective tree.
    """

    key: Path
    where: Position
    is_written: bool


class SourcedObject(msgspec.Struct, frozen=True):
    """An object and the keys that it is made from: its `owner`, and what says more of it, the strongest first."""

    body: Json
    owner: Path
    overlays: tuple[Path, ...] = ()
    is_migration: bool = False

    def __str__(self) -> str:
        return f"{self.body['kind']}/{self.body['metadata']['name']}"

    def find_field(self, tree: Mapping, path: Path) -> Field:
        """Find the field at a path of the body in the effective tree.

        One that is not written belongs where the fewest keys are missing, and in doubt to what is the most common.
        """
        candidates = [_follow(tree, candidate) for candidate in self._list_candidates(tree, path)]
        found = next((key for key, missing in candidates if missing == 0), None)
        key = found or min(reversed(candidates), key=lambda candidate: candidate[1])[0]
        return Field(key, locate(tree, key, key=True), found is not None)

    def _list_candidates(self, tree: Mapping, path: Path) -> Iterable[Path]:
        named = _name_items(self.body, path)
        template = find_template(self.body)
        below = named[len(template) :]
        if named[: len(template)] != template:
            rest = named[3:] if named[1:3] == ("jobTemplate", "spec") else named[1:]
            origins = self.overlays if self.is_migration else (*self.overlays, self.owner)
            return [(*origin, *rest) for origin in origins]
        if below[0] == "metadata":
            own = [(*overlay, *below[1:]) for overlay in self.overlays]
            return [*own, (*self.owner, "podAnnotations", *below[2:]), ("generic", *below[1:])]
        return self._list_of_pod(tree, below[1:])

    def _list_of_pod(self, tree: Mapping, path: Path) -> Iterator[Path]:
        """List where a field of the pod may be: a migration says at one place what its pod and its container are."""
        place = path[0]
        if place != "securityContext" or path[1] in POD_ONLY:
            yield from self._list_overlaid(tree, path[2:] if place == "containers" else path)
        if place in _CONTAINERS and path[2] in _PROBES:
            yield (*self.owner, place, path[1], "probes", *path[2:])
        if self.is_migration and place == "initContainers":
            place = "containers"
        yield (*self.owner, place, *path[1:])

    def _list_overlaid(self, tree: Mapping, field: Path) -> Iterator[Path]:
        """List the overlays that count for a field: a map at one of them stands for those of the weaker ones."""
        for overlay in self.overlays:
            yield (*overlay, *field)
            if isinstance(find(tree, _follow(tree, (*overlay, field[0]))[0]), Mapping):
                return


def list_sourced(rendered: Rendered) -> Iterator[SourcedObject]:
    """List all objects of a release, the Jobs of migrations and of their undoing included."""
    owners: dict[str, Path] = {name: (APP_SECTIONS[r.body["kind"]], name) for name, r in rendered.workloads.items()}
    yield from (_place(resource, owners) for resource in rendered.objects)
    for migration in rendered.migrations:
        yield from (_place_job(migration, body, owners) for body in (migration.body, *migration.undo))


def _place(resource: Resource, owners: dict[str, Path]) -> SourcedObject:
    kind: str = resource.body["kind"]
    if resource.application is None:
        return SourcedObject(resource.body, (_SECTIONS.get(kind, kind), resource.body["metadata"]["name"]))
    owner = owners[resource.application]
    return SourcedObject(resource.body, owner, tuple((*owner, key) for key in _COMPANIONS.get(kind, ())))


def _place_job(migration: Migration, body: Json, owners: dict[str, Path]) -> SourcedObject:
    owner = owners[migration.application]
    whole = (*owner, "migrations")
    overlays = (whole,) if migration.step is None else ((*whole, "steps", migration.step), whole)
    return SourcedObject(body, owner, overlays, is_migration=True)


def _name_items(value: object, path: Path) -> Path:
    """Replace the indexes of a path by what the items are called: lists of an object are maps in the values, or longer.

    Mounts are told apart by their path, as several may be of one volume.
    """
    named: list[str | int] = []
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) else None
            called = (value.get("mountPath") or value.get("name")) if isinstance(value, dict) else None
            named.append(part if called is None else called)
        else:
            value = value.get(part) if isinstance(value, dict) else None
            named.append(part)
    return tuple(named)


def _follow(tree: Node, named: Path) -> tuple[Path, int]:
    """Follow a path whose items of lists have names; gives it with their indexes, and how many parts are not there."""
    node: Node | None = tree
    followed: list[str | int] = []
    for count, part in enumerate(named):
        index = _find_item(node, part) if isinstance(node, Sequence) else part
        node = find(node, (index,)) if node is not None else None
        if node is None:
            return (*followed, *named[count:]), len(named) - count
        followed.append(index)
    return tuple(followed), 0


def _find_item(items: Sequence, called: str | int) -> str | int:
    """Find the index of the item that has a name; what is none is given back."""
    for index, item in enumerate(items.items):
        entries = item.entries if isinstance(item, Mapping) else {}
        name = entries.get("mountPath") or entries.get("name")
        if isinstance(name, Scalar) and name.text == called:
            return index
    return called
