"""The Helm flavour: migrations as hooks that run before anything of the release changes (docs/decisions/0011).

What a hook needs must be a hook, too, and a hook cannot also be an object of the release. So the release's own objects
stay plain, and migrations of phase `pre` read copies of them that are made, and go, with the hooks.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from ks_universal.json_types import Json
from ks_universal.manifest.accounts import name_account
from ks_universal.manifest.copies import CONFIGURATION, copy, copy_right, name_copies, use_copies
from ks_universal.manifest.one_off_jobs import name_by_content
from ks_universal.manifest.uses import find_needed, find_rights
from ks_universal.manifest.waves import assign_waves, sort_by_wave
from ks_universal.model.format.migrations import Phase
from ks_universal.model.format.workloads import JobWhen
from ks_universal.resources.keeping import CLAIM, KEEP, KEPT_BY_HELM, is_to_outlive
from ks_universal.resources.objects import ObjectRef, Rendered, annotate, object_ref

_HOOK = "helm.sh/hook"
_WEIGHT = "helm.sh/hook-weight"
_DELETE = "helm.sh/hook-delete-policy"
_BEFORE = "pre-install,pre-upgrade"
_AFTER = "post-install,post-upgrade"
_ONCE = "post-install"

_REPLACED = "before-hook-creation"
_GONE_AFTERWARDS = "before-hook-creation,hook-succeeded"
_KEPT = {KEPT_BY_HELM: KEEP}

_COPIED = CONFIGURATION.union(("ServiceAccount",))
_ACCOUNT_WEIGHT = -20
_CONFIGURATION_WEIGHT = -10


def build_hooks(rendered: Rendered) -> tuple[Json, ...]:
    """Give all objects in the order in which Helm makes them: hooks before, the release, hooks after it."""
    jobs = {phase: _sort_jobs(rendered, phase) for phase in Phase}
    needed = find_needed(rendered, jobs[Phase.PRE])
    rights = find_rights(rendered, jobs[Phase.PRE])
    copies = name_copies(rendered, (*(ref for ref in needed if ref.kind in _COPIED), *sorted(rights)))
    moved = {*(r for r in needed if r.kind == CLAIM), *(_name_policy(job) for job in jobs[Phase.PRE])}
    before, release, once = [], [], []
    for resource in rendered.objects:
        ref, body = object_ref(resource.body), resource.body
        if resource.one_off is not None and resource.one_off.when is JobWhen.INSTALL:
            once.append(body)
        elif ref in moved:
            before.append(_move(body))
        else:
            release.append(name_account(name_by_content(_keep(body))))
        if ref in copies:
            copied = copy_right(body, copies) if ref in rights else copy(body, copies)
            before.append(_hook(copied, _BEFORE, _find_weight(ref), _GONE_AFTERWARDS))
    pre = [_build_job(use_copies(job, copies), _BEFORE, weight) for weight, job in enumerate(jobs[Phase.PRE])]
    after = [_build_job(job, _AFTER, weight) for weight, job in enumerate(jobs[Phase.POST])]
    after += [_build_job(job, _ONCE, weight) for weight, job in enumerate(once, start=len(after))]
    return tuple(_escape(body) for body in (*before, *pre, *release, *after))


def is_left_behind(body: Json) -> bool:
    """Tell whether an object of this flavour stays when its release is uninstalled: what is kept, and Jobs of hooks."""
    annotations = body["metadata"].get("annotations") or {}
    return annotations.get(KEPT_BY_HELM) == KEEP or annotations.get(_DELETE) == _REPLACED


def _sort_jobs(rendered: Rendered, phase: Phase) -> list[Json]:
    jobs = [migration.body for migration in rendered.migrations if migration.phase is phase]
    return sort_by_wave(assign_waves(rendered), jobs)


def _name_policy(job: Json) -> ObjectRef:
    """Name the policy of a migration: no other pods match it, so the hook needs no copy."""
    return msgspec.structs.replace(object_ref(job), kind="NetworkPolicy")


def _find_weight(ref: ObjectRef) -> int:
    return _CONFIGURATION_WEIGHT if ref.kind in CONFIGURATION else _ACCOUNT_WEIGHT


def _move(body: Json) -> Json:
    """Build the hook that a migration needs in place of an object of the release."""
    if body["kind"] == CLAIM:
        # Made once, and never deleted by Helm: `hook-failed` only deletes a claim that could not be made.
        return annotate(_hook(body, "pre-install", _CONFIGURATION_WEIGHT, "hook-failed"), _KEPT)
    return _hook(body, _BEFORE, _CONFIGURATION_WEIGHT, _GONE_AFTERWARDS)


def _keep(body: Json) -> Json:
    """Keep what asks for it, and a claim that leaves the release, also where a migration begins to use it."""
    return annotate(body, _KEPT) if is_to_outlive(body) else body


def _build_job(job: Json, event: str, weight: int) -> Json:
    return _hook(job, event, weight, _REPLACED)


def _hook(body: Json, event: str, weight: int, delete: str) -> Json:
    return annotate(body, {_HOOK: event, _WEIGHT: str(weight), _DELETE: delete})


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
