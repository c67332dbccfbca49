"""The values as they grow: entries, why they are as they are, and which object each is to make again."""

from collections.abc import Collection, Sequence
from typing import Any

from ks_universal.diagnostics import Problem, Severity
from ks_universal.imports.clean import clean_raw
from ks_universal.imports.read import Found
from ks_universal.json_types import Json
from ks_universal.values.expressions.expand import quote_braces
from ks_universal.values.nodes import Path

_ORDER = (
    "configs",
    "serviceAccounts",
    "roles",
    "clusterRoles",
    "deployments",
    "statefulSets",
    "daemonSets",
    "jobs",
    "cronJobs",
    "services",
    "ingresses",
    "httpRoutes",
    "hpas",
    "persistentVolumeClaims",
    "networkPolicies",
    "resourceQuotas",
    "extraObjects",
)
"""The sections of values, in the order in which they are written."""


_FIRST = (
    "namespace",
    "when",
    "wait",
    "schedule",
    "replicas",
    "selector",
    "labels",
    "annotations",
    "podLabels",
    "podAnnotations",
    "serviceAccountName",
    "serviceAccount",
    "rbac",
)
_LAST = (
    "autoCreateService",
    "serviceType",
    "serviceConfig",
    "autoCreateIngress",
    "ingress",
    "autoCreatePdb",
    "pdbConfig",
    "hpa",
    "serviceMonitor",
    "restartOnConfigChange",
    "migrations",
    "initContainers",
    "containers",
    "volumes",
    "volumeClaimTemplates",
)
"""The order of the keys of what runs pods: what it is, what Kubernetes calls so, what is made for it, what runs."""

_SHOWN = 3
"""How many of the objects that controllers make are named."""

_WITH_PODS = frozenset(("deployments", "statefulSets", "daemonSets", "jobs", "cronJobs"))
"""The sections in which objects stay even where their entries make something else: that is reported."""


class Draft:
    """Values that are being made of objects; `release` is what the objects say that their release is called."""

    def __init__(self, release: str, namespace: str, asked: Collection[tuple[str, str]] = ()) -> None:
        """Begin with nothing.

        `namespace` is that of the release, which entries do not name. `asked` are the labels by which objects of the
        input select pods.
        """
        self.asked = asked
        self.release = release
        self.namespace = namespace
        self.sections: dict[str, dict[str, Json]] = {}
        self.raw: list[Found] = []
        self.comments: dict[Path, list[str]] = {}
        self.notes: list[Problem] = []
        self.kept: list[Found] = []
        """The objects that entries are to make again."""
        self.migrations: list[tuple[Found, Json, str, str | None]] = []
        """The Jobs that have become migrations, with their deployments and the names of their steps."""
        self.dropped: dict[int, frozenset[str]] = {}
        """The init containers that entries leave out on purpose, by the id of the object."""
        self._places: dict[int, tuple[str, str]] = {}
        self.reasons: dict[int, str] = {}
        """Why an object is a raw manifest, by its id."""

    def put(self, section: str, name: str, entry: Json, *objects: Found) -> None:
        """Set an entry, which is to make these objects."""
        self.sections.setdefault(section, {})[name] = entry
        self.kept += objects
        self._places.update(dict.fromkeys(map(id, objects), (section, name)))

    @property
    def objects(self) -> list[Found]:
        """All objects that the values are to make again."""
        return [*self.kept, *self.raw]

    def find_made_by(self, places: Collection[tuple[str, ...]]) -> list[Found]:
        """Find the objects that entries at these places are to make."""
        return [found for found in self.kept if self._places[id(found)] in places]

    def give_up(self, objects: Collection[Found], why: str) -> bool:
        """Make raw manifests of the objects that have an entry to themselves; tells whether any had one."""
        any_had = False
        for found in objects:
            section, name = self._places[id(found)]
            if section not in _WITH_PODS and self.sections[section].pop(name, None) is not None:
                self.kept = [each for each in self.kept if each is not found]
                self.raw.append(found)
                self.reasons[id(found)] = why
                any_had = True
        return any_had

    def say(self, path: Path, text: str) -> None:
        """Write a comment above a key."""
        lines = self.comments.setdefault(path, [])
        if text not in lines:
            lines.append(text)

    def leave_out(self, found: Found, why: str) -> None:
        """Note that an object is in no entry."""
        message = f"{found} is left out: {why}"
        self.notes.append(Problem("import/left-out", message, found.where, severity=Severity.WARNING))

    def leave_out_all(self, objects: Sequence[Found], why: str) -> None:
        """Note that several objects are in no entry."""
        shown = ", ".join(map(str, objects[:_SHOWN]))
        more = f" and {len(objects) - _SHOWN} more" if len(objects) > _SHOWN else ""
        message = f"{shown}{more}: left out, for {why}"
        self.notes.append(Problem("import/left-out", message, objects[0].where, severity=Severity.WARNING))

    def warn(self, code: str, message: str, found: Found, hint: str | None = None) -> None:
        """Note what somebody has to look at."""
        self.notes.append(Problem(code, message, found.where, hint, Severity.WARNING))

    def drop(self, found: Found, container: str) -> None:
        """Note that an init container is left out on purpose."""
        self.dropped[id(found)] = self.dropped.get(id(found), frozenset()) | {container}
        message = f"{found}: the init container {container} is left out: the rollout waits for the migrations by itself"
        self.notes.append(Problem("import/left-out", message, found.where, severity=Severity.WARNING))

    def place(self, found: Found) -> Json:
        """Give the key that an entry has whose object names another namespace than the release's."""
        return {"namespace": found.namespace} if found.namespace not in ("", self.namespace) else {}

    def build(self) -> Json:
        """Give the values in the order in which they are written."""
        values: Json = {section: self.sections[section] for section in _ORDER if self.sections.get(section)}
        for section in _WITH_PODS & values.keys():
            values[section] = {name: _sort_keys(entry) for name, entry in values[section].items()}
        if self.raw:
            values["extraObjects"] = [_quote(clean_raw(found.body)) for found in self.raw]
        return values


def _quote(value: Any) -> Any:
    """Quote the braces that would be evaluated."""
    if isinstance(value, dict):
        return {key: _quote(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quote(item) for item in value]
    return quote_braces(value) if isinstance(value, str) else value


def _sort_keys(entry: Json) -> Json:
    between = [key for key in entry if key not in _FIRST and key not in _LAST]
    return {key: entry[key] for key in (*_FIRST, *between, *_LAST) if key in entry}
