"""`extraObjects`: raw manifests with the labels of the release, and what is known of them without a cluster."""

from collections.abc import Iterable, Iterator
from typing import Any

from ks_universal.digests import sha256_hex
from ks_universal.json_types import Json
from ks_universal.metadata_keys import COMPONENT, INSTANCE, MANAGED_BY, NAME, PROGRAM
from ks_universal.model.format.extra import ExtraObjects, each_manifest
from ks_universal.model.kubernetes.kind_names import is_cluster_wide, qualify_kind
from ks_universal.model.kubernetes.makers import Stage, find_stage, list_made
from ks_universal.model.kubernetes.names import is_label_value
from ks_universal.resources.access import BINDING_KINDS, ROLE_KINDS
from ks_universal.resources.configs import encode
from ks_universal.resources.metadata import Scope, merge_annotations
from ks_universal.resources.objects import Resource, object_ref
from ks_universal.resources.references import Reference
from ks_universal.values.nodes import Path

_CONFIGURATION = frozenset(("ConfigMap", "Secret"))
_NEEDED_KINDS = _CONFIGURATION.union(
    ("NetworkPolicy", "PersistentVolumeClaim", "ResourceQuota", "Service", "ServiceAccount"), ROLE_KINDS, BINDING_KINDS
)


def build_extras(scope: Scope, objects: ExtraObjects) -> tuple[Resource, ...]:
    """Build the extra objects, by their stage; in the order written within one."""
    built = [body for _, body in build_with_paths(scope, objects)]
    return tuple(Resource(body, is_extra=True) for body in sorted(built, key=find_stage))


def build_with_paths(scope: Scope, objects: ExtraObjects) -> list[tuple[Path, Json]]:
    """Build the extra objects in the order written, with the places where they are."""
    written = list(each_manifest(objects))
    cluster_wide = set(_list_cluster_wide(body for _, body in written))
    return [(path, _build(scope, body, cluster_wide)) for path, body in written]


def is_early(resource: Resource) -> bool:
    """Tell whether an extra object comes before all migrations, whatever these need."""
    return resource.is_extra and find_stage(resource.body) is not Stage.REST


def is_applied_first(resource: Resource) -> bool:
    """Tell whether an extra object comes before what may need it, where objects are applied one after the other."""
    return is_early(resource) or object_ref(resource.body).kind in _NEEDED_KINDS


def list_restarting(objects: ExtraObjects, references: Iterable[Reference]) -> list[tuple[str, str, str]]:
    """List (kind, name, digest) of the extra objects that are, or make, configuration which pods read."""
    wanted = set(references)
    found = []
    for _, body in each_manifest(objects):
        kind, name = qualify_kind(body["apiVersion"], body["kind"]), body["metadata"]["name"]
        made = [(kind, name)] if kind in _CONFIGURATION else list_made(body)
        if wanted.intersection(made):
            found.append((kind, name, sha256_hex(ascii(describe(body)).encode())[:32]))
    return sorted(found)


def describe(body: Json) -> Json:
    """Give what an object says, without what all objects have."""
    return {key: value for key, value in body.items() if key not in ("apiVersion", "kind", "metadata", "status")}


def _list_cluster_wide(bodies: Iterable[Json]) -> Iterator[str]:
    """List the kinds that definitions among the objects put into no namespace."""
    for body in bodies:
        spec = body.get("spec")
        if body["kind"] == "CustomResourceDefinition" and isinstance(spec, dict) and spec.get("scope") == "Cluster":
            yield qualify_kind(f"{spec.get('group')}/v1", str((spec.get("names") or {}).get("kind")))


def _build(scope: Scope, body: Json, cluster_wide: set[str]) -> Json:
    kind = qualify_kind(body["apiVersion"], body["kind"])
    written = _drop_nulls(body)
    metadata = {"name": body["metadata"]["name"], **_place(scope, written["metadata"])}
    if kind in cluster_wide or is_cluster_wide(kind):
        metadata.pop("namespace", None)
    built: Json = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata}
    built.update(describe(written))
    return _encode_texts(built) if kind == "Secret" else built


def _place(scope: Scope, written: Json) -> Json:
    """Give the metadata, with the labels of the release; its own labels stay, but for those that say whose it is."""
    name = written["name"]
    own = written.get("labels") or {}
    built_in = {MANAGED_BY: PROGRAM, NAME: name, INSTANCE: scope.release, COMPONENT: name}
    if not is_label_value(name):
        built_in = {MANAGED_BY: PROGRAM, INSTANCE: scope.release}
    labels = {**built_in, **scope.generic.labels, **own}
    place = written.get("namespace") or scope.namespace
    metadata: Json = {"namespace": place} if place else {}
    metadata["labels"] = {**labels, MANAGED_BY: PROGRAM, INSTANCE: scope.release}
    annotations = merge_annotations(scope, written.get("annotations") or {})
    if annotations:
        metadata["annotations"] = annotations
    rest = {key: value for key, value in written.items() if key not in ("name", "namespace", "labels", "annotations")}
    return {**metadata, **rest}


def _encode_texts(secret: Json) -> Json:
    """Write plain texts as the API server keeps them: it never gives `stringData` back, so nobody could compare it."""
    texts = secret.get("stringData")
    if not isinstance(texts, dict):
        return secret
    data = {**(secret.get("data") or {}), **{key: encode(str(value)) for key, value in texts.items()}}
    return {**{key: value for key, value in secret.items() if key != "stringData"}, "data": data}


def _drop_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop_nulls(item) for key, item in value.items() if item is not None}
    return [_drop_nulls(item) for item in value] if isinstance(value, list | tuple) else value
