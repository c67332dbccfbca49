"""The Helm flavour: migrations as hooks that run before anything of the release changes (docs/decisions/0011).

What a hook needs must be a hook, too, and a hook cannot also be an object of the release. So the release's own objects
stay plain, and migrations of phase `pre` read copies of them that are made, and go, with the hooks.
"""

from collections.abc import Iterator
from typing import Any

from ks_universal.json_types import Json
from ks_universal.manifest.helm_rights import copy_right, find_rights
from ks_universal.manifest.waves import assign_waves, sort_by_wave
from ks_universal.metadata_keys import JOB_DIGEST
from ks_universal.model.format.migrations import Phase
from ks_universal.model.format.workloads import JobWhen
from ks_universal.resources.keeping import KEEP, KEPT_BY_HELM, is_to_outlive
from ks_universal.resources.objects import ObjectRef, Rendered, annotate, object_ref
from ks_universal.resources.references import Reference, read_references, rename_references

_HOOK = "helm.sh/hook"
_WEIGHT = "helm.sh/hook-weight"
_DELETE = "helm.sh/hook-delete-policy"
_BEFORE = "pre-install,pre-upgrade"
_AFTER = "post-install,post-upgrade"
_ONCE = "post-install"

_REPLACED = "before-hook-creation"
_GONE_AFTERWARDS = "before-hook-creation,hook-succeeded"
_KEPT = {KEPT_BY_HELM: KEEP}

_LONGEST_NAME = 63
_DIGEST_LENGTH = 8
_COPIED = ("ServiceAccount", "Secret", "ConfigMap")
_ACCOUNT_WEIGHT = -20
_CONFIGURATION_WEIGHT = -10


def build_hooks(rendered: Rendered) -> tuple[Json, ...]:
    """Give all objects in the order in which Helm makes them: hooks before, the release, hooks after it."""
    jobs = {phase: _sort_jobs(rendered, phase) for phase in Phase}
    used = {reference for job in jobs[Phase.PRE] for reference in read_references(job["spec"]["template"]["spec"])}
    guarded = {job["metadata"]["name"] for job in jobs[Phase.PRE]}
    copied = _name_copies(rendered, used)
    accounts = {name for kind, name in copied if kind == "ServiceAccount"}
    rights = find_rights(rendered, jobs[Phase.PRE])
    needed, release, once = [], [], []
    for resource in rendered.objects:
        if resource.one_off is not None and resource.one_off.when is JobWhen.INSTALL:
            once.append(resource.body)
            continue
        hook = _build_needed(resource.body, used, guarded)
        if object_ref(resource.body) in rights:
            copy = copy_right(resource.body, rights, accounts, _copy_name)
            hook = [_hook(copy, _BEFORE, _ACCOUNT_WEIGHT, _GONE_AFTERWARDS)]
        needed += hook
        if not any(object_ref(body) == object_ref(resource.body) for body in hook):
            release.append(_rename_job(_keep(resource.body)))
    before = [_build_job(job, _BEFORE, weight, copied) for weight, job in enumerate(jobs[Phase.PRE])]
    after = [_build_job(job, _AFTER, weight, {}) for weight, job in enumerate(jobs[Phase.POST])]
    after += [_build_job(job, _ONCE, weight, {}) for weight, job in enumerate(once, start=len(after))]
    return tuple(_escape(body) for body in (*needed, *before, *release, *after))


def _sort_jobs(rendered: Rendered, phase: Phase) -> list[Json]:
    jobs = [migration.body for migration in rendered.migrations if migration.phase is phase]
    return sort_by_wave(assign_waves(rendered), jobs)


def _build_needed(body: Json, used: set[Reference], guarded: set[str]) -> list[Json]:
    """Build the hook that a migration needs in place of, or beside, an object of the release; [] for none."""
    kind, name = body["kind"], body["metadata"]["name"]
    if kind == "NetworkPolicy" and name in guarded:
        return [_hook(body, _BEFORE, _CONFIGURATION_WEIGHT, _GONE_AFTERWARDS)]
    if (kind, name) not in used:
        return []
    if kind == "PersistentVolumeClaim":
        # Made once, and never deleted by Helm: `hook-failed` only deletes a claim that could not be made.
        return [annotate(_hook(body, "pre-install", _CONFIGURATION_WEIGHT, "hook-failed"), _KEPT)]
    weight = _ACCOUNT_WEIGHT if kind == "ServiceAccount" else _CONFIGURATION_WEIGHT
    return [_hook(_rename(body, _copy_name(name)), _BEFORE, weight, _GONE_AFTERWARDS)]


def _keep(body: Json) -> Json:
    """Keep what asks for it, and a claim that leaves the release, also where a migration begins to use it."""
    return annotate(body, _KEPT) if is_to_outlive(body) else body


def _rename_job(body: Json) -> Json:
    """Name a Job by what it runs: Helm cannot change its pods, but it replaces one name by another (D30)."""
    annotations = body["metadata"].get("annotations") or {}
    if body["kind"] != "Job" or JOB_DIGEST not in annotations:
        return body
    digest = annotations[JOB_DIGEST][:_DIGEST_LENGTH]
    return _rename(body, f"{body['metadata']['name'][: _LONGEST_NAME - _DIGEST_LENGTH - 1].rstrip('-.')}-{digest}")


def _name_copies(rendered: Rendered, used: set[Reference]) -> dict[Reference, str]:
    made = (object_ref(resource.body) for resource in rendered.objects)
    return {(i.kind, i.name): _copy_name(i.name) for i in made if _is_copied(i, used)}


def _is_copied(of: ObjectRef, used: set[Reference]) -> bool:
    return of.kind in _COPIED and (of.kind, of.name) in used


def _build_job(job: Json, event: str, weight: int, names: dict[Reference, str]) -> Json:
    template = job["spec"]["template"]
    renamed = {**template, "spec": rename_references(template["spec"], names)}
    return _hook({**job, "spec": {**job["spec"], "template": renamed}}, event, weight, _REPLACED)


def _hook(body: Json, event: str, weight: int, delete: str) -> Json:
    return annotate(body, {_HOOK: event, _WEIGHT: str(weight), _DELETE: delete})


def _copy_name(name: str) -> str:
    return f"{name}-migrations"


def _rename(body: Json, name: str) -> Json:
    return {**body, "metadata": {**body["metadata"], "name": name}}


def _escape(value: Any) -> Any:
    """Escape what Helm would take for its own template: the manifests are meant for a chart's `templates/`."""
    if isinstance(value, str):
        return value.replace("{{", "{{`{{`}}") if "{{" in value else value
    if isinstance(value, dict):
        return {key: _escape(item) for key, item in value.items()}
    return list(_escape_items(value)) if isinstance(value, list | tuple) else value


def _escape_items(items: list[Any] | tuple[Any, ...]) -> Iterator[Any]:
    for item in items:
        yield _escape(item)
