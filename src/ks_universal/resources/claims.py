"""`persistentVolumeClaims` (section 23 of the values reference)."""

from ks_universal.model.sections import Claim
from ks_universal.resources.metadata import Scope, build_labels, build_metadata
from ks_universal.resources.objects import Json


def build_claim(scope: Scope, name: str, claim: Claim) -> Json:
    """Build the claim. A written `storageClassName: ""` means no class, which is not the default class."""
    spec: Json = {"accessModes": list(claim.access_modes)}
    if claim.storage_class_name is not None:
        spec["storageClassName"] = claim.storage_class_name
    spec.update(claim.kubernetes)
    if claim.size is not None:
        spec["resources"] = _request(claim.kubernetes.get("resources", {}), claim.size)
    metadata = build_metadata(scope, name, build_labels(scope, name, claim.labels), claim.annotations)
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def _request(resources: Json, size: str) -> Json:
    return {**resources, "requests": {**resources.get("requests", {}), "storage": size}}
