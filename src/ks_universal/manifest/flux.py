"""The Flux flavour: one Kustomization for each stage of a release, each depending on those before it (ADR 0015).

Which Kustomization an object is in depends on nothing but its kind and its application: Flux deletes what leaves one
before another makes it again. The few that move all the same are never deleted by Flux.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

import msgspec

from ks_universal.digests import digest_json, sha256_hex
from ks_universal.json_types import Json
from ks_universal.manifest.accounts import name_account
from ks_universal.manifest.flavors import FluxSource
from ks_universal.manifest.gates import find_early_applications
from ks_universal.manifest.one_off_jobs import name_by_content
from ks_universal.manifest.parts import Parts, divide
from ks_universal.metadata_keys import INSTANCE, MANAGED_BY, PROGRAM, WAIT
from ks_universal.model.format.migrations import Phase
from ks_universal.model.format.precedence import Node, Part, Precedence
from ks_universal.model.format.workloads import JobWhen
from ks_universal.model.kubernetes.makers import read_annotation
from ks_universal.order import find_all_needs, sort_by_needs
from ks_universal.resources.extra_objects import is_applied_first
from ks_universal.resources.keeping import CLAIM, is_to_outlive
from ks_universal.resources.objects import (
    APP_SECTIONS,
    WORKLOAD_KINDS,
    ObjectRef,
    Rendered,
    Resource,
    annotate,
    object_ref,
    read_template,
    rename,
)
from ks_universal.resources.precedence import find_precedence
from ks_universal.resources.references import read_references

NEEDS, COMMON, JOBS = "needs", "common", "jobs"
_GROUP = "kustomize.toolkit.fluxcd.io"
_NOT_PRUNED = {f"{_GROUP}/prune": "disabled"}
_MADE_ONCE = {f"{_GROUP}/ssa": "IfNotPresent"}

_DIGEST_LENGTH = 6
_LONGEST_NAME = 63  # the name of a Kustomization is the value of a label on what it makes
_INTERVAL = "10m"
_RETRY_INTERVAL = "1m"
_LEAST_TIMEOUT_S = 300
_UNLIMITED_TIMEOUT_S = 3600
_PROGRESS_DEADLINE_S = 600
"""Kubernetes' own, of a Deployment."""
_MARGIN_S = 60
"""The wait for a Job ends after the Job's own deadline, or Flux would look for a new revision beside a running one."""


class Stage(msgspec.Struct, frozen=True):
    """What one Kustomization applies, and the stages that come before; `awaited`: what it waits for (None: all)."""

    name: str
    needs: tuple[str, ...]
    bodies: tuple[Json, ...]
    awaited: tuple[Json, ...] | None = None


def build_flux(rendered: Rendered, source: FluxSource | None = None) -> dict[str, tuple[Json, ...]]:
    """Give the objects of each folder below that of the release; "" is this folder itself, with the Kustomizations."""
    stages = divide_into_stages(rendered)
    folders = _name_folders(stages)
    kustomizations = (_build_kustomization(rendered, stage, folders, source or FluxSource()) for stage in stages)
    return {**{folders[stage.name]: stage.bodies for stage in stages}, "": tuple(kustomizations)}


def build_entry(files: Sequence[str]) -> Json:
    """Build what tells Flux which files of a folder to take: without it, it would take all that is below, at once."""
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(files)}


def list_objects(rendered: Rendered, source: FluxSource | None = None) -> tuple[Json, ...]:
    """Give all objects in the order of their stages, and the Kustomizations after them."""
    return tuple(body for bodies in build_flux(rendered, source).values() for body in bodies)


def divide_into_stages(rendered: Rendered) -> tuple[Stage, ...]:
    """Give the stages of a release, each after those that it needs; none is empty. Raises CycleError."""
    precedence = find_precedence(rendered)
    early = find_early_applications(precedence)
    parts = divide(rendered, early)
    chains = _chain(parts, precedence)
    needs = _join(chains, precedence, early)
    order = sort_by_needs(needs)
    bodies: dict[str, list[Json]] = {name: [] for name in order}
    claims = []
    for stage, body in _place(parts, chains):
        if body["kind"] == CLAIM:
            claims.append(body)
        else:
            bodies[stage].append(body)
    for claim in claims:
        bodies[_find_first_user(claim, bodies)].insert(0, claim)
    awaited = tuple(_name_job(resource) for resource in parts.rest if resource.one_off and resource.one_off.wait)
    return tuple(
        Stage(name, _list_last(needs, bodies, name), tuple(bodies[name]), awaited if name == JOBS else None)
        for name in order
        if bodies[name]
    )


def _chain(parts: Parts, precedence: Precedence) -> dict[Node, list[str]]:
    """Name the stages of each part of each application, one after the other."""
    jobs = {
        node: [body for migration, body in parts.list_jobs(phase) if migration.application == node.workload]
        for node in precedence
        for part, phase in ((Part.BEFORE, Phase.PRE), (Part.AFTER, Phase.POST))
        if node.part is part
    }
    words = {Part.BEFORE: "migrate", Part.AFTER: "post"}
    return {
        node: [f"{words[node.part]}-{node.workload}-{number}" for number, _ in enumerate(jobs[node])]
        if node in jobs
        else [f"app-{node.workload}"]
        for node in precedence
    }


def _join(
    chains: Mapping[Node, Sequence[str]], precedence: Precedence, early: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Find what each stage needs. What belongs to no application comes after all migrations of the phase `pre`."""
    ends: dict[Node, tuple[str, ...]] = {}
    for node in sort_by_needs(precedence):
        before = tuple(end for need in precedence[node] for end in ends[need])
        ends[node] = (chains[node][-1],) if chains[node] else before
    migrated = tuple(end for node in precedence if node.part is Part.BEFORE for end in ends[node])
    needs: dict[str, tuple[str, ...]] = {NEEDS: ()}
    for part in Part:
        if part is Part.ROLLOUT:
            needs[COMMON] = (NEEDS, *migrated)
        for node, names in chains.items():
            if node.part is part:
                waits = part is Part.ROLLOUT and node.workload not in early
                first = (COMMON if waits else NEEDS, *(end for need in precedence[node] for end in ends[need]))
                needs.update(zip(names, (first, *((name,) for name in names)), strict=False))
    needs[JOBS] = (COMMON, *migrated)
    return needs


def _place(parts: Parts, chains: Mapping[Node, Sequence[str]]) -> Iterator[tuple[str, Json]]:
    """Give each object with its stage; claims have none yet."""
    for needed in parts.needs:
        yield NEEDS, name_account(_keep(needed.body, is_kept=needed.is_shared))
    for phase, part in ((Phase.PRE, Part.BEFORE), (Phase.POST, Part.AFTER)):
        numbers: dict[str, int] = {}
        for migration, body in parts.list_jobs(phase):
            number = numbers.get(migration.application, 0)
            numbers[migration.application] = number + 1
            yield chains[Node(migration.application, part)][number], body
    for resource in parts.rest:
        yield _find_stage(resource), name_account(_keep(_name_job(resource)))


def _find_stage(resource: Resource) -> str:
    kind = object_ref(resource.body).kind
    is_unawaited = (
        resource.is_extra and not is_applied_first(resource) and read_annotation(resource.body, WAIT) == "false"
    )
    if kind in ("CronJob", "Job") or is_unawaited:
        return JOBS
    # An account that several applications share is of none of them.
    return COMMON if resource.application is None or kind == "ServiceAccount" else f"app-{resource.application}"


def _name_job(resource: Resource) -> Json:
    """Name a Job of the values by what it runs; one for the installation keeps its name, and Flux leaves it alone."""
    named = name_by_content(resource.body)
    if resource.one_off is None or resource.one_off.when is not JobWhen.INSTALL:
        return named
    return annotate(rename(named, resource.body["metadata"]["name"]), _MADE_ONCE)


def _keep(body: Json, *, is_kept: bool = False) -> Json:
    return annotate(body, _NOT_PRUNED) if is_kept or is_to_outlive(body) else body


def _find_first_user(claim: Json, bodies: Mapping[str, Iterable[Json]]) -> str:
    """Find the first stage whose pods use a claim, which may wait for its first pod; else one that awaits no claims."""
    ref = object_ref(claim)
    for stage, each in bodies.items():
        workloads = (body for body in each if object_ref(body).kind in WORKLOAD_KINDS)
        if any(ref in _list_used(body) for body in workloads):
            return stage
    return JOBS


def _list_used(workload: Json) -> Iterator[ObjectRef]:
    namespace = object_ref(workload).namespace
    yield from (ObjectRef(kind, namespace, name) for kind, name in read_references(read_template(workload)["spec"]))


def _list_last(needs: Mapping[str, Sequence[str]], bodies: Mapping[str, Sequence[Json]], name: str) -> tuple[str, ...]:
    """List the stages before one that no other stage before it needs."""
    before = {
        need: find_all_needs(needs, need) - {need} for need in find_all_needs(needs, name) - {name} if bodies[need]
    }
    return tuple(need for need in bodies if need in before and not any(need in others for others in before.values()))


def _name_folders(stages: Iterable[Stage]) -> dict[str, str]:
    """Name the folders of stages by these and by all that comes before them.

    Flux may see a new revision before it has updated a Kustomization: one that knows of another order finds no folder.
    """
    digests: dict[str, str] = {}
    for stage in stages:
        digests[stage.name] = digest_json([stage.name, [digests[need] for need in stage.needs]], _DIGEST_LENGTH)
    return {name: f"{name}-{digest}" for name, digest in digests.items()}


def _build_kustomization(rendered: Rendered, stage: Stage, folders: Mapping[str, str], source: FluxSource) -> Json:
    labels = {MANAGED_BY: PROGRAM, INSTANCE: rendered.release}
    metadata = {"name": _name(rendered, stage.name), "namespace": source.namespace, "labels": labels}
    spec: Json = {
        "interval": _INTERVAL,
        "retryInterval": _RETRY_INTERVAL,
        "timeout": f"{max(map(_find_timeout_s, stage.bodies))}s",
        "prune": True,
        "sourceRef": {"kind": source.kind, "name": source.name},
        "path": f"./{PurePosixPath(source.path, folders[stage.name])}",
    }
    if stage.needs:
        spec["dependsOn"] = [{"name": _name(rendered, need)} for need in stage.needs]
    if stage.awaited is None:
        spec["wait"] = True
    elif stage.awaited:
        spec["healthChecks"] = [_refer_to(body) for body in stage.awaited]
    return {"apiVersion": f"{_GROUP}/v1", "kind": "Kustomization", "metadata": metadata, "spec": spec}


def _name(rendered: Rendered, stage: str) -> str:
    """Name a Kustomization: those of all namespaces are in one."""
    place = "" if rendered.namespace in ("", rendered.release) else f"{rendered.namespace}."
    name = f"{place}{rendered.release}-{stage}"
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9].rstrip('-.')}-{sha256_hex(name.encode())[:8]}"


def _refer_to(body: Json) -> Json:
    metadata = body["metadata"]
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "name": metadata["name"],
        "namespace": metadata.get("namespace", ""),
    }


def _find_timeout_s(body: Json) -> int:
    """Find how long Flux is to wait for an object."""
    spec = body.get("spec") or {}
    if body["kind"] == "Job":
        return int(spec.get("activeDeadlineSeconds", _UNLIMITED_TIMEOUT_S)) + _MARGIN_S
    if body["kind"] in APP_SECTIONS:
        return int(spec.get("progressDeadlineSeconds", _PROGRESS_DEADLINE_S)) + _MARGIN_S
    return _LEAST_TIMEOUT_S
