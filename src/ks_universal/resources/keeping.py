"""What is to outlive its release: what asks for it, by Helm's annotation or by ours, and what holds data."""

from ks_universal.json_types import Json
from ks_universal.metadata_keys import RESOURCE_POLICY
from ks_universal.model.kubernetes.makers import DEFINITION_KINDS

CLAIM = "PersistentVolumeClaim"
DATA_KINDS = frozenset((CLAIM, *DEFINITION_KINDS))
"""What holds data, or takes all objects with it that are of it or in it."""
KEPT_BY_HELM = "helm.sh/resource-policy"
KEEP = "keep"


def find_keeper(body: Json) -> str | None:
    """Find the annotation by which an object stays when its release would delete it; read as Helm reads it."""
    annotations = body["metadata"].get("annotations") or {}
    return next(
        (name for name in (KEPT_BY_HELM, RESOURCE_POLICY) if annotations.get(name, "").strip().lower() == KEEP), None
    )


def is_to_outlive(body: Json) -> bool:
    """Tell whether an object stays where nobody has asked for the removal of data."""
    return body["kind"] in DATA_KINDS or find_keeper(body) is not None
