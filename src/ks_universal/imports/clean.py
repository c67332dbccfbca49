"""Takes out of an object what its author did not write: what servers and package managers add, and what is the default.

Two objects are the same where they are equal after it, but for the names that `compare` lists.
"""

import re

from ks_universal.imports.read import is_known
from ks_universal.json_types import Json
from ks_universal.metadata_keys import COMPONENT, INSTANCE, MANAGED_BY, NAME, VERSION
from ks_universal.model.kubernetes.fields import has_definition
from ks_universal.resources.defaults import says_nothing, strip_defaults
from ks_universal.resources.objects import WORKLOAD_KINDS, find_template

IDENTITY = frozenset((NAME, INSTANCE, COMPONENT))
"""The labels by which this program names what an object belongs to, too."""

_NAMES_OF_MANAGERS = frozenset(
    (
        MANAGED_BY,
        VERSION,
        "argocd.argoproj.io/instance",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "chart",
        "controller-uid",
        "helm.sh/chart",
        "heritage",
        "job-name",
        "kustomize.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/namespace",
        "helm.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/namespace",
    )
)
_WRITTEN_BY_MANAGERS = re.compile(
    r"meta\.helm\.sh/.*|helm\.sh/hook.*|argocd\.argoproj\.io/(?:hook|hook-delete-policy|sync-wave|tracking-id)"
    r"|kubectl\.kubernetes\.io/(?:last-applied-configuration|restartedAt|default-container-restarted)"
    r"|deployment\.kubernetes\.io/.*|deprecated\.daemonset\.template\.generation|pv\.kubernetes\.io/.*"
    r"|volume(?:\.beta)?\.kubernetes\.io/(?:storage-provisioner|selected-node)|autoscaling\.alpha\.kubernetes\.io/.*"
    r"|batch\.kubernetes\.io/job-tracking|cronjob\.kubernetes\.io/.*|ks-universal\.io/(?!resource-policy).*"
)
_DIGEST = re.compile(r"[0-9a-f]{32,64}")
_ROLL = re.compile(r"(?:.*[/-])?(?:checksum|rollme|roll-me)(?:[/.-].*)?", re.IGNORECASE)


def clean_object(body: Json) -> Json:
    """Give an object as its author may have written it; `status` has been left out before."""
    kind = body["kind"]
    cleaned = {**body, "metadata": _clean_metadata(body["metadata"])}
    if not is_known(body):
        return cleaned
    definition = f"{kind}Spec"
    if has_definition(definition) and isinstance(body.get("spec"), dict):
        cleaned["spec"] = strip_defaults(body["spec"], definition)
        if kind == "PersistentVolumeClaim" and _is_bound(body):
            cleaned["spec"].pop("volumeName", None)
    if kind in WORKLOAD_KINDS:
        cleaned["spec"] = _clean_workload(cleaned)
    if kind == "Job":
        cleaned["spec"] = {key: value for key, value in cleaned["spec"].items() if key != "selector"}
    if kind == "Secret":
        cleaned.setdefault("type", "Opaque")
    if kind == "ServiceAccount":
        cleaned.pop("secrets", None)
    return {key: value for key, value in cleaned.items() if not says_nothing(key, value)}


def clean_raw(body: Json) -> Json:
    """Give an object with all that its author wrote, defaults and names of charts too."""
    metadata = {**body["metadata"]}
    annotations = metadata.pop("annotations", {})
    kept = {key: text for key, text in annotations.items() if not _WRITTEN_BY_MANAGERS.fullmatch(key)}
    dropped = ("finalizers", "generateName", "ownerReferences", "creationTimestamp")
    metadata = {key: value for key, value in metadata.items() if key not in dropped}
    return {**body, "metadata": {**metadata, **({"annotations": kept} if kept else {})}}


def is_roll_annotation(key: str, value: str) -> bool:
    """Tell whether an annotation of pods is there to restart them: a digest of their configuration, a random text."""
    return _ROLL.fullmatch(key) is not None or _DIGEST.fullmatch(value) is not None


def _clean_metadata(metadata: Json) -> Json:
    labels = metadata.get("labels") or {}
    annotations = metadata.get("annotations") or {}
    cleaned = {
        **metadata,
        "labels": {key: text for key, text in labels.items() if key not in _NAMES_OF_MANAGERS},
        "annotations": {key: t for key, t in annotations.items() if not _WRITTEN_BY_MANAGERS.fullmatch(key)},
    }
    for key in ("finalizers", "generateName", "ownerReferences", "creationTimestamp"):
        cleaned.pop(key, None)
    return {key: value for key, value in cleaned.items() if not says_nothing(key, value)}


def _clean_workload(body: Json) -> Json:
    """Clean the metadata that is deeper in the spec of what runs pods: that of Jobs, pods and claims."""
    spec = body["spec"]
    claims = [_clean_claim(claim) for claim in spec.get("volumeClaimTemplates", ())]
    cleaned = _clean_below(spec, find_template(body)[1:])
    return {**cleaned, "volumeClaimTemplates": claims} if claims else cleaned


def _clean_below(fields: Json, path: tuple[str, ...]) -> Json:
    if not path:
        metadata = _clean_metadata(fields.get("metadata") or {})
        kept = {key: value for key, value in metadata.items() if key in ("annotations", "labels")}
        rest = {key: value for key, value in fields.items() if key != "metadata"}
        return {"metadata": kept, **rest} if kept else rest
    return {**fields, path[0]: _clean_below(fields[path[0]], path[1:])}


def _clean_claim(claim: Json) -> Json:
    return {"metadata": _clean_metadata(claim["metadata"]), "spec": claim.get("spec", {})}


def _is_bound(body: Json) -> bool:
    return "pv.kubernetes.io/bound-by-controller" in (body["metadata"].get("annotations") or {})
