"""Documents to objects: those in lists one by one, each checked by the fields that Kubernetes knows of its kind."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ks_universal.diagnostics import Position, Problem, Severity
from ks_universal.json_types import Json
from ks_universal.model.conversion.definitions import converter_of
from ks_universal.model.conversion.findings import Findings, describe_kind
from ks_universal.model.kubernetes.fields import has_definition
from ks_universal.resources.objects import WORKLOAD_KINDS, find_template
from ks_universal.values.nodes import Mapping, Node, Scalar, locate, position
from ks_universal.values.nodes import Sequence as NodeList
from ks_universal.values.scalars import is_null

API_VERSIONS = {
    "ConfigMap": "v1",
    "CronJob": "batch/v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Ingress": "networking.k8s.io/v1",
    "Job": "batch/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PersistentVolumeClaim": "v1",
    "PodDisruptionBudget": "policy/v1",
    "ResourceQuota": "v1",
    "Secret": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "StatefulSet": "apps/v1",
}
"""The kinds of objects that entries make, and the API that they are of."""

_WRITTEN_BY_SERVERS = frozenset(
    (
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "selfLink",
        "uid",
    )
)
_UNREAD = frozenset(("values/unknown-key",))
"""What the API server drops where it is in an object; all else it refuses."""


class Found(msgspec.Struct, frozen=True):
    """An object, and where it was written."""

    body: Json
    where: Position

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        """The name of the object."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The namespace that the object names, or nothing."""
        return str(self.body["metadata"].get("namespace", ""))

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    def __repr__(self) -> str:
        """Show no body: it may hold a Secret's values."""
        return f"Found({self})"


def is_known(body: Json) -> bool:
    """Tell whether an object is of a kind, and of its API, that entries make: its fields have been checked."""
    return bool(body["apiVersion"] == API_VERSIONS.get(body["kind"]))


def read_objects(documents: Iterable[Node]) -> tuple[list[Found], list[Problem]]:
    """Read the objects of documents in the order written; whatever these hold, nothing is raised."""
    problems: list[Problem] = []
    objects = [found for node in _unfold(documents, problems) if (found := _read(node, problems)) is not None]
    problems += _find_duplicates(objects)
    if not objects and not problems:
        hint = "give it what 'helm get manifest NAME' or 'kubectl get -o yaml' prints"
        problems.append(Problem("import/empty", "there are no objects in the input", hint=hint))
    return objects, problems


def _unfold(documents: Iterable[Node], problems: list[Problem]) -> Iterator[Mapping]:
    """Walk the objects in documents: a list is what it holds."""
    for node in documents:
        if isinstance(node, NodeList):
            yield from _unfold(node.items, problems)
        elif isinstance(node, Mapping):
            items = node.entries.get("items")
            if isinstance(items, NodeList) and _text(node, "kind").endswith("List"):
                yield from _unfold(items.items, problems)
            elif node.entries:
                yield node
        elif not is_null(node):
            message = f"a manifest must be a map of keys, not {describe_kind(node)}"
            problems.append(Problem("import/no-object", message, position(node.at)))


def _text(node: Mapping, key: str) -> str:
    child = node.entries.get(key)
    return child.text if isinstance(child, Scalar) and not is_null(child) else ""


def _read(node: Mapping, problems: list[Problem]) -> Found | None:
    kind, version = _text(node, "kind"), _text(node, "apiVersion")
    metadata = node.entries.get("metadata")
    name = _text(metadata, "name") if isinstance(metadata, Mapping) else ""
    missing = [key for key, text in {"apiVersion": version, "kind": kind, "metadata.name": name}.items() if not text]
    if missing:
        message = f"this is no Kubernetes object: it has no {' and no '.join(missing)}"
        hint = "are these values? They need no import" if not kind and "deployments" in node.entries else None
        problems.append(Problem("import/no-object", message, position(node.at), hint))
        return None
    findings = Findings()
    body = {"apiVersion": version, "kind": kind, **_convert(node, kind, version, findings)}
    problems += (_weaken(problem, kind, name) for problem in findings.problems)
    if findings.broken and any(problem.code not in _UNREAD for problem in findings.problems):
        return None
    where = locate(node, ("kind",), key=True)
    lacking = _find_lacking(body) if is_known(body) else None
    if lacking is not None:
        problems.append(Problem("values/missing-key", f"{kind}/{name} needs {lacking}", where))
        return None
    return Found(body, where)


def _find_lacking(body: Json) -> str | None:
    """Find what an object cannot be without, beyond what the table of fields says."""
    if not has_definition(f"{body['kind']}Spec"):
        return None
    part: Any = body
    path = find_template(body) if body["kind"] in WORKLOAD_KINDS else ()
    for number, key in enumerate(("spec", *path[1:], *(("spec", "containers") if path else ()))):
        part = part.get(key)
        if not part and not (isinstance(part, dict) and not path and number == 0):
            return f"'{key}'"
    if path and not all(container.get("image") for container in part):
        return "the image of each container"
    return None


def _convert(node: Mapping, kind: str, version: str, findings: Findings) -> Json:
    """Read the parts of an object; of a kind that no entry makes, its metadata alone is checked."""
    known = is_known({"apiVersion": version, "kind": kind})
    body: Json = {}
    for key, child in node.entries.items():
        if key in ("apiVersion", "kind", "status"):
            continue
        definition = _name_definition(kind, key) if known or key == "metadata" else "any"
        value: Any = converter_of(definition)(_without_status(child, key), (None, key), findings)
        if value is not msgspec.UNSET:
            body[key] = value
    return body


def _without_status(node: Node, key: str) -> Node:
    """Drop what servers write of every object."""
    if key != "metadata" or not isinstance(node, Mapping):
        return node
    kept = {name: child for name, child in node.entries.items() if name not in _WRITTEN_BY_SERVERS}
    return Mapping(kept, node.at, node.key_at)


def _name_definition(kind: str, key: str) -> str:
    """Name what Kubernetes calls the value of a key of an object."""
    if key == "metadata":
        return "ObjectMeta"
    if kind in ("ConfigMap", "Secret"):
        return "bool" if key == "immutable" else "text" if key == "type" else "{}text"
    return f"{kind}Spec" if key == "spec" and has_definition(f"{kind}Spec") else "any"


def _weaken(problem: Problem, kind: str, name: str) -> Problem:
    """Say of which object a finding is; what the API server would drop is a warning."""
    severity = Severity.WARNING if problem.code in _UNREAD else problem.severity
    message = f"{kind}/{name}: {problem.message}"
    hint = "Kubernetes ignores it, and it is left out" if problem.code in _UNREAD else problem.hint
    return msgspec.structs.replace(problem, message=message, severity=severity, hint=hint)


def _find_duplicates(objects: Sequence[Found]) -> Iterator[Problem]:
    first: dict[tuple[str, str, str], Found] = {}
    for found in objects:
        other = first.setdefault((found.kind, found.namespace, found.name), found)
        if other is not found:
            message = f"{found} is there twice; it was first written at {other.where}"
            yield Problem("import/duplicate", message, found.where, "leave one of the two out")
