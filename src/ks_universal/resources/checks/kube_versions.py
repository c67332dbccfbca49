"""What a chosen Kubernetes version does not know of the objects of a release.

The objects use APIs that are stable since Kubernetes 1.25 at the latest, and that no version removes: what may be
missing are fields, and the API that an autoscaler names. Server-side apply refuses an object with a field that the
cluster does not know.
"""

from collections.abc import Iterator
from typing import Any

from ks_universal.diagnostics import Problem
from ks_universal.errors import InputError
from ks_universal.model.kubernetes.fields import load_table
from ks_universal.model.kubernetes.versions import load_versions
from ks_universal.resources.checks.source_map import SourcedObject, list_sourced
from ks_universal.resources.objects import Rendered
from ks_universal.values.nodes import Mapping, Path, format_path

_SPECS = {
    "CronJob": "CronJobSpec",
    "DaemonSet": "DaemonSetSpec",
    "Deployment": "DeploymentSpec",
    "HorizontalPodAutoscaler": "HorizontalPodAutoscalerSpec",
    "Ingress": "IngressSpec",
    "Job": "JobSpec",
    "NetworkPolicy": "NetworkPolicySpec",
    "PersistentVolumeClaim": "PersistentVolumeClaimSpec",
    "PodDisruptionBudget": "PodDisruptionBudgetSpec",
    "ResourceQuota": "ResourceQuotaSpec",
    "Service": "ServiceSpec",
    "StatefulSet": "StatefulSetSpec",
}


_SUCCESSORS = dict.fromkeys(("apps/v1beta1", "apps/v1beta2", "extensions/v1beta1"), "apps/v1")
"""APIs of workloads that Kubernetes 1.16 removed, to what stands for them since."""

_NOT_WRITTEN = "choose a newer cluster: the values don't say this, the program needs it"


def find_unknown(rendered: Rendered, tree: Mapping, version: str) -> tuple[Problem, ...]:
    """Find what a Kubernetes version does not know: fields that came later, and APIs that it has no more.

    `tree` is the effective tree that the objects were made from, for the places. `version` is `1.30`, `v1.30` or
    `1.30.2`. Raises InputError for one whose fields are not known here.
    """
    return (*find_unknown_fields(rendered, tree, version), *_find_removed(rendered, tree, version))


def find_unknown_fields(rendered: Rendered, tree: Mapping, version: str) -> tuple[Problem, ...]:
    """Find the fields of a release's objects that a Kubernetes version does not know yet; see `find_unknown`."""
    chosen = _parse(version)
    newer = {field: since for field, since in load_versions().since.items() if _number(since) > chosen}
    return tuple(
        _describe(placed, tree, path, since=since, version=version)
        for placed in list_sourced(rendered)
        if placed.body["kind"] in _SPECS
        for path, since in _walk(placed.body["spec"], _SPECS[placed.body["kind"]], ("spec",), newer)
    )


def _find_removed(rendered: Rendered, tree: Mapping, version: str) -> Iterator[Problem]:
    for placed in list_sourced(rendered):
        named = placed.body.get("spec", {}).get("scaleTargetRef", {}).get("apiVersion")
        if named in _SUCCESSORS:
            field = placed.find_field(tree, ("spec", "scaleTargetRef", "apiVersion"))
            message = f"{placed}: Kubernetes {version} has the API {named} no more"
            hint = f"write {_SUCCESSORS[named]} in {format_path(field.key)}"
            yield Problem("kubernetes/removed-api", message, field.where, hint)


def _walk(value: Any, kind: str, path: Path, newer: dict[str, str]) -> Iterator[tuple[Path, str]]:
    """Walk what is of a type in the table's notation; yields the outermost fields that are newer, and since when."""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _walk(item, kind.removeprefix("[]"), (*path, index), newer)
    elif isinstance(value, dict) and kind.startswith("{}"):
        for key, item in value.items():
            yield from _walk(item, kind.removeprefix("{}"), (*path, key), newer)
    elif isinstance(value, dict) and kind in load_table():
        yield from _walk_fields(value, kind, path, newer)


def _walk_fields(value: dict[str, Any], kind: str, path: Path, newer: dict[str, str]) -> Iterator[tuple[Path, str]]:
    fields = load_table()[kind]
    for field, item in value.items():
        since = newer.get(f"{kind}.{field}")
        if since is not None:
            yield (*path, field), since
        elif field in fields:
            yield from _walk(item, fields[field].rstrip("!"), (*path, field), newer)


def _describe(placed: SourcedObject, tree: Mapping, path: Path, *, since: str, version: str) -> Problem:
    field = placed.find_field(tree, path)
    message = f"{placed}: Kubernetes {version} does not know {format_path(path)}, which came with {since}"
    hint = f"leave out {format_path(field.key)}, or choose a newer cluster"
    return Problem("kubernetes/unknown-field", message, field.where, hint if field.is_written else _NOT_WRITTEN)


def _parse(version: str) -> tuple[int, ...]:
    known = load_versions().versions
    short = ".".join(version.removeprefix("v").split(".")[:2])
    if short in known:
        return _number(short)
    hint = f"{known[0]} to {known[-1]} are known"
    raise InputError([Problem("request/kube-version", f"{version!r} is no known version of Kubernetes", hint=hint)])


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
