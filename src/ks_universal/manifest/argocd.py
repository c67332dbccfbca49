"""The Argo CD flavour: one sync in waves, configuration before migrations before workloads (docs/decisions/0011)."""

from ks_universal.json_types import Json
from ks_universal.manifest.waves import Waves, assign_waves
from ks_universal.model.kubernetes.makers import Stage, find_stage
from ks_universal.resources.access import BINDING_KINDS, ROLE_KINDS
from ks_universal.resources.extra_objects import is_early
from ks_universal.resources.keeping import is_to_outlive
from ks_universal.resources.objects import WORKLOAD_KINDS, Rendered, annotate, object_ref
from ks_universal.resources.references import Reference, read_references

_WAVE = "argocd.argoproj.io/sync-wave"
_HOOK = {"argocd.argoproj.io/hook": "Sync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"}
_EARLY = {
    "ResourceQuota": -3,
    **dict.fromkeys(("ServiceAccount", *ROLE_KINDS, *BINDING_KINDS), -2),  # Argo CD makes them in this order
    **dict.fromkeys(("Secret", "ConfigMap", "NetworkPolicy"), -1),
    "Service": 0,
}
_STAGES = {Stage.DEFINITION: -4, Stage.SOURCE: -1, Stage.MAKER: 0}
_OPTIONS = "argocd.argoproj.io/sync-options"
_REPLACED = "Force=true,Replace=true"
"""For Jobs that are no hooks: their pods cannot be changed, so Argo CD has to make them anew."""
_KEPT = "Prune=false,Delete=false"
"""For what stays when it leaves the values, and when the Argo CD application is deleted."""


def build_sync_waves(rendered: Rendered) -> tuple[Json, ...]:
    """Give all objects with their waves, in the order of these."""
    waves = assign_waves(rendered)
    jobs = [annotate(migration.body, _HOOK) for migration in rendered.migrations]
    bodies = [*(_adapt(resource.body) for resource in rendered.objects), *jobs]
    claims = _assign_claims(bodies, waves)
    early = {object_ref(r.body): _STAGES[find_stage(r.body)] for r in rendered.objects if is_early(r)}
    refs = [object_ref(body) for body in bodies]
    numbered = [
        (early[ref] if ref in early else _find_wave(body, waves, claims), body)
        for ref, body in zip(refs, bodies, strict=True)
    ]
    numbered.sort(key=lambda entry: entry[0])
    return tuple(annotate(body, {_WAVE: str(wave)}) for wave, body in numbered)


def _adapt(body: Json) -> Json:
    """Give an object its sync options, after those that it has."""
    written = (body["metadata"].get("annotations") or {}).get(_OPTIONS, "")
    options = (written, _REPLACED if object_ref(body).kind == "Job" else "", _KEPT if is_to_outlive(body) else "")
    given = ",".join(filter(None, options))
    return annotate(body, {_OPTIONS: given}) if given else body


def _find_wave(body: Json, waves: Waves, claims: dict[Reference, int]) -> int:
    """Find the wave of an object: what neither migrates nor is needed for that comes with the last workload."""
    kind, name = object_ref(body).kind, body["metadata"]["name"]
    if kind in _EARLY:
        return _EARLY[kind]
    last = max(waves.values(), default=0)
    return claims.get((kind, name), last) if kind == "PersistentVolumeClaim" else waves.get(object_ref(body), last)


def _assign_claims(bodies: list[Json], waves: Waves) -> dict[Reference, int]:
    """Put each claim into the wave of its first user.

    A claim whose class waits for the first consumer stays Pending until a pod uses it; in an earlier wave Argo CD would
    never see it.
    """
    claims: dict[Reference, int] = {}
    last = max(waves.values(), default=0)
    for body in bodies:
        if object_ref(body).kind in WORKLOAD_KINDS and "template" in body["spec"]:
            wave = waves.get(object_ref(body), last)
            for reference in read_references(body["spec"]["template"]["spec"]):
                claims[reference] = min(wave, claims.get(reference, wave))
    return claims
