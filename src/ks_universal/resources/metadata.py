"""Names, labels and annotations of every object: section 3 of the values reference."""

import re
from collections.abc import Mapping

import msgspec

from ks_universal.json_types import Json
from ks_universal.metadata_keys import COMPONENT, INSTANCE, MANAGED_BY, NAME, PROGRAM, VERSION
from ks_universal.model.format.sections import Generic
from ks_universal.model.format.workloads import Workload

_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?").fullmatch


Layer = Mapping[str, str | None]
"""Labels or annotations over those below; None takes one away."""


class Scope(msgspec.Struct, frozen=True):
    """What all objects of a release share. An empty `namespace` is left out of the objects."""

    release: str
    namespace: str
    generic: Generic


def within(scope: Scope, namespace: str | None) -> Scope:
    """Give the scope of objects that are written to be in a namespace of their own; None: in the release's."""
    return scope if namespace is None else msgspec.structs.replace(scope, namespace=namespace)


def build_selector(name: str, release: str) -> dict[str, str]:
    """Build the labels that select the pods of a workload: the chart's, so that its releases can be taken over."""
    return {NAME: name, INSTANCE: release, COMPONENT: name}


def find_selector(name: str, workload: Workload | None, release: str) -> dict[str, str]:
    """Find the labels that select the pods of a workload: those of the selector that it keeps, else ours."""
    return dict(read_kept(workload)) or build_selector(name, release)


def read_kept(workload: Workload | None) -> dict[str, str]:
    """Read the labels of the selector that a workload keeps; none where it has ours."""
    kept = None if workload is None else workload.selector
    labels: dict[str, str] = (kept or {}).get("matchLabels", {})
    return labels


def build_labels(scope: Scope, name: str, *layers: Layer, component: str | None = None) -> dict[str, str]:
    """Build all labels: the built-in ones, which nothing overrides, then layers, the last the strongest."""
    built_in = {
        MANAGED_BY: PROGRAM,
        NAME: name,
        INSTANCE: scope.release,
        COMPONENT: component or name,
    }
    labels: dict[str, str | None] = {**built_in, **scope.generic.labels}
    for layer in layers:
        labels.update(layer)
    labels.update(built_in)
    return _list_kept(labels)


def build_version_label(tag: str | None) -> dict[str, str]:
    """Build the version label from an image's tag, or nothing where the tag is no label value."""
    return {VERSION: tag} if tag is not None and _LABEL_VALUE(tag) else {}


def build_metadata(scope: Scope, name: str, labels: dict[str, str], *annotations: Layer) -> Json:
    """Build `metadata`: annotations are layers over the generic ones, the last the strongest; left out when empty."""
    metadata: Json = {"name": name}
    if scope.namespace:
        metadata["namespace"] = scope.namespace
    metadata["labels"] = labels
    merged = merge_annotations(scope, *annotations)
    if merged:
        metadata["annotations"] = merged
    return metadata


def merge_annotations(scope: Scope, *layers: Layer) -> dict[str, str]:
    """Merge layers of annotations over the generic ones, the last the strongest."""
    merged: dict[str, str | None] = dict(scope.generic.annotations)
    for layer in layers:
        merged.update(layer)
    return _list_kept(merged)


def _list_kept(merged: Layer) -> dict[str, str]:
    return {key: value for key, value in merged.items() if value is not None}
