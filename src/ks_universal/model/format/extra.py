"""`extraObjects`: raw manifests, as a list or by name."""

from collections.abc import Iterator
from typing import Any

from ks_universal.json_types import Json
from ks_universal.values.nodes import Path

ExtraObjects = dict[str, Any] | tuple[Any, ...]


def each_extra(objects: ExtraObjects) -> Iterator[tuple[Path, Any]]:
    """Walk the manifests with their paths, as written: they may be anything."""
    entries = objects.items() if isinstance(objects, dict) else enumerate(objects)
    for key, body in entries:
        yield ("extraObjects", key), body


def each_manifest(objects: ExtraObjects) -> Iterator[tuple[Path, Json]]:
    """Walk those that say what they are; one that is keyed by a name has it for its own where it says none."""
    for path, body in each_extra(objects):
        if isinstance(body, dict) and isinstance(body.get("metadata", {}), dict):
            metadata = body.get("metadata") or {}
            if "name" not in metadata and isinstance(path[-1], str):
                body = {**body, "metadata": {"name": path[-1], **metadata}}
            if all(isinstance(text, str) and text for text in _identity(body)) and _is_readable(body["metadata"]):
                yield path, body


def list_names(objects: ExtraObjects, kind: str) -> frozenset[str]:
    """List the names of the manifests of one of Kubernetes' own kinds."""
    return frozenset(body["metadata"]["name"] for _, body in each_manifest(objects) if body["kind"] == kind)


def _is_readable(metadata: Json) -> bool:
    maps = (metadata.get("labels"), metadata.get("annotations"))
    return isinstance(metadata.get("namespace"), str | None) and all(isinstance(each, dict | None) for each in maps)


def _identity(body: Json) -> tuple[Any, ...]:
    return body.get("apiVersion"), body.get("kind"), body["metadata"].get("name") if "metadata" in body else None
