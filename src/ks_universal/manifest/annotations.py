"""Annotations that a flavour adds."""

from ks_universal.json_types import Json


def annotate(body: Json, annotations: dict[str, str]) -> Json:
    """Copy an object with annotations added; they win over those that it has."""
    metadata = body["metadata"]
    merged = {**metadata.get("annotations", {}), **annotations}
    return {**body, "metadata": {**metadata, "annotations": merged}}
