"""Extra objects: that each says what it is, once, and nothing that only the API server may say."""

from typing import Any

from ks_universal.json_types import Json
from ks_universal.metadata_keys import MAKES, WAIT
from ks_universal.model.checks.report import Report
from ks_universal.model.conversion.definitions import converter_of
from ks_universal.model.conversion.findings import Findings, to_trail
from ks_universal.model.format.application import Application
from ks_universal.model.format.extra import each_extra, each_manifest
from ks_universal.model.kubernetes import names
from ks_universal.model.kubernetes.durations import parse_duration
from ks_universal.model.kubernetes.kind_names import qualify_kind
from ks_universal.model.kubernetes.makers import is_list_of_made, read_annotation
from ks_universal.values.nodes import Mapping, Path, find, format_path

_BINDING = {"roleRef": "{}text", "subjects": "[]{}text"}
_ROLE = {"rules": "[]PolicyRule"}
_READ: dict[str, dict[str, str]] = {
    **{kind: {"spec": f"{kind}Spec"} for kind in ("CronJob", "DaemonSet", "Deployment", "Job", "Pod", "StatefulSet")},
    "ConfigMap": {"data": "{}text", "binaryData": "{}text"},
    "Secret": {"data": "{}text", "stringData": "{}text", "type": "text"},
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "Role": _ROLE,
    "ClusterRole": _ROLE,
}
"""What plans read of objects of Kubernetes' own kinds, by the types of its table."""
_PODS = {
    **dict.fromkeys(("DaemonSet", "Deployment", "Job", "StatefulSet"), ("spec", "template")),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where what runs pods has its template, whose `spec` Kubernetes' table does not require."""
_NEEDED = {**dict.fromkeys(("RoleBinding", "ClusterRoleBinding"), "roleRef"), "CustomResourceDefinition": "spec"}


def check_extras(application: Application, report: Report) -> None:
    """Check each extra object, and that no two are the same."""
    for path, body in each_extra(application.extra_objects):
        if not isinstance(body, dict):
            report.error("values/wrong-type", path, "must be a map: a manifest with apiVersion, kind and metadata")
            continue
        _check_identity(path, body, report)
        _check_metadata(path, body.get("metadata"), report)
    seen: dict[tuple[str, str | None, str], Path] = {}
    for path, body in each_manifest(application.extra_objects):
        metadata = body["metadata"]
        kind = qualify_kind(body["apiVersion"], body["kind"])
        first = seen.setdefault((kind, metadata.get("namespace"), metadata["name"]), path)
        if first != path:
            clause = f"is {kind}/{metadata['name']}, and so is {format_path(first)}"
            report.error("names/duplicate", path, clause, "keep one of the two", key=True)
        if kind == "Namespace" and metadata["name"] == report.namespace:
            clause = "is the namespace of the release: with it the record of the release would go"
            report.error("values/contradiction", path, clause, "deploy with --create-namespace", key=True)
        _check_read(path, kind, body, report)
        for annotation, value in (metadata.get("annotations") or {}).items():
            _check_annotation((*path, "metadata", "annotations", annotation), body, value, report)


def _check_identity(path: Path, body: Json, report: Report) -> None:
    for key, example in (("apiVersion", "such as v1 or apps/v1"), ("kind", "such as ConfigMap")):
        if not body.get(key):
            report.missing(path, key, example)
        elif not isinstance(body[key], str):
            report.error("values/wrong-type", (*path, key), "must be a text", example)
    if isinstance(body.get("kind"), str) and body["kind"].endswith("List") and isinstance(body.get("items"), list):
        report.error("values/wrong-type", path, "is a list of objects", "write each of its items here", key=True)


def _check_metadata(path: Path, metadata: Any, report: Report) -> None:
    is_named = isinstance(path[-1], str)
    if metadata is not None and not isinstance(metadata, dict):
        report.error("values/wrong-type", (*path, "metadata"), "must be a map")
        return
    metadata = metadata or {}
    name = metadata.get("name", path[-1] if is_named else None)
    if "generateName" in metadata:
        clause = "makes another object in each deploy, which nothing finds again"
        report.error("values/contradiction", (*path, "metadata", "generateName"), clause, "write 'name'", key=True)
    elif name is None:
        report.missing((*path, "metadata") if metadata else path, "name" if metadata else "metadata", "with 'name'")
    elif not isinstance(name, str) or not names.is_path_segment(name):
        place = (*path, "metadata", "name") if "name" in metadata else path
        report.error(
            "names/invalid", place, "is no name that Kubernetes takes for an object", "text without '/' and '%'"
        )
    if not isinstance(metadata.get("namespace", ""), str | None):
        report.error("values/wrong-type", (*path, "metadata", "namespace"), "must be a text")
    for key in ("labels", "annotations"):
        entries = metadata.get(key) or {}
        if not isinstance(entries, dict):
            report.error("values/wrong-type", (*path, "metadata", key), "must be a map")
            continue
        for entry, value in entries.items():
            if value is not None and not isinstance(value, str):
                report.error("values/wrong-type", (*path, "metadata", key, entry), "must be a text", "put it in quotes")


def _check_read(path: Path, kind: str, body: Json, report: Report) -> None:
    """Check the parts of an object that the program reads."""
    read = _READ.get(kind, {})
    needed = _NEEDED.get(kind, "spec" if "spec" in read else None)
    if needed is not None and body.get(needed) is None:
        report.missing(path, needed)
    findings = Findings()
    for key, form in read.items():
        node = find(report.tree, (*path, key))
        if node is not None:
            converter_of(form)(node, to_trail((*path, key)), findings)
    report.problems += findings.problems
    if kind in _PODS:
        _check_template((*path, *_PODS[kind]), report)
    if kind == "CustomResourceDefinition":
        _check_definition((*path, "spec"), body.get("spec"), report)


def _check_template(path: Path, report: Report) -> None:
    template = find(report.tree, path)
    if isinstance(template, Mapping) and not isinstance(template.entries.get("spec"), Mapping):
        report.missing(path, "spec")


def _check_definition(path: Path, spec: Any, report: Report) -> None:
    if not isinstance(spec, dict) or not isinstance(spec.get("names"), dict):
        report.error("values/missing-key", path, "needs the map 'names'", key=True)


def _check_annotation(path: Path, body: Json, value: Any, report: Report) -> None:
    name = str(path[-1])
    if name == WAIT and isinstance(value, str) and value not in ("true", "false") and not parse_duration(value):
        hint = "'false': it is not waited for; a duration such as 10m: how long it may take"
        report.error("values/unknown-value", path, "must be 'false', 'true' or a duration", hint)
    written = read_annotation(body, MAKES)
    if name == MAKES and written is not None and not is_list_of_made(written):
        report.error(
            "values/unknown-value", path, "must name Secrets or ConfigMaps", "such as 'Secret/db, ConfigMap/ca'"
        )
