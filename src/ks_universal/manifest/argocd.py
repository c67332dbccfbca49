"""The Argo CD flavour: one sync in waves, each workload and what it uses behind the migrations (docs/decisions/0011).

All is in the phase Sync, for a migration may need claims, accounts and applications of the release, and only hooks
come in an earlier phase. What migrations read of what comes behind them are copies, which are hooks.
"""

from collections.abc import Iterable, Iterator, Mapping

from ks_universal.digests import digest_json
from ks_universal.json_types import Json
from ks_universal.manifest.accounts import name_account
from ks_universal.manifest.copies import CONFIGURATION, copy, name_copies, use_copies
from ks_universal.manifest.gates import close_gates
from ks_universal.manifest.one_off_jobs import name_by_content
from ks_universal.manifest.uses import find_users, list_read
from ks_universal.manifest.waves import Waves, assign_waves
from ks_universal.metadata_keys import MIGRATIONS_DIGEST
from ks_universal.model.format.migrations import Phase
from ks_universal.model.kubernetes.makers import Stage, find_stage
from ks_universal.resources.access import BINDING_KINDS, ROLE_KINDS
from ks_universal.resources.extra_objects import is_early
from ks_universal.resources.keeping import CLAIM, is_to_outlive
from ks_universal.resources.objects import (
    WORKLOAD_KINDS,
    Migration,
    ObjectRef,
    Rendered,
    Resource,
    annotate,
    object_ref,
    read_template,
)
from ks_universal.resources.precedence import find_precedence
from ks_universal.resources.references import read_references

_WAVE = "argocd.argoproj.io/sync-wave"
_HOOK = "argocd.argoproj.io/hook"
_DELETE = "argocd.argoproj.io/hook-delete-policy"
_REPLACED = {_HOOK: "Sync", _DELETE: "BeforeHookCreation"}
_GONE_AFTERWARDS = {_HOOK: "Sync", _DELETE: "BeforeHookCreation,HookSucceeded,HookFailed"}
_OPTIONS = "argocd.argoproj.io/sync-options"
_KEPT = "Prune=false,Delete=false"
"""For what stays when it leaves the values, and when the Argo CD application is deleted."""
_REMOVED_LAST = "PruneLast=true"
"""Else the waves are those of the removed, turned round: what the last one reads would go before the migrations."""

_DIGEST_LENGTH = 16
_CONFIGURATION_WAVE = -1
_FIRST = {
    "ResourceQuota": -3,
    **dict.fromkeys(("ServiceAccount", *ROLE_KINDS, *BINDING_KINDS), -2),  # Argo CD makes them in this order
    "NetworkPolicy": -1,
}
_UNUSED = {**dict.fromkeys(CONFIGURATION, _CONFIGURATION_WAVE), "Service": 0}
"""For what no pod of the release uses, or nodes do (pull secrets): what comes later may need it."""
_STAGES = {Stage.DEFINITION: -4, Stage.SOURCE: -1, Stage.MAKER: 0}


def build_sync_waves(rendered: Rendered) -> tuple[Json, ...]:
    """Give all objects with their waves, in the order of these."""
    users = find_users(rendered)
    needs, _ = close_gates(find_precedence(rendered), users)
    waves = assign_waves(rendered, needs)
    last = max(waves.values(), default=0)
    used = {**dict(_assign_to_users(rendered, users, waves, last)), **_assign_claims(rendered, waves, last)}
    found = {object_ref(r.body): _find_wave(r, {**used, **waves}, last) for r in rendered.objects}
    before = [m for m in rendered.migrations if m.phase is Phase.PRE]
    copies = name_copies(rendered, _list_copied(before, found))
    numbered = [
        (found[object_ref(r.body)], _adapt(name_account(name_by_content(_mark(r, rendered))))) for r in rendered.objects
    ]
    for resource in rendered.objects:
        if object_ref(resource.body) in copies:
            numbered.append((_CONFIGURATION_WAVE, annotate(copy(resource.body, copies), _GONE_AFTERWARDS)))
    for migration in rendered.migrations:
        job = use_copies(migration.body, copies) if migration.phase is Phase.PRE else migration.body
        numbered.append((waves[object_ref(job)], annotate(job, _REPLACED)))
    numbered.sort(key=lambda entry: entry[0])
    return tuple(annotate(body, {_WAVE: str(wave)}) for wave, body in numbered)


def _mark(resource: Resource, rendered: Rendered) -> Json:
    """Mark a workload with what its migrations run: Argo CD compares no hooks, and would take it to be in sync."""
    jobs = [each.body for each in rendered.migrations if each.application == resource.application]
    if not jobs or not resource.is_rolled_out:
        return resource.body
    return annotate(resource.body, {MIGRATIONS_DIGEST: digest_json(jobs, _DIGEST_LENGTH)})


def _adapt(body: Json) -> Json:
    """Give an object its sync options, after those that it has."""
    written = (body["metadata"].get("annotations") or {}).get(_OPTIONS, "")
    options = (written, _KEPT if is_to_outlive(body) else _REMOVED_LAST)
    return annotate(body, {_OPTIONS: ",".join(filter(None, options))})


def _find_wave(resource: Resource, known: Mapping[ObjectRef, int], last: int) -> int:
    """Find the wave of an object: what neither migrates nor is needed for that comes with the last workload."""
    ref = object_ref(resource.body)
    if is_early(resource):
        return _STAGES[find_stage(resource.body)]
    return _FIRST[ref.kind] if ref.kind in _FIRST else known.get(ref, _UNUSED.get(ref.kind, last))


def _assign_to_users(
    rendered: Rendered, users: Mapping[ObjectRef, tuple[str, ...]], waves: Waves, last: int
) -> Iterator[tuple[ObjectRef, int]]:
    """Put what applications use into the wave of the first of them; what only Jobs and CronJobs do comes with these."""
    rollouts = {name: waves[object_ref(resource.body)] for name, resource in rendered.workloads.items()}
    others = (r.body for r in rendered.objects if not r.is_rolled_out and object_ref(r.body).kind in WORKLOAD_KINDS)
    for body in others:
        yield from ((ref, last) for ref in list_read(read_template(body)["spec"], object_ref(body).namespace))
    yield from ((ref, min(rollouts[name] for name in names)) for ref, names in users.items() if names)


def _assign_claims(rendered: Rendered, waves: Waves, last: int) -> dict[ObjectRef, int]:
    """Put each claim into the wave of its first user.

    A claim whose class waits for the first consumer stays Pending until a pod uses it; in an earlier wave Argo CD would
    never see it.
    """
    claims: dict[ObjectRef, int] = {}
    for body in rendered.bodies:
        ref = object_ref(body)
        if ref.kind in WORKLOAD_KINDS and "template" in body["spec"]:
            wave = waves.get(ref, last)
            for kind, name in read_references(body["spec"]["template"]["spec"]):
                claim = ObjectRef(kind, ref.namespace, name)
                claims[claim] = min(wave, claims.get(claim, wave))
    return {ref: wave for ref, wave in claims.items() if ref.kind == CLAIM}


def _list_copied(migrations: Iterable[Migration], waves: Mapping[ObjectRef, int]) -> list[ObjectRef]:
    """List what migrations read and what is not there before them."""
    read = (
        ref
        for migration in migrations
        for ref in list_read(migration.body["spec"]["template"]["spec"], object_ref(migration.body).namespace)
    )
    return [ref for ref in dict.fromkeys(read) if ref in waves and waves[ref] > _CONFIGURATION_WAVE]
